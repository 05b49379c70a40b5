"""Faithful stand-ins for what is outside: they refuse what the real ones refuse.

For the demo and the tests, on loopback only.
"""

"""Billing has no variable of its own beyond those of every service (``shared.settings``)."""

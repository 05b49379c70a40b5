"""Benchmarks: each against its limit measured in the same run, median of several rounds."""

"""Use cases that only read, by subject."""

"""Use cases that change something: load, decide, save."""

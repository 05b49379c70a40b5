"""Use cases that change something: charges from decisions, month ends, quotes."""

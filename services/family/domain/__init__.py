"""Pure rules of family records."""

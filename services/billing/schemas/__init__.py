"""Request and response models of billing, by subject."""

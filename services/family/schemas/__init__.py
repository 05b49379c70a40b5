"""Request and response models, by subject."""

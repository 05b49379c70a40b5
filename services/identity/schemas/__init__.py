"""Request and response models of identity's routes, by subject."""

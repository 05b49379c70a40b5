"""Pure rules of notify: which window an instant belongs to, and what a digest says."""

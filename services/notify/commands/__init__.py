"""What changes something in notify: outcomes and intentions, digests, sending."""

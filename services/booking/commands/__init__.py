"""What changes something in booking: ask, settle, decide, say how far decisions are known."""

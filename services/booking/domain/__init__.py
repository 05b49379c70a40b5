"""Pure rules of booking: state, command and now in; answers with their reasons out."""

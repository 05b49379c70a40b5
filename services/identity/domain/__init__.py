"""Pure rules of identity: state, command and now give the new state and events, or a refusal."""

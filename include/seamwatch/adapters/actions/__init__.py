"""What actions change outside: one file a kind."""

"""Where stage tables are read."""

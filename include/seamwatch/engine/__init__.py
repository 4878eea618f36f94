"""Use cases: load, decide in the core, save."""

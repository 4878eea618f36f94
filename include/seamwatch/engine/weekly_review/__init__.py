"""Read a week from the store, review it, close it, and tell it."""

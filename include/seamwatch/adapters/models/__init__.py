"""Models called in isolation."""

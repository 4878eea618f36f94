"""Channels that people read."""

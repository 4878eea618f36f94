"""What people write, as frozen types."""

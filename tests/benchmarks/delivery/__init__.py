"""Schedules of faults for the outbox, and hostile texts for what people read."""

"""What can be said of one answer without knowing the right one: evaluators, one kind a file."""

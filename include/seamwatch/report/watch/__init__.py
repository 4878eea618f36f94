"""What each watch says: its evaluation as findings in words, facts, tables, charts and notes."""

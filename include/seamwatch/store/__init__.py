"""Seamwatch's own facts, in SQLAlchemy."""

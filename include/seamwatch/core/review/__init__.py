"""Answers judged by people: which are drawn, what was said of them, and what that makes of outcomes."""

"""Judges, people's labels and accuracy from few of them, measured on public data."""

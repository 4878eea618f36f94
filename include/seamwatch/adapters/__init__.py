"""Shells around systems outside."""

"""Migrations of the store, run by `seamwatch.store.session.migrate`."""

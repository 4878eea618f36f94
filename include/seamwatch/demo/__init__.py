"""The demo: a real pipeline with real faults."""

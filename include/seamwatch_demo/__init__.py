"""The demo: a real pipeline with real faults. It lies beside the package and is no part of what is installed."""

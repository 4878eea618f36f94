"""What is measured beside the outcome of records: latency, cost, drift, injected instructions."""

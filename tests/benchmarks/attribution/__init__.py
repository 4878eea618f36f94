"""The fault-injection benchmark of attribution: pipelines with known faults, and what attribution says of them."""

"""The reference functions of the benchmark's pipelines; copied into each project, and run to make clean payloads."""

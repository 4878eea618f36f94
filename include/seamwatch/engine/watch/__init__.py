"""Look at latency, cost, drift and injected instructions: read what is new, keep its sums, judge them."""

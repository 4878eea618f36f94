"""Has it changed: rates and their tests, sequential evidence, hours and seasons, onset, clustering; shared by all.

What is there twice differs for a reason:

- Evidence. `evidence.py` is asked every few minutes of a service with much traffic, so how much its bad events come in
  bursts is learnt beforehand and windows up to now are added. `window_change.py` is asked once a window of one of many
  causes with few records, so it mixes over how much windows may differ and needs as long a healthy past as the change.
- Onset. `find_onset` knows the healthy rate and the windows before; `onset_index` knows neither. An amount is no event:
  where a cost rose is found by the sum of what is above a bound (`core/watch/cost_jump.py`).
- Seasons. Amounts have a mean by hour of the day (`seasons.py`). Quantiles have none, so the latency watch first tests
  whether hours differ at all. Days of a week are too few for a mean each: `step_change.py` learns how much they vary.
- Past. What was slow or dear for a week is how it is now (`hours.py`); attacks never are.
"""

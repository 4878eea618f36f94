"""Which cause leads an incident if every verdict is right: what is left is the test of a change, in seconds.

`python tests/benchmarks/decide_attribution.py --split train --seed 7` injects the faults of the attribution benchmark,
gives each failing record its true cause, and prints how often the right cause leads without and with a history, and how
many of the healthy windows of those histories are called an incident. No model is called. Verdicts are right for nearly
all records of the incidents that are missed, so that this tells what `make bench-attribution` would say of the test.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter

from attribution.history import N_WINDOWS, causes_of, healthy_history, true_verdicts
from attribution.incident import make_incident
from attribution.plans import make_plans
from attribution.run import detectable
from attribution.score import expected_leading
from attribution.truth import says

from seamwatch.core.detection.rates import wilson_interval


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", choices=("train", "test"), default="train")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument(
        "--limit", type=int, default=100, help="incidents drawn; those with too few records are skipped"
    )
    given = parser.parse_args()
    plans = [p for p in make_plans(given.split, base_seed=given.seed) if p.family in ("single", "pair", "harmless")]
    counts: Counter[str] = Counter()
    for plan in random.Random(given.seed).sample(plans, min(given.limit, len(plans))):
        incident = make_incident(plan)
        if not detectable(incident):
            continue
        history = healthy_history(incident)
        counts["incidents"] += 1
        counts["healthy windows called an incident"] += sum(bool(window.changes) for window in history)
        for name, before in (("without history", ()), ("with history", history)):
            causes = causes_of(incident, true_verdicts(incident), history=before)
            leading = next((cause for cause in causes if cause.is_change), None)
            is_right = leading is not None and says(
                (str(leading.responsibility), leading.stage), expected_leading(incident)
            )
            counts[name] += is_right
            if not is_right:
                print(f"missed {name}: {plan.name} n={plan.n} late={plan.late} {dict(incident.changed)}", flush=True)
    n = counts["incidents"]
    for name in ("without history", "with history"):
        low, high = wilson_interval(counts[name], n) or (0.0, 1.0)
        print(f"right cause leads {name}: {counts[name]} of {n} ({low:.3f} to {high:.3f})")
    print(f"healthy windows called an incident: {counts['healthy windows called an incident']} of {N_WINDOWS * n}")


if __name__ == "__main__":
    main()

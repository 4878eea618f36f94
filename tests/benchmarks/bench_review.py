"""What judges, people's labels and comparisons are worth: accuracy from few labels, false alarms, differences found.

`make bench-review` writes `build/bench/review.json` and renews `docs/BENCHMARKS.md`; `SHORT=1` simulates fewer years,
`YEARS=400` so many. `PARTS=accuracy,judge_error` measures only these. All forms fail when a figure is worse than its
bound. Another part is a module in `review/` with `figures(short=..., seed=...)`, `floors(short=...)`, `ABOUT` and
`NOTES`, and a line in `PARTS`.
"""

from __future__ import annotations

import os
import sys

from attribution.floors import broken
from review import (
    accuracy_figures,
    agreement_figures,
    evaluator_figures,
    grade_figures,
    judge,
    judge_error_figures,
    releases,
    review_page,
    weekly,
)
from write_page import write_part

SEED = 20_261_127
IS_SHORT = os.environ.get("SHORT") == "1"
FEWER = f"YEARS={os.environ['YEARS']} " if "YEARS" in os.environ else ""
PARTS = {
    "accuracy": accuracy_figures,
    "judge_error": judge_error_figures,
    "agreement": agreement_figures,
    "evaluators": evaluator_figures,
    "judge": judge,
    "compare": releases,
    "review_page": review_page,
    "grades": grade_figures,
    "weekly": weekly,
}
"""Parts in the order in which they are measured."""


def main() -> None:
    """Run the parts that are asked for; exits with what is worse than its bound."""
    chosen = [one for one in os.environ.get("PARTS", ",".join(PARTS)).split(",") if one]
    if unknown := set(chosen) - set(PARTS):
        sys.exit(f"no part {', '.join(sorted(unknown))}; known: {', '.join(PARTS)}")
    worse = [line for name, part in PARTS.items() if name in chosen for line in _measure(name, part)]
    sys.exit(1 if worse else 0)


def _measure(name: str, part) -> list[str]:
    """Return what of one part is worse than its bound; its figures are printed, and written beside the others'."""
    print(f"{name} ...", file=sys.stderr)
    figures = part.figures(short=IS_SHORT, seed=SEED)
    write_part(
        "review",
        name,
        figures,
        command=f"{'SHORT=1 ' if IS_SHORT else FEWER}PARTS={name} make bench-review",
        seed=SEED,
        about=part.ABOUT,
        notes=part.NOTES,
        renews_page=not IS_SHORT,
    )
    for key, figure in figures.items():
        print(f"{key}: {figure.value:.4g} {figure.unit} {dict(figure.rival) or ''}")
    worse = broken(figures, *part.floors(short=IS_SHORT))
    for line in worse:
        print(line, file=sys.stderr)
    return worse


if __name__ == "__main__":
    main()

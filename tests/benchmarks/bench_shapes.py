"""Whether every shape of an answer, kind of value and mistake in a project is read right, or said.

`make bench-shapes` writes `build/bench/shapes.json` and renews `docs/BENCHMARKS.md`; `SHORT=1` takes fewer faults for
each shape, and fails when a figure falls below its floor.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings

from attribution.floors import broken
from shapes import measure
from write_page import write_figures

SEED = 20_261_127
IS_SHORT = os.environ.get("SHORT") == "1"
AT_LEAST = {"readable": 0.97, "value_pairs_right": 1.0, "check_finds": 0.95}
AT_MOST = {"confidently_wrong": 0.0}


def main() -> None:
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    figures, lines = measure.measure_answers(seed=SEED % 1000, is_short=IS_SHORT, jobs=os.cpu_count() or 1)
    for part in (measure.measure_values, measure.measure_mistakes):
        found, more = part()
        figures |= found
        lines += more
    for line in lines:
        print(line, file=sys.stderr)
    write_figures(
        "shapes",
        figures,
        command=f"{'SHORT=1 ' if IS_SHORT else ''}make bench-shapes",
        seed=SEED,
        about="answers in documented shapes through the engine, and mistakes planted in a project, one at a time",
        renews_page=not IS_SHORT,
    )
    for name, figure in figures.items():
        print(f"{name}: {figure.value:.4g} ({figure.low:.4g} to {figure.high:.4g}) {figure.unit}")
    worse = broken(figures, AT_LEAST, AT_MOST)
    for line in worse:
        print(line, file=sys.stderr)
    sys.exit(1 if worse else 0)


if __name__ == "__main__":
    main()

"""How often attribution is right about faults that were injected behind its back.

`make bench-attribution` runs it on the test split, writes `build/bench/attribution.json` and renews
`docs/BENCHMARKS.md`. `SHORT=1` takes a few incidents and fails when a figure is below its floor; another `SEED` draws
others.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attribution.figures import (
    breakdowns,
    calibration_curve,
    confusion,
    counts_of,
    judged_rows,
    make_figures,
)
from attribution.floors import broken
from attribution.incident import Plan
from attribution.latency import replay_time
from attribution.plans import FULL, SHORT, SMALL_PAIR, make_plans
from attribution.run import Worker, run_all
from attribution.score import IncidentScore, Scored
from attribution.wrong_labels import measure_wrong_labels
from evidence import cells, measure
from write_page import Figure, figures_folder, write_document, write_page

SEED = 20_261_123
IS_SHORT = os.environ.get("SHORT") == "1"


def choose(plans: list[Plan], *, only: str, limit: int | None, seed: int) -> list[Plan]:
    """Return the plans whose name holds `only`; of more than `limit` a sample, a fifth of it healthy at most."""
    chosen = [plan for plan in plans if only in plan.name]
    if limit is None or limit >= len(chosen):
        return chosen
    order = random.Random(seed).sample(chosen, len(chosen))
    healthy = [plan for plan in order if plan.family == "healthy"]
    faulty = [plan for plan in order if plan.family != "healthy"]
    n_healthy = max(min(limit // 5, len(healthy)), limit - len(faulty))
    return faulty[: limit - n_healthy] + healthy[:n_healthy]


def line_of(scored: Scored) -> str:
    """Return what was injected, what was said, how right the records were, the calls and the seconds."""
    facts = scored.facts
    head = f"{scored.name} n={facts['n']} acc={facts['accuracy']} flip={facts['flip_rate']}"
    parts = [
        f"{head} mislabelled={facts['mislabelled']} late={facts['late']}",
        f"failing={scored.n_failing} changed={scored.n_changed}{'' if scored.is_detectable else ' (too few)'} "
        f"expected={','.join(scored.expected) or '-'}",
    ]
    for mode, score in scored.modes.items():
        parts += _mode_lines(mode, score)
    return "\n    ".join(parts)


def _mode_lines(mode: str, score: IncidentScore) -> list[str]:
    known = [(row, n) for row, n in score.records if row.group == "known"]
    n_known = sum(n for _, n in known)
    accuracy = f"{sum(n for row, n in known if row.is_right) / n_known:.3f}" if n_known else "-"
    marks = {True: "ok", False: "WRONG", None: "-"}
    exact = "" if score.is_pair_exact is None else f" exact={marks[score.is_pair_exact]}"
    after = "" if score.is_top1_with_history is None else f" with history {marks[score.is_top1_with_history]}"
    line = f"{mode}: records={accuracy} leading={score.leading} {marks[score.is_top1]}{after}{exact}"
    line += (
        f" changes={','.join(score.changes) or '-'} calls={score.calls} replays={score.replays} {score.seconds:.1f}s"
    )
    wrong: Counter[str] = Counter()
    for row, n in score.records:
        if not row.is_right:
            wrong[f"{row.primary}({row.group})->{row.said}"] += n
        elif row.fields_right is False:
            wrong[f"{row.primary} fields"] += n
    told = ", ".join(f"{what} x{n}" for what, n in wrong.most_common(6))
    return [line, f"  {told}"] if told else [line]


def run(plans: Sequence[Plan], *, jobs: int, is_verbose: bool) -> list[Scored]:
    """Return the scores of the plans, telling how far it is."""
    started = time.perf_counter()
    scores = []
    for number, scored in enumerate(run_all(plans, jobs=jobs), 1):
        scores.append(scored)
        if is_verbose:
            print(line_of(scored), flush=True)
        elif number % 50 == 0:
            print(f"{number} of {len(plans)}, {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    return scores


def measure_latency() -> Figure:
    worker = Worker()
    try:
        with tempfile.TemporaryDirectory(dir=worker.root) as folder:
            return replay_time(Path(folder), worker.server, worker.template)
    finally:
        worker.close()


def measure_evidence(*, seed: int, jobs: int) -> dict[str, Figure]:
    """Return how often something was said without the evidence for it; what was, is printed."""
    found = measure.run_cells(cells.make_cells(seed=seed % 1000, is_short=IS_SHORT), jobs=jobs)
    for line in measure.mistakes(found):
        print(line, file=sys.stderr)
    return measure.make_figures(found)


def details_of(scores: Sequence[Scored]) -> dict[str, Any]:
    """Return what stands in the file beside the figures."""
    replayed = [s for s in scores if s.family != SMALL_PAIR]
    faulty = [s for s in replayed if s.family != "healthy" and not s.facts["removed"]]
    rows = judged_rows(faulty, "sampled")
    return {
        "counts": counts_of(scores),
        "confusion": {mode: confusion(replayed, mode) for mode in ("exhaustive", "sampled")},
        "calibration": calibration_curve(rows) if rows else [],
        "by": breakdowns(replayed),
    }


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", choices=("train", "test"), default="test")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--limit", type=int, help="at most so many incidents, drawn from all")
    parser.add_argument("--only", default="", help="part of the name of a family, shape or fault")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED", SEED)))
    parser.add_argument("--verbose", action="store_true", help="one line of an incident, and its mistakes")
    parser.add_argument("--out", type=Path, help="where the figures go; default: build/bench")
    return parser.parse_args()


def main() -> None:
    given = parse_arguments()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    is_part = given.split == "train" or given.limit is not None or bool(given.only)
    amount = SHORT if IS_SHORT else FULL
    plans = choose(
        make_plans(given.split, base_seed=given.seed, amount=amount),
        only=given.only,
        limit=given.limit,
        seed=given.seed,
    )
    started = time.perf_counter()
    scores = run(plans, jobs=given.jobs, is_verbose=given.verbose)
    figures = make_figures(scores)
    if not is_part:
        figures["replay_time_ratio"] = measure_latency()
        figures |= measure_evidence(seed=given.seed, jobs=given.jobs)
        figures |= measure_wrong_labels(seed=given.seed, is_short=IS_SHORT)
    seconds = time.perf_counter() - started
    folder = figures_folder(is_short=IS_SHORT)
    out = given.out or folder / ("part" if is_part else "") / "attribution.json"
    seed = "" if given.seed == SEED else f"SEED={given.seed} "
    command = f"{'SHORT=1 ' if IS_SHORT else ''}{seed}make bench-attribution"
    if is_part:
        command = f"python tests/benchmarks/bench_attribution.py {' '.join(sys.argv[1:])}"
    details = {**details_of(scores), "seconds": round(seconds, 1), "split": given.split, "jobs": given.jobs}
    write_document(out, figures, command=command, seed=given.seed, about=about(scores), details=details)
    if not is_part and not IS_SHORT:
        write_page(folder)
    for name, figure in figures.items():
        print(f"{name}: {figure.value:.4g} ({figure.low:.4g} to {figure.high:.4g}) {figure.unit}")
    print(f"{details['counts']}\n{len(scores)} windows in {seconds:.0f} s; figures in {out}")
    worse = broken(figures) if IS_SHORT and not is_part else []
    for line in worse:
        print(line, file=sys.stderr)
    sys.exit(1 if worse else 0)


def about(scores: Sequence[Scored]) -> str:
    counts = counts_of(scores)
    return (
        f"{counts['incidents']} incidents and {counts['healthy_windows']} healthy windows with "
        f"{counts['failing_records']:,} failing records, over pipelines of {len({s.shape for s in scores})} shapes"
    )


if __name__ == "__main__":
    main()

"""Whether the weekly review counts right, and how long it takes over a year of fifty pipelines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from write_page import Figure

# History and recount are those of the tests.
sys.path.insert(0, str(Path(__file__).parents[2] / "support"))

from weekly_history import COST_KEPT, ZONE, Scale, write_history
from weekly_recount import differences, not_recounted, recount

NOW = datetime(2026, 11, 9, 7, tzinfo=UTC)
WEEKS = ("2026-W45", "2026-W43", "2026-W13")
"""The last one, which is timed, and those in which clocks go back and forward; each with as many weeks before it."""
ABOUT = "the weekly review of a simulated year in a SQLite store, and every number of it counted again by plain SQL"
NOTES = f"""Weekly review: sums of objectives every quarter of an hour with their debits, incidents with whole lives,
runbooks, what the gate said, checks of knowledge bases, labels, and what calls cost for {COST_KEPT.days} days.
`review_equals_recount` is over the numbers of {len(WEEKS)} weeks, two of which have 167 or 169 hours; intervals and
forecasts have no sum that could be counted again, and are left out. Time and memory are those of a process of its own,
which loads the project, and reviews the last week."""
_MIB = 1024.0
_ONE_REVIEW = """
import json, os, resource, sys, time
sys.path[:0] = sys.argv[1].split(os.pathsep)
from datetime import datetime
from pathlib import Path
from seamwatch.core.weekly_review.figures import figures
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.engine.weekly_review.review import make_review
from weekly_history import ZONE, History

history = History(root=Path(sys.argv[2]), now=datetime.fromisoformat(sys.argv[3]), objectives={})
deps = history.deps()
began = time.perf_counter()
review = make_review(deps, ReviewWeek.of(sys.argv[4], time_zone=ZONE))
seconds = time.perf_counter() - began
peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
unread = [one.problem for one in review.pipelines if one.is_defined and one.problem]
print(json.dumps({"seconds": seconds, "peak_kib": peak_kib, "figures": figures(review), "unread": unread}))
"""


def floors(*, short: bool) -> tuple[dict[str, float], dict[str, float]]:
    """Return by figure what it must at least, and may at most, be."""
    return (
        {"review_equals_recount": 1.0},
        {"review_seconds": 10.0 if short else 30.0, "review_peak_mib": 1024.0},
    )


def figures(*, short: bool, seed: int) -> dict[str, Figure]:
    """Return what was measured.

    Raises:
        RuntimeError: If a pipeline could not be read whole.
    """
    n_pipelines, n_weeks = (10, 12) if short else (50, 52)
    weeks = WEEKS[: 2 if short else len(WEEKS)]
    scale = Scale(n_pipelines=n_pipelines, n_weeks=n_weeks, answers_an_hour=6.0, n_removed=1)
    shares, seconds, peaks, n_figures = [], [], [], 0
    with tempfile.TemporaryDirectory(prefix="seamwatch-weekly-") as folder:
        history = write_history(Path(folder), scale, now=NOW, seed=seed)
        for week in weeks:
            made = _review(Path(folder), week)
            if made["unread"]:
                msg = f"not all of week {week} was read: {made['unread']}"
                raise RuntimeError(msg)
            told = made["figures"]
            again = recount(history.database, history.objectives, week=week, zone=ZONE, cost_since=NOW - COST_KEPT)
            wrong = differences(told, again)
            for line in wrong:
                print(line, file=sys.stderr)
            n = len({*told, *again}) - len(not_recounted(told))
            shares.append(1.0 - len(wrong) / n)
            seconds.append(made["seconds"])
            peaks.append(made["peak_kib"] / _MIB)
            n_figures += n
    of = f"{n_pipelines} pipelines x {n_weeks} weeks"
    return {
        "review_equals_recount": Figure(
            min(shares),
            min(shares),
            max(shares),
            f"of {n_figures:,} numbers, the worst of {len(weeks)} weeks; {of}",
            {},
        ),
        "review_seconds": Figure(seconds[0], min(seconds), max(seconds), f"s for the last week; {of}", {}),
        "review_peak_mib": Figure(max(peaks), min(peaks), max(peaks), f"MiB of the whole process; {of}", {}),
    }


def _review(root: Path, week: str) -> dict:
    """Return the review of a week by a process of its own: its numbers, seconds, and most memory."""
    command = [sys.executable, "-c", _ONE_REVIEW, os.pathsep.join(sys.path), str(root), NOW.isoformat(), week]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])

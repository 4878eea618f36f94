"""How long it takes in a running Airflow from the commit of bad records until Slack has accepted the message.

The last part of the long form of `make bench-delivery`; writes `build/bench/to_slack.json` and renews
`docs/BENCHMARKS.md`. Fails when the median is above its bound.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import warnings
from pathlib import Path
from statistics import median

# The small pipeline is that of the tests.
sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from attribution.floors import broken
from delivery import to_slack
from write_page import Figure, write_figures

N_ROUNDS = 3
AT_MOST = {"to_slack": 60.0, "to_slack_expectation": 60.0}
NAMES = {
    "labelled": ("to_slack", f"s, {to_slack.N_BAD} bad and labelled records of {to_slack.N_RECORDS}"),
    "expectation": ("to_slack_expectation", "s, the same where a critical expectation refuses them"),
}
NOTES = """\
A task commits the batch and emits the asset that starts `<p>__validate`; the end is the time that Slack gives the
message. Airflow standalone with three slots, a new process for each task, everything on one machine. Beside it what is
not Airflow's: the longest check, `attribute` and `decide`, one after the other."""


def main() -> None:
    """Run the rounds; exits with what is worse than its bound."""
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(prefix="seamwatch-to-slack-") as folder:
        rounds = to_slack.measure(Path(folder), n_rounds=N_ROUNDS)
    figures = {}
    for what, (name, unit) in NAMES.items():
        seconds = [one.seconds for one in rounds if one.what == what]
        rival = {"work": median(one.work_s for one in rounds if one.what == what)}
        figures[name] = Figure(value=median(seconds), low=min(seconds), high=max(seconds), unit=unit, rival=rival)
    load = os.getloadavg()[2]
    write_figures(
        "to_slack",
        figures,
        command="make bench-delivery",
        seed=1,
        about=f"{N_ROUNDS} batches of each kind; load average of 15 minutes at the end {load:.1f}",
        notes=NOTES,
    )
    for name, figure in figures.items():
        print(f"{name}: {figure.value:.4g} {figure.unit}")
    worse = broken(figures, {}, AT_MOST)
    for line in worse:
        print(line, file=sys.stderr)
    sys.exit(1 if worse else 0)


if __name__ == "__main__":
    main()

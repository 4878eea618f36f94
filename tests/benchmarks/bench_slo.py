"""Objectives and watches: alerts, latency, cost, drift, injected instructions, and what a look costs.

`SHORT=1` takes smaller sizes, and fails where a figure is worse than its floor (`slo/floors.py`); the page is written
by the long form alone. `PARTS=cost,drift` runs some parts only: each keeps its own file below `build/bench/slo`, with
the commit it ran on, and the figures of all of them make `build/bench/slo.json`. Another `SEED` draws other services;
the part's command names it. `SPLIT=train` draws the months that design choices of alerts were made on, and writes no
file.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping

from attribution.floors import broken
from slo import floors
from write_page import Figure, figures_folder, write_document, write_page

USUAL_SEED = 20260301
SEED = int(os.environ.get("SEED", USUAL_SEED))
SHORT = os.environ.get("SHORT") == "1"
PARTS = ("alerts", "latency", "cost", "drift", "injection", "tick")
FOLDER = figures_folder(is_short=SHORT) / "slo"
COMMAND = f"{'SHORT=1 ' if SHORT else ''}make bench-slo"
ABOUT = "objectives and watches on simulated services; each part says what it draws"


def main() -> None:
    """Run one part where it is named as an argument; else each of them in a process of its own, and join them."""
    if len(sys.argv) > 1:
        run(sys.argv[1])
        return
    chosen = [one for one in os.environ.get("PARTS", ",".join(PARTS)).split(",") if one]
    if unknown := set(chosen) - set(PARTS):
        sys.exit(f"no part {', '.join(sorted(unknown))}; known: {', '.join(PARTS)}")
    failed = [one for one in chosen if subprocess.run([sys.executable, __file__, one], check=False).returncode]
    if os.environ.get("SPLIT", "test") == "test":
        join()
    if failed:
        sys.exit(f"missed or failed: {', '.join(failed)}")


def run(name: str) -> None:
    """Run one part, print its figures and write its file; exits with what it misses."""
    part = importlib.import_module(f"slo.{name}")
    started = time.perf_counter()
    figures: dict[str, Figure] = part.figures(short=SHORT, seed=SEED)
    for key, figure in figures.items():
        print(f"{key}: {figure.value:.4g} ({figure.low:.4g} to {figure.high:.4g}) {figure.unit} {dict(figure.rival)}")
    print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr)
    if os.environ.get("SPLIT", "test") == "test":
        data = "INJECTION_DATA=FILE " if name == "injection" and os.environ.get("INJECTION_DATA") else ""
        seed = "" if SEED == USUAL_SEED else f"SEED={SEED} "
        command = f"{data}{seed}{'SHORT=1 ' if SHORT else ''}PARTS={name} make bench-slo"
        details = {"notes": part.NOTES}
        write_document(FOLDER / f"{name}.json", figures, command=command, seed=SEED, about=name, details=details)
    if missed := below_floor(name, figures, getattr(part, "broken", lambda _: [])):
        sys.exit("; ".join(missed))


def below_floor(
    name: str, figures: Mapping[str, Figure], promised: Callable[[Mapping[str, Figure]], list[str]]
) -> list[str]:
    """Return in words what a part promises and does not keep; of the short form, what is worse than its floor too."""
    missed = promised(figures)
    if not SHORT:
        return missed
    for figure, (rival, share) in floors.SHARE_OF_RIVAL.get(name, {}).items():
        if (taken := figures[figure].value / figures[figure].rival[rival]) > share:
            missed.append(f"{figure} is {taken:.2f} of {rival}, at most {share:g} is held")
    return missed + broken(figures, floors.AT_LEAST[name], floors.AT_MOST[name])


def join() -> None:
    """Write `slo.json` from the files of all parts that there are, and, of the long form, renew the page."""
    documents = {one: json.loads(path.read_text()) for one in PARTS if (path := FOLDER / f"{one}.json").is_file()}
    figures = {key: Figure(**one) for document in documents.values() for key, one in document["figures"].items()}
    parts: dict[str, Mapping[str, object]] = {
        name: {key: document[key] for key in ("command", "commit", "notes")} | {"figures": list(document["figures"])}
        for name, document in documents.items()
    }
    path = FOLDER.with_suffix(".json")
    write_document(path, figures, command=COMMAND, seed=USUAL_SEED, about=ABOUT, details={"parts": parts})
    if not SHORT:
        write_page(path.parent)


if __name__ == "__main__":
    main()

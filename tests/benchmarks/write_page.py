"""Benchmark figures to `build/bench/<name>.json`, and all such files to `docs/BENCHMARKS.md`."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Figure:
    """One measured number: median, smallest and largest of the rounds, and what others reach at the same task."""

    value: float
    low: float
    high: float
    unit: str
    rival: Mapping[str, float]


def write_figures(
    name: str, figures: Mapping[str, Figure], *, command: str, seed: int, about: str, notes: str = ""
) -> None:
    """Write the JSON of one benchmark, and renew the page of all that were run on this machine.

    `notes` are paragraphs for the page: what is counted, and what is not.
    """
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    document = {
        "command": command,
        "about": about,
        "notes": notes,
        "commit": commit.stdout.strip(),
        "seed": seed,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "figures": {key: asdict(figure) for key, figure in figures.items()},
    }
    folder = ROOT / "build" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    write_page(folder)


def write_page(folder: Path) -> None:
    """Write `docs/BENCHMARKS.md` from every file of figures."""
    lines = [
        "# Benchmarks",
        "",
        "Written by the benchmarks themselves. Each figure is the median of its rounds, with the smallest and largest;",
        "rival and ours are run in turn in the same run. Shared machines are noisy: ratios say more than seconds.",
    ]
    for path in sorted(folder.glob("*.json")):
        lines += _section(path.stem, json.loads(path.read_text(encoding="utf-8")))
    (ROOT / "docs" / "BENCHMARKS.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _section(name: str, document: Mapping[str, Any]) -> list[str]:
    rows = [
        f"| `{key}` | {f['value']:.3g} {f['unit']} | {f['low']:.3g} to {f['high']:.3g} | {_rivals(f['rival'])} |"
        for key, f in document["figures"].items()
    ]
    return [
        "",
        f"## {name}",
        "",
        f"`{document['command']}`: {document['about']}. Commit {document['commit'][:10]}, Python {document['python']}, "
        f"{document['cores']} cores, seed {document['seed']}.",
        "",
        "| figure | median | range | beside |",
        "| --- | --- | --- | --- |",
        *rows,
        *(["", document["notes"]] if document.get("notes") else []),
    ]


def _rivals(rival: Mapping[str, float]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in rival.items())

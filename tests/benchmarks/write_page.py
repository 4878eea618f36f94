"""Benchmark figures to `build/bench/<name>.json`, and all such files to `docs/BENCHMARKS.md`."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import attribution.page
import slo.page

ROOT = Path(__file__).parents[2]
SECTIONS: Mapping[str, Callable[[Mapping[str, Any], Sequence[str]], list[str]]] = {
    "attribution": lambda document, _: attribution.page.section(document),
    "slo": slo.page.section,
}
"""Benchmarks whose section is more than a table of figures: its lines, from the figures and the section before."""
FIRST = (
    ("attribution", "record_stage_accuracy_sampled", "failing records with the right stage and owner, default mode"),
    ("attribution", "record_stage_accuracy_exhaustive", "the same, every failing record replayed"),
    ("attribution", "incident_top1", "incidents whose leading cause is right"),
    ("attribution", "false_model_blame", "incidents of integration alone that are led by the model"),
    ("attribution", "false_incident", "healthy windows that are called an incident"),
    ("attribution", "undetermined_when_removed", "verdicts that say undetermined where the evidence was taken away"),
    ("attribution", "replay_share", "model calls of the default mode, as a share of those of exhaustive replay"),
    ("freshness", "stale_recall", "outdated documents that are found"),
    ("slo", "false_pages_half_worst", "pages of a healthy service in 30 days, the worst of all kinds of traffic"),
    ("delivery", "lost", "messages to Slack that are lost, whatever fails"),
)
"""The figures that matter first: section, name, and what it is to somebody who reads no other."""


@dataclass(frozen=True)
class Figure:
    """One measured number: median, smallest and largest of the rounds, and what others reach at the same task."""

    value: float
    low: float
    high: float
    unit: str
    rival: Mapping[str, float]


def figures_folder(*, is_short: bool) -> Path:
    """Return where figures lie; those of short forms apart, since the page is made of all that lies with the others."""
    folder = ROOT / "build" / "bench"
    return folder / "short" if is_short else folder


def write_figures(
    name: str,
    figures: Mapping[str, Figure],
    *,
    command: str,
    seed: int,
    about: str,
    notes: str = "",
    renews_page: bool = True,
) -> None:
    """Write the JSON of one benchmark, and renew the page of all that were run on this machine.

    `notes` are paragraphs for the page: what is counted, and what is not. A short form leaves the page as it is.
    """
    folder = figures_folder(is_short=not renews_page)
    details = {"notes": notes}
    write_document(folder / f"{name}.json", figures, command=command, seed=seed, about=about, details=details)
    if renews_page:
        write_page(folder)


def write_part(
    name: str,
    part: str,
    figures: Mapping[str, Figure],
    *,
    command: str,
    seed: int,
    about: str,
    notes: str = "",
    renews_page: bool = True,
) -> None:
    """Write the JSON of one part of a benchmark into that of all its parts, and renew its table of the page.

    Parts that were not run here keep their tables. Arguments as of `write_figures`; each part has a command of its own.
    """
    path = figures_folder(is_short=not renews_page) / f"{name}.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    kept = {key: Figure(**one) for key, one in known.get("figures", {}).items() if key not in figures}
    parts = dict(known.get("parts", {}))
    parts[part] = {
        "command": command,
        "commit": _commit(),
        "seed": seed,
        "about": about,
        "notes": notes,
        "figures": list(figures),
    }
    write_document(path, {**kept, **figures}, command=command, seed=seed, about=about, details={"parts": parts})
    if renews_page:
        write_page(path.parent)


def write_document(
    path: Path,
    figures: Mapping[str, Figure],
    *,
    command: str,
    seed: int,
    about: str,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write the JSON of one benchmark; `details` stand beside the figures."""
    document = {
        "command": command,
        "about": about,
        "commit": _commit(),
        "seed": seed,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "figures": {key: asdict(figure) for key, figure in figures.items()},
        **(details or {}),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _commit() -> str:
    found = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return found.stdout.strip()


def write_page(folder: Path) -> None:
    """Write `docs/BENCHMARKS.md` from every file of figures; what was not run here keeps the section it has."""
    page = ROOT / "docs" / "BENCHMARKS.md"
    sections = split_sections(page.read_text(encoding="utf-8")) if page.is_file() else {}
    lines = [
        "# Benchmarks",
        "",
        "Written by the benchmarks themselves. Where nothing else is said, a figure is the median of its rounds, with",
        "the smallest and largest; rival and ours are run in turn in the same run. Shared machines are noisy: ratios",
        "say more than seconds.",
    ]
    for path in sorted(folder.glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        before = sections.get(path.stem, [])
        if write_section := SECTIONS.get(path.stem):
            sections[path.stem] = write_section(document, before)
        elif "parts" in document:
            sections[path.stem] = _section_of_parts(path.stem, document, before)
        else:
            sections[path.stem] = _section(path.stem, document)
    lines += _first(sections)
    lines += [line for name in sorted(sections) for line in sections[name]]
    page.write_text("\n".join(lines).rstrip("\n") + "\n", encoding="utf-8")


def _first(sections: Mapping[str, list[str]]) -> list[str]:
    """Return the table of the figures that matter first, as their own sections have them, where they were ever run."""
    rows = []
    for section, name, what in FIRST:
        found = [line.split("|")[2].strip() for line in sections.get(section, ()) if line.startswith(f"| `{name}` |")]
        if found:
            rows.append(f"| {what} | {found[0]} | [{section}](#{section}) |")
    head = ["", f"The {len(rows)} figures that matter first:", "", "| what | figure | more |", "| --- | --- | --- |"]
    return [*head, *rows]


def split_sections(text: str) -> dict[str, list[str]]:
    """Return the lines of each section of the page by its heading, heading and the blank line before it included."""
    found: dict[str, list[str]] = {}
    name = None
    for line in text.splitlines():
        if line.startswith("## "):
            name = line.removeprefix("## ").strip()
            found[name] = [""]
        if name is not None:
            found[name].append(line)
    return {name: [*_without_end(lines)] for name, lines in found.items()}


def _without_end(lines: list[str]) -> list[str]:
    while len(lines) > 1 and not lines[-1].strip():
        lines = lines[:-1]
    return lines


def _section_of_parts(name: str, document: Mapping[str, Any], before: list[str]) -> list[str]:
    """Return a section with a table for each part; of parts that were not run here those that it had before."""
    tables: dict[str, list[str]] = {}
    for line in before[2:]:
        if line.startswith("`") and "make bench-" in line:
            tables[_whole(line.split("`")[1])] = [line]
        elif tables:
            next(reversed(tables.values())).append(line)
    for part in document["parts"].values():
        if not part["command"].startswith("SHORT=1"):
            figures = {key: document["figures"][key] for key in part["figures"]}
            tables[_whole(part["command"])] = _section(name, {**document, **part, "figures": figures})[3:]
    return ["", f"## {name}", *(line for lines in tables.values() for line in ["", *_without_end(lines)])]


def _whole(command: str) -> str:
    """Return the command of a part, however many weeks or years it took: it has one table."""
    return re.sub(r"^(WEEKS|YEARS)=\d+ ", "", command)


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

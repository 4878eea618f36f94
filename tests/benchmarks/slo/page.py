"""The section of `docs/BENCHMARKS.md` on objectives and watches: a table a part, with the commit that it ran on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_HEAD = "### slo: "


def section(document: Mapping[str, Any], before: Sequence[str]) -> list[str]:
    """Return the lines of the section; parts that were not run here are as they were in the section `before`."""
    parts = _parts(before)
    parts |= {name: _part(name, part, document["figures"]) for name, part in document["parts"].items()}
    return [
        "",
        "## slo",
        "",
        f"`{document['command']}`: {document['about']}. Python {document['python']}, {document['cores']} cores, "
        f"seed {document['seed']}.",
        *(line for lines in parts.values() for line in lines),
    ]


def _parts(section: Sequence[str]) -> dict[str, list[str]]:
    """Return the lines of each part of a section, the blank line before it included."""
    found: dict[str, list[str]] = {}
    for line in section:
        if line.startswith(_HEAD):
            found[line.removeprefix(_HEAD)] = ["", line]
        elif found:
            next(reversed(found.values())).append(line)
    for lines in found.values():
        while not lines[-1].strip():
            lines.pop()
    return found


def _part(name: str, part: Mapping[str, Any], figures: Mapping[str, Any]) -> list[str]:
    return [
        "",
        f"{_HEAD}{name}",
        "",
        f"`{part['command']}`, commit {part['commit'][:10]}.",
        "",
        "| figure | value | range | beside |",
        "| --- | --- | --- | --- |",
        *(_row(key, figures[key]) for key in part["figures"]),
        "",
        *part["notes"].strip().splitlines(),
    ]


def _row(key: str, figure: Mapping[str, Any]) -> str:
    beside = ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in figure["rival"].items())
    return (
        f"| `{key}` | {figure['value']:.3g} {figure['unit']} | {figure['low']:.3g} to {figure['high']:.3g} | {beside} |"
    )

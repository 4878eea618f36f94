"""The section of `docs/BENCHMARKS.md` on objectives and watches: a table a part, with the commit that it ran on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def section(document: Mapping[str, Any]) -> list[str]:
    """Return the lines of the section."""
    lines = [
        "",
        "## slo",
        "",
        f"`{document['command']}`: {document['about']}. Python {document['python']}, {document['cores']} cores, "
        f"seed {document['seed']}.",
    ]
    for name, part in document["parts"].items():
        lines += [
            "",
            f"### slo: {name}",
            "",
            f"`{part['command']}`, commit {part['commit'][:10]}.",
            "",
            "| figure | value | range | beside |",
            "| --- | --- | --- | --- |",
            *(_row(key, document["figures"][key]) for key in part["figures"]),
            "",
            *part["notes"].strip().splitlines(),
        ]
    return lines


def _row(key: str, figure: Mapping[str, Any]) -> str:
    beside = ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in figure["rival"].items())
    return (
        f"| `{key}` | {figure['value']:.3g} {figure['unit']} | {figure['low']:.3g} to {figure['high']:.3g} | {beside} |"
    )

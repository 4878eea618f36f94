"""Render an incident report as Markdown (CommonMark with tables), safe to paste into a ticket."""

from __future__ import annotations

import re
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from seamwatch.report.diff import Pieces
from seamwatch.report.facts import IncidentReport
from seamwatch.report.text import printable
from seamwatch.secret_redaction import SECRETS

_SPECIAL = re.compile(
    r"""[\\`*\[\]<>|~&@$]     # markup, HTML, table cells, mentions, formulas
    | (?<![^\W_])_ | _(?![^\W_])  # emphasis: an underscore inside a word is none
    | (?<=:)//                  # a bare address becomes a link
    | (?<=www)\.
    | ^[#+=-]                   # heading, list, rule
    | (?<=^\d)[.)]
    """,
    re.VERBOSE | re.IGNORECASE,
)


class _Ready(str):
    """Markdown that is made already; everything else is escaped on its way into the template."""

    __slots__ = ()


def render_markdown(report: IncidentReport) -> str:
    """Return the report; the same report always gives the same text."""
    return _environment().get_template("report.md.j2").render(report=report)


def escape_markdown(text: str) -> str:
    """Return one line of Markdown that reads as the text itself: no markup, no link, no HTML, no mention."""
    return _SPECIAL.sub(r"\\\g<0>", _line(text))


def code_span(text: str) -> str:
    """Return the text as inline code, with a fence that it does not hold itself."""
    line = _line(text)
    longest = max((len(run) for run in re.findall(r"`+", line)), default=0)
    fence = "`" * (longest + 1)
    body = line.replace("|", "\\|")  # tables split cells before they read code
    return f"{fence} {body} {fence}" if longest or not line.strip() else f"{fence}{body}{fence}"


def _line(text: str) -> str:
    return " ".join(printable(SECRETS.redact_record(text)).split())


def _escaped(value: object) -> object:
    return value if isinstance(value, _Ready) else escape_markdown(str(value))


def _code(value: object) -> _Ready:
    return _Ready(code_span(str(value)))


def _pieces(side: Pieces | None) -> _Ready:
    if side is None:
        return _Ready("no value")
    text = "".join(piece.text for piece in side)
    return _Ready(code_span(text) if text.strip() else "empty")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("seamwatch.report"),
        autoescape=False,  # noqa: S701 - no HTML; `finalize` escapes for Markdown
        undefined=StrictUndefined,
        finalize=_escaped,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"code": _code, "pieces": _pieces, "url": lambda value: _Ready(f"<{value}>")}
    return environment

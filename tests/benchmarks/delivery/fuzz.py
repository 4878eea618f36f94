"""Hostile texts of records through everything that people read: Slack, console, CSV, Markdown and HTML.

A payload is one hostile text in the place of a key, a value, a name of a field or document, or a text of the pipeline
file. An incident takes some dozens of them. Each goes through the message to Slack, the console and the CSV; one in
`PAGES_EVERY` through whole pages too. What came out is read by Slack's rules and by parsers, never by the code that
wrote it.

Runnable alone: `python tests/benchmarks/delivery/fuzz.py [PAYLOADS] [SEED]`.
"""

from __future__ import annotations

import csv
import io
import json
import random
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from rich.console import Console

sys.path[:0] = [str(Path(__file__).parents[3] / "include")]

from seamwatch.core.finding import Finding, RateComparison  # noqa: E402
from seamwatch.core.incident_evaluations import evaluate_attribution  # noqa: E402
from seamwatch.core.incident_life import ChangeKind, Incident  # noqa: E402
from seamwatch.core.incidents import decide  # noqa: E402
from seamwatch.core.results import (  # noqa: E402
    Attribution,
    Check,
    Discrepancy,
    IsolationResult,
    RecordEvidence,
    Signal,
    StageResult,
    Verdict,
    Window,
)
from seamwatch.report import block_kit, measured  # noqa: E402
from seamwatch.report.console_tables import print_table, shown  # noqa: E402
from seamwatch.report.facts import IncidentReport, incident_report  # noqa: E402
from seamwatch.report.html import render_html  # noqa: E402
from seamwatch.report.incident_json import report_json  # noqa: E402
from seamwatch.report.links import Links  # noqa: E402
from seamwatch.report.machine import verdicts_csv  # noqa: E402
from seamwatch.report.markdown import render_markdown  # noqa: E402
from seamwatch.report.message import Message, bare_message, incident_message  # noqa: E402
from seamwatch.report.text import json_text  # noqa: E402
from seamwatch.spec.pipeline import Pipeline  # noqa: E402
from seamwatch.vocabulary import CheckStatus, Responsibility  # noqa: E402
from seamwatch_demo.slack_rules import message_error  # noqa: E402

FIGURES = ("refused", "live_mention", "live_link", "live_formula", "live_escape")
PAGES_EVERY = 10
LONG_EVERY = 50
"""Incidents."""
_BASE = "http://airflow.example:8080"
_HOLE = "\ue000"
"""Stands in the report of which every payload is made, where text of a record goes."""
_OWNER = "@U012AB34C"
FRAGMENTS = (
    *("<!channel>", "<!here|here>", "<!everyone>", "<@U0EVIL>", "<#C0EVIL>", "<!subteam^S0EVIL>", "@channel", "@here"),
    *("<https://evil.example|click>", "https://evil.example/x", "www.evil.example", "mailto:a@evil.example"),
    *(
        "[a](javascript:alert(1))",
        "![p](https://evil.example/p.png)",
        "<javascript:alert(1)>",
        "[r]: https://evil.example",
    ),
    *("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><svg/onload=alert(1)>', "&lt;!here&gt;", "&amp;"),
    *('<a href="https://evil.example">x</a>', "' onmouseover='alert(1)", "{{ 7*7 }}", "{% raw %}", "<!-- ", "]]>"),
    *(
        "=1+1",
        "=cmd|' /C calc'!A0",
        "+1+1",
        "-1+1",
        "@SUM(1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "-17",
        "+4.5",
        "\uff1d1",
        ";=1+1",
    ),
    *(
        "\x1b[31mred\x1b[0m",
        "\x1b]0;title\x07",
        "\x1b]8;;https://evil.example\x1b\\x\x1b]8;;\x1b\\",
        "\x9b2J",
        "\x1b[2J",
    ),
    *(
        "\u202egpj.exe",
        "\u2066a\u2069",
        "\u200f",
        "\u061c",
        "\u200b",
        "\ufeff",
        "\u2028",
        "\u2029",
        "\U000e0041",
        "\x85",
    ),
    *("\x00", "\x07\x08", "\x7f", "\ud800", "\udfff", "\ufffe", "👩\u200d👩\u200d👧", "😀" * 50, "Z͑ͫ̓ͪ̂ͫ̽͏a", "語", "ﷺ" * 20),
    *(
        "# h",
        "| a | b |",
        "```",
        "`",
        "*b* _i_ ~s~",
        "- x",
        "1. x",
        "---",
        "\n\n# h\n",
        "$x$",
        "\\",
        "&" * 300,
        ":smile:",
    ),
    *("[red]x[/red]", "[link=https://evil.example]x[/link]", "", " ", "\n", "\t", "%s %n {0}", "null", "'", '"', ","),
)
_MARKDOWN = MarkdownIt("gfm-like", {"html": True})


def measure(n: int, seed: int) -> dict[str, float]:
    """Return how often something of `n` payloads was refused by Slack's rules or stayed live: by figure, each wanted 0.

    Args:
        n: Payloads.
        seed: Of the hostile texts.
    """
    rng = random.Random(seed)
    texts = _Texts(rng)
    report, incident = _report()
    found: Counter[str] = Counter()
    number = 0
    while texts.n < n:
        filled = _filled(report, texts, is_long=number % LONG_EVERY == 7)
        changes = rng.choices(list(ChangeKind), k=rng.randint(1, 3))
        found.update(_slack(incident_message(filled, changes, is_repeat=rng.random() < 0.5)))
        found.update(_slack(bare_message(replace(incident, headline=texts.take()), texts.take())))
        found.update(_console(texts.take(), texts.take()))
        found.update(_csv([texts.take() for _ in range(3)]))
        if number % PAGES_EVERY == 0:
            found.update(_pages(filled))
        number += 1
    return {name: float(found[name]) for name in FIGURES}


class _Texts:
    """Hostile texts, and how many were taken."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.n = 0

    def take(self, *, is_long: bool = False) -> str:
        self.n += 1
        text = "".join(self._rng.choices(FRAGMENTS, k=self._rng.randint(1, 4)))
        return (text or "x") * (100_000 // max(len(text), 1)) if is_long and self._rng.random() < 0.1 else text


def _filled(value: Any, texts: _Texts, *, is_long: bool = False) -> Any:
    """Return a report with its holes filled, each with another text; parts without a hole are those of the original."""
    if isinstance(value, str):
        return value.replace(_HOLE, texts.take(is_long=is_long)) if _HOLE in value else value
    if isinstance(value, tuple):
        return tuple(_filled(part, texts, is_long=is_long) for part in value)
    if is_dataclass(value) and not isinstance(value, Links | Window | type):
        parts = {one.name: getattr(value, one.name) for one in fields(value)}
        found = {name: _filled(part, texts, is_long=is_long) for name, part in parts.items()}
        changed = {name: part for name, part in found.items() if part is not parts[name]}
        return replace(value, **changed) if changed else value
    return value


# What is written, read by other means.


def _slack(message: Message) -> Iterator[str]:
    for blocks, fallback in ((message.head, message.fallback), (message.thread, message.thread_fallback)):
        rendered, text = block_kit.render(blocks), block_kit.fallback(fallback)
        if message_error(text, rendered) is not None or _is_unsendable(rendered, text):
            yield "refused"
        if re.search(r"[<>]", text):
            yield "live_mention"
        for kind, shown_text in slack_texts(rendered):
            if kind == "url" and not shown_text.startswith(f"{_BASE}/"):
                yield "live_link"
            if kind == "mrkdwn" and "<" in shown_text.replace(f"<{_OWNER}>", ""):
                yield "live_mention"
            if is_live(shown_text):
                yield "live_escape"


def _is_unsendable(rendered: Any, text: str) -> bool:
    try:
        json.dumps([rendered, text], ensure_ascii=False).encode()
    except ValueError:
        return True
    return False


def slack_texts(value: Any) -> Iterator[tuple[str, str]]:
    """Yield every text of blocks with how Slack reads it: `mrkdwn`, `url`, or a kind that it reads no markup in."""
    if isinstance(value, list):
        for part in value:
            yield from slack_texts(part)
    elif isinstance(value, dict):
        if isinstance(value.get("text"), str):
            yield str(value.get("type")), value["text"]
        if isinstance(value.get("url"), str) or value.get("type") in ("link", "user", "broadcast", "channel"):
            yield "url", str(value.get("url"))
        for part in value.values():
            yield from slack_texts(part)


def _console(*texts: str) -> Iterator[str]:
    out = io.StringIO()
    console = Console(file=out, width=100)
    print_table(console, ("name", "detail"), [texts])
    console.print(shown(f"note: {texts[0]}"))
    if is_live(out.getvalue()):
        yield "live_escape"


def _csv(texts: list[str]) -> Iterator[str]:
    verdicts = [
        Verdict(
            key=text,
            responsibility=Responsibility.MODEL,
            stage=None,
            fields=(text,),
            confidence=0.5,
            explanation=text,
        )
        for text in texts
    ]
    rows = list(csv.reader(io.StringIO(verdicts_csv(verdicts), newline="")))[1:]
    if [len(row) for row in rows] != [6] * len(texts):
        yield "refused"
        return
    for text, (key, _, _, names, _, explanation) in zip(texts, rows, strict=True):
        if key not in (text, f"'{text}"):  # but for the apostrophe a key is exact, control characters too
            yield "refused"
        yield from ("live_formula" for cell in (key, names, explanation) if is_formula(cell))
        if is_live(explanation):
            yield "live_escape"


def is_formula(cell: str) -> bool:
    begin = unicodedata.normalize("NFKC", cell).lstrip(" \t\r\n\x00\x0b\x0c")[:1]
    if begin not in ("=", "+", "-", "@") or not begin:
        return False
    try:
        float(cell.replace(",", ""))  # also with separators a number computes nothing
    except ValueError:
        return True
    return False


def _pages(report: IncidentReport) -> Iterator[str]:
    markdown = render_markdown(report)
    for token in _tokens(_MARKDOWN.parse(markdown)):
        address = token.attrGet("href") or token.attrGet("src")
        if address is not None and not str(address).startswith(f"{_BASE}/"):
            yield "live_link"
        if token.type in ("html_inline", "html_block"):
            yield "live_link"
    if re.search(r"(?<![\\`\w])@(?:channel|here|SUM)", re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", markdown)):
        yield "live_mention"
    page = LivePage()
    html = render_html(report)
    page.feed(html)
    page.close()
    yield from ("live_link" for _ in range(page.n_live))
    machine = json_text(report_json(report))
    json.loads(machine)
    yield from ("live_escape" for text in (markdown, html, machine) if is_live(text))


def _tokens(tokens: Any) -> Iterator[Any]:
    for token in tokens:
        yield token
        yield from _tokens(token.children or ())


class LivePage(HTMLParser):
    """Counts what a browser would run or lead elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.n_live = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.n_live += tag in ("script", "iframe", "object", "embed", "base", "form", "img")
        self.n_live += any(name.startswith("on") for name in given)
        for name in ("href", "src", "action", "xlink:href"):
            address = given.get(name)
            self.n_live += address is not None and not address.startswith((f"{_BASE}/", "#", "data:,"))


_TURNING = frozenset("\u061c\u200b\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


def is_live(text: str) -> bool:
    """Return whether a terminal or a reader is steered: a control character, a mark of direction, a lone surrogate."""
    return (
        not text.isascii()
        and any(char in _TURNING or "\x80" <= char < "\xa0" or "\ud800" <= char <= "\udfff" for char in text)
    ) or _ASCII_CONTROL.search(text) is not None


_ASCII_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


# The report of which every payload is made.


def _report() -> tuple[IncidentReport, Incident]:
    start = datetime(2026, 11, 23, 8, tzinfo=UTC)
    window = Window(start=start, end=start + timedelta(hours=6))
    pipeline = Pipeline.model_validate(
        {
            "pipeline": "support_triage",
            "description": _HOLE,
            "database": "warehouse",
            "key": "ticket_id",
            "owners": {"integration": _OWNER},
            "slack": {"channel": "#reliability"},
            "stages": [
                {"name": "crm", "kind": "source", "table": "crm"},
                {"name": "request", "kind": "mapping", "table": "requests", "reference": "support:to_request"},
                {"name": "answer", "kind": "sink", "table": "answers"},
            ],
            "outcome": {"truth": "labels", "compare": {"queue": "queue"}},
        }
    )
    cause = Finding(
        responsibility=Responsibility.INTEGRATION,
        stage="request",
        fields=(_HOLE, f"{_HOLE}.x"),
        n_records=300,
        share=0.9,
        share_low=0.8,
        share_high=0.95,
        confidence=0.97,
        rate=RateComparison(is_change=True),
        headline=f"Integration failure at request: {_HOLE} is wrong.",
    )
    verdict = Verdict(
        key=_HOLE, responsibility=Responsibility.INTEGRATION, stage="request", confidence=0.9, explanation=_HOLE
    )
    rows = tuple(
        Discrepancy(key=_HOLE, stage="request", field=_HOLE, recorded=_HOLE, expected=f"other {_HOLE}", kind="value")
        for _ in range(2)
    )
    attribution = Attribution(
        pipeline="support_triage",
        window=window,
        n_observed=1000,
        n_failing=300,
        n_pending=20,
        n_examined=100,
        causes=(cause,),
        isolation=IsolationResult(
            stage="answer",
            model=_HOLE,
            calls=9,
            cost_usd=0.1,
            n_benchmark=100,
            n_right=95,
            accuracy=0.95,
            baseline_accuracy=0.94,
        ),
        evidence=tuple(
            RecordEvidence(
                key=_HOLE,
                verdict=verdict,
                rows=rows,
                recorded_outcome={_HOLE: _HOLE},
                recorded_answer=_HOLE,
                isolated_answer=_HOLE,
            )
            for _ in range(3)
        ),
        notes=(f"Note: {_HOLE}",),
        signals=(Signal(kind="expectation", stage="request", text=_HOLE),),
    )
    check = Check(
        stage="request",
        expectation=_HOLE,
        column=_HOLE,
        status=CheckStatus.ERROR,
        error=_HOLE,
        failing_keys=(_HOLE,),
    )
    results = [
        StageResult(
            stage="request", n_records=1000, n_discrepant=300, fields={_HOLE: 300}, notes=(_HOLE,), checks=(check,)
        )
    ]
    now = window.end + timedelta(minutes=4)
    opened = decide([], evaluate_attribution(attribution), now=now)[0]
    links = Links.under(_BASE, pipeline=pipeline.pipeline, incident_id=opened.incident.id)
    report = incident_report(
        opened.incident, measured.of_attribution(attribution), pipeline, results, links=links, now=now
    )
    return report, opened.incident


if __name__ == "__main__":
    given = [int(value) for value in sys.argv[1:]]
    print(measure(*(given + [1000, 20261127][len(given) :])))

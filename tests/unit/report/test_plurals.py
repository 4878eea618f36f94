"""One is one: no text says `1 records`, whether it is a template or written where it is made."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
import yaml

from seamwatch.plurals import agree, plural
from seamwatch.report.text import fill

PACKAGE = Path(__file__).parents[3] / "include/seamwatch"
THINGS = [
    "address",
    "answer",
    "attempt",
    "benchmark",
    "byte",
    "call",
    "case",
    "channel",
    "character",
    "chunk",
    "claim",
    "column",
    "day",
    "document",
    "embedding",
    "event",
    "example",
    "failure",
    "hour",
    "id",
    "incident",
    "input",
    "item",
    "key",
    "label",
    "line",
    "message",
    "minute",
    "mistake",
    "number",
    "page",
    "pair",
    "period",
    "record",
    "release",
    "reply",
    "replay",
    "request",
    "response",
    "reviewer",
    "row",
    "sentence",
    "stage",
    "step",
    "text",
    "ticket",
    "time",
    "token",
    "value",
    "version",
    "window",
    "week",
    "word",
]
NOUN = "|".join(f"{thing}e?s" for thing in THINGS)
KINDS = "affected|benchmark|different|earlier|failing|judged|labelled|more|newest|other|prompt"
AFTER_A_NAME = re.compile(rf"{{(?!counts|values|source|stage|fields)[a-z_]+}} (?:(?:{KINDS}) )?(?:{NOUN})\b")
AFTER_A_COUNT = re.compile(rf" (?:(?:{KINDS}) )?(?:{NOUN})\b")
VERBS = "are|were|have|differ|fail|do|wait|look|hold|rest|match"
ONE = re.compile(rf"(?<![\d.,])1 (?:(?:(?:{KINDS}) )?(?:{NOUN})|(?:{VERBS}))\b")
NEVER_ONE = {
    "adapters/actions/quarantine.py": {"n"},  # more than a limit
    "core/evaluation/facts.py": {"_TIMES[written]"},
    "adapters/knowledge/web.py": {"n_silent"},
    "core/redaction.py": {"type(value).__name__"},
    "core/slo/policy.py": {"length.total_seconds()"},
    "core/watch/drift_samples.py": {"n"},
    "engine/stage_values.py": {"suggestion(stage_name, stages) or ';'"},
    "engine/review/label.py": {"len(text)"},
    "report/runbook_watch_texts.py": {"compared.n_days", "compared.per_hour / compared.usual"},
    "report/verdict_texts.py": {"n"},
    "report/watch/budgets.py": {"budget.burn"},
    "report/watch/cost.py": {"usual.records"},
    "report/watch/drift.py": {"n"},
    "report/watch/injection.py": {"one.n_texts"},
    "report/weekly_review/sentences.py": {"numbers.count(n)", "numbers.count(one.n_times)", "HISTORY + 1"},
    "report/weekly_review/charts.py": {"HISTORY + 1"},
    "report/judge_texts.py": {"kind"},
    "report/runbook_model_texts.py": {"stage"},
    "report/runbook_texts.py": {"len(said) - 1"},
    "spec/objectives.py": {"per_hour", "alert.burn * (1 - goal)"},
    "spec/schedule.py": {"len(schedule)", "len(asset)"},
    "spec/yaml_text.py": {"len(value)", "most_values"},
}
"""Counts that are never one, or told apart beside: over a limit, ratios, two at the least; and what is no count."""


@pytest.mark.parametrize(
    ("template", "values", "text"),
    [
        ("{n:record is|records are} lost", {"n": 1}, "1 record is lost"),
        ("{n:record is|records are} lost", {"n": 1200}, "1,200 records are lost"),
        ("{n} of {m:record|records} {n:~differs|differ}", {"n": 1, "m": 5}, "1 of 5 records differs"),
        ("{n} of {m:record|records} {n:~differs|differ}", {"n": 2, "m": 2}, "2 of 2 records differ"),
        ("{n:+g;hour|hours}", {"n": -1.0}, "-1 hour"),
        ("{n:+g;hour|hours}", {"n": 0.5}, "+0.5 hours"),
        ("{n:.0f;token|tokens}", {"n": 1.2}, "1 token"),
        ("{n:answer|answers}", {"n": "unknown"}, "unknown answers"),
        ("{n:answer|answers}", {"n": 0}, "0 answers"),
        ("{name!r} {share:.1%}", {"name": "a|b", "share": 0.25}, "'a|b' 25.0%"),
    ],
)
def test_a_noun_and_its_verb_follow_the_count(template: str, values: dict[str, Any], text: str) -> None:
    assert fill(template, **values) == text


def test_a_count_where_a_sentence_is_made() -> None:
    assert [plural(n, "record is", "records are") for n in (0, 1, 2_000)] == [
        *("0 records are", "1 record is", "2,000 records are")
    ]
    assert [agree(n, "waits", "wait") for n in (0, 1, 2)] == ["wait", "waits", "wait"]


def _templates(held: Any, place: str = "") -> Iterator[tuple[str, str]]:
    for key, value in held.items() if isinstance(held, dict) else enumerate(held) if isinstance(held, list) else ():
        if isinstance(value, str):
            yield f"{place}.{key}", value
        else:
            yield from _templates(value, f"{place}.{key}")


def _filled(template: str) -> str:
    """Return the text with one for each count, and nothing that looks like one for the rest."""
    parsed = [(name, spec) for _, name, spec, _ in Formatter().parse(template) if name]
    values: dict[str, Any] = {re.split(r"[.\[]", name)[0]: 2.0 if spec else "x" for name, spec in parsed}
    values |= {name: 1 for name, spec in parsed if "|" in spec}
    return fill(template, **values | {"values": [2.0] * 4, "counts": ["1 of 5"] * 4})


@pytest.mark.parametrize("name", ["report/texts.yaml", "report/watch/texts.yaml"])
def test_every_template_is_right_of_one(name: str) -> None:
    texts = dict(_templates(yaml.safe_load((PACKAGE / name).read_text(encoding="utf-8"))))
    assert len(texts) > 50
    filled = {place: _filled(text) for place, text in texts.items()}
    assert {place: text for place, text in filled.items() if ONE.search(text)} == {}
    bare = {place: text for place, text in texts.items() if AFTER_A_NAME.search(text)}
    assert bare == {}


def test_no_sentence_has_a_plural_behind_a_bare_count() -> None:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        name = str(path.relative_to(PACKAGE))
        if bare := _bare_counts(path.read_text(encoding="utf-8")) - NEVER_ONE.get(name, set()):
            found[name] = bare
    assert found == {}


def _bare_counts(source: str) -> set[str]:
    """Return what stands before a plural in f-strings, but for what is made by `plural` or is a constant."""
    found = set()
    for text in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.JoinedStr)):
        for value, after in zip(text.values, text.values[1:], strict=False):
            is_pair = isinstance(value, ast.FormattedValue) and isinstance(after, ast.Constant)
            if is_pair and AFTER_A_COUNT.match(str(after.value)):
                found.add(ast.unparse(value.value))
    return {name for name in found if not re.match(r"(numbers\.)?plural\(|agree\(", name) and not name.isupper()}

"""Two releases compared, as people and programs get it, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from seamwatch.core.release_changes import ChangedPart, ReleaseChange
from seamwatch.core.release_comparison import ReleaseComparison, compare_answers
from seamwatch.core.results import Window
from seamwatch.report.comparison import comparison_page, render_comparison
from seamwatch.report.comparison_json import comparison_json
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import OutcomeState, Responsibility

START = datetime(2026, 11, 2, tzinfo=UTC)
WINDOW = Window(start=START, end=START + timedelta(days=14))
PIPELINE = Pipeline.model_validate(
    {
        "pipeline": "support_triage",
        "database": "support_dw",
        "owners": {"reliability": "@U012AB", "model": "!subteam^S01", "integration": "!subteam^S02"},
        "key": "ticket_id",
        "stages": [{"name": "crm_export", "kind": "source", "table": "crm_tickets"}],
    }
)
CHANGES = (
    ReleaseChange(
        part=ChangedPart.PROMPT_LINE,
        stage="prompt",
        name="messages.system message.content",
        responsibility=Responsibility.INTEGRATION,
        line=3,
        role="system",
        before="Say what the customer can do.",
        after="Never promise money | `refunds` are <b>not</b> yours to give. " + "And so on. " * 20,
    ),
    ReleaseChange(
        part=ChangedPart.PARAMETER,
        stage="prompt",
        name="temperature",
        responsibility=Responsibility.INTEGRATION,
        after="0.7",
        is_added=True,
    ),
    ReleaseChange(
        part=ChangedPart.MODEL,
        stage="triage_model",
        name="model",
        responsibility=Responsibility.MODEL,
        before="triage-2026-10",
        after="triage-2026-11",
    ),
    ReleaseChange(
        part=ChangedPart.DOCUMENTS,
        stage="kb_lookup",
        name="documents",
        responsibility=Responsibility.KNOWLEDGE_BASE,
        n_changed=12,
        n_pairs=115,
    ),
    ReleaseChange(
        part=ChangedPart.FIELD,
        stage="request_mapping",
        name="product",
        responsibility=Responsibility.INTEGRATION,
        n_changed=40,
        n_pairs=115,
    ),
    ReleaseChange(
        part=ChangedPart.PROMPT_TEXT,
        stage="prompt",
        name="messages.user message.content",
        responsibility=Responsibility.INTEGRATION,
        role="user",
        n_changed=115,
        n_pairs=115,
    ),
)
TOPICS = ("returns", "invoice", "delivery", "<b>*hostile*</b> | `x`")
RIGHT, WRONG, PENDING = OutcomeState.RIGHT, OutcomeState.WRONG, OutcomeState.PENDING


def compared(
    states: Callable[[int, str], OutcomeState],
    *,
    n: int = 120,
    releases: tuple[str, str] = ("v1", "v2"),
    shifted_by: int = 0,
    **more: Any,
) -> ReleaseComparison:
    """Return two releases compared, one week each, with a state by number of the input and release."""
    rows, topics = [], {}
    for week, release in enumerate(releases):
        for number in range(n):
            topics[len(rows)] = TOPICS[number % len(TOPICS)]
            at = START + timedelta(days=7 * week, minutes=80 * number)
            rows.append((release, number + week * shifted_by, at, states(number, release)))
    answers = pd.DataFrame(rows, columns=["release", "input", "time", "state"])
    known = {"questions.topic": topics}
    given: dict[str, Any] = {
        "pipeline": "support_triage",
        "window": WINDOW,
        "field": "prompt.version",
        "comparison": compare_answers(answers, *releases, segments=known, strata=known, more=None),
        "replayed": None,
        "changes": (),
        "inputs": ("questions.topic", "questions.question"),
        "always_different": (),
        "n_without_release": 0,
        "n_in_both": 0,
        "unread_segments": (),
    }
    return ReleaseComparison(**{**given, **more})


def _worse_on_returns(number: int, release: str) -> OutcomeState:
    """Return 14 of 30 returns wrong by the second only, 2 by the first only, 5 inputs not judged."""
    if number < 5 and release == "v2":
        return PENDING
    is_worse = number % 4 == 0 and 8 <= number < 64
    is_better = number % 4 == 0 and number >= 112
    return WRONG if (is_worse and release == "v2") or (is_better and release == "v1") else RIGHT


EXAMPLES: dict[str, Callable[[], ReleaseComparison]] = {
    "worse": lambda: compared(
        _worse_on_returns, changes=CHANGES[:1], n_without_release=3, n_in_both=1, unread_segments=("crm.tier",)
    ),
    "alike": lambda: compared(lambda number, _: WRONG if number % 10 == 0 else RIGHT),
    "no_common_input": lambda: compared(
        lambda number, release: WRONG if number % 4 == 0 and release == "v2" else RIGHT,
        shifted_by=1000,
        always_different=("questions.question",),
    ),
    "not_judged": lambda: compared(lambda _, release: PENDING if release == "v2" else RIGHT, n=12),
    "hostile": lambda: compared(
        lambda number, release: WRONG if number % 4 == 3 and release.startswith("=") else RIGHT,
        releases=("@channel", "=cmd|' /C x'!A0 <script>"),
        changes=CHANGES,
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_page_of_a_comparison_is_as_agreed(name: str, golden: Callable[[str, str], None]) -> None:
    golden(f"markdown/comparison_{name}.md", render_comparison(comparison_page(EXAMPLES[name](), PIPELINE)))


def test_the_json_of_a_comparison_is_as_agreed(golden: Callable[[str, str], None]) -> None:
    golden("json/comparison_worse.json", json.dumps(comparison_json(EXAMPLES["worse"](), PIPELINE), indent=1) + "\n")

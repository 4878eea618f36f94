"""No built-in text asks a person to find out what a step of a runbook computes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from seamwatch.report.texts import GAP_STEPS, PROVIDER_STEPS
from seamwatch.report.watch.texts import TEXTS
from seamwatch.spec.runbooks import STEPS, builtin_runbooks

_ASKS = r"\b(check|find out|look at|look for|compare|ask|measure|run|see whether|see which)\b"
COMPUTED = {
    "benchmark": r"\b(measure|run|check)\b[^.;]*\bbenchmark",
    "changed_lines": rf"{_ASKS}[^.;]*\bcode\b[^.;]* (before and after|since)",
    "correlated_changes": rf"{_ASKS}[^.;]*\b(versions?|temperature|which model|model changed)\b",
    "provider_errors": rf"{_ASKS}[^.;]*\bstatuses\b",
    "endpoint_now": rf"{_ASKS}[^.;]*\bstatus page\b",
    "outdated_documents": rf"{_ASKS}[^.;]*\bfreshness check\b",
    "affected_records": rf"{_ASKS}[^.;]*\b(records listed|of one segment|which segment)",
    "input_volume": rf"{_ASKS}[^.;]*\bwho sends more\b",
    "cost_source": rf"{_ASKS}[^.;]*\bcost watch\b",
}
"""By step, how a text would ask for what it computes."""


def _texts() -> Iterator[str]:
    for watch, groups in TEXTS.items():
        for kind, steps in groups.get("steps", {}).items():
            yield from (f"{watch} {kind}: {step}" for step in steps)
    yield from (f"gap {gap}: {step}" for gap, step in GAP_STEPS.items())
    yield from (f"provider {kind}: {step}" for kind, step in PROVIDER_STEPS.items())
    for kind, runbook in builtin_runbooks().items():
        yield from (f"runbook {kind}: {one.note}" for one in runbook.steps if one.note)


@pytest.mark.parametrize("step", COMPUTED)
def test_no_text_asks_for_what_a_step_computes(step: str) -> None:
    assert step in STEPS
    asking = [text for text in _texts() if re.search(COMPUTED[step], text, re.IGNORECASE)]
    assert asking == []


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ("benchmark", "Measure the model on its benchmark set"),
        ("correlated_changes", "Check the model's version, temperature and system prompt since noon"),
        ("provider_errors", "Look at the statuses of failed calls"),
        ("endpoint_now", "Check the provider's status page"),
        ("outdated_documents", "Run the knowledge base's freshness check"),
        ("changed_lines", "Compare the code and tables that make it before and after noon"),
    ],
)
def test_texts_that_ask_for_it_would_be_found(step: str, text: str) -> None:
    expected: Any = re.search(COMPUTED[step], text, re.IGNORECASE)
    assert expected


def test_every_text_is_looked_at() -> None:
    assert len(list(_texts())) > 60

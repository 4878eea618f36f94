"""No built-in text asks a person to find out what a step of a runbook computes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from seamwatch.core.finding import Finding
from seamwatch.core.incident_life import Incident
from seamwatch.core.results import Window
from seamwatch.report.advice import next_steps
from seamwatch.report.texts import GAP_STEPS, PROVIDER_STEPS
from seamwatch.report.watch.texts import TEXTS
from seamwatch.spec.pipeline import Benchmark, Pipeline
from seamwatch.spec.runbooks import STEPS, builtin_runbooks
from seamwatch.vocabulary import Gap, IncidentState, Responsibility

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
WINDOW = Window(start=NOON - timedelta(hours=2), end=NOON + timedelta(hours=1))
PIPELINE = Pipeline.model_validate(
    {
        "pipeline": "parcels",
        "database": "db",
        "key": "id",
        "stages": [
            {"name": "orders", "kind": "source", "table": "orders", "time": "at"},
            {"name": "request", "kind": "mapping", "table": "requests", "reference": "parcels:to_request"},
            {"name": "llm", "kind": "model", "table": "calls", "request": "b", "response": "a", "endpoint": "model"},
        ],
    }
)
MEASURED = PIPELINE.model_copy(
    update={"benchmark": Benchmark.model_validate({"table": "b", "truth": {"queue": "queue"}})}
)
_ASKS = r"\b(check|find out|look at|look for|compare|ask|measure|run|see whether|see which)\b"
COMPUTED = {
    "benchmark": r"\b(measure|run|check)\b[^.;]*\bbenchmark",
    "changed_lines": rf"{_ASKS}[^.;]*\bcode\b[^.;]* (before and after|since)",
    "fault_location": rf"{_ASKS}[^.;]*\bwhat changed\b[^.;]* in how\b",
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
    yield from _advice()
    for kind, runbook in builtin_runbooks().items():
        yield from (f"runbook {kind}: {one.note}" for one in runbook.steps if one.note)


def _advice() -> Iterator[str]:
    """Yield what is said to do next, by who is responsible, at which stage, and by kind of damage."""
    kinds = (None, "lost", "crossed", "changed_since", "not_reproduced")
    for who, kind, stage, pipeline in product(Responsibility, kinds, ("request", "llm", None), (PIPELINE, MEASURED)):
        gap = Gap.TRUTH_PENDING if who is Responsibility.UNDETERMINED else None
        cause = Finding(
            responsibility=who,
            stage=stage,
            fields=("queue",),
            kind=kind,
            n_records=9,
            confidence=0.9,
            onset=NOON,
            gap=gap,
        )
        incident = Incident(
            id="parcels-1",
            fingerprint="f",
            pipeline="parcels",
            responsibility=who,
            stage=stage,
            fields=("queue",),
            state=IncidentState.OPEN,
            headline="h",
            confidence=0.9,
            opened_at=NOON,
            updated_at=NOON,
            first_window=WINDOW,
            last_window=WINDOW,
            n_records=9,
        )
        for step in next_steps(incident, cause, pipeline, WINDOW):
            yield f"advice {who} {kind}: {step}"


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
        ("fault_location", "Check what changed around noon in how request makes product"),
        ("changed_lines", "Compare the code and tables that make it before and after noon"),
    ],
)
def test_texts_that_ask_for_it_would_be_found(step: str, text: str) -> None:
    expected: Any = re.search(COMPUTED[step], text, re.IGNORECASE)
    assert expected


def test_every_text_is_looked_at() -> None:
    assert len(list(_texts())) > 60

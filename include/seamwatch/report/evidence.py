"""Evidence records as a reader compares them: recorded beside expected."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from seamwatch.core.incident_life import Incident
from seamwatch.core.results import RecordEvidence
from seamwatch.report import numbers, sentences
from seamwatch.report.diff import Pieces, word_diff
from seamwatch.report.text import shortened

_KEY_CHARS = 120
_EXPLANATION_CHARS = 600


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One thing as it was recorded, and as it should have been."""

    label: str
    """Field, column or `answer`."""
    place: str = ""
    """Stage."""
    recorded: Pieces | None
    """None: there was no value."""
    expected: Pieces | None


@dataclass(frozen=True, kw_only=True)
class RecordFacts:
    """One failing record."""

    key: str
    responsibility: str
    explanation: str
    confidence: str
    payload: tuple[Comparison, ...]
    """Fields of the payload: recorded against the reference's."""
    answer: Comparison | None
    """The model's answer: as recorded against the one to the clean request."""
    outcome: tuple[Comparison, ...]
    """Final fields: recorded against truth."""


def record_facts(incident: Incident, evidence: Iterable[RecordEvidence]) -> tuple[RecordFacts, ...]:
    """Return the records, those of the incident's cause first, else in the order given."""
    ordered = sorted(evidence, key=lambda record: not sentences.is_of(record.verdict, incident))
    return tuple(_record(record) for record in ordered)


def _record(record: RecordEvidence) -> RecordFacts:
    outcome_fields = dict.fromkeys((*record.recorded_outcome, *record.true_outcome))
    return RecordFacts(
        key=shortened(record.key, _KEY_CHARS),
        responsibility=sentences.responsibility(record.verdict.responsibility),
        explanation=shortened(record.verdict.explanation, _EXPLANATION_CHARS),
        confidence=numbers.percent(record.verdict.confidence),
        payload=tuple(_comparison(row.field, row.stage, row.recorded, row.expected) for row in record.rows),
        answer=(
            _comparison("answer", "", record.recorded_answer, record.isolated_answer)
            if record.isolated_answer is not None  # else it was not called alone, and there is nothing to compare
            else None
        ),
        outcome=tuple(
            _comparison(name, "", record.recorded_outcome.get(name), record.true_outcome.get(name))
            for name in outcome_fields
        ),
    )


def _comparison(label: str, place: str, recorded: str | None, expected: str | None) -> Comparison:
    left, right = word_diff(recorded, expected)
    return Comparison(
        label=label,
        place=place,
        recorded=left if recorded is not None else None,
        expected=right if expected is not None else None,
    )

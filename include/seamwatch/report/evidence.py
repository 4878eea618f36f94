"""Evidence records as a reader compares them: what was recorded beside what it is compared with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from seamwatch.core.incident_life import Incident
from seamwatch.core.results import Discrepancy, RecordEvidence
from seamwatch.report import numbers, sentences
from seamwatch.report.diff import Piece, Pieces, word_diff
from seamwatch.report.text import shortened
from seamwatch.vocabulary import DiscrepancyKind

_KEY_CHARS = 120
_EXPLANATION_CHARS = 600


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One thing as it was recorded, beside what it is compared with: a reference, an answer alone, a truth."""

    label: str
    """Field, column or `answer`."""
    place: str = ""
    """Stage."""
    recorded: Pieces | None
    """None: there was no value."""
    expected: Pieces | None
    is_format_only: bool = False
    """The two are the same value in another notation, which is no fault: nothing of it is marked."""


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
        payload=tuple(_payload(row) for row in record.rows),
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


def _payload(row: Discrepancy) -> Comparison:
    compared = _comparison(row.field, row.stage, row.recorded, row.expected)
    if row.kind != DiscrepancyKind.FORMAT:
        return compared
    return replace(
        compared,
        is_format_only=True,
        recorded=_unmarked(compared.recorded),
        expected=_unmarked(compared.expected),
    )


def _unmarked(pieces: Pieces | None) -> Pieces | None:
    return None if pieces is None else tuple(Piece(text=piece.text) for piece in pieces)


def _comparison(label: str, place: str, recorded: str | None, expected: str | None) -> Comparison:
    left, right = word_diff(recorded, expected)
    return Comparison(
        label=label,
        place=place,
        recorded=left if recorded is not None else None,
        expected=right if expected is not None else None,
    )

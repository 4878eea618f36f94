"""One incident's verdicts beside the truth, as plain rows that can be written, sent and added up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from attribution.ask import Said
from attribution.history import causes_of, healthy_history
from attribution.incident import Incident, expected_incident
from attribution.truth import TRUTH, Blame, Cause, says
from seamwatch.core.results import Attribution


@dataclass(frozen=True, kw_only=True)
class RecordScore:
    """One failing record."""

    primary: str
    said: str
    group: str
    """`known`, `truth` (the label is wrong) or `removed` (evidence is missing, so `undetermined` is right)."""
    is_right: bool
    confidence: float
    fields_right: bool | None = None
    """None where fields are not the point, or the stage is wrong already."""
    basis: str = ""
    blamed_nobody: bool = False


@dataclass(frozen=True, kw_only=True)
class IncidentScore:
    """One incident in one mode, or one rival's opinion of it."""

    records: tuple[tuple[RecordScore, int], ...]
    """Each score with how many records have it."""
    leading: str | None
    is_top1: bool | None
    """None where the incident is not counted: no fault changed an outcome, or none was injected."""
    is_pair_exact: bool | None
    blames_model_wrongly: bool | None
    is_top1_with_history: bool | None = None
    """The same after ten healthy windows; None where it was not judged again."""
    changes: tuple[str, ...] = ()
    calls: int = 0
    replays: int = 0
    seconds: float = 0.0
    n_missing: int = 0
    """Failing records by the benchmark's own count that got no verdict."""
    n_drawn: int = 0
    """Records that the sampled mode drew until it had decided; others are replayed because the budget allows it."""
    n_sequential: float = 0.0
    """Records that sequential tests, one for each stratum that was drawn from, would take on average."""


@dataclass(frozen=True, kw_only=True)
class Scored:
    """An incident with all opinions."""

    name: str
    family: str
    shape: str
    facts: dict[str, Any]
    n_failing: int
    n_changed: int
    expected: tuple[str, ...]
    is_detectable: bool
    """Whether the effect of at least one fault is large enough for any test to call it a change."""
    are_all_detectable: bool
    """Whether that of every injected fault is."""
    modes: dict[str, IncidentScore] = field(default_factory=dict)
    rivals: dict[str, IncidentScore] = field(default_factory=dict)
    seconds: float = 0.0


def name_of(blame: Blame) -> str:
    return f"{blame[0]}@{blame[1]}" if blame[1] else blame[0]


def score_attribution(incident: Incident, said: Said) -> IncidentScore:
    """Return the score of what the engine said."""
    found = said.attribution
    by_key = {verdict.key: verdict for verdict in found.verdicts}
    rows = []
    n_missing = 0
    for number, cause in incident.causes.items():
        verdict = by_key.get(str(number))
        if verdict is None:
            n_missing += 1
            continue
        rows.append(
            score_record(
                incident,
                cause,
                (str(verdict.responsibility), verdict.stage),
                fields=verdict.fields,
                confidence=verdict.confidence,
                basis=str(verdict.basis),
            )
        )
    leading = found.leading
    return score_incident(
        incident,
        rows,
        leading=(str(leading.responsibility), leading.stage) if leading else None,
        changes=changes_of(found),
        calls=said.calls,
        replays=said.replays,
        seconds=said.seconds,
        n_missing=n_missing,
    )


def with_history(score: IncidentScore, incident: Incident, found: Attribution) -> IncidentScore:
    """Return the score with whether the right cause leads after ten healthy windows as well."""
    if score.is_top1 is None:
        return score
    causes = causes_of(incident, found.verdicts, history=healthy_history(incident))
    leading = next((cause for cause in causes if cause.is_change), None)
    is_right = leading is not None and says((str(leading.responsibility), leading.stage), expected_leading(incident))
    return replace(score, is_top1_with_history=is_right)


def changes_of(found: Attribution) -> frozenset[Blame]:
    return frozenset((str(cause.responsibility), cause.stage) for cause in found.causes if cause.is_change)


def score_record(
    incident: Incident,
    cause: Cause,
    said: Blame,
    *,
    fields: tuple[str, ...] | None = None,
    confidence: float = 1.0,
    basis: str = "",
) -> RecordScore:
    """Return the score of one verdict."""
    is_right = says(said, cause.accepted)
    group = "truth" if cause.primary == TRUTH else "removed" if cause.accepted == {("undetermined", None)} else "known"
    fields_right = None
    if fields is not None and is_right and cause.fields and said == cause.primary:
        named = {name.partition(".")[0] for name in fields} if cause.fields == {"body"} else set(fields)
        fields_right = named == set(cause.fields)
    return RecordScore(
        primary=name_of(cause.primary),
        said=name_of(said),
        group=group,
        is_right=is_right,
        confidence=confidence,
        fields_right=fields_right,
        basis=basis,
        blamed_nobody=said[0] == "undetermined",
    )


def score_incident(
    incident: Incident,
    rows: list[RecordScore],
    *,
    leading: Blame | None,
    changes: frozenset[Blame],
    calls: int = 0,
    replays: int = 0,
    seconds: float = 0.0,
    n_missing: int = 0,
) -> IncidentScore:
    """Return the score at the level of the incident."""
    expected = expected_incident(incident)
    counts = bool(expected) and not incident.plan.removed
    is_top1 = is_exact = blames_model = None
    if counts:
        is_top1 = leading is not None and says(leading, expected_leading(incident))
        if len(incident.plan.faults) == 2 and len(expected) == 2:
            is_exact = _named(changes) == _named(expected)
        if all(blame[0] == "integration" for blame in expected):
            blames_model = leading is not None and leading[0] == "model"
    return IncidentScore(
        records=tuple(Counter(rows).items()),
        leading=name_of(leading) if leading else None,
        is_top1=is_top1,
        is_pair_exact=is_exact,
        blames_model_wrongly=blames_model,
        changes=tuple(sorted(name_of(blame) for blame in changes)),
        calls=calls,
        replays=replays,
        seconds=seconds,
        n_missing=n_missing,
    )


def expected_leading(incident: Incident) -> frozenset[Blame]:
    """Return the causes that may stand first: those with at least nine tenths of the most records."""
    kinds = {kind.name: kind for kind in incident.shape.faults}
    most = max(incident.changed.values(), default=0)
    return frozenset(
        (kinds[name].responsibility, kinds[name].stage)
        for name, n in incident.changed.items()
        if n > 0 and n >= 0.9 * most
    )


def _named(blames: frozenset[Blame]) -> frozenset[Blame]:
    """Return the blames with adversarial input at no stage, since it may be named wherever it passes."""
    return frozenset(("adversarial_input", None) if b[0] == "adversarial_input" else b for b in blames)

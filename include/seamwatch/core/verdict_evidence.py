"""What is known of the verdict of one incident: what people said of it, and whether a fix of what it names helped."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from seamwatch.core.action_life import ActionRun
from seamwatch.core.grades import JudgedVerdict, NotGraded
from seamwatch.core.incident_life import ChangeKind, Incident
from seamwatch.core.incident_timeline import IncidentEvent, ToldVerdict
from seamwatch.core.verdict_sampling import DrawnVerdict
from seamwatch.vocabulary import ActionState, Responsibility, RunbookKind

STAYS_AWAY = timedelta(days=7)
"""For so long a cause must not come back after a person's fix, before the fix confirms the verdict."""
_REALLY = "really "
"""How the audit trail begins what people say of a wrong verdict (`incident_life`)."""
_MENDED_BY_KIND: Mapping[str, Responsibility] = {
    "mlflow_alias": Responsibility.MODEL,
    "reindex": Responsibility.KNOWLEDGE_BASE,
}
_MENDS_WHAT_THE_RUNBOOK_IS_FOR = frozenset({"sql", "http", "dag", "command"})
"""What may change anything. All other kinds mend nothing: they take records aside, limit calls, or look again."""
_MENDED_BY_RUNBOOK: Mapping[str, Responsibility] = {
    RunbookKind.MODEL_DEGRADATION.value: Responsibility.MODEL,
    RunbookKind.INTEGRATION_FAILURE.value: Responsibility.INTEGRATION,
    RunbookKind.STALE_KNOWLEDGE_BASE.value: Responsibility.KNOWLEDGE_BASE,
    RunbookKind.PROVIDER_FAILURE.value: Responsibility.PROVIDER,
    RunbookKind.SOURCE_DATA.value: Responsibility.SOURCE_DATA,
    RunbookKind.PROMPT_INJECTION.value: Responsibility.ADVERSARIAL_INPUT,
}


@dataclass(frozen=True, kw_only=True)
class FixResult:
    """A fix that was applied, and whether the fault went away by it."""

    at: datetime
    """When that was known."""
    helped: bool
    mended: Responsibility | None
    """Whose part it changed; None: whatever the verdict named, as people's own fixes are taken."""


def action_result(
    action: ActionRun, *, kind: str | None, check: str | None, events: Iterable[IncidentEvent]
) -> FixResult | None:
    """Return what an action tells of the verdict; None where it tells nothing.

    Args:
        action: As it is.
        kind: In the pipeline file; None where that no longer has it.
        check: How it was measured whether it helped, as the file says; None: by what suits its kind.
        events: Of its incident.

    What nothing measured, what nothing told in time, and what a person took back tells nothing.
    """
    mended = _MENDED_BY_KIND.get(kind or "")
    if mended is None and kind in _MENDS_WHAT_THE_RUNBOOK_IS_FOR:
        mended = _MENDED_BY_RUNBOOK.get(action.runbook)
    if mended is None or check == "none" or action.done_at is None:
        return None
    if action.state is ActionState.HELPED:
        return FixResult(at=action.updated_at, helped=True, mended=mended)
    # Nothing but an undo is begun by a person: actions are begun by tasks.
    is_taken_back = any(one.kind == ChangeKind.ACTION_BEGUN.value and one.by for one in events)
    is_in_time = action.check_by is None or action.updated_at < action.check_by
    if action.state not in (ActionState.UNDONE, ActionState.ESCALATED) or is_taken_back or not is_in_time:
        return None
    return FixResult(at=action.updated_at, helped=False, mended=mended)


def told_verdict(incident: Incident, events: Sequence[IncidentEvent], *, at: datetime) -> ToldVerdict:
    """Return whose an incident was said to be at a moment, as far as its trail tells; else as it says now."""
    return next(
        (one.verdict for one in reversed(events) if one.at <= at and one.verdict is not None), ToldVerdict.of(incident)
    )


def judge_verdict(
    incident: Incident,
    events: Sequence[IncidentEvent],
    *,
    until: datetime,
    actions: Collection[FixResult] = (),
    drawn: DrawnVerdict | None = None,
    week_drawn_at: datetime | None = None,
) -> JudgedVerdict | NotGraded:
    """Return all that is known of an incident's verdict, or why it has none.

    Args:
        incident: As it is now.
        events: What happened to it, oldest first; later ones than `until` count for nothing.
        until: The end of what is graded.
        actions: What its actions tell.
        drawn: Its verdict as it was drawn; None: it was not.
        week_drawn_at: When the verdicts of its week were drawn; None: they were not.
    """
    past = [one for one in events if one.at < until]
    told = told_verdict(incident, past, at=until)
    reason = _not_graded(told, past)
    if reason is not None:
        return reason
    said = list(_people(past, told.responsibility))
    fixes = [one for one in actions if one.at < until and one.mended in (None, told.responsibility)]
    fixes = sorted([*fixes, *_fixes_by_people(past, told.responsibility, until=until)], key=lambda one: one.at)
    by_people = said[-1].is_right if said else None
    by_fix = fixes[-1].helped if fixes else None
    last_words = {one.by: one.is_right for one in said}
    answers = {*last_words.values(), *(() if by_fix is None else (by_fix,))}
    return JudgedVerdict(
        incident=incident.id,
        responsibility=told.responsibility,
        stated=told.confidence,
        by_people=by_people,
        by_fix=by_fix,
        is_disputed=len(answers) > 1,
        had_chance=drawn is not None
        or (week_drawn_at is not None and is_candidate(incident, past, at=week_drawn_at) is not None),
        probability=None if drawn is None else drawn.probability,
    )


def is_candidate(incident: Incident, events: Sequence[IncidentEvent], *, at: datetime) -> ToldVerdict | None:
    """Return the verdict of an incident that people may be asked to judge; None where there is none.

    It names somebody, nobody called the incident void, and nobody has judged the verdict so far.
    """
    past = [one for one in events if one.at <= at]
    told = told_verdict(incident, past, at=at)
    is_judged = any(one.kind in (ChangeKind.CALLED_WRONG.value, ChangeKind.CALLED_RIGHT.value) for one in past)
    return None if is_judged or _not_graded(told, past) is not None else told


def _not_graded(told: ToldVerdict, events: Sequence[IncidentEvent]) -> NotGraded | None:
    if told.responsibility is Responsibility.UNDETERMINED:
        return NotGraded.NAMES_NOBODY
    last = next(
        (one for one in reversed(events) if one.kind in (ChangeKind.VOIDED.value, ChangeKind.REOPENED.value)), None
    )
    return NotGraded.VOID if last is not None and last.kind == ChangeKind.VOIDED.value else None


@dataclass(frozen=True, kw_only=True)
class _Word:
    """What a person said of the verdict."""

    by: str | None
    is_right: bool


def _people(events: Iterable[IncidentEvent], told: Responsibility) -> Iterator[_Word]:
    """Yield what people said, oldest first, as it bears on the verdict that is graded.

    Who names whose it really was says so of every later verdict too. Where they name the same responsibility they
    contradict something else, as a field or the stage: the responsibility is right, and that alone is graded.
    """
    for event in events:
        then = None if event.verdict is None else event.verdict.responsibility
        if event.kind == ChangeKind.CALLED_RIGHT.value and (then or told) is not Responsibility.UNDETERMINED:
            yield _Word(by=event.by, is_right=(then or told) is told)
        if event.kind == ChangeKind.CALLED_WRONG.value:
            really = _really(event.why)
            if really is not None:
                yield _Word(by=event.by, is_right=really is told)
            elif then is None or then is told:
                yield _Word(by=event.by, is_right=False)


def _really(why: str) -> Responsibility | None:
    name = why.removeprefix(_REALLY).partition(":")[0] if why.startswith(_REALLY) else ""
    return Responsibility(name) if name in list(Responsibility) else None


def _fixes_by_people(events: Sequence[IncidentEvent], told: Responsibility, *, until: datetime) -> Iterator[FixResult]:
    """Yield what became of the fixes that people said they had applied; each is taken to be of what the verdict named.

    One helped if detectors called the incident over and it stayed so; it did not if they saw its cause again. A fix
    that another one followed before that, or after which a person closed or opened the incident, tells nothing.
    """
    fixed_at: datetime | None = None
    over_at: datetime | None = None
    before = ""
    for event in events:
        if over_at is not None and event.at - over_at >= STAYS_AWAY:
            yield FixResult(at=over_at + STAYS_AWAY, helped=True, mended=None)
            fixed_at = over_at = None
        if event.kind == ChangeKind.MITIGATED.value:
            # An action notes that it was applied, and then the incident as mitigated: that one is judged by its check.
            is_own = event.by is not None and before != ChangeKind.ACTION_DONE.value
            is_same = event.verdict is None or event.verdict.responsibility is told
            fixed_at, over_at = (event.at if is_own and is_same else None), None
        elif event.kind == ChangeKind.REOPENED.value:
            if fixed_at is not None and event.by is None:
                yield FixResult(at=event.at, helped=False, mended=None)
            fixed_at = over_at = None
        elif event.kind == ChangeKind.RESOLVED.value and fixed_at is not None:
            fixed_at, over_at = (fixed_at, event.at) if event.by is None else (None, None)
        elif event.kind in (ChangeKind.MERGED.value, ChangeKind.VOIDED.value):
            fixed_at = over_at = None
        before = event.kind
    if over_at is not None and until - over_at >= STAYS_AWAY:
        yield FixResult(at=over_at + STAYS_AWAY, helped=True, mended=None)

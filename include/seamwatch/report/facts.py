"""Turn results into an incident report: every number and sentence that a person reads is decided here, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from seamwatch.core.action_life import ActionRun
from seamwatch.core.finding import Finding
from seamwatch.core.freshness_results import DocumentAnswers
from seamwatch.core.grades import ConfidenceCorrection, Grade, correction_for
from seamwatch.core.incident_life import Incident, allowed_actions
from seamwatch.core.incident_timeline import TimelineEntry
from seamwatch.core.results import Attribution, IsolationResult, StageResult, Window
from seamwatch.core.runbooks import StepRun
from seamwatch.report import advice, numbers, sentences
from seamwatch.report.evidence import RecordFacts, record_facts
from seamwatch.report.links import Links
from seamwatch.report.machine import measured_json
from seamwatch.report.measured import Measured
from seamwatch.report.mentions import mention_text
from seamwatch.report.role_steps import role_steps
from seamwatch.report.runbook import RunbookFacts, runbook_facts
from seamwatch.report.stages import StageFacts, stage_facts
from seamwatch.report.timeline import TimelineFacts, timeline_facts
from seamwatch.report.watches import BudgetFacts, WatchFacts, budget_facts, watch_facts
from seamwatch.spec.owners import RELIABILITY, owner_role
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import IncidentAction, IncidentSeverity, IncidentState, Responsibility

if TYPE_CHECKING:
    from seamwatch.core.slo.status import SloStatus

BUDGET_LABEL = "Error budget"
"""Of the fact that tells the budget of which least is left; messages give it a line of its own."""
_MOST_RECORDS = 5
_MOST_DOCUMENTS = 20
_MOST_FACTS = 5
"""Of a watch, in the summary; Slack shows ten facts at most."""


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A figure of the summary."""

    label: str
    value: str
    note: str = ""
    """What the value is measured against."""


@dataclass(frozen=True, kw_only=True)
class Owner:
    """Who acts on the incident."""

    role: str
    """Key of `owners` in the pipeline file that was found, as `integration`, or `reliability`."""
    mention: str | None
    """As the pipeline file has it: `@U012AB` or `!subteam^S01`; None: nobody is named there."""

    @property
    def text(self) -> str:
        """Return who it is where Slack's own notation means nothing; empty where nobody is named."""
        return mention_text(self.mention or "")


@dataclass(frozen=True, kw_only=True)
class TimeBin:
    """Failing share of one stretch of the window."""

    start: datetime
    n_failing: int
    n_judged: int

    @property
    def ratio(self) -> float | None:
        """Return the failing share; None where nothing was judged."""
        return self.n_failing / self.n_judged if self.n_judged else None


@dataclass(frozen=True, kw_only=True)
class IsolationFacts:
    """The model alone, against its baseline."""

    sentence: str
    facts: tuple[Fact, ...]
    accuracy: float | None
    accuracy_low: float | None
    accuracy_high: float | None
    baseline: float | None
    is_degraded: bool


@dataclass(frozen=True, kw_only=True)
class CauseFacts:
    """One row of the table of causes."""

    headline: str
    responsibility: str
    stage: str
    fields: str
    records: str
    share: str
    share_ratio: float
    share_interval: str
    confidence: str
    expected: str
    reading: str
    """Whether it is a change, and how sure that is."""
    is_this: bool
    is_change: bool


@dataclass(frozen=True, kw_only=True)
class DocumentFacts:
    """One row of the table of documents: its three clocks, and what is wrong with it."""

    document: str
    reason: str
    answers: str
    changed: str
    indexed: str
    served: str


@dataclass(frozen=True, kw_only=True)
class IncidentReport:
    """All that is said about one incident, ready to be laid out."""

    incident_id: str
    pipeline: str
    description: str
    state: IncidentState
    state_text: str
    headline: str
    verdict: str
    """One paragraph: how many records, what was done, what came of it."""
    responsibility: Responsibility
    stage: str | None
    fields: tuple[str, ...]
    facts: tuple[Fact, ...]
    """The summary: responsibility, where, confidence, failing records, model in isolation."""
    confidence_basis: tuple[str, ...]
    owner: Owner
    window: Window
    window_text: str
    onset: datetime | None
    onset_text: str
    onset_interval: str
    """The onset with its 95 % interval."""
    changes: tuple[str, ...]
    """What else changed near the onset."""
    compare_command: str | None
    """Shell command that compares the releases before and after the likeliest change; None where nothing changed."""
    history: str
    also_seen: tuple[str, ...]
    """What other detectors say of the cause."""
    """When it was opened, and in how many windows it was seen."""
    stages: tuple[StageFacts, ...]
    failing_by_time: tuple[TimeBin, ...]
    isolation: IsolationFacts
    causes: tuple[CauseFacts, ...]
    signals: tuple[str, ...]
    documents: tuple[DocumentFacts, ...]
    """Documents that were not as they should be when they were served, most answers first."""
    records: tuple[RecordFacts, ...]
    n_more_records: int
    """Records of this cause beyond those shown."""
    next_steps: tuple[str, ...]
    command: str
    caveats: tuple[str, ...]
    links: Links
    made_text: str
    data: Mapping[str, Any]
    """The attribution in the form for programs."""
    watch: WatchFacts | None = None
    """What the watch that opened it found; None: attribution did, or a check of a knowledge base."""
    budgets: tuple[BudgetFacts, ...] = ()
    """Error budgets as the last look saw them, the one with least left first."""
    silence: tuple[str, ...] = ()
    """What of Seamwatch itself stands still, so that the report may be older than it looks."""
    actions: tuple[IncidentAction, ...] = ()
    """What a person may do by buttons of the message; none where they are switched off."""
    last_action: str = ""
    """What a person did last, who, and by which way; empty where nobody did anything."""
    severity: IncidentSeverity | None = None
    """None: it was not rated yet."""
    severity_text: str = ""
    """Severity, and the harm that it rests on; empty where it was not rated yet."""
    timeline: tuple[TimelineFacts, ...] = ()
    """What happened to the incident, oldest first."""
    reliability: str | None = None
    """The mention of the pipeline's reliability owner; None: nobody is named, so it is unowned."""
    role_steps: tuple[str, ...] = ()
    """Each team's own first step, also where that is none; empty where only the one that acts is known."""
    runbook: RunbookFacts | None = None
    """What its runbook has done so far; None: none ran."""
    stakeholders: tuple[str, ...] = ()
    """Mentions of those who are told what a spike costs."""
    confidence: float | None = None
    """As it was stated, 0 to 1."""
    confidence_corrected: float | None = None
    """As it is shown, where such verdicts were right less often than was stated; None: it is shown as it was stated."""
    asks_verdict: bool = False
    """Whether its verdict was drawn by chance, and waits for people to say if it is right."""


def incident_report(
    incident: Incident,
    measured: Measured,
    pipeline: Pipeline,
    stage_results: Sequence[StageResult],
    *,
    links: Links,
    now: datetime,
    slo: SloStatus | None = None,
    silence: tuple[str, ...] = (),
    last_action: str = "",
    timeline: Sequence[TimelineEntry] = (),
    steps_run: Sequence[StepRun] = (),
    actions_run: Sequence[ActionRun] = (),
    grades: Sequence[Grade] = (),
    asks_verdict: bool = False,
) -> IncidentReport:
    """Return the report of an incident as one window, one look of a watch or one check shows it.

    Args:
        incident: The incident as it is now.
        measured: In the window that is reported; it may no longer show the incident's cause.
        pipeline: The pipeline as it is defined now.
        stage_results: What was found at each stage of the window; stages may lack.
        links: Where the report points to.
        now: Aware time of writing.
        slo: The last look at the objectives.
        silence: Sentences on jobs of Seamwatch that stand still.
        last_action: What a person did last.
        timeline: What happened to it so far.
        steps_run: What the steps of its runbooks found, in the order in which they ran.
        actions_run: What was proposed to be changed for it, oldest first.
        grades: Of our own verdicts, as they were told last: by them stated confidences are corrected.
        asks_verdict: Whether people are asked if its verdict is right.
    """
    cause = finding_of(incident, measured.findings)
    attribution, watch = measured.attribution, watch_facts(measured.watch) if measured.watch is not None else None
    found = cause if watch is not None else None
    budgets = budget_facts(slo)
    steps = advice.next_steps(incident, cause, pipeline, measured.window) if found is None else found.steps
    if cause is not None:
        steps = advice.by_state(incident, steps, is_watch=watch is not None)
    records = record_facts(incident, attribution.evidence if attribution else ())
    n_records = cause.n_records if cause else 0
    correction = correction_for(grades, incident.responsibility)
    return IncidentReport(
        incident_id=incident.id,
        pipeline=pipeline.pipeline,
        description=pipeline.description,
        state=incident.state,
        state_text=sentences.state(incident),
        headline=incident.headline,
        verdict=sentences.verdict(cause, measured) if found is None else found.explanation,
        responsibility=incident.responsibility,
        stage=incident.stage,
        fields=incident.fields,
        facts=(
            *(
                _summary(incident, cause, measured, correction)
                if watch is None
                else _watched(incident, watch, correction)
            ),
            *_budget(budgets),
        ),
        confidence_basis=(
            *(() if correction is None else (f"Corrected: {sentences.correction(incident.confidence, correction)}.",)),
            *sentences.confidence_basis(incident, attribution.verdicts if attribution else (), pipeline),
        ),
        owner=owner_of(pipeline, incident.responsibility),
        window=measured.window,
        window_text=numbers.span(measured.window),
        onset=cause.onset if cause else None,
        onset_text=numbers.moment(cause.onset if cause else None),
        onset_interval=sentences.onset(cause),
        changes=sentences.changes(cause),
        compare_command=advice.compare_command(incident.pipeline, cause, measured.window),
        history=sentences.history(incident),
        also_seen=sentences.also_seen(incident),
        stages=stage_facts(incident, measured, pipeline, stage_results, links),
        failing_by_time=tuple(
            TimeBin(start=start, n_failing=failing, n_judged=judged)
            for start, failing, judged in (attribution.failing_by_time if attribution else ())
        ),
        isolation=_isolation(measured.isolation),
        causes=tuple(_cause_facts(each, grades, is_this=each is cause) for each in measured.findings),
        signals=tuple(f"{signal.stage}: {signal.text}" if signal.stage else signal.text for signal in measured.signals),
        documents=tuple(_document(one) for one in measured.documents[:_MOST_DOCUMENTS]),
        records=records[:_MOST_RECORDS],
        n_more_records=max(0, n_records - min(len(records), _MOST_RECORDS)),
        next_steps=steps,
        role_steps=role_steps(incident, measured.findings, measured.isolation, pipeline, steps),
        command=advice.again_command(measured),
        caveats=sentences.caveats(cause, measured, stage_results),
        links=links,
        made_text=numbers.moment(now),
        data=measured_json(measured),
        watch=watch,
        budgets=budgets,
        silence=silence,
        actions=allowed_actions(incident.state) if pipeline.slack is not None and pipeline.slack.actions else (),
        last_action=last_action,
        severity=incident.severity,
        reliability=pipeline.owners.get(RELIABILITY),
        severity_text=sentences.severity(incident),
        timeline=timeline_facts(timeline),
        runbook=runbook_facts(steps_run, actions_run, links),
        stakeholders=pipeline.stakeholders,
        confidence=incident.confidence,
        confidence_corrected=None if correction is None else correction.corrected(incident.confidence),
        asks_verdict=asks_verdict,
    )


def finding_of(incident: Incident, findings: Sequence[Finding]) -> Finding | None:
    """Return the finding that the incident is about; None when the window no longer shows it."""
    same = [one for one in findings if (one.responsibility, one.stage) == (incident.responsibility, incident.stage)]
    of_kind = [one for one in same if one.kind == incident.kind] if incident.watch is not None else []
    return next((one for one in (*of_kind, *same) if one.is_change), same[0] if same else None)


def _confidence(incident: Incident, correction: ConfidenceCorrection | None) -> Fact:
    """Return how sure the verdict is: as it was stated, or as often as such verdicts were right, and then both."""
    shown = incident.confidence if correction is None else correction.corrected(incident.confidence)
    notes = [sentences.confidence_word(shown)]
    if correction is not None:
        notes.append(sentences.correction(incident.confidence, correction))
    return Fact(label="Confidence", value=numbers.percent(shown), note="; ".join(notes))


def _watched(incident: Incident, watch: WatchFacts, correction: ConfidenceCorrection | None) -> tuple[Fact, ...]:
    fields = sentences.listed(incident.fields)
    where = (
        ()
        if incident.stage is None
        else (Fact(label="Where", value=incident.stage, note=f"in {fields}" if fields else ""),)
    )
    sure = () if incident.responsibility is Responsibility.UNDETERMINED else (_confidence(incident, correction),)
    return (
        Fact(label="Responsibility", value=sentences.responsibility(incident.responsibility)),
        *where,
        *sure,
        *(Fact(label=label, value=value, note=note) for label, value, note in watch.facts[:_MOST_FACTS]),
    )


def _budget(budgets: tuple[BudgetFacts, ...]) -> tuple[Fact, ...]:
    """Return the budget of which least is left."""
    known = [one for one in budgets if one.left_ratio is not None]
    if not known:
        return ()
    one = known[0]
    label, _, rest = one.sentence.partition(": ")
    left, _, note = rest.partition(", ")
    return (Fact(label=BUDGET_LABEL, value=f"{label} {left}", note=note),)


def _summary(
    incident: Incident, cause: Finding | None, measured: Measured, correction: ConfidenceCorrection | None
) -> tuple[Fact, ...]:
    isolation = measured.isolation
    fields = sentences.listed(incident.fields)
    return (
        Fact(label="Responsibility", value=sentences.responsibility(incident.responsibility)),
        Fact(label="Where", value=incident.stage or "not known", note=f"fields: {fields}" if fields else ""),
        _confidence(incident, correction),
        _affected(cause, measured),
        Fact(
            label="Model in isolation",
            value=f"{numbers.percent(isolation.accuracy)} right" if isolation.accuracy is not None else "not measured",
            note=_baseline_note(isolation.baseline_accuracy),
        ),
        *(_by_field(measured.attribution) if measured.attribution is not None else ()),
    )


def _affected(cause: Finding | None, measured: Measured) -> Fact:
    """Return how many records fail; before any outcome is known, how many answers rest on what was found."""
    attribution = measured.attribution
    if attribution is None:
        n = numbers.count(cause.n_records if cause else 0)
        value = f"{n} of {numbers.count(measured.n_records)}"
        return Fact(label="Answers affected", value=value, note="by what they were served")
    n_judged = attribution.n_observed - attribution.n_pending
    ratio = attribution.n_failing / n_judged if n_judged else None
    return Fact(
        label="Failing records",
        value=f"{numbers.count(attribution.n_failing)} of {numbers.count(n_judged)} judged",
        note=f"{numbers.percent(ratio)}; {_share_note(cause)}",
    )


def _by_field(attribution: Attribution) -> tuple[Fact, ...]:
    """Return how many records are right in each final field, the worst first; nothing where there is but one field."""
    if len(attribution.fields) < 2:
        return ()
    ratios = sorted((one.n_right / one.n_judged, one.field) for one in attribution.fields if one.n_judged)
    shown = [f"{field} {numbers.percent(ratio)}" for ratio, field in ratios]
    return (Fact(label="Right by field", value=", ".join(shown) or numbers.NO_DATA, note=""),)


def _document(one: DocumentAnswers) -> DocumentFacts:
    reason = one.reason.replace("_", " ")
    return DocumentFacts(
        document=one.document,
        reason=f"{reason}: {one.detail}" if one.detail else reason,
        answers=numbers.count(one.n_answers),
        changed=numbers.moment(one.changed_at),
        indexed=numbers.moment(one.indexed_at),
        served=numbers.moment(one.last_served_at),
    )


def _share_note(cause: Finding | None) -> str:
    if cause is None:
        return "none by this cause"
    return f"{numbers.percent(cause.share)} of these by this cause"


def _baseline_note(baseline: float | None) -> str:
    return "no baseline" if baseline is None else f"baseline {numbers.percent(baseline)}"


def owner_of(pipeline: Pipeline, responsibility: Responsibility) -> Owner:
    """Return who acts on an incident: the owner of the responsible part, else the reliability owner, else nobody."""
    role = owner_role(pipeline.owners, responsibility)
    return Owner(role=role, mention=pipeline.owners.get(role))


def _isolation(result: IsolationResult) -> IsolationFacts:
    measured = result.accuracy is not None
    return IsolationFacts(
        sentence=sentences.isolation(result),
        facts=(
            Fact(
                label="Accuracy alone",
                value=numbers.percent(result.accuracy),
                note=(
                    f"{numbers.count(result.n_right)} of {numbers.plural(result.n_benchmark, 'benchmark input')}"
                    if measured
                    else "not measured in this window"
                ),
            ),
            Fact(
                label="95% interval",
                value=numbers.interval(result.accuracy_low, result.accuracy_high),
                note=_baseline_note(result.baseline_accuracy),
            ),
            Fact(
                label="Failures reproduced",
                value=numbers.percent(result.reproduced),
                note="of recorded requests replayed as they were",
            ),
            *_paired(result),
            Fact(
                label="Calls",
                value=numbers.count(result.calls),
                note="no price known" if result.cost_usd is None else f"cost {numbers.money(result.cost_usd)}",
            ),
        ),
        accuracy=result.accuracy,
        accuracy_low=result.accuracy_low,
        accuracy_high=result.accuracy_high,
        baseline=result.baseline_accuracy,
        is_degraded=sentences.is_degraded(result),
    )


def _paired(result: IsolationResult) -> tuple[Fact, ...]:
    """Return how the same benchmark inputs came out today; nothing where the baseline holds none."""
    if result.standing is None:
        return ()
    return (
        Fact(
            label="Same inputs as the baseline",
            value=f"{numbers.count(result.n_worse)} worse, {numbers.count(result.n_better)} better",
            note=f"of {numbers.count(result.n_paired)}; {numbers.probability(result.p_paired or 0.0)}",
        ),
        Fact(
            label="Answers changed",
            value=numbers.count(result.n_changed_answers),
            note=f"{numbers.count(result.n_unstable)} of {numbers.count(result.n_repeated)} asked twice differ",
        ),
    )


def _cause_facts(cause: Finding, grades: Sequence[Grade], *, is_this: bool) -> CauseFacts:
    correction = correction_for(grades, cause.responsibility)
    shown = cause.confidence if correction is None else correction.corrected(cause.confidence)
    return CauseFacts(
        headline=cause.headline,
        responsibility=sentences.responsibility(cause.responsibility),
        stage=cause.stage or numbers.NO_DATA,
        fields=sentences.listed(cause.fields),
        records=numbers.count(cause.n_records),
        share=numbers.percent(cause.share),
        share_ratio=cause.share or 0.0,
        share_interval=numbers.interval(cause.share_low, cause.share_high),
        confidence=numbers.percent(shown),
        expected=numbers.NO_DATA if cause.rate is None else numbers.count(cause.rate.n_expected),
        reading=sentences.reading(cause.rate),
        is_this=is_this,
        is_change=cause.is_change,
    )

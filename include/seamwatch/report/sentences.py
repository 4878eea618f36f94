"""The sentences of a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from seamwatch.core.finding import Finding, RateComparison
from seamwatch.core.grades import ConfidenceCorrection
from seamwatch.core.incident_life import Incident
from seamwatch.core.results import Attribution, IsolationResult, StageResult, Verdict
from seamwatch.report import numbers
from seamwatch.report.measured import Measured
from seamwatch.report.text import joined
from seamwatch.report.texts import BASES, FINDINGS, RESPONSIBILITIES, WINDOW_GAPS
from seamwatch.report.verdict_texts import describe_doubt
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import BenchmarkStanding, IncidentState, Responsibility

DEGRADED_BELOW_P = 0.01
"""Exact binomial p under which the model alone is called worse than its baseline."""
_LISTED = 5
_VALUE_CHARS = 60


def listed(names: Sequence[str]) -> str:
    """Return names as `a, b and c`; beyond five, how many more."""
    if len(names) > _LISTED:
        return f"{', '.join(names[:_LISTED])} and {len(names) - _LISTED} more"
    return joined(names)


def responsibility(which: Responsibility) -> str:
    """Return who has to act, in words."""
    text = RESPONSIBILITIES[which]
    return text[0].upper() + text[1:]


def confidence_word(confidence: float) -> str:
    """Return how far one may lean on a confidence."""
    steps = ((0.95, "very high"), (0.8, "high"), (0.6, "moderate"))
    return next((word for least, word in steps if confidence >= least), "low")


def state(incident: Incident) -> str:
    """Return the state of the incident with its time."""
    if incident.state is IncidentState.RESOLVED and incident.resolved_at is not None:
        lasted = numbers.duration(incident.resolved_at - incident.opened_at)
        return f"Resolved {numbers.moment(incident.resolved_at)} after {lasted}"
    since = f"open since {numbers.moment(incident.opened_at)}"
    if incident.maintenance is not None:
        since += f", within planned work ({incident.maintenance}): nobody is notified"
    return {
        IncidentState.ACKNOWLEDGED: f"Acknowledged, {since}",
        IncidentState.MUTED: f"Muted until {numbers.moment(incident.muted_until)}, {since}",
        IncidentState.MITIGATED: f"Mitigated {numbers.moment(incident.mitigated_at)}, not confirmed yet, {since}",
        IncidentState.MERGED: f"Merged into {incident.merged_into}",
        IncidentState.VOIDED: f"Voided {numbers.moment(incident.resolved_at)}, its debits are refunded",
    }.get(incident.state, f"{since[0].upper()}{since[1:]}")


def severity(incident: Incident) -> str:
    """Return how severe an incident is, and how much it harms in its latest window; empty where it was not rated."""
    if incident.severity is None:
        return ""
    share = incident.share
    if share is None or incident.n_judged is None:
        return f"{incident.severity}, impact not known yet: no outcome is known"
    first = incident.first_share
    since = f", {numbers.percent(first)} when it opened" if first is not None and first != share else ""
    harmed = f"{numbers.count(incident.n_records)} of {numbers.plural(incident.n_judged, 'judged record')}"
    return f"{incident.severity}, {harmed} ({numbers.percent(share)}{since})"


def also_seen(incident: Incident) -> tuple[str, ...]:
    """Return what other detectors see of the incident's cause, a line each; what it does is the incident's to say."""
    return tuple(
        f"{'attribution' if seen.watch is None else seen.watch.value}: {seen.headline.partition('; ')[0]}"
        for seen in incident.also_seen
    )


def history(incident: Incident) -> str:
    """Return when the cause was first seen and how often."""
    if incident.n_windows < 1:
        return "Seen in one window, which was run again since and no longer shows it."
    if incident.n_windows == 1:
        return f"Seen in one window{' so far' if incident.is_open else ''}."
    windows = numbers.plural(incident.n_windows, "window")
    return f"Seen in {windows}, first {numbers.span(incident.first_window)}, last {numbers.span(incident.last_window)}."


def verdict(cause: Finding | None, measured: Measured) -> str:
    """Return one paragraph: how many records, what they share, what the interventions showed."""
    attribution = measured.attribution
    n_failing = attribution.n_failing if attribution is not None else 0
    if cause is None:
        return (
            f"The window {numbers.span(measured.window)} no longer shows this cause: "
            f"{numbers.plural(n_failing, 'failing record')}, none of them of it."
        )
    if attribution is None:
        ratio = cause.n_records / measured.n_records if measured.n_records else None
        return (
            f"{numbers.count(cause.n_records)} of {numbers.plural(measured.n_records, 'answer')} "
            f"({numbers.percent(ratio)}) rested on documents that are not as they are at the source. "
            "Whether that made them wrong is reported once their outcomes are known and current documents were tried."
        )
    reach = (
        f"{'About ' if cause.is_estimated else ''}{numbers.count(cause.n_records)} "
        f"of {numbers.plural(n_failing, 'failing record')} "
        f"({numbers.percent(cause.share)}; 95% interval {numbers.interval(cause.share_low, cause.share_high)})"
    )
    return f"{reach} {_finding(cause)}{_healthy(cause.rate)}"


def _healthy(rate: RateComparison | None) -> str:
    """Return what a healthy window has instead."""
    if rate is None:
        return ""
    healthy = f" A healthy window of this size has about {numbers.count(rate.n_expected)}."
    if rate.since is not None:
        healthy += (
            f" Since {numbers.moment(rate.since)} there were {numbers.count(rate.n_since)}, "
            f"where a healthy window has about {numbers.count(rate.n_expected_since)}."
        )
    return healthy


def _finding(cause: Finding) -> str:
    """Return what the cause's records share; the table is by responsibility and, where it matters, pattern."""
    sentence = FINDINGS.get((cause.responsibility, cause.kind)) or FINDINGS[(cause.responsibility, "any")]
    fields = listed(cause.fields)
    return sentence.format(
        where=cause.stage or "a stage that is not known",
        what=fields or "payload",
        fields=f" ({fields})" if fields else "",
        why=f": {WINDOW_GAPS[cause.gap]}" if cause.gap else "",
    )


def onset(cause: Finding | None) -> str:
    """Return when the cause began, with its interval; a dash where that is not known."""
    if cause is None or cause.onset is None:
        return numbers.NO_DATA
    if cause.onset_high is None:
        return numbers.moment(cause.onset)
    earliest = "not known" if cause.onset_low is None else numbers.moment(cause.onset_low)
    return f"{numbers.moment(cause.onset)} (95% interval: {earliest} to {numbers.moment(cause.onset_high)})"


def changes(cause: Finding | None, *, affected: str = "the failing records") -> tuple[str, ...]:
    """Return what else changed near the onset, the likeliest reason first; `affected` names what it goes with."""
    return tuple(
        f"At {numbers.moment(one.at)} {one.stage}.{one.field} changed from {_short(one.before)} to {_short(one.after)} "
        f"({numbers.probability(one.p_value)} that it coincides with {affected} by chance)."
        for one in (cause.changed if cause else ())
    )


def _short(value: str) -> str:
    return value if len(value) <= _VALUE_CHARS else f"{value[:_VALUE_CHARS]}…"


def reading(rate: RateComparison | None) -> str:
    """Return whether a cause is a change, and what says so."""
    if rate is None:
        return "a change"
    if not rate.is_change:
        return "fits a healthy window"
    if rate.n_windows > 1 and rate.e_value and 1 / rate.e_value < rate.p_value:
        return f"a change over {numbers.plural(rate.n_windows, 'window')} ({numbers.probability(1 / rate.e_value)})"
    since = f" since {numbers.moment(rate.since)}" if rate.since else ""
    return f"a change{since} ({numbers.probability(rate.p_value)})"


def is_of(verdict: Verdict, incident: Incident) -> bool:
    """Return whether a record's verdict is the incident's cause."""
    return (verdict.responsibility, verdict.stage) == (incident.responsibility, incident.stage)


def confidence_basis(incident: Incident, verdicts: Sequence[Verdict], pipeline: Pipeline) -> tuple[str, ...]:
    """Return what the confidence rests on: records by kind of evidence, and the trust in the reference."""
    found = Counter(verdict.basis for verdict in verdicts if is_of(verdict, incident))
    lines = [f"{numbers.plural(found[basis], 'record')} {text}." for basis, text in BASES.items() if found[basis]]
    stage = next((stage for stage in pipeline.stages if stage.name == incident.stage), None)
    if stage is not None and stage.reference and stage.reference_confidence < 1:
        lines.append(
            f"The reference of {stage.name} is itself trusted at {numbers.percent(stage.reference_confidence)}; "
            "no verdict that rests on it is surer."
        )
    return tuple(lines)


def correction(stated: float, correction: ConfidenceCorrection) -> str:
    """Return what a corrected confidence was stated as, and why it is corrected."""
    whose = "verdicts of all kinds" if correction.responsibility is None else "such verdicts"
    n_right = numbers.count(correction.n_right)
    return (
        f"stated {numbers.percent(stated)}; of {numbers.count(correction.n_judged)} {whose} judged {n_right} "
        f"{'was' if correction.n_right == 1 else 'were'} right"
    )


def is_degraded(result: IsolationResult) -> bool:
    """Return whether the model alone is worse than its baseline beyond chance: input by input where that is known."""
    if result.standing is not None:
        return result.standing is BenchmarkStanding.DEGRADED
    return result.p_degraded is not None and result.p_degraded < DEGRADED_BELOW_P


def isolation(result: IsolationResult) -> str:
    """Return what the model does when it is called alone."""
    name = result.model or result.stage or "The model"
    if result.accuracy is None:
        calls = "was not called" if result.calls == 0 else f"was called {numbers.plural(result.calls, 'time')}"
        return f"{name} {calls} in isolation for this window; its accuracy alone is unknown."
    alone = f"{name}, called alone, is right on {numbers.percent(result.accuracy)} of the benchmark"
    if result.standing is not None:
        return f"{alone}. {_finding_on_inputs(result)}"
    if result.baseline_accuracy is None:
        return f"{alone}. There is no baseline to compare it with."
    if is_degraded(result):
        p = numbers.probability(result.p_degraded or 0.0)
        return f"{alone}, below its baseline of {numbers.percent(result.baseline_accuracy)} ({p}): it got worse."
    return f"{alone}, in line with its baseline of {numbers.percent(result.baseline_accuracy)}."


def _finding_on_inputs(result: IsolationResult) -> str:
    """Return how today compares with the baseline on the same inputs."""
    inputs = numbers.plural(result.n_paired, "input")
    moved = f"{numbers.count(result.n_worse)} turned wrong and {numbers.count(result.n_better)} right"
    are = "is" if result.n_changed_answers == 1 else "are"
    answers = f"{numbers.count(result.n_changed_answers)} of {inputs} {are} answered differently than in the baseline"
    unstable = f"{numbers.count(result.n_unstable)} of {numbers.count(result.n_repeated)} asked twice on one day differ"
    now_named = f" It was {result.model_before} then." if result.model_changed and result.model_before else ""
    if result.standing is BenchmarkStanding.DEGRADED:
        worst = _worst_segment(result)
        p = numbers.probability(result.p_paired or 0.0)
        return f"It got worse: of {inputs} that the baseline holds, {moved} ({p}, paired).{worst}{now_named}"
    if result.standing is BenchmarkStanding.CHANGED:
        return f"It is not the model that was accepted: {answers}, {unstable}; {moved}.{now_named}"
    if result.standing is BenchmarkStanding.UNSTABLE:
        return f"It is not deterministic: {unstable}, and {answers}; {moved}."
    return f"It is as it was: of {inputs} that the baseline holds, {moved}."


def _worst_segment(result: IsolationResult) -> str:
    worst = next((one for one in result.segments if one.p_worse < DEGRADED_BELOW_P), None)
    if worst is None:
        return ""
    return (
        f" It shows in {worst.segment} = {_short(worst.value)}: {numbers.count(worst.n_right)} of "
        f"{numbers.count(worst.n)} right, {numbers.count(worst.n_right_before)} before "
        f"({numbers.probability(worst.p_worse)}, adjusted)."
    )


def caveats(cause: Finding | None, measured: Measured, stage_results: Sequence[StageResult]) -> tuple[str, ...]:
    """Return what weakens the verdict; empty when nothing does."""
    lines: list[str] = []
    if cause is not None and cause.gap is not None:
        lines.append(f"Evidence is missing: {WINDOW_GAPS[cause.gap]}.")
    attribution = measured.attribution
    if attribution is not None:
        lines += _unjudged(attribution)
    unreferenced = [r.stage for r in stage_results if not r.is_reconciled and not r.checks]
    model = measured.isolation.stage
    if watched := [name for name in unreferenced if name != model]:
        lines.append(f"Watched, not checked (no reference, no expectations): {', '.join(watched)}.")
    if attribution is not None:
        lines += [
            f"The reference of {doubt.stage} is {describe_doubt(doubt)}." for doubt in attribution.references_in_doubt
        ]
    errors = {r.stage: r.n_reference_errors for r in stage_results if r.n_reference_errors}
    lines += [f"The reference of {stage} failed on {numbers.plural(n, 'record')}." for stage, n in errors.items()]
    lines += [f"{result.stage}: {note}" for result in stage_results for note in result.notes]
    return tuple(dict.fromkeys((*lines, *measured.isolation.notes, *measured.notes)))


def undetermined(attribution: Attribution) -> list[str]:
    """Return a line for every kind of evidence that is missing: of how many records, and which."""
    gaps = Counter(v.gap for v in attribution.verdicts if v.gap is not None)
    return [f"{numbers.plural(n, 'record')}: {WINDOW_GAPS[gap]}" for gap, n in sorted(gaps.items())]


def _unjudged(attribution: Attribution) -> list[str]:
    """Return what was not judged, or not examined itself."""
    lines = [f"{line}." for line in undetermined(attribution)]
    n_waiting = attribution.n_pending - attribution.n_unreadable
    if n_waiting:
        have = "has" if n_waiting == 1 else "have"
        pending = numbers.plural(n_waiting, "record")
        lines.append(f"{pending} {have} no truth yet, so neither right nor wrong.")
    if attribution.n_failing and not attribution.n_examined:
        lines.append("No failing record could be examined itself.")
    elif attribution.n_examined < attribution.n_failing:
        lines.append(
            f"{numbers.count(attribution.n_examined)} of {numbers.plural(attribution.n_failing, 'failing record')} "
            "were examined themselves; the others are judged by records like them."
        )
    return lines

"""What steps of runbooks found, in words: one sentence, and the few facts behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from seamwatch.core.file_history import AFTER, BEFORE, Commit
from seamwatch.core.finding import Finding
from seamwatch.core.freshness_results import FreshnessCheck
from seamwatch.core.results import Discrepancy, Verdict
from seamwatch.core.runbook_segments import SegmentComparison
from seamwatch.core.runbooks import StepFinding
from seamwatch.report import numbers
from seamwatch.report.advice import reference_place
from seamwatch.report.sentences import changes, listed
from seamwatch.report.stages import StageFacts, StageMark
from seamwatch.report.text import first_sentence, joined, shortened, visible
from seamwatch.report.texts import GAP_STEPS, WINDOW_GAPS
from seamwatch.secret_redaction import SECRETS
from seamwatch.spec.pipeline import Pipeline, Stage
from seamwatch.vocabulary import Gap, StepState

LONGEST_TEXT, LONGEST_DETAIL, MOST_DETAILS = 200, 240, 6
_KEY_CHARS, _VALUE_CHARS, _NAME_CHARS, _SUBJECT_CHARS = 40, 60, 60, 100
_KEYS = 5


def step_finding(state: StepState, text: str, details: Iterable[str] = ()) -> StepFinding:
    """Return what a step found, fit to be shown: one line each, bounded, without secrets or hidden characters."""
    lines = [shortened(_one_line(line), LONGEST_DETAIL) for line in details if line]
    if len(lines) > MOST_DETAILS:
        more = len(lines) - MOST_DETAILS + 1
        lines = [*lines[: MOST_DETAILS - 1], f"{more} more are in the report"]
    return StepFinding(state=state, text=shortened(_one_line(text), LONGEST_TEXT), details=tuple(lines))


def unknown(text: str, details: Iterable[str] = ()) -> StepFinding:
    """Return that a step could not look; the text says why, and what would let it."""
    return step_finding(StepState.UNKNOWN, text, details)


def clear(text: str, details: Iterable[str] = ()) -> StepFinding:
    """Return that a step looked, and that it is not there."""
    return step_finding(StepState.CLEAR, text, details)


def found(text: str, details: Iterable[str] = ()) -> StepFinding:
    """Return what a step found."""
    return step_finding(StepState.FOUND, text, details)


def _one_line(text: str) -> str:
    return visible(SECRETS.redact(text))


def sentences_of(text: str) -> list[str]:
    """Return the sentences of a text, at most as many as details are shown."""
    lines, rest = list[str](), text.strip()
    while rest and len(lines) < MOST_DETAILS:
        first = first_sentence(rest)
        lines.append(first)
        rest = rest[len(first) :].strip()
    return lines


# Affected records.


def affected_records(
    cause: Finding, keys: Sequence[str], *, n_all: int, what: str, segments: Sequence[str]
) -> StepFinding:
    """Return how many records have the cause, since when, some of their keys and where they lie.

    Args:
        cause: In the incident's last window.
        keys: Of its records; some of them where there are many.
        n_all: Records that it was sought in.
        what: What those are, as `judged record`.
        segments: What segments tell, a line each.
    """
    ratio = cause.n_records / n_all if n_all else None
    about = "About " if cause.is_estimated else ""
    since = f", since {numbers.moment(cause.onset)}" if cause.onset else ", since when is not known"
    text = (
        f"{about}{numbers.count(cause.n_records)} of {numbers.plural(n_all, what)} ({numbers.percent(ratio)}) "
        f"{'has' if cause.n_records == 1 else 'have'} this cause{since}."
    )
    shown = [shortened(visible(key), _KEY_CHARS) for key in keys[:_KEYS]]
    more = cause.n_records - len(shown)
    named = [f"Records: {', '.join(shown)}{f' and {numbers.count(more)} more' if more > 0 else ''}."] if shown else []
    return found(text, (*named, *segments))


def segment_lines(compared: SegmentComparison) -> tuple[str, ...]:
    """Return in which segments affected records lie more often than others, and in which they do not."""
    lines = [
        f"{one.segment} is {shortened(one.value, _VALUE_CHARS)} in {numbers.count(one.n_affected)} of "
        f"{numbers.count(one.affected)} of them, in {numbers.count(one.n_others)} of {numbers.count(one.others)} of "
        f"the others ({numbers.probability(one.p_value)})."
        for one in compared.concentrated[:3]
    ]
    if compared.even:
        lines.append(f"They are spread evenly over {listed(compared.even)}.")
    if compared.untold:
        lines.append(f"Too few of them, or of their values, are known to tell by {listed(compared.untold)}.")
    return tuple(lines)


# The pipeline.


def pipeline_integrity(stages: Sequence[StageFacts], *, without_reference: Collection[str], span: str) -> StepFinding:
    """Return which stages are as they should be, which are not, and which nobody checked.

    Args:
        stages: Of the pipeline, in its order.
        without_reference: Those that should have a reference and have none.
        span: When.
    """
    broken = [one for one in stages if one.findings or one.mark in (StageMark.CAUSE, StageMark.FINDING)]
    unchecked = [one for one in stages if one not in broken and one.mark is StageMark.UNCHECKED]
    sound = [one for one in stages if one not in broken and one not in unchecked]
    parts = [
        f"{_n_of(sound, stages)} as they should be" if len(sound) != 1 else f"{_n_of(sound, stages)} as it should be"
    ]
    if broken:
        parts.insert(0, f"not as it should be: {listed([one.name for one in broken])}")
    if unchecked:
        parts.append(f"not checked: {listed([one.name for one in unchecked])}")
    text = f"Of the stages in {span}: {'; '.join(parts)}."
    details = [f"{one.name}: {', '.join(one.findings) or one.finding or 'the cause lies here'}" for one in broken]
    if sound:
        details.append(f"As they should be: {listed([one.name for one in sound])}.")
    if unchecked:
        names = [f"{one.name} (no reference)" if one.name in without_reference else one.name for one in unchecked]
        details.append(f"Not checked in this window: {listed(names)}.")
    if broken:
        return found(text, details)
    return clear(text, details) if sound else unknown(text, details)


def _n_of(some: Sequence[StageFacts], all_stages: Sequence[StageFacts]) -> str:
    return f"{len(some)} of {len(all_stages)}"


def fault_location(
    cause: Finding, stage: Stage | None, headline: str, *, verdict: Verdict | None, example: Discrepancy | None
) -> StepFinding:
    """Return where the fault lies, what kind of damage it is and what says how it should be.

    Args:
        cause: Of the incident.
        stage: Where it lies; None: not known.
        headline: Of the incident.
        verdict: The surest of its records'; None where none is known.
        example: A field as it was recorded beside as it should be; None where there is none.
    """
    if stage is None:
        return unknown(f"Where the fault lies is not known: {first_sentence(headline)}")
    fields = f", {'field' if len(cause.fields) == 1 else 'fields'} {listed(cause.fields)}" if cause.fields else ""
    details = [f"Stage {stage.name} ({stage.kind.value}, {stage.relation}){fields}."]
    if verdict is not None:
        details += [
            f"Record {shortened(verdict.key, _KEY_CHARS)}: {line}" for line in sentences_of(verdict.explanation)
        ]
    else:
        details += sentences_of(cause.explanation)
    if example is not None:
        details.append(
            f"Example, record {shortened(example.key, _KEY_CHARS)}: {example.field} is {_value(example.recorded)}, "
            f"should be {_value(example.expected)}."
        )
    place = reference_place(stage)
    details = [*details[: MOST_DETAILS - 1], f"What it should be says {place}." if place else ""]
    return found(first_sentence(headline), details)


def _value(text: str | None) -> str:
    return "empty" if text is None else repr(shortened(SECRETS.redact_record(text), _VALUE_CHARS))


def correlated_changes(cause: Finding | None, names: Sequence[str], *, affected: str) -> StepFinding:
    """Return what else changed when the cause began.

    Args:
        cause: With what switched; None: the window no longer shows it.
        names: Stages whose columns were searched.
        affected: What goes with it, as `the failing records`.
    """
    if cause is None or cause.onset is None:
        return unknown("What changed when it began cannot be said: when it began is not known.")
    if not cause.is_change:
        return unknown(
            "What changed when it began was not looked for: the last window has no more of it than healthy ones."
        )
    lines = changes(cause, affected=affected)
    if lines:
        first = cause.changed[0]
        at = numbers.moment(first.at)
        return found(
            f"{first.stage}.{first.field} changed at {at}, when it began ({numbers.moment(cause.onset)}).", lines
        )
    return clear(f"No column of {listed(names)} switched its value near {numbers.moment(cause.onset)}, when it began.")


# Other owners.


def provider_errors(verdicts: Sequence[Verdict], span: str) -> StepFinding:
    """Return how many calls the provider failed, by what it said; of verdicts that name it."""
    if not verdicts:
        return clear(f"No failing record of {span} got an error, a refusal or a broken-off answer from a provider.")
    said = Counter((one.stage or "a stage that is not known", _failure(one)) for one in verdicts)
    (stage, first), n = said.most_common(1)[0]
    rest = f", and {len(said) - 1} other kinds" if len(said) > 2 else ", and one other kind" if len(said) == 2 else ""
    return found(
        f"{numbers.plural(len(verdicts), 'record')} of {span} got no full answer; mostly at {stage} {first} "
        f"({numbers.count(n)}){rest}.",
        [f"{where}: {what}: {numbers.plural(n, 'record')}" for (where, what), n in said.most_common()],
    )


def _failure(verdict: Verdict) -> str:
    """Return what in a call said that the provider failed, as the verdict's explanation has it."""
    sentence = next((one for one in sentences_of(verdict.explanation) if one.startswith(f"At {verdict.stage} ")), "")
    if not sentence:
        return (verdict.pattern or "no full answer").replace("_", " ")
    return sentence.removeprefix(f"At {verdict.stage} ").partition(":")[0].partition(";")[0].rstrip(".")


def outdated_documents(checks: Sequence[FreshnessCheck]) -> StepFinding:
    """Return which documents were not as they are at the source in the last check of each knowledge base."""
    wrong = [(check, one) for check in checks for one in check.documents if one.n_answers]
    names = joined([f"{check.knowledge_base} ({numbers.moment(check.checked_at)})" for check in checks])
    if not wrong:
        waiting = sum(len(check.documents) for check in checks)
        note = f"{numbers.plural(waiting, 'document')} not up to date, behind no answer so far." if waiting else ""
        return clear(f"No answer rests on an outdated document in the last check of {names}.", (note,))
    wrong.sort(key=lambda pair: -pair[1].n_answers)
    since = min((one.since for _, one in wrong if one.since is not None), default=None)
    answers = sum(check.answers.n_affected for check in checks if check.answers is not None)
    behind = f"{numbers.plural(answers, 'answer')} rested" if answers else "Answers rested"
    text = (
        f"{behind} on {numbers.plural(len(wrong), 'document')} of {listed(list({c.knowledge_base for c, _ in wrong}))} "
        f"not as at the source{f', since {numbers.moment(since)}' if since else ''}."
    )
    return found(
        text,
        [
            f"{shortened(one.document, _NAME_CHARS)}: {one.reason.value.replace('_', ' ')}, "
            f"{numbers.plural(one.n_answers, 'answer')}, since {numbers.moment(one.since)}"
            for _, one in wrong
        ],
    )


def missing_evidence(verdicts: Sequence[Verdict], gap: Gap | None) -> StepFinding:
    """Return which evidence is missing, by records, and what would settle each."""
    gaps = Counter(one.gap for one in verdicts if one.gap is not None)
    if not gaps and gap is not None:
        gaps = Counter({gap: len(verdicts)})
    if not gaps:
        return unknown("No gap in the evidence is named: every experiment was made, and none turned a record right.")
    n, leading = sum(gaps.values()), gaps.most_common(1)[0][0]
    kinds = f"; {numbers.plural(len(gaps) - 1, 'other gap')} below" if len(gaps) > 1 else ""
    return found(
        f"{numbers.plural(n, 'record')} cannot be attributed: {WINDOW_GAPS[leading]} ({numbers.count(gaps[leading])})"
        f"{kinds}.",
        [
            f"{numbers.plural(n, 'record')}: {WINDOW_GAPS[one]}. {GAP_STEPS.get(one, '')}"
            for one, n in gaps.most_common()
        ],
    )


def stage_names(pipeline: Pipeline) -> tuple[str, ...]:
    """Return the names of all stages."""
    return tuple(stage.name for stage in pipeline.stages)


# What version control tells.


def changed_lines(
    commits: Sequence[Commit], onset: datetime, *, files: Sequence[str], unread: Sequence[str]
) -> StepFinding:
    """Return which commits touched the files of the place at fault near the onset, with their changed lines.

    Args:
        commits: The nearest before the onset first.
        onset: When it began.
        files: Whose history was read.
        unread: Of which files nothing is known, and why; a line each.
    """
    span = f"between {numbers.moment(onset - BEFORE)} and {numbers.moment(onset + AFTER)}"
    if not commits and unread:
        return unknown(f"Whether lines changed {span} is not known: {unread[0]}.", unread[1:])
    if not commits:
        return clear(f"No commit {span} touched {listed(files)}.")
    first = commits[0]
    n = numbers.plural(len(commits), "commit")
    details: list[str] = []
    for commit in commits[:MOST_DETAILS]:
        about = (
            f"{commit.id[:10]} by {shortened(commit.author, _NAME_CHARS)}: {shortened(commit.subject, _SUBJECT_CHARS)}"
        )
        details.append(f"{numbers.moment(commit.at)} {about}")
        details += [line.removeprefix("include/") for line in commit.lines[: MOST_DETAILS - 1]]
    return found(
        f"{n} {span} touched {listed(files)}; nearest to the onset {first.id[:10]}, {numbers.moment(first.at)}.",
        (*details, *unread),
    )

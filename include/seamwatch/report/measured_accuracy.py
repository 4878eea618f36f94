"""Accuracy from people's labels in words: what it is, what it rests on, and what would make it surer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seamwatch.core.accuracy.change import RestartReason
from seamwatch.core.accuracy.confidence_sequence import CONFIDENCE
from seamwatch.core.accuracy.judge_error import JudgeErrors
from seamwatch.core.accuracy.pooling import AccuracyEstimate, ShareInterval, labels_to_halve
from seamwatch.core.review.labels import LabelCounts
from seamwatch.report import numbers
from seamwatch.report.judge_texts import judge_facts, judge_json
from seamwatch.report.text import visible

_BEGINS = {
    RestartReason.FIRST_LABELS: "since the first labels; nothing says that accuracy changed since",
    RestartReason.LABELS: "since then, as people's labels differ from those of before",
    RestartReason.JUDGE_RATE: "since then, as the evaluators' rate over all answers moved",
}


@dataclass(frozen=True, kw_only=True)
class AccuracyFacts:
    """What a page says of measured accuracy."""

    lead: str
    facts: tuple[tuple[str, str, str], ...]
    """Name, value and a note; the note may be empty."""
    notes: tuple[str, ...]


def accuracy_facts(
    estimate: AccuracyEstimate | None,
    counts: LabelCounts,
    *,
    waiting: int,
    judge: JudgeErrors | None = None,
    notes: Sequence[str] = (),
) -> AccuracyFacts:
    """Return accuracy in words.

    Args:
        estimate: The newest one that rests on a label; None: there is none.
        counts: Records that people judged.
        waiting: Answers that were drawn and nobody judged yet.
        judge: How often the evaluators are wrong, as far as labels tell; None: the pipeline has none.
        notes: Further sentences, as how far people agree and who stands out.
    """
    trust = judge_facts(judge) if judge is not None else ()
    notes = (*_label_notes(counts, waiting), *notes)
    if estimate is None or estimate.accuracy is None:
        lead = "Nobody knows how many answers are right: no drawn answer was judged yet."
        return AccuracyFacts(lead=lead, facts=trust, notes=notes)
    found = estimate.accuracy
    lead = (
        f"{numbers.percent(found.value)} of the answers are right, {_bounds(found)}, by "
        f"{numbers.plural(found.labels, 'label')} of people since the week of {estimate.pooled_from:%Y-%m-%d}."
    )
    sure = f"The interval holds in {CONFIDENCE:.0%} of all cases, however often it is looked at."
    if estimate.unplaced:
        notes = (*notes, f"{numbers.plural(estimate.unplaced, 'label')} belong to no known answers and are left out.")
    return AccuracyFacts(lead=f"{lead} {sure}", facts=(*_facts(estimate), *trust), notes=notes)


def _facts(estimate: AccuracyEstimate) -> tuple[tuple[str, str, str], ...]:
    assert estimate.accuracy is not None
    facts = [("Labels count", f"from {estimate.pooled_from:%Y-%m-%d}", _BEGINS[estimate.reason])]
    if estimate.people_only is not None:
        facts.append(
            ("By people's labels alone", numbers.percent(estimate.people_only.value), _bounds(estimate.people_only))
        )
    if estimate.judge_alone is not None:
        alone = "what they would say without people; their own error is in it"
        facts.append(("By the evaluators alone", numbers.percent(estimate.judge_alone), alone))
        weight = "0 %: they tell people nothing; 100 %: as good as people" if estimate.prediction_weight < 1.005 else ""
        facts.append(("Weight of the evaluators", numbers.percent(estimate.prediction_weight), weight))
    more = labels_to_halve(estimate)
    if more is not None:
        facts.append(("To halve the interval", f"{numbers.plural(more, 'more label')}", "drawn as those so far"))
    facts += [(f"Segment {visible(name)}", numbers.percent(one.value), _bounds(one)) for name, one in estimate.segments]
    return tuple(facts)


def _label_notes(counts: LabelCounts, waiting: int) -> tuple[str, ...]:
    notes = []
    if counts.n_records:
        notes.append(
            f"People judged {numbers.plural(counts.n_records, 'answer')}: {numbers.count(counts.n_right)} right, "
            f"{numbers.count(counts.n_wrong)} wrong, {numbers.count(counts.n_undecided)} undecided."
        )
    if counts.n_contradicted:
        notes.append(f"Of {numbers.plural(counts.n_contradicted, 'answer')} people say both right and wrong.")
    if waiting:
        notes.append(f"{numbers.plural(waiting, 'answer')} still {'waits' if waiting == 1 else 'wait'} for people.")
    return tuple(notes)


def _bounds(found: ShareInterval) -> str:
    return f"between {numbers.percent(found.low)} and {numbers.percent(found.high)}"


def accuracy_json(
    weeks: tuple[AccuracyEstimate, ...], counts: LabelCounts, *, waiting: int, judge: JudgeErrors | None = None
) -> dict[str, Any]:
    """Return measured accuracy for programs: one entry a week, how labels stand, and what evaluators are worth."""
    return {
        "evaluators": judge_json(judge) if judge is not None else None,
        "weeks": [
            {
                "week": f"{one.week:%Y-%m-%d}",
                "pooled_from": f"{one.pooled_from:%Y-%m-%d}",
                "reason": one.reason.value,
                "accuracy": _share_json(one.accuracy),
                "people_only": _share_json(one.people_only),
                "evaluators_alone": one.judge_alone,
                "evaluator_weight": one.prediction_weight,
                "labels_to_halve": labels_to_halve(one),
                "segments": {name: _share_json(share) for name, share in one.segments},
            }
            for one in weeks
        ],
        "labels": {
            "records": counts.n_records,
            "right": counts.n_right,
            "wrong": counts.n_wrong,
            "undecided": counts.n_undecided,
            "contradicted": counts.n_contradicted,
            "waiting": waiting,
        },
    }


def _share_json(found: ShareInterval | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "labels": found.labels,
        "answers": found.answers,
    }

"""What people's labels say of the accuracy of a pipeline, and how far people and judges can be relied on."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from seamwatch.core.accuracy.agreement import krippendorff_alpha
from seamwatch.core.accuracy.judge_error import JudgeErrors, judge_errors
from seamwatch.core.accuracy.pooling import AccuracyEstimate, estimate_weeks
from seamwatch.core.accuracy.reviewers import find_unlike_reviewers
from seamwatch.core.review.items import Label, ReviewItem
from seamwatch.core.review.labels import LabelCounts, count_labels, settle_labels
from seamwatch.core.review.measured import labelled_sample, weeks_of_answers, wrong_shares
from seamwatch.core.slo.quality import WrongShare
from seamwatch.engine.deps import Deps
from seamwatch.engine.review.draw import predictor_of
from seamwatch.report.reviewers import agreement_sentence, reviewer_sentences
from seamwatch.spec.pipeline import Pipeline
from seamwatch.spec.review import Review
from seamwatch.vocabulary import LabelKind

_OPINIONS = {LabelKind.RIGHT: True, LabelKind.WRONG: False, LabelKind.CANNOT_TELL: None}


@dataclass(frozen=True, kw_only=True)
class MeasuredAccuracy:
    """Accuracy from people's labels."""

    weeks: tuple[AccuracyEstimate, ...]
    """One a week with answers, in order."""
    sample: pd.DataFrame
    """Labels that count, columns `core.accuracy.labels.LABEL_COLUMNS`."""
    counts: LabelCounts
    labels: tuple[Label, ...]
    """Of all people; withdrawn ones are left out."""
    items: tuple[ReviewItem, ...]

    @property
    def opinions(self) -> pd.DataFrame:
        """Return what each person last said of each drawn answer: record, reviewer, value, is_right, stratum."""
        segments = {item.record: item.segment for item in self.items}
        last = {(one.record, one.by): one for one in sorted(self.labels, key=lambda one: (one.at, one.id))}
        rows = [
            (one.record, one.by, _OPINIONS[one.kind], _OPINIONS[one.kind], segments[one.record])
            for one in last.values()
            if one.record in segments
        ]
        return pd.DataFrame(rows, columns=["record", "reviewer", "value", "is_right", "stratum"], dtype=object)

    @property
    def last(self) -> AccuracyEstimate | None:
        """Return the newest estimate that rests on a label."""
        return next((one for one in reversed(self.weeks) if one.accuracy is not None), None)


def evaluator_errors(pipeline: Pipeline, found: MeasuredAccuracy) -> JudgeErrors | None:
    """Return how often the evaluators are wrong, as far as people's labels tell; None where there are none."""
    if not pipeline.evaluators:
        return None
    # What evaluators with other settings predicted says nothing of those in use.
    now = predictor_of(pipeline)
    records = {item.record for item in found.items if item.predictor == now}
    return judge_errors(found.sample[found.sample["record"].isin(records)])


def measured_accuracy(deps: Deps, pipeline: Pipeline) -> MeasuredAccuracy:
    """Return what the labels that are kept say."""
    name, since = pipeline.pipeline, deps.clock() - (pipeline.review or Review()).keep
    items = tuple(deps.store.review_items(name, since=since))
    labels = tuple(one for one in deps.store.labels(name, since=since) if one.withdrawn_at is None)
    settled = settle_labels(labels)
    sample = labelled_sample(items, settled)
    return MeasuredAccuracy(
        weeks=estimate_weeks(sample, weeks_of_answers(deps.store.draws(name, since=since))),
        sample=sample,
        counts=count_labels(settled),
        labels=labels,
        items=items,
    )


def measured_wrong_shares(deps: Deps, pipeline: Pipeline) -> tuple[WrongShare, ...]:
    """Return the shares of wrong answers that an accuracy objective rests on; none where a truth table judges."""
    if pipeline.review is None or pipeline.outcome is None or pipeline.outcome.truth is not None:
        return ()
    return wrong_shares(measured_accuracy(deps, pipeline).weeks)


def people_notes(found: MeasuredAccuracy) -> tuple[str, ...]:
    """Return in words how far people agree, and who of them stands out."""
    opinions = found.opinions
    if not len(opinions):
        return ()
    agreement = agreement_sentence(krippendorff_alpha(opinions))
    return (agreement, *reviewer_sentences(find_unlike_reviewers(opinions)))

"""What people's labels say of the accuracy of a pipeline, and how far people and judges can be relied on."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from seamwatch.core.accuracy.judge_error import JudgeErrors, judge_errors
from seamwatch.core.accuracy.pooling import AccuracyEstimate, estimate_weeks
from seamwatch.core.review.items import Label, ReviewItem
from seamwatch.core.review.labels import LabelCounts, count_labels, settle_labels
from seamwatch.core.review.measured import labelled_sample, weeks_of_answers, wrong_shares
from seamwatch.core.slo.quality import WrongShare
from seamwatch.engine.deps import Deps
from seamwatch.spec.pipeline import Pipeline
from seamwatch.spec.review import Review


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
    def last(self) -> AccuracyEstimate | None:
        """Return the newest estimate that rests on a label."""
        return next((one for one in reversed(self.weeks) if one.accuracy is not None), None)


def evaluator_errors(pipeline: Pipeline, found: MeasuredAccuracy) -> JudgeErrors | None:
    """Return how often the evaluators are wrong, as far as people's labels tell; None where there are none."""
    return judge_errors(found.sample) if pipeline.evaluators else None


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

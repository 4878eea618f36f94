"""Draw answers of a window for people to judge: evaluated first, so that doubtful ones are drawn more often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.evaluation.summary import summarise_evaluation
from seamwatch.core.records.comparison import strict_text
from seamwatch.core.records.frames import key_text
from seamwatch.core.results import Window
from seamwatch.core.review.candidates import candidates, count_answers
from seamwatch.core.review.items import ReviewItem
from seamwatch.core.review.labels import answer_hashes
from seamwatch.core.review.sampling import draw_sample
from seamwatch.core.review.spans import EvaluationSummary, ReviewDraw
from seamwatch.engine.deps import Deps
from seamwatch.engine.evaluation.run import evaluate_records
from seamwatch.engine.outcomes import final_payloads, judge_records, judged_fields
from seamwatch.engine.reading import StageReader
from seamwatch.engine.review.shown import ShownTexts
from seamwatch.engine.window import WindowData, open_window
from seamwatch.errors import DataContractError, Problem, SpecError
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import OutcomeState

_WEEK = timedelta(days=7)
_SEGMENT_CHARS = 60
_MOST_SEGMENTS = 20
"""Of one draw; a field with more values tells records apart, not kinds of them."""
OTHER_SEGMENTS = "(others)"


@dataclass(frozen=True, kw_only=True)
class DrawResult:
    """What a draw gave."""

    n_answers: int
    n_drawn: int
    is_new: bool
    """False: the span was drawn before, and nothing was changed."""


def draw_for_review(deps: Deps, pipeline: Pipeline, window: Window) -> DrawResult:
    """Return how many answers of a window were drawn; what was drawn waits for people from then on.

    A window is drawn once; the same one again changes nothing. Answers whose truth is known are not drawn, nor are
    records that never reached the judged stage.

    Raises:
        SpecError: If the pipeline has no `review`, or no outcome.
        DataContractError: If the window overlaps another one that was drawn from.
        AdapterError: If a table cannot be read.
    """
    review = pipeline.review
    if review is None or pipeline.outcome is None:
        missing = "review" if review is None else "outcome"
        text = f"no {missing!r}: answers are put before people where a pipeline has both 'review' and 'outcome'"
        raise SpecError([Problem(file=f"include/pipelines/{pipeline.pipeline}.yaml", text=text)])
    known = deps.store.draws(pipeline.pipeline)
    before = next((one for one in known if (one.start, one.end) == (window.start, window.end)), None)
    if before is not None:
        return DrawResult(n_answers=sum(one.answers for one in before.answers), n_drawn=before.n_drawn, is_new=False)
    _refuse_overlap(known, window)
    with open_window(deps, pipeline, window) as rows:
        data = rows.read()
        keys = _open_keys(deps, rows.pipeline, data, rows.reader)
        found = _Found.of(deps, rows.pipeline, window, data, keys, known)
        draw = draw_sample(
            found.candidates,
            n=review.per_week * (window.length / _WEEK),
            uniform_share=review.uniform_share,
            overlap=review.overlap,
            salt=f"{pipeline.pipeline}/{window.id}",
        )
        kept = ReviewDraw(
            pipeline=pipeline.pipeline,
            start=window.start,
            end=window.end,
            drawn_at=deps.clock(),
            n_drawn=len(draw.sample),
            predictor=predictor_of(pipeline),
            answers=count_answers(found.times, found.segments, found.candidates["prediction"]),
        )
        items = _items(rows.pipeline, kept, draw.sample, data, found)
    is_new = deps.store.save_draw(kept, items)
    for summary in found.summaries:
        deps.store.save_evaluation(pipeline.pipeline, summary, now=kept.drawn_at)
    return DrawResult(n_answers=draw.n_records, n_drawn=kept.n_drawn, is_new=is_new)


def _refuse_overlap(known: Sequence[ReviewDraw], window: Window) -> None:
    """Refuse to draw from answers a second time: nobody would know with what probability each was drawn."""
    other = next((one for one in known if one.start < window.end and window.start < one.end), None)
    if other is not None:
        drawn = Window(start=other.start, end=other.end)
        msg = (
            f"answers of {drawn.id} were drawn before, and {window.id} overlaps it; draw from spans that do not overlap"
        )
        raise DataContractError(msg)


@dataclass(frozen=True, kw_only=True)
class _Found:
    """The answers of a window that may be drawn; index of each the record as text."""

    keys: pd.Series[Any]
    """As the stages have them."""
    candidates: pd.DataFrame
    summaries: tuple[EvaluationSummary, ...]
    segments: pd.Series[Any]
    times: pd.Series[Any]

    @classmethod
    def of(
        cls,
        deps: Deps,
        pipeline: Pipeline,
        window: Window,
        data: WindowData,
        keys: pd.Index[Any],
        known: Sequence[ReviewDraw],
    ) -> _Found:
        """Evaluate the answers."""
        records = pd.Index(key_text(pd.Series(keys, dtype=object)), dtype=object)
        frames = evaluate_records(deps, pipeline, window, data)
        evaluations = {name: frame.reindex(keys).set_axis(records) for name, frame in frames.items()}
        segments = _segments(pipeline, data, keys).set_axis(records)
        return cls(
            keys=pd.Series(keys, index=records, dtype=object),
            candidates=candidates(
                records,
                evaluations,
                judges=set(judges_of(pipeline)),
                segments=segments,
                known_segments={one.segment for draw in known for one in draw.answers},
            ),
            summaries=tuple(
                summarise_evaluation(one.name, one.kind, frames[one.name], window) for one in pipeline.evaluators
            ),
            segments=segments,
            times=data.stages[pipeline.first_stage.name].times.reindex(keys).set_axis(records),
        )


def _items(
    pipeline: Pipeline, draw: ReviewDraw, sample: pd.DataFrame, data: WindowData, found: _Found
) -> list[ReviewItem]:
    """Return what people are to judge: each drawn answer once, or twice where two are to judge it."""
    final = data.stages[pipeline.final_stage.name].payload
    fields = judged_fields(pipeline, final)
    keys = found.keys.loc[sample.index]
    answers = answer_hashes(final.loc[keys.tolist()], fields).tolist()
    texts = ShownTexts(pipeline, data, judged=fields)
    items = []
    beside = found.candidates.loc[sample.index].assign(segment=found.segments, at=found.times)
    rows: list[dict[str, Any]] = sample.join(beside).to_dict("records")  # type: ignore[assignment]
    for record, key, answer, row in zip(sample.index, keys, answers, rows, strict=True):
        prediction, shown = row["prediction"], texts.of(key)
        items += [
            ReviewItem(
                id=_item_id(draw, record, slot),
                pipeline=draw.pipeline,
                record=record,
                slot=slot,
                record_at=row["at"].to_pydatetime(),
                drawn_at=draw.drawn_at,
                inclusion=float(row["inclusion"]),
                is_uniform=bool(row["is_uniform"]),
                reasons=row["reasons"],
                segment=row["segment"],
                answer=answer,
                prediction=None if np.isnan(prediction) else float(prediction),
                predictor=draw.predictor,
                shown=shown,
            )
            for slot in ((1, 2) if row["is_twice"] else (1,))
        ]
    return items


def judges_of(pipeline: Pipeline) -> tuple[str, ...]:
    """Return the names of the judge models among the evaluators."""
    return tuple(one.name for one in pipeline.evaluators if str(one.kind) == "judge")


def predictor_of(pipeline: Pipeline) -> str:
    """Return which evaluators predict whether an answer is right, with a hash of their settings."""
    judges = judges_of(pipeline)
    used = [one for one in pipeline.evaluators if one.name in judges or not judges]
    if not used:
        return ""
    digest = blake2b(repr([one.model_dump(mode="json") for one in used]).encode(), digest_size=6).hexdigest()
    return f"{', '.join(one.name for one in used)} ({digest})"


def _open_keys(deps: Deps, pipeline: Pipeline, data: WindowData, reader: StageReader) -> pd.Index[Any]:
    """Return the records whose answer there is, and of which no truth table says whether it is right."""
    times = data.stages[pipeline.first_stage.name].times
    final = data.stages[pipeline.final_stage.name].payload
    keys = times.index[times.notna().to_numpy()]
    there = keys[keys.isin(final.index[final.notna().any(axis=1).to_numpy()])]
    assert pipeline.outcome is not None
    if pipeline.outcome.truth is None:
        return there
    outcomes = judge_records(deps, pipeline, reader, final_payloads(pipeline, final, data, there)).outcomes
    return there[(outcomes["state"] == OutcomeState.PENDING).to_numpy(dtype=bool)]


def _segments(pipeline: Pipeline, data: WindowData, keys: pd.Index[Any]) -> pd.Series[Any]:
    """Return the segment of each record by the first field of `segments`; one empty text where there is none."""
    if not pipeline.segments:
        return pd.Series("", index=keys, dtype=object)
    name, _, field = pipeline.segments[0].partition(".")
    payload = data.stages[name].payload if name in data.stages else pd.DataFrame()
    if field not in payload.columns:
        return pd.Series("", index=keys, dtype=object)
    values = payload[field].reindex(keys).map(lambda value: (strict_text(value) or "")[:_SEGMENT_CHARS])
    usual = values.value_counts().index[:_MOST_SEGMENTS]
    return values.where(values.isin(usual), OTHER_SEGMENTS)


def _item_id(draw: ReviewDraw, record: str, slot: int) -> str:
    text = f"{draw.pipeline}/{draw.start.isoformat()}/{record}/{slot}"
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()

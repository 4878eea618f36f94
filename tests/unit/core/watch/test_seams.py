"""A seam that changed is told from one that differs as it always did, and from chance."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from seamwatch.core.detection.window_change import NO_MARK, Budget, WindowCount
from seamwatch.core.records.reconciliation import reconcile
from seamwatch.core.records.references import FunctionReference, Reference
from seamwatch.core.results import Window
from seamwatch.core.watch.seams import Seam, SeamEvaluation, count_seam, evaluate_seams, measure_seams
from seamwatch.report.watch.seams import seam_report
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import Responsibility

START = datetime(2026, 4, 6, tzinfo=UTC)
DAY = timedelta(days=1)
BUDGET = Budget(n_candidates=8)
COPY: Reference = FunctionReference(name="orders:copy", function=lambda df: df, mode="frame")
PIPELINE = Pipeline.model_validate(
    {
        "pipeline": "parcels",
        "database": "dw",
        "key": "id",
        "stages": [
            {"name": "orders", "kind": "source", "table": "orders"},
            {"name": "request", "kind": "mapping", "table": "requests", "reference": "orders:copy"},
            {"name": "sink", "kind": "sink", "table": "sinks"},
        ],
    }
)


def _window(day: int) -> Window:
    return Window(start=START + day * DAY, end=START + (day + 1) * DAY)


def _times(day: int, n: int) -> pd.Series:
    return pd.Series([_window(day).start + at * DAY / n for at in range(n)], index=range(n))


def _seams(n: int, differing: Collection[int], *, wrong: str = "other") -> tuple[Seam, ...]:
    source = pd.DataFrame({"product": [f"p{i % 7}" for i in range(n)]}, dtype=object)
    recorded = source.assign(product=[wrong if i in differing else v for i, v in enumerate(source["product"])])
    frames = {"orders": source, "request": recorded, "sink": recorded}
    reconciled = {
        "request": reconcile(PIPELINE.stage("request"), recorded, {"orders": source}, COPY),
        "sink": reconcile(PIPELINE.stage("sink"), recorded, {"request": recorded}, None),
    }
    return measure_seams(PIPELINE, frames, reconciled)


def _evaluate(
    differing: Collection[int],
    past: Sequence[WindowCount] = (),
    *,
    n: int = 400,
    day: int = 9,
    judged: Collection[int] = (),
    wrong: Collection[int] = (),
) -> SeamEvaluation:
    seams = _seams(n, differing)
    return evaluate_seams(
        PIPELINE, _window(day), seams, _times(day, n), {"request": past}, BUDGET, judged=judged, wrong=wrong
    )


def _past(*n_differing: int, n: int = 400, is_change: bool = False) -> list[WindowCount]:
    counts = []
    for day, n_differ in enumerate(n_differing):
        differing = np.random.default_rng(day).choice(n, n_differ, replace=False)
        (seam,) = _seams(n, set(differing.tolist()))
        counts.append(count_seam(seam, _times(day, n), _window(day), is_change=is_change))
    return counts


def test_only_stages_with_a_reference_are_seams_and_format_does_not_count() -> None:
    (seam,) = _seams(40, {3, 5})
    assert (seam.stage.name, len(seam.compared), seam.differing.tolist(), seam.fields) == (
        "request",
        40,
        [3, 5],
        {"product": 2},
    )
    (dressed,) = _seams(40, {3}, wrong=" P3 ")
    assert dressed.fields == {}


@pytest.mark.parametrize("n_differing", [20, 85])
def test_a_seam_that_changed_for_a_twentieth_of_400_records_is_found_in_the_first_window(n_differing: int) -> None:
    spread = set(range(0, 400, 400 // n_differing)[:n_differing])
    found = _evaluate(spread, _past(0), judged=range(100), wrong=[0, 20, 399])
    (change,) = found.changes
    assert (change.finding.stage, change.finding.responsibility) == ("request", Responsibility.INTEGRATION)
    assert (change.finding.fields, change.finding.n_records) == (("product",), len(spread))
    assert change.usual is not None
    assert change.usual < 0.005
    assert change.n_judged == sum(key < 100 for key in spread)
    assert change.n_wrong == sum(key in (0, 20) for key in spread)
    report = seam_report(found)
    assert report.findings[0].headline == (f"Seam changed at request, product: {len(spread)} of 400 records differ")
    assert "orders:copy" in report.findings[0].explanation


def test_a_change_at_noon_is_found_without_a_past_and_its_onset_is_noon() -> None:
    afternoon = {key for key in range(200, 400) if key % 2}
    (change,) = _evaluate(afternoon).changes
    assert change.usual is None
    assert change.finding.onset is not None
    assert abs(change.finding.onset - (_window(9).start + DAY / 2)) < timedelta(hours=1)
    assert "no earlier window" in seam_report(_evaluate(afternoon)).findings[0].explanation


@pytest.mark.parametrize("step", [2, 5, 20])
def test_what_differs_evenly_is_no_change_where_nobody_knows_how_it_was(step: int) -> None:
    assert _evaluate(set(range(0, 400, step))).changes == ()


def test_a_reference_that_always_differed_is_as_it_was() -> None:
    past = _past(95, 105, 100, 98, 110)
    assert _evaluate(set(range(0, 400, 4)), past).changes == ()
    (change,) = _evaluate(set(range(0, 400, 2)), past).changes
    assert change.usual == pytest.approx(0.25, abs=0.03)


def test_windows_of_a_change_teach_nothing_until_it_is_over() -> None:
    past = _past(0, 0, 100, 100, 100)
    cause = next(iter(past[0].counts))
    marked = [*past[:2], *(replace(count, changes={cause: NO_MARK}) for count in past[2:])]
    assert _evaluate(set(range(0, 400, 4)), marked).changes
    assert not _evaluate(set(range(0, 400, 4)), past[2:]).changes


def test_a_window_of_which_no_record_was_compared_says_nothing() -> None:
    found = _evaluate((), _past(0, 0), n=0)
    assert (found.changes, found.still) == ((), frozenset({"request"}))


def test_healthy_seams_are_called_changed_less_often_than_one_window_in_a_thousand_would_be() -> None:
    random = np.random.default_rng(7)
    n_called = 0
    for share in (0.001, 0.01, 0.05, 0.3):
        past: list[WindowCount] = []
        for day in range(60):
            differing = set(np.flatnonzero(random.random(200) < share).tolist())
            seams = _seams(200, differing)
            found = evaluate_seams(
                PIPELINE, _window(day), seams, _times(day, 200), {"request": past}, BUDGET, judged=(), wrong=()
            )
            n_called += bool(found.changes)
            past.append(count_seam(seams[0], _times(day, 200), _window(day), is_change=bool(found.changes)))
    assert n_called <= 1


def _two_rules(n: int, day: int, broken: dict[str, Collection[int]]) -> tuple[Seam, ...]:
    """Return the seam of a stage with three fields, some of whose rules are broken for some records."""
    source = pd.DataFrame({name: [f"{name}{i % 7}" for i in range(n)] for name in ("product", "area", "amount")})
    recorded = source.copy()
    for name, keys in broken.items():
        recorded.loc[list(keys), name] = "other"
    reconciled = {"request": reconcile(PIPELINE.stage("request"), recorded, {"orders": source}, COPY)}
    return measure_seams(PIPELINE, {"orders": source, "request": recorded}, reconciled)


def _day_after_day(
    *days: dict[str, Collection[int]], usual: dict[str, Collection[int]] | None = None, n: int = 400
) -> list[SeamEvaluation]:
    """Return the evaluations of days in a row, after ten that are as usual."""
    past: list[WindowCount] = []
    found = []
    for day, broken in enumerate([*([usual or {}] * 10), *days]):
        seams = _two_rules(n, day, broken)
        times = _times(day, n)
        one = evaluate_seams(PIPELINE, _window(day), seams, times, {"request": past}, BUDGET, judged=(), wrong=())
        past.append(count_seam(seams[0], times, _window(day), is_change=bool(one.changes)))
        found.append(one)
    return found[10:]


def test_two_rules_of_one_stage_that_break_are_two_findings_each_with_its_own_onset() -> None:
    one, both = _day_after_day({"product": range(0, 400, 4)}, {"product": range(0, 400, 4), "area": range(201, 400, 3)})
    assert [change.finding.fields for change in one.changes] == [("product",)]
    assert [change.finding.fields for change in both.changes] == [("product",), ("area",)]
    product, area = (change.finding for change in both.changes)
    assert product.onset == _window(10).start
    assert area.onset is not None
    assert area.onset >= _window(11).start + DAY / 2
    assert (product.n_records, area.n_records) == (100, 67)
    assert len(seam_report(both).findings) == 2


def test_a_rule_that_breaks_after_another_was_repaired_began_then() -> None:
    _, second = _day_after_day({"product": range(100)}, {"area": range(200, 300)})
    (change,) = second.changes
    assert change.finding.fields == ("area",)
    assert change.finding.onset is not None
    assert change.finding.onset >= _window(11).start + DAY * 0.4


def test_a_rule_that_damages_two_fields_is_one_finding() -> None:
    (found,) = _day_after_day({"product": range(0, 200), "area": range(10, 200)})
    assert [change.finding.fields for change in found.changes] == [("product", "area")]


def test_a_field_that_always_differs_is_not_told_with_one_that_changed() -> None:
    usual = {"amount": range(0, 400, 8)}
    (last,) = _day_after_day({**usual, "product": range(0, 400, 5)}, usual=usual)
    assert [change.finding.fields for change in last.changes] == [("product",)]
    assert last.changes[0].finding.n_records == 80


@pytest.mark.parametrize(("n_left", "still"), [(1, {"request.area"}), (0, set())])
def test_a_field_that_few_records_lack_any_more_beside_one_that_changed_is_over_only_once_that_can_be_told(
    n_left: int, still: set[str]
) -> None:
    broken = {"product": range(30)}
    _, left = _day_after_day({**broken, "area": range(30, 35)}, {**broken, "area": range(30, 30 + n_left)}, n=60)
    assert [change.finding.fields for change in left.changes] == [("product",)]
    assert left.still == still


def test_windows_of_which_fields_were_not_counted_leave_a_stage_whole() -> None:
    past = [replace(one, counts={(Responsibility.INTEGRATION, "request"): 4}) for one in _past(*[4] * 10)]
    seams = _two_rules(400, 10, {"product": range(0, 400, 4), "area": range(201, 400, 3)})
    found = evaluate_seams(
        PIPELINE, _window(10), seams, _times(10, 400), {"request": past}, BUDGET, judged=(), wrong=()
    )
    assert [set(change.finding.fields) for change in found.changes] == [{"product", "area"}]

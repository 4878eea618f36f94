"""Causes: groups of verdicts, and which of them is a change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seamwatch.core.attribution.causes import BaseRates, find_causes, lingering_causes
from seamwatch.core.detection.window_change import FALSE_INCIDENTS, MIN_RECORDS, Budget, WindowCount
from seamwatch.core.finding import Finding, RateComparison
from seamwatch.core.results import Part, Verdict
from seamwatch.vocabulary import Basis, Gap, Responsibility

START = datetime(2026, 1, 5, tzinfo=UTC)
MODEL, INTEGRATION, UNDETERMINED = Responsibility.MODEL, Responsibility.INTEGRATION, Responsibility.UNDETERMINED
BASE = BaseRates(accuracy=0.94)


def _verdicts(
    n: int, responsibility: Responsibility, stage: str | None = "m", first: int = 0, **more: Any
) -> list[Any]:
    return [
        Verdict(
            key=str(first + number),
            responsibility=responsibility,
            stage=stage,
            confidence=0.9,
            **more,
        )
        for number in range(n)
    ]


def _times(n: int) -> pd.Series[Any]:
    return pd.Series([START + timedelta(minutes=k) for k in range(n)], index=[str(k) for k in range(n)])


def _causes(verdicts: list[Any], n_judged: int = 1000, base: BaseRates = BASE) -> tuple[Finding, ...]:
    return find_causes(verdicts, _times(n_judged), n_judged=n_judged, base=base)


def _past(number: int, n_judged: int, counts: dict[Any, int], changes: dict[Any, Any] | None = None) -> WindowCount:
    start = START - timedelta(days=100 - number)
    return WindowCount(
        start=start, end=start + timedelta(days=1), n_judged=n_judged, counts=counts, changes=changes or {}
    )


def test_no_failing_record_has_no_cause() -> None:
    assert _causes([]) == ()


def test_a_model_that_is_wrong_as_often_as_ever_is_no_change() -> None:
    (cause,) = _causes(_verdicts(60, MODEL))
    assert not cause.is_change
    assert cause.rate.n_expected == pytest.approx(60)
    assert cause.onset is None


def test_a_model_that_is_wrong_much_more_often_is_a_change() -> None:
    (cause,) = _causes(_verdicts(120, MODEL))
    assert cause.is_change
    assert cause.rate.p_value < 1e-5


def test_without_a_baseline_the_model_is_given_a_wide_assumption_until_there_is_a_history() -> None:
    assert not _causes(_verdicts(160, MODEL), base=BaseRates())[0].is_change
    assert _causes(_verdicts(400, MODEL), base=BaseRates())[0].is_change
    history = tuple(_past(number, 1000, {(MODEL, "m"): 100}) for number in range(10))
    assert _causes(_verdicts(160, MODEL), base=BaseRates(history=history))[0].is_change
    assert not _causes(_verdicts(105, MODEL), base=BaseRates(history=history))[0].is_change


def test_a_seam_fault_among_healthy_model_errors_leads_though_it_is_smaller() -> None:
    causes = _causes(
        [*_verdicts(58, MODEL), *_verdicts(30, INTEGRATION, "request", 100, fields=("product",), pattern="swapped")]
    )
    assert [(cause.responsibility, cause.is_change) for cause in causes] == [(INTEGRATION, True), (MODEL, False)]
    assert (causes[0].stage, causes[0].fields, causes[0].kind) == ("request", ("product",), "swapped")
    assert [cause.n_records for cause in causes] == [30, 58]


def test_shares_add_up_to_one_and_lie_in_their_intervals() -> None:
    causes = _causes([*_verdicts(7, MODEL), *_verdicts(11, INTEGRATION, "a", 10), *_verdicts(3, INTEGRATION, "b", 30)])
    assert sum(cause.share for cause in causes) == pytest.approx(1.0)
    assert all(cause.share_low < cause.share < cause.share_high for cause in causes)


@pytest.mark.parametrize(("n", "is_change"), [(MIN_RECORDS - 1, False), (MIN_RECORDS, True)])
def test_one_or_two_records_are_no_incident_however_unlikely(n: int, is_change: bool) -> None:
    (cause,) = _causes(_verdicts(n, INTEGRATION), n_judged=10)
    assert cause.rate.p_value < 0.0005
    assert cause.is_change is is_change


def test_a_seam_that_always_loses_some_is_no_change() -> None:
    base = BaseRates(accuracy=0.94, stray={(INTEGRATION, "m"): 0.03})
    assert not _causes(_verdicts(30, INTEGRATION), base=base)[0].is_change
    assert _causes(_verdicts(30, INTEGRATION, "other"), base=base)[0].is_change


def test_undetermined_records_are_compared_with_what_is_left_of_the_models_rate() -> None:
    healthy = _causes([*_verdicts(10, MODEL), *_verdicts(50, UNDETERMINED, None, 100, gap=Gap.BUDGET_SPENT)])
    assert not any(cause.is_change for cause in healthy)
    sick = _causes([*_verdicts(60, MODEL), *_verdicts(50, UNDETERMINED, None, 100, gap=Gap.BUDGET_SPENT)])
    assert [(cause.responsibility, cause.gap) for cause in sick if cause.is_change] == [
        (UNDETERMINED, Gap.BUDGET_SPENT)
    ]


@pytest.mark.parametrize(("n", "gap", "is_change"), [(25, Gap.TRUTH_SUSPECT, False), (25, Gap.BUDGET_SPENT, True)])
def test_as_many_doubted_labels_as_label_sets_usually_have_are_no_change(n: int, gap: Gap, is_change: bool) -> None:
    causes = _causes([*_verdicts(75, MODEL), *_verdicts(n, UNDETERMINED, None, 100, gap=gap)])
    assert [cause.is_change for cause in causes if cause.responsibility is UNDETERMINED] == [is_change]


def test_more_doubted_labels_than_usual_are_a_change() -> None:
    causes = _causes([*_verdicts(60, MODEL), *_verdicts(70, UNDETERMINED, None, 100, gap=Gap.TRUTH_SUSPECT)])
    assert [cause.responsibility for cause in causes if cause.is_change] == [UNDETERMINED]


def test_doubted_labels_hide_no_fault() -> None:
    doubted = _verdicts(25, UNDETERMINED, None, 100, gap=Gap.TRUTH_SUSPECT)
    causes = _causes([*doubted, *_verdicts(60, MODEL), *_verdicts(12, INTEGRATION, "sink", 200)])
    assert [cause.stage for cause in causes if cause.is_change] == ["sink"]


def test_the_onset_is_the_first_record_of_the_change() -> None:
    verdicts = _verdicts(40, INTEGRATION, "request", first=160)
    assert _causes(verdicts, n_judged=200)[0].onset == START + timedelta(minutes=160)


def test_fields_that_hardly_any_record_names_are_not_told() -> None:
    verdicts = [*_verdicts(30, INTEGRATION, fields=("a",)), *_verdicts(2, INTEGRATION, first=40, fields=("b", "a"))]
    assert _causes(verdicts)[0].fields == ("a",)


def test_a_pattern_is_told_only_if_most_records_share_it() -> None:
    half = [*_verdicts(10, INTEGRATION, pattern="lost"), *_verdicts(10, INTEGRATION, first=20)]
    assert _causes(half)[0].kind is None
    assert _causes([*half, *_verdicts(1, INTEGRATION, first=50, pattern="lost")])[0].kind == "lost"


def test_a_rate_that_the_windows_before_had_is_no_change() -> None:
    history = tuple(_past(number, 1000, {(INTEGRATION, "m"): 20 + number % 5}) for number in range(20))
    base = BaseRates(accuracy=0.94, history=history)
    assert not _causes(_verdicts(25, INTEGRATION), base=base)[0].is_change
    assert _causes(_verdicts(60, INTEGRATION), base=base)[0].is_change
    assert _causes(_verdicts(25, INTEGRATION))[0].is_change


def test_windows_that_vary_more_than_by_chance_are_given_their_spread() -> None:
    wild = tuple(_past(number, 400, {(MODEL, "m"): (8, 20, 31, 44)[number % 4]}) for number in range(40))
    calm = tuple(_past(number, 400, {(MODEL, "m"): 25 + number % 3}) for number in range(40))
    verdicts = _verdicts(56, MODEL)
    assert not _causes(verdicts, n_judged=400, base=BaseRates(accuracy=0.935, history=wild))[0].is_change
    assert _causes(verdicts, n_judged=400, base=BaseRates(accuracy=0.935, history=calm))[0].is_change


def test_small_windows_in_a_row_show_what_none_shows_alone() -> None:
    quiet = [_past(number, 100, {(INTEGRATION, "m"): 0}) for number in range(20)]
    struck = [_past(20 + number, 100, {(INTEGRATION, "m"): 2}) for number in range(9)]
    alone = _causes(_verdicts(2, INTEGRATION), n_judged=100, base=BaseRates(history=quiet))[0]
    assert not alone.is_change
    together = _causes(_verdicts(2, INTEGRATION), n_judged=100, base=BaseRates(history=[*quiet, *struck]))[0]
    assert together.is_change
    assert together.rate.n_windows > 3
    assert together.onset is not None
    assert together.onset < START
    assert together.onset_low is not None
    assert together.onset_low <= struck[0].start <= together.onset_high


def test_a_fault_that_was_repaired_is_over_at_once() -> None:
    quiet = [_past(number, 100, {}) for number in range(20)]
    key = (INTEGRATION, "m")
    struck = [_past(20 + number, 100, {key: 20}, {key: (frozenset(), None)}) for number in range(5)]
    assert not _causes(_verdicts(1, INTEGRATION), n_judged=100, base=BaseRates(history=[*quiet, *struck]))[0].is_change
    again = _causes(_verdicts(20, INTEGRATION), n_judged=100, base=BaseRates(history=[*quiet, *struck]))[0]
    assert again.is_change


def test_more_candidates_and_parts_of_a_window_ask_for_more() -> None:
    budgets = [
        Budget(),
        Budget(n_candidates=9),
        Budget(n_candidates=9, share_judged=1.0),
        Budget(n_candidates=9, share_judged=0.8),
        Budget(n_candidates=9, share_judged=0.6),
        Budget(n_candidates=9, share_judged=0.1),
    ]
    limits = [budget.p_alone for budget in budgets]
    assert limits == sorted(limits, reverse=True)
    # All looks at all candidates together spend half of the budget, the runs the other half.
    assert 9 * sum(limits[2:]) == pytest.approx(FALSE_INCIDENTS / 2)


def test_another_damage_at_the_same_place_was_another_incident() -> None:
    quiet = [_past(number, 100, {}) for number in range(20)]
    unit = [
        _past(20 + number, 100, {(INTEGRATION, "m"): 60}, {(INTEGRATION, "m"): (frozenset({"amount"}), None)})
        for number in range(2)
    ]
    base = BaseRates(history=[*quiet, *unit])
    dates = _causes(_verdicts(30, INTEGRATION, first=50, fields=("date",)), n_judged=100, base=base)[0]
    assert dates.is_change
    assert dates.rate.n_windows == 1
    assert dates.onset == START + timedelta(minutes=50)
    amount = _causes(_verdicts(60, INTEGRATION, fields=("amount",)), n_judged=100, base=base)[0]
    assert amount.rate.n_windows > 1
    assert amount.onset is not None
    assert amount.onset <= unit[0].end


def test_a_small_fault_that_leaves_a_window_alone_is_not_over() -> None:
    key = (INTEGRATION, "m")
    quiet = [_past(number, 100, {}) for number in range(20)]
    small = [
        _past(20 + number, 100, {key: 2}, {key: (frozenset(), None)} if number > 6 else None) for number in range(10)
    ]
    strong = [_past(20 + number, 100, {key: 30}, {key: (frozenset(), None)}) for number in range(3)]
    for history, lingering in (([*quiet, *small], (key,)), ([*quiet, *strong], ()), (quiet, ())):
        base = BaseRates(history=history)
        assert lingering_causes((), n_judged=100, base=base) == lingering
    # So few are not told from none by six windows; of six in a hundred, two windows say enough.
    wider = [*quiet, *[_past(20 + n, 100, {key: 6}, {key: (frozenset(), None)}) for n in range(10)]]
    for struck, n_clean, lingering in ((small, 6, (key,)), (wider, 0, (key,)), (wider, 1, ())):
        since = BaseRates(history=[*quiet, *struck, *[_past(40 + number, 100, {}) for number in range(n_clean)]])
        assert lingering_causes((), n_judged=100, base=since) == lingering


@pytest.mark.parametrize(
    ("before", "now", "n_judged", "is_lingering"),
    [
        # The fault strikes 30 of 100 records; another one damages so many of this window's and hides it in them.
        ((30, 0), (0, 0), 100, False),
        ((30, 0), (0, 95), 100, True),
        ((30, 0), (1, 95), 100, True),
        ((30, 0), (0, 50), 100, False),
        # Hidden before as well: 5 of the 10 records that could show it.
        ((5, 90), (0, 93), 100, True),
        ((5, 90), (0, 0), 100, False),
        # Too few for a change, and far more than a healthy window has.
        ((30, 0), (4, 0), 100, True),
        ((30, 0), (1, 0), 100, False),
        # A window with few records, or none, says little.
        ((10, 0), (0, 0), 5, True),
        ((10, 0), (0, 0), 0, True),
        ((10, 0), (0, 0), 100, False),
    ],
)
def test_a_fault_is_over_by_the_records_that_could_still_show_it(
    before: tuple[int, int], now: tuple[int, int], n_judged: int, *, is_lingering: bool
) -> None:
    key, other = (INTEGRATION, "m"), (Responsibility.PROVIDER, "n")
    mark = (frozenset[str](), None)
    changed = {one: mark for one, n in zip((key, other), before, strict=True) if n}
    quiet = [_past(number, 100, {}) for number in range(40)]
    struck = [_past(40 + number, 100, dict(zip((key, other), before, strict=True)), changed) for number in range(3)]
    causes = [
        Finding(
            responsibility=one[0], stage=one[1], n_records=n, confidence=0.9, rate=RateComparison(is_change=n >= 20)
        )
        for one, n in zip((key, other), now, strict=True)
        if n
    ]
    lingering = lingering_causes(causes, n_judged=n_judged, base=BaseRates(history=[*quiet, *struck]))
    assert (key in lingering) is is_lingering


def test_a_weak_fault_is_not_over_though_the_windows_that_showed_it_had_more_of_it_than_most() -> None:
    """A fault in 8 % of 55 records an hour: windows with seven are changes, those between have four on average."""
    key, rng = (INTEGRATION, "m"), np.random.default_rng(5)
    mark = (frozenset[str](), None)
    n_over = n_looked = 0
    for _ in range(60):
        history = [_past(number, 55, {}) for number in range(20)]
        for number, n in enumerate(rng.binomial(55, 0.08, size=30)):
            is_change = n >= 7
            if not is_change and any(one.changes for one in history[-8:]):
                n_looked += 1
                cause = Finding(
                    responsibility=key[0], stage=key[1], n_records=int(n), confidence=0.9,
                    rate=RateComparison(is_change=False),
                )  # fmt: skip
                n_over += key not in lingering_causes([cause], n_judged=55, base=BaseRates(history=history))
            history.append(_past(20 + number, 55, {key: int(n)}, {key: mark} if is_change else None))
    assert n_looked > 500
    assert n_over <= n_looked / 500


def test_what_no_window_showed_for_long_is_over_whatever_hides_it() -> None:
    key, other = (INTEGRATION, "m"), (Responsibility.PROVIDER, "n")
    mark = (frozenset[str](), None)
    struck = [_past(number, 100, {key: 30}, {key: mark}) for number in range(3)]
    hidden = [_past(3 + number, 100, {other: 100}, {other: mark}) for number in range(8)]
    assert key in lingering_causes((), n_judged=0, base=BaseRates(history=[*struck, *hidden[:7]]))
    assert key not in lingering_causes((), n_judged=0, base=BaseRates(history=[*struck, *hidden]))


def test_a_sample_of_one_kind_alone_leaves_doubt_of_the_rest_but_not_of_everything() -> None:
    part = Part(responsibility=MODEL, stage="m", share=1.0)
    replayed = _verdicts(6, MODEL)
    like = _verdicts(84, MODEL, first=6, basis=Basis.STRATUM, parts=(part,), n_like=6)
    (cause,) = _causes([*replayed, *like])
    assert cause.share == 1.0
    assert not cause.is_estimated
    # Six of six: the interval of a sample of six, no wider and hardly narrower.
    assert 0.5 < cause.share_low < 0.75
    assert cause.share_high == 1.0


def test_a_mixed_stratum_gives_an_estimate_whose_shares_add_up() -> None:
    parts = (
        Part(responsibility=INTEGRATION, stage="m", share=2 / 3),
        Part(responsibility=MODEL, stage="m", share=1 / 3),
    )
    like = _verdicts(90, INTEGRATION, basis=Basis.STRATUM, parts=parts, n_like=9)
    first, second = _causes(like)
    assert {(c.responsibility, c.n_records, c.is_estimated) for c in (first, second)} == {
        (INTEGRATION, 60, True),
        (MODEL, 30, True),
    }
    assert first.share + second.share == pytest.approx(1.0)
    assert first.share_low < 2 / 3 < first.share_high
    assert first.share_high - first.share_low > 0.4


LOST = {"basis": Basis.RULE, "pattern": "lost"}


def _change(causes: tuple[Finding, ...], stage: str) -> bool:
    return any(cause.is_change for cause in causes if cause.stage == stage)


def test_a_fault_is_sought_among_the_records_that_another_one_did_not_hide() -> None:
    second = _verdicts(5, INTEGRATION, "mapping", 900)
    alone = _causes(second, n_judged=500)
    beside = _causes([*_verdicts(350, INTEGRATION, "sink", **LOST), *second], n_judged=500)
    assert not _change(alone, "mapping")
    assert _change(beside, "mapping")
    (cause,) = (cause for cause in beside if cause.stage == "mapping")
    assert cause.rate.n_expected == pytest.approx(150 * 0.002, rel=0.05)


def test_a_fault_that_a_repair_showed_hides_no_other() -> None:
    second = _verdicts(5, INTEGRATION, "mapping", 900)
    beside = _causes([*_verdicts(350, INTEGRATION, "sink", basis=Basis.REPAIR), *second], n_judged=500)
    assert not _change(beside, "mapping")


def test_a_healthy_model_is_no_change_beside_lost_records() -> None:
    """Half the records are lost, and half the model's errors with them."""
    causes = _causes([*_verdicts(500, INTEGRATION, "sink", **LOST), *_verdicts(30, MODEL, first=500)])
    (model,) = (cause for cause in causes if cause.responsibility is MODEL)
    assert not model.is_change
    assert model.rate.n_expected == pytest.approx(30)


def _both(share: float, *, stages: tuple[str, str] = ("mapping", "sink")) -> tuple[Part, ...]:
    return tuple(
        Part(responsibility=INTEGRATION, stage=stage, share=part)
        for stage, part in zip(stages, (1.0 - share, share), strict=True)
    )


def test_a_record_that_takes_two_repairs_tells_of_both_faults_as_a_whole() -> None:
    verdicts = [
        *_verdicts(30, INTEGRATION, "mapping"),
        *_verdicts(8, INTEGRATION, "mapping", 30, parts=_both(0.5), basis=Basis.REPAIR),
    ]
    causes = _causes(verdicts, n_judged=500)
    assert _change(causes, "sink")
    assert {cause.stage: cause.n_records for cause in causes} == {"mapping": 34, "sink": 4}
    assert sum(cause.share for cause in causes) == pytest.approx(1.0)


@pytest.mark.parametrize("more", [{"basis": Basis.STRATUM, "n_like": 5}, {"gap": Gap.ENDPOINT_UNREACHABLE}])
def test_a_share_that_stands_for_not_knowing_stays_a_share(more: dict[str, Any]) -> None:
    verdicts = [
        *_verdicts(30, INTEGRATION, "mapping"),
        *_verdicts(8, INTEGRATION, "mapping", 30, parts=_both(0.5), **more),
    ]
    assert not _change(_causes(verdicts, n_judged=500), "sink")

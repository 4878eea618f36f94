"""Windows, budgets, sampled quality and the ledger on cases that can be worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from seamwatch.core.detection.windows import calendar_window, rolling_window
from seamwatch.core.results import Window
from seamwatch.core.slo.budget import Pace, Spent, calendar_budget, rolling_budget
from seamwatch.core.slo.ledger import Debit, Ledger, Ruling
from seamwatch.core.slo.quality import Judged, extrapolate
from seamwatch.errors import DataContractError
from seamwatch.vocabulary import DebitKind

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def _debit(record: str = "r1", **given: object) -> Debit:
    fields: dict[str, object] = {"at": NOW - DAY, "told_at": NOW - DAY, "kind": DebitKind.WRONG_ANSWER}
    return Debit(objective="accuracy", record=record, **{**fields, **given})  # type: ignore[arg-type]


def test_a_judgement_that_is_corrected_counts_once_and_by_its_last_word() -> None:
    wrong = _debit(incident=None)
    known = _debit(incident="I7", told_at=NOW)
    for entries in ([wrong, known], [known, wrong]):
        ledger = Ledger().post(entries)
        assert list(ledger.debits.values()) == [known]


def test_a_late_debit_of_a_voided_incident_is_refunded_as_well() -> None:
    ruling = Ruling(incident="I7", is_void=True, reason="load test", by="ada", at=NOW)
    ledger = Ledger().post([ruling]).post([_debit(incident="I7", told_at=NOW + DAY), _debit("r2")])
    counted = ledger.counted("accuracy", start=NOW - 28 * DAY, end=NOW)
    assert [(debit.record, is_refunded) for debit, is_refunded in counted] == [("r1", True), ("r2", False)]


def test_an_event_of_a_clock_that_is_ahead_counts_in_its_own_time() -> None:
    ledger = Ledger().post([_debit(at=NOW + DAY)])
    assert ledger.counted("accuracy", start=NOW - 28 * DAY, end=NOW) == []
    assert len(ledger.counted("accuracy", start=NOW, end=NOW + 2 * DAY)) == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: _debit(at=datetime(2026, 3, 1)),  # noqa: DTZ001
        lambda: _debit(amount=-1.0),
        lambda: _debit(amount=float("nan")),
        lambda: Ruling(incident="I", is_void=True, reason=" ", by="ada", at=NOW),
        lambda: Ruling(incident="I", is_void=True, reason="test", by="", at=NOW),
        lambda: Window(start=NOW, end=NOW),
        lambda: Judged(answers=3, judged=4, wrong=0),
        lambda: calendar_budget(
            rolling_window(DAY, NOW), [], bound=0.0, now=NOW, first_event=None, pace=Pace(amount=1, over=DAY)
        ),
    ],
)
def test_what_makes_no_sense_is_refused(make) -> None:
    with pytest.raises(DataContractError):
        make()


def _rolling(spent: list[Spent], *, days: float = 60, events: float = 1000.0, pace: float = 0.0) -> object:
    return rolling_budget(
        rolling_window(28 * DAY, NOW),
        spent,
        goal=0.95,
        events=events,
        first_event=NOW - days * DAY,
        pace=Pace(amount=pace, over=DAY),
        pace_events=events / 28,
    )


def test_a_rolling_budget_by_hand() -> None:
    budget = _rolling([Spent(at=NOW - 2 * DAY, amount=10.0)], pace=4.0)
    # 5 % of 1,000; 4 a day of 35.7 are 2.24 times as many as allowed; 40 are left, 4 a day: ten days.
    assert budget.allowed == pytest.approx(50.0)
    assert budget.left == pytest.approx(0.8)
    assert budget.burn == pytest.approx(2.24)
    assert budget.gone_at == NOW + 10 * DAY
    assert budget.covered == 1.0


def test_old_debits_leave_the_window_before_the_budget_is_gone() -> None:
    spent = [Spent(at=NOW - 27 * DAY, amount=40.0)]
    # 45 in 28 days are sustainable once the 40 of the first day have left.
    assert _rolling(spent, pace=45.0 / 28).gone_at is None
    assert _rolling(spent, pace=12.0).gone_at == NOW + 10 / 12 * DAY
    assert _rolling(spent).gone_at is None


def test_a_young_service_has_the_budget_of_a_whole_window_at_its_traffic() -> None:
    budget = _rolling([Spent(at=NOW - DAY, amount=10.0)], days=7, events=250.0)
    assert budget.covered == pytest.approx(0.25)
    assert budget.allowed == pytest.approx(50.0)
    unknown = rolling_budget(
        rolling_window(DAY, NOW),
        [],
        goal=0.9,
        events=0.0,
        first_event=None,
        pace=Pace(amount=0.0, over=DAY),
        pace_events=0.0,
    )
    assert (unknown.left, unknown.burn, unknown.gone_at, unknown.covered) == (None, None, None, 0.0)


def test_a_spent_budget_is_gone_now() -> None:
    budget = _rolling([Spent(at=NOW - DAY, amount=60.0)])
    assert (budget.gone_at, budget.left) == (NOW, pytest.approx(-0.2))


def test_a_month_of_money_is_projected_to_its_end() -> None:
    now = datetime(2026, 4, 11, tzinfo=UTC)
    month = calendar_window("month", "UTC", now)
    budget = calendar_budget(
        month,
        [Spent(at=now - DAY, amount=200.0)],
        bound=300.0,
        now=now,
        first_event=month.start,
        pace=Pace(amount=10.0, over=DAY),
    )
    assert (month.length, budget.projected, budget.gone_at) == (30 * DAY, 400.0, now + 10 * DAY)
    assert budget.burn == pytest.approx(1.0)
    assert budget.left == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("zone", "now", "start", "hours"),
    [
        ("Europe/Berlin", datetime(2026, 3, 29, 12, tzinfo=UTC), datetime(2026, 3, 28, 23, tzinfo=UTC), 23),
        ("Europe/Berlin", datetime(2026, 10, 25, 12, tzinfo=UTC), datetime(2026, 10, 24, 22, tzinfo=UTC), 25),
        ("Europe/Berlin", datetime(2026, 6, 1, 23, tzinfo=UTC), datetime(2026, 6, 1, 22, tzinfo=UTC), 24),
        # Midnight did not exist: the day began at one o'clock.
        ("America/Sao_Paulo", datetime(2018, 11, 4, 12, tzinfo=UTC), datetime(2018, 11, 4, 3, tzinfo=UTC), 23),
    ],
)
def test_a_day_of_the_calendar_on_which_clocks_change(zone, now, start, hours) -> None:
    day = calendar_window("day", zone, now)
    assert (day.start, day.length) == (start, timedelta(hours=hours))


def test_months_with_a_change_of_clocks_join_without_a_gap() -> None:
    march = calendar_window("month", "Europe/Berlin", datetime(2026, 3, 15, tzinfo=UTC))
    april = calendar_window("month", "Europe/Berlin", march.end)
    assert march.length == timedelta(days=31, hours=-1)
    assert april.start == march.end


def test_a_window_says_how_much_of_it_is_known() -> None:
    month = calendar_window("month", "UTC", NOW)
    assert month.covered(NOW + 5 * DAY, NOW + 10 * DAY) == pytest.approx(0.5)
    assert month.covered(None, NOW + 10 * DAY) == 0.0
    assert month.covered(NOW - DAY, NOW) == 0.0
    assert month.covered(NOW - DAY, NOW + 40 * DAY) == 1.0


def test_a_sampled_share_stands_for_all_answers() -> None:
    found = extrapolate([Judged(answers=1000, judged=100, wrong=10)])
    assert found is not None
    assert (found.wrong, found.judged, found.answers) == (pytest.approx(100.0), 100, 1000)
    # Wilson's interval of 10 in 100 is 5.5 % to 17.4 %; a tenth of the answers is known, which narrows it a little.
    assert found.low == pytest.approx(56.6, abs=1.5)
    assert found.high == pytest.approx(170.5, abs=3.0)


def test_a_day_that_was_judged_more_weighs_no_more() -> None:
    found = extrapolate([Judged(answers=500, judged=400, wrong=0), Judged(answers=500, judged=10, wrong=5)])
    assert found is not None
    assert found.wrong == pytest.approx(250.0)
    # A day without judgements is like the others.
    more = extrapolate([Judged(answers=100, judged=50, wrong=5), Judged(answers=100, judged=0, wrong=0)])
    assert more is not None
    assert more.wrong == pytest.approx(20.0)
    assert extrapolate([Judged(answers=100, judged=0, wrong=0)]) is None
    assert extrapolate([]) is None

"""The life of incidents: opened, updated, resolved, reopened, and the same when a window is run again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from scipy import stats

from seamwatch.core import separate_faults
from seamwatch.core.attribution import causes
from seamwatch.core.detection.binomial import probability_of_more
from seamwatch.core.finding import Finding, RateComparison
from seamwatch.core.incident_evaluations import evaluate_attribution
from seamwatch.core.incident_fingerprints import fingerprint
from seamwatch.core.incident_life import ChangeKind, Incident
from seamwatch.core.incidents import decide
from seamwatch.core.results import Attribution, IsolationResult, Verdict, Window
from seamwatch.vocabulary import IncidentState, Responsibility

DAY = timedelta(days=1)
START = datetime(2026, 1, 5, tzinfo=UTC)
NOW = datetime(2026, 2, 1, tzinfo=UTC)
OPENED, UPDATED, RESOLVED, REOPENED = (
    ChangeKind.OPENED,
    ChangeKind.UPDATED,
    ChangeKind.RESOLVED,
    ChangeKind.REOPENED,
)


def _window(day: int) -> Window:
    return Window(start=START + day * DAY, end=START + (day + 1) * DAY)


def _cause(stage: str = "request", *fields: str, is_change: bool = True, **more: Any) -> Finding:
    values: dict[str, Any] = {
        "responsibility": Responsibility.INTEGRATION,
        "n_records": 30,
        "share": 1.0,
        "share_low": 0.9,
        "share_high": 1.0,
        "confidence": 0.95,
        "headline": f"Integration failure at {stage}",
    }
    return Finding(
        stage=stage, fields=fields or ("product",), rate=RateComparison(is_change=is_change), **{**values, **more}
    )


def _attribution(day: int, *causes: Finding, observed: int = 100, pending: int = 0) -> Attribution:
    return Attribution(
        pipeline="parcels",
        window=_window(day),
        n_observed=observed,
        n_failing=sum(cause.n_records for cause in causes),
        n_pending=pending,
        n_examined=0,
        causes=causes,
        isolation=IsolationResult(stage=None, model=None, calls=0, cost_usd=None),
    )


class Book:
    """The incidents as a store would keep them from decision to decision."""

    def __init__(self) -> None:
        self.known: dict[str, Incident] = {}

    def decide(self, attribution: Attribution, *, now: datetime = NOW) -> list[ChangeKind]:
        changes = decide(self.known.values(), evaluate_attribution(attribution), now=now)
        self.known |= {change.incident.id: change.incident for change in changes}
        return [change.kind for change in changes]

    @property
    def only(self) -> Incident:
        (incident,) = self.known.values()
        return incident


def _states(incidents: Iterable[Incident]) -> list[IncidentState]:
    return [incident.state for incident in incidents]


def test_a_change_opens_an_incident_and_the_base_rate_does_not() -> None:
    book = Book()
    assert book.decide(_attribution(0, _cause(), _cause("answer", is_change=False))) == [OPENED]
    incident = book.only
    assert (incident.pipeline, incident.stage, incident.fields) == ("parcels", "request", ("product",))
    assert (incident.first_window, incident.last_window, incident.n_windows) == (_window(0), _window(0), 1)
    assert (incident.opened_at, incident.state) == (NOW, IncidentState.OPEN)


def test_a_window_that_is_run_again_changes_nothing_but_the_time() -> None:
    book = Book()
    book.decide(_attribution(0, _cause()))
    before = book.only
    assert book.decide(_attribution(0, _cause())) == [UPDATED]
    assert book.only == before


def test_the_same_cause_in_a_later_window_is_the_same_incident() -> None:
    book = Book()
    book.decide(_attribution(0, _cause(n_records=30)))
    later = NOW + DAY
    assert book.decide(_attribution(1, _cause("request", "product", "amount", n_records=50)), now=later) == [UPDATED]
    incident = book.only
    assert (incident.n_windows, incident.n_records, incident.last_window) == (2, 50, _window(1))
    assert (incident.fields, incident.opened_at, incident.updated_at) == (("product", "amount"), NOW, later)


def test_two_causes_of_a_window_are_two_incidents() -> None:
    book = Book()
    assert book.decide(_attribution(0, _cause("request", "product"), _cause("request", "amount"))) == [OPENED, OPENED]
    assert len(book.known) == 2


def test_two_causes_of_one_fingerprint_are_one_incident() -> None:
    assert Book().decide(_attribution(0, _cause(), _cause(n_records=5))) == [OPENED]


def test_a_window_that_cannot_call_the_cause_over_leaves_it_open() -> None:
    book = Book()
    book.decide(_attribution(1, _cause()))
    lingering = ((Responsibility.INTEGRATION, "request"),)
    assert book.decide(replace(_attribution(2), lingering=lingering)) == []
    assert book.only.state is IncidentState.OPEN
    assert book.decide(_attribution(3)) == [ChangeKind.RESOLVED]


def test_a_later_healthy_window_resolves() -> None:
    book = Book()
    book.decide(_attribution(0, _cause()))
    assert book.decide(_attribution(1), now=NOW + DAY) == [RESOLVED]
    assert (book.only.state, book.only.resolved_at) == (IncidentState.RESOLVED, NOW + DAY)
    assert book.decide(_attribution(2)) == []


def test_a_window_with_only_pending_truths_resolves_nothing() -> None:
    book = Book()
    book.decide(_attribution(0, _cause()))
    assert book.decide(_attribution(1, observed=100, pending=100)) == []
    assert book.decide(_attribution(1, observed=0)) == []
    assert book.only.state is IncidentState.OPEN


def test_an_earlier_or_an_overlapping_window_resolves_nothing() -> None:
    book = Book()
    book.decide(_attribution(5, _cause()))
    assert book.decide(_attribution(4)) == []
    overlapping = Window(start=_window(5).start + DAY / 2, end=_window(6).end)
    assert (
        decide(book.known.values(), evaluate_attribution(replace(_attribution(6), window=overlapping)), now=NOW) == []
    )


def test_the_last_window_run_again_after_its_repair_resolves_and_its_counts_are_replaced() -> None:
    book = Book()
    for day in (4, 5):
        book.decide(_attribution(day, _cause()))
    assert book.decide(_attribution(4)) == []  # an earlier window says nothing of the latest
    left = _cause(is_change=False, n_records=2)
    assert book.decide(_attribution(5, left), now=NOW + DAY) == [RESOLVED]
    incident = book.only
    assert (incident.state, incident.resolved_at, incident.resolved_in) == (
        IncidentState.RESOLVED,
        NOW + DAY,
        _window(5),
    )
    assert (incident.n_windows, incident.n_records, incident.last_window) == (1, 2, _window(5))
    assert book.decide(_attribution(5, left)) == []


def test_a_window_whose_repair_is_undone_reopens_what_it_resolved() -> None:
    book = Book()
    book.decide(_attribution(5, _cause()))
    book.decide(_attribution(5))
    assert book.only.n_windows == 0
    assert book.decide(_attribution(5, _cause())) == [REOPENED]
    incident = book.only
    assert (incident.state, incident.resolved_in, incident.n_windows) == (IncidentState.OPEN, None, 1)


def test_a_window_run_again_does_not_reopen_what_a_later_one_resolved() -> None:
    book = Book()
    book.decide(_attribution(5, _cause()))
    book.decide(_attribution(6))
    assert book.decide(_attribution(5, _cause())) == [UPDATED]
    assert book.only.state is IncidentState.RESOLVED


@pytest.mark.parametrize("day", [5, 6])
@pytest.mark.parametrize(("n_unknown", "kinds"), [(30, [OPENED]), (15, [OPENED]), (14, [OPENED, RESOLVED])])
def test_records_that_nothing_is_known_of_are_no_sign_of_a_repair(
    day: int, n_unknown: int, kinds: list[ChangeKind]
) -> None:
    book = Book()
    book.decide(_attribution(5, _cause(n_records=30)))
    unknown = _cause(responsibility=Responsibility.UNDETERMINED, n_records=n_unknown)
    assert book.decide(_attribution(day, replace(unknown, stage=None))) == kinds


def test_a_window_run_again_with_fewer_judged_records_than_half_resolves_nothing() -> None:
    book = Book()
    book.decide(_attribution(5, _cause(), observed=100, pending=20))
    assert book.decide(_attribution(5, observed=100, pending=61)) == []
    assert book.decide(_attribution(5, observed=100, pending=60)) == [RESOLVED]


def test_another_cause_in_a_later_window_resolves_the_first_and_opens_a_second() -> None:
    book = Book()
    book.decide(_attribution(0, _cause("request")))
    assert book.decide(_attribution(1, _cause("result", "queue"))) == [OPENED, RESOLVED]
    assert _states(book.known.values()) == [IncidentState.RESOLVED, IncidentState.OPEN]


def test_a_cause_that_comes_back_reopens_its_incident() -> None:
    book = Book()
    book.decide(_attribution(0, _cause()))
    book.decide(_attribution(1))
    assert book.decide(_attribution(2, _cause())) == [REOPENED]
    assert (book.only.state, book.only.resolved_at, book.only.n_windows) == (IncidentState.OPEN, None, 2)


def test_a_backfill_of_the_past_does_not_reopen() -> None:
    book = Book()
    book.decide(_attribution(3, _cause()))
    book.decide(_attribution(4))
    assert book.decide(_attribution(2, _cause())) == [UPDATED]
    incident = book.only
    assert incident.state is IncidentState.RESOLVED
    assert (incident.first_window, incident.last_window) == (_window(2), _window(3))


def test_an_earlier_window_that_is_run_again_is_not_counted_twice_and_tells_nothing_of_the_latest() -> None:
    book = Book()
    for day, n in enumerate((10, 20, 30)):
        book.decide(_attribution(day, _cause(n_records=n)))
    before = book.only
    for day, n in enumerate((10, 20)):
        assert book.decide(_attribution(day, _cause("request", "product", "old", n_records=n))) == [UPDATED]
        assert book.only == before
    assert (before.n_windows, before.n_records) == (3, 30)


def test_an_acknowledged_incident_stays_so_until_it_is_resolved() -> None:
    book = Book()
    book.decide(_attribution(0, _cause()))
    acknowledged = replace(book.only, state=IncidentState.ACKNOWLEDGED)
    book.known[acknowledged.id] = acknowledged
    assert book.decide(_attribution(1, _cause())) == [UPDATED]
    assert book.only.state is IncidentState.ACKNOWLEDGED
    assert book.decide(_attribution(2)) == [RESOLVED]


def test_a_fingerprint_is_of_who_where_what_and_the_first_field() -> None:
    def mark(**changes: Any) -> str:
        values = {"responsibility": Responsibility.INTEGRATION, "stage": "request", "fields": ("a", "b")}
        return fingerprint("parcels", **{**values, **changes})

    assert mark() == mark(fields=("a", "c"))
    others = [
        mark(),
        mark(stage="result"),
        mark(stage=None),
        mark(fields=("b", "a")),
        mark(kind="lost"),
        mark(responsibility=Responsibility.MODEL),
    ]
    assert len(set(others)) == len(others)


def _verdicts(broken: dict[str, range], patterns: dict[str, str]) -> tuple[Verdict, ...]:
    """Return verdicts on one mapping, some of whose rules are broken for some records."""
    found = []
    for number in sorted({number for numbers in broken.values() for number in numbers}):
        fields = tuple(name for name, numbers in broken.items() if number in numbers)
        found.append(
            Verdict(
                key=f"k{number}",
                responsibility=Responsibility.INTEGRATION,
                stage="request",
                fields=fields,
                confidence=0.95,
                pattern=patterns[fields[0]],
                pattern_fields=fields[:1],
            )
        )
    return tuple(found)


def _broken(day: int, **broken: range) -> Attribution:
    patterns = {"product": "code_table", "area": "missing", "amount": "unit"}
    verdicts = _verdicts(broken, patterns)
    names = sorted(broken, key=lambda name: -len(broken[name]))
    cause = _cause("request", *names, n_records=len(verdicts), kind=patterns[names[0]], kind_fields=tuple(names[:1]))
    return replace(_attribution(day, cause), verdicts=verdicts)


def test_two_rules_that_attribution_finds_at_one_place_are_two_incidents_with_a_life_of_their_own() -> None:
    book = Book()
    assert book.decide(_broken(0, product=range(30))) == [OPENED]
    assert book.decide(_broken(1, product=range(30), area=range(25, 65))) == [OPENED, UPDATED]
    product, area = book.known.values()
    assert (product.fields, area.fields) == (("product",), ("area",))
    assert (product.n_records, area.n_records) == (30, 40)
    assert area.headline == ""
    # The first is repaired, the second is not.
    assert book.decide(_broken(2, area=range(40))) == [UPDATED, RESOLVED]
    assert _states(book.known.values()) == [IncidentState.RESOLVED, IncidentState.OPEN]


def test_a_rule_whose_records_are_too_few_to_be_told_apart_ends_nothing_and_opens_nothing() -> None:
    book = Book()
    book.decide(_broken(0, product=range(30), area=range(40, 70)))
    assert len(book.known) == 2
    # Two records of a hundred may be by chance, and then are counted with the others.
    assert book.decide(_broken(1, product=range(30), area=range(40, 42))) == [UPDATED]
    assert all(one.is_open for one in book.known.values())
    other = Book()
    assert other.decide(_broken(0, product=range(30), area=range(40, 42))) == [OPENED]
    assert other.only.fields == ("product", "area")


def test_what_chance_leaves_at_a_place_is_what_attribution_takes_it_to_be() -> None:
    assert separate_faults.STRAY_RATE == causes.STRAY_RATE


@pytest.mark.parametrize(("total", "least"), [(30, 3), (60, 4), (400, 7), (100_000, 256)])
def test_a_fault_of_its_own_has_more_records_than_chance_leaves(total: int, least: int) -> None:
    for n, is_told in ((least - 1, False), (least, True)):
        tail = stats.binom.sf(n - 1, total, causes.STRAY_RATE)
        assert probability_of_more(n, total, rate=causes.STRAY_RATE) == pytest.approx(tail, rel=1e-9)
        assert bool(tail < 1e-4) is is_told


def test_a_rule_that_damages_two_fields_of_the_same_records_is_one_incident() -> None:
    book = Book()
    assert book.decide(_broken(0, product=range(30), area=range(28))) == [OPENED]
    assert book.only.fields == ("product", "area")


def test_the_field_that_has_the_kind_of_damage_names_the_cause_whichever_leads() -> None:
    book = Book()
    book.decide(_broken(0, product=range(30)))
    mixed = _cause("request", "area", "product", kind="code_table", kind_fields=("product",))
    assert book.decide(_attribution(1, mixed)) == [UPDATED]


def test_an_incident_remembers_that_attribution_found_it_among_wrong_answers() -> None:
    book = Book()
    book.decide(_attribution(0, _cause()))
    assert book.only.has_wrong_answers is True
    # Of one from before this was kept nobody knows, until attribution shows it again.
    book.known = {name: replace(one, has_wrong_answers=None) for name, one in book.known.items()}
    book.decide(_attribution(1, _cause()))
    assert book.only.has_wrong_answers is True


def test_a_fault_beside_another_one_keeps_its_incident_though_no_record_alone_tells_its_kind() -> None:
    book = Book()
    assert book.decide(_broken(0, product=range(30))) == [OPENED]
    (first,) = book.known
    # Each record with a wrong product lacks its area too, as do most others.
    assert book.decide(_broken(1, area=range(90), product=range(20))) == [OPENED, UPDATED]
    assert (book.known[first].fields, book.known[first].n_windows) == (("product",), 2)
    assert book.decide(_broken(2, product=range(30))) == [UPDATED, RESOLVED]
    # So where it is over before: what cannot be told is no other cause.
    book.decide(_broken(3, area=range(90)))
    assert book.known[first].state is IncidentState.RESOLVED
    assert sorted(book.decide(_broken(4, area=range(90), product=range(20)))) == [REOPENED, UPDATED]
    assert len(book.known) == 2


def test_a_fault_that_was_first_seen_where_its_kind_could_not_be_told_is_that_of_the_kind_later() -> None:
    book = Book()
    assert book.decide(_broken(0, area=range(90), product=range(20))) == [OPENED, OPENED]
    assert book.decide(_broken(1, product=range(30))) == [UPDATED, RESOLVED]
    book.decide(_broken(2, area=range(90)))
    assert book.decide(_broken(3, product=range(30))) == [REOPENED, RESOLVED]
    assert len(book.known) == 2


@pytest.mark.parametrize(("n_judged", "is_over"), [(100, True), (80, True), (20, False)])
def test_a_fault_beside_another_one_is_over_once_a_window_has_enough_records_to_say_so(
    n_judged: int, *, is_over: bool
) -> None:
    book = Book()
    book.decide(_broken(0, product=range(40), area=range(40, 50)))
    product, area = book.known.values()
    assert (area.fields, area.share) == (("area",), 0.1)
    book.decide(replace(_broken(1, product=range(15)), n_observed=n_judged))
    assert (book.known[product.id].is_open, book.known[area.id].is_open) == (True, not is_over)


def test_a_fault_that_no_window_tells_from_another_one_is_over_after_eight() -> None:
    book = Book()
    book.decide(_broken(0, product=range(40), area=range(40, 50)))
    area = list(book.known.values())[1]
    states = []
    for day in range(1, 11):
        book.decide(replace(_broken(day, product=range(15)), n_observed=20))
        states.append(book.known[area.id].is_open)
    assert states == [True] * 8 + [False] * 2

"""One cause is one incident, whichever detectors see it, in whatever order; two causes on one table stay two."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from seamwatch.core.finding import Finding
from seamwatch.core.incident_evaluations import Evaluation
from seamwatch.core.incident_life import ChangeKind, Incident, IncidentChange
from seamwatch.core.incidents import Context, decide
from seamwatch.core.results import Window
from seamwatch.vocabulary import IncidentState, Responsibility, Watch

START = datetime(2026, 2, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
UPSTREAM = {
    "orders": (),
    "request": ("orders",),
    "model": ("orders", "request"),
    "sink": ("orders", "request", "model"),
}
KEYS = [f"k{number}" for number in range(40)]


def _window(start: float, hours: float = 24) -> Window:
    return Window(start=START + start * HOUR, end=START + (start + hours) * HOUR)


def _finding(stage: str = "request", *fields: str, keys: Sequence[str] = (), onset: float = 12, **more: Any) -> Finding:
    values: dict[str, Any] = {
        "responsibility": Responsibility.INTEGRATION,
        "n_records": len(keys) or 30,
        "confidence": 0.9,
        "headline": f"{stage}: {', '.join(fields) or 'product'}",
        "onset": START + onset * HOUR,
    }
    return Finding(stage=stage, fields=fields or ("product",), keys=tuple(keys[:5]), **{**values, **more})


class Desk:
    """Incidents as they are kept from decision to decision, with the records of each."""

    def __init__(self) -> None:
        self.known: dict[str, Incident] = {}
        self.keys: dict[str, Collection[str]] = {}
        self.keys_in: dict[str, Window] = {}
        self.n_judged_in: dict[Window, int] = {}

    def take(
        self,
        window: Window,
        *findings: Finding,
        watch: Watch | None = None,
        keys: Sequence[Collection[str]] = (),
        n_judged: int | None = None,
    ) -> list[IncidentChange]:
        evaluation = Evaluation(
            pipeline="parcels",
            window=window,
            findings=findings,
            watch=watch,
            n_judged=n_judged,
            is_over=lambda incident: incident.last_window.end < window.end,
            keys=tuple(keys),
            is_repeatable=watch in (None, Watch.SEAM),
            shows_wrong_answers=watch is None,
        )
        context = Context(keys=self.keys, keys_in=self.keys_in, n_judged_in=self.n_judged_in, upstream=UPSTREAM)
        changes = decide(self.known.values(), evaluation, now=window.end, context=context)
        for change in changes:
            self.known[change.incident.id] = change.incident
        for number, finding in enumerate(findings):
            of_it = [one for one in self.known.values() if (one.stage, one.watch) == (finding.stage, watch)]
            for one in of_it:
                self.keys[one.id] = keys[number] if keys else finding.keys
        return changes

    @property
    def only(self) -> Incident:
        (incident,) = self.known.values()
        return incident


def _kinds(changes: Sequence[IncidentChange]) -> list[ChangeKind]:
    return [change.kind for change in changes]


def test_a_drift_that_attribution_explains_is_evidence_of_its_incident() -> None:
    desk = Desk()
    desk.take(_window(0), _finding(), keys=[KEYS])
    drift = _finding("sink", "queue", keys=KEYS[3:8], onset=13, responsibility=Responsibility.MODEL)
    (change,) = desk.take(_window(6), drift, watch=Watch.DRIFT)
    assert change.kind is ChangeKind.UPDATED
    assert [(seen.watch, seen.stage, seen.headline) for seen in desk.only.also_seen] == [
        (Watch.DRIFT, "sink", "sink: queue")
    ]
    assert (desk.only.stage, desk.only.headline) == ("request", "request: product")
    # Seen again, it is the same evidence; gone, it ends nothing.
    assert _kinds(desk.take(_window(8), drift, watch=Watch.DRIFT)) == [ChangeKind.UPDATED]
    assert len(desk.only.also_seen) == 1
    assert desk.take(_window(10), watch=Watch.DRIFT) == []


def test_attribution_that_comes_later_takes_the_lead_and_keeps_the_incident() -> None:
    desk = Desk()
    (opened,) = desk.take(_window(0), _finding("sink", "queue", keys=KEYS[:5]), watch=Watch.DRIFT)
    (seam,) = desk.take(_window(0), _finding(keys=KEYS[:5]), watch=Watch.SEAM, keys=[KEYS])
    assert desk.only.has_wrong_answers is False
    (led,) = desk.take(_window(0), _finding("request", "product", keys=KEYS), keys=[KEYS])
    assert seam.fingerprint_before == opened.incident.fingerprint
    assert led.fingerprint_before == seam.incident.fingerprint
    assert (desk.only.id, desk.only.watch, desk.only.stage) == (opened.incident.id, None, "request")
    assert desk.only.has_wrong_answers is True
    assert [seen.watch for seen in desk.only.also_seen] == [Watch.DRIFT, Watch.SEAM]
    # Both watches know it as theirs from then on.
    for watch, stage, fields in ((Watch.SEAM, "request", "product"), (Watch.DRIFT, "sink", "queue")):
        assert _kinds(desk.take(_window(1), _finding(stage, fields, keys=KEYS[:5]), watch=watch)) == [
            ChangeKind.UPDATED
        ]
    assert len(desk.only.also_seen) == 2


@pytest.mark.parametrize(
    ("stage", "field", "keys", "onset"),
    [
        ("request", "amount", [f"other{n}" for n in range(5)], 12),
        ("sink", "queue", [f"other{n}" for n in range(5)], 12),
        ("sink", "queue", KEYS[:5], -30),
        ("sink", "queue", (), 12),
        ("orders", "code", [*KEYS[:2], "x", "y", "z"], 12),
    ],
    ids=["other records", "other records further down", "began long before", "nothing in common", "some records"],
)
def test_two_causes_on_one_table_stay_two(stage: str, field: str, keys: Sequence[str], onset: float) -> None:
    desk = Desk()
    desk.take(_window(0), _finding(), keys=[KEYS])
    drift = _finding(stage, field, keys=keys, onset=onset, responsibility=Responsibility.SOURCE_DATA)
    assert _kinds(desk.take(_window(0), drift, watch=Watch.DRIFT)) == [ChangeKind.OPENED]
    assert len(desk.known) == 2


@pytest.mark.parametrize(
    ("n_judged", "n_common", "is_one"),
    [
        # By chance 4 of 10 are common where the fault has 40 of 100 records.
        (100, 4, False),
        (100, 6, False),
        (100, 8, True),
        (400, 6, True),
        (400, 4, False),
        # A fault of nearly all records has those of any other: what is common tells nothing, and what is not does.
        (42, 9, False),
        (42, 10, False),
        # How many could show it is not known.
        (None, 7, False),
        (None, 8, True),
    ],
)
def test_records_in_common_count_as_far_as_they_are_more_than_chance_makes(
    n_judged: int | None, n_common: int, *, is_one: bool
) -> None:
    desk = Desk()
    desk.take(_window(0), _finding(keys=KEYS), keys=[KEYS], n_judged=n_judged)
    named = [*KEYS[:n_common], *(f"other{n}" for n in range(10 - n_common))]
    drift = _finding("sink", "queue", keys=named, responsibility=Responsibility.MODEL)
    changes = desk.take(_window(0), drift, watch=Watch.DRIFT, keys=[named])
    assert _kinds(changes) == [ChangeKind.UPDATED if is_one else ChangeKind.OPENED]


def test_records_of_another_time_tell_nothing_and_those_of_the_same_time_do() -> None:
    # Attribution looks at hours, drift at the day before: none of the records that they name can be the same.
    hour, day = _window(24, 1), _window(0)
    drift = _finding(keys=[f"day{n}" for n in range(10)], onset=0, responsibility=Responsibility.SOURCE_DATA)
    desk = Desk()
    desk.take(hour, _finding(keys=KEYS[:5]), keys=[KEYS])
    assert _kinds(desk.take(day, drift, watch=Watch.DRIFT)) == [ChangeKind.UPDATED]
    # The records of that day that attribution named are known, and are others.
    desk = Desk()
    (opened,) = desk.take(hour, _finding(keys=KEYS[:5]), keys=[KEYS])
    desk.keys_in[opened.incident.id] = _window(0, 25)
    assert _kinds(desk.take(day, drift, watch=Watch.DRIFT)) == [ChangeKind.OPENED]


@pytest.mark.parametrize(
    ("watch", "fields", "is_one"),
    [
        (Watch.LATENCY, ("product",), False),
        (Watch.COST, ("product",), False),
        (Watch.LATENCY, (), True),
        (Watch.DRIFT, ("product",), True),
    ],
)
def test_a_wrong_value_at_a_stage_is_no_reason_for_calls_that_are_slower_or_dearer(
    watch: Watch, fields: tuple[str, ...], *, is_one: bool
) -> None:
    desk = Desk()
    desk.take(_window(0), replace(_finding(), fields=fields))
    slow = replace(_finding(), fields=())
    assert _kinds(desk.take(_window(0), slow, watch=watch)) == [ChangeKind.UPDATED if is_one else ChangeKind.OPENED]


@pytest.mark.parametrize(("first", "second"), [(Watch.COST, Watch.LATENCY), (Watch.LATENCY, Watch.COST)])
def test_calls_of_one_source_that_are_dearer_and_slower_are_one_cause(first: Watch, second: Watch) -> None:
    desk = Desk()
    desk.take(_window(0), replace(_finding(), fields=("prompt_version=triage-8",)), watch=first)
    other = replace(_finding(), fields=())
    assert _kinds(desk.take(_window(0), other, watch=second)) == [ChangeKind.UPDATED]


def test_of_two_incidents_that_explain_a_finding_the_one_of_its_field_has_it() -> None:
    wide, narrow = [*KEYS, *(f"w{n}" for n in range(20))], KEYS[:20]
    desk = Desk()
    desk.take(_window(0), _finding("request", "area"), _finding("request", "amount"), keys=[wide, narrow])
    area, amount = sorted(desk.known.values(), key=lambda one: one.fields, reverse=True)
    desk.keys = {area.id: wide, amount.id: narrow}
    drift = _finding("request", "amount", keys=narrow[:5], responsibility=Responsibility.SOURCE_DATA)
    (change,) = desk.take(_window(0), drift, watch=Watch.DRIFT)
    assert change.incident.fields == ("amount",)
    # So too when both are over by then.
    desk.take(_window(24))
    drift = replace(drift, kind="missing_values", responsibility=Responsibility.INTEGRATION)
    (change,) = desk.take(_window(20), drift, watch=Watch.LATENCY)
    assert change.incident.fields == ("amount",)


def test_what_an_open_incident_showed_last_may_go_on_in_the_window_that_begins_then() -> None:
    desk = Desk()
    attacks = _finding("orders", "text", keys=KEYS[:3], onset=21, responsibility=Responsibility.ADVERSARIAL_INPUT)
    (opened,) = desk.take(_window(0), attacks, watch=Watch.INJECTION)
    obeyed = replace(attacks, onset=START + 24.5 * HOUR, keys=("n1", "n2", "n3"))
    (led,) = desk.take(_window(24, 1), obeyed)
    assert (led.kind, led.incident.id) == (ChangeKind.UPDATED, opened.incident.id)


def test_causes_of_one_attribution_are_never_taken_together() -> None:
    desk = Desk()
    both = (_finding(), _finding("sink", "queue"))
    assert _kinds(desk.take(_window(0), *both, keys=[KEYS, KEYS])) == [ChangeKind.OPENED, ChangeKind.OPENED]


def test_one_watch_sees_one_change_at_two_stages_as_one() -> None:
    desk = Desk()
    up, down = _finding("request", "product", keys=KEYS[:5]), _finding("sink", "queue", keys=KEYS[:5])
    assert _kinds(desk.take(_window(0), up, down, watch=Watch.DRIFT)) == [ChangeKind.OPENED]
    assert [seen.stage for seen in desk.only.also_seen] == ["sink"]


def test_what_began_before_an_incident_was_over_is_no_news_and_what_began_since_is() -> None:
    desk = Desk()
    desk.take(_window(0), _finding(), keys=[KEYS])
    drift = _finding("sink", "queue", keys=KEYS[:5])
    desk.take(_window(0), drift, watch=Watch.DRIFT)
    assert _kinds(desk.take(_window(24))) == [ChangeKind.RESOLVED]
    assert desk.only.resolved_in == _window(24)
    # Decided long after it was over, and about hours since: it began before.
    assert desk.take(_window(30), drift, watch=Watch.DRIFT) == []
    anew = replace(drift, onset=START + 26 * HOUR)
    assert _kinds(desk.take(_window(26), anew, watch=Watch.DRIFT)) == [ChangeKind.OPENED]


def test_the_seam_of_the_window_that_ends_an_incident_is_another_cause() -> None:
    desk = Desk()
    desk.take(_window(0), _finding(), keys=[KEYS])
    desk.take(_window(0), _finding(keys=KEYS[:5]), watch=Watch.SEAM, keys=[KEYS])
    desk.take(_window(24))
    changed = _finding("request", "amount", keys=KEYS[:5], onset=25)
    assert _kinds(desk.take(_window(24), changed, watch=Watch.SEAM, keys=[KEYS])) == [ChangeKind.OPENED]


def test_a_cause_that_is_back_within_a_set_time_opens_its_incident_again_and_later_another() -> None:
    desk = Desk()
    desk.take(_window(0), _finding())
    desk.take(_window(24))
    assert _kinds(desk.take(_window(48), _finding(onset=50))) == [ChangeKind.REOPENED]
    desk.take(_window(72))
    late = 72 + 15 * 24
    (change,) = desk.take(_window(late), _finding(onset=late + 1))
    assert change.kind is ChangeKind.OPENED
    assert len(desk.known) == 2
    assert {one.state for one in desk.known.values()} == {IncidentState.RESOLVED, IncidentState.OPEN}
    assert change.incident.fingerprint.endswith(".2")
    # The window from before it was over is still the first incident's.
    assert _kinds(desk.take(_window(late), _finding(onset=late + 1))) == [ChangeKind.UPDATED]


def test_an_undetermined_finding_is_evidence_of_the_seam_whose_records_it_holds() -> None:
    desk = Desk()
    desk.take(_window(0), _finding(keys=KEYS[:5]), watch=Watch.SEAM, keys=[KEYS])
    unknown = _finding(responsibility=Responsibility.UNDETERMINED)
    unknown = replace(unknown, stage=None, fields=())
    assert _kinds(desk.take(_window(0), unknown, keys=[KEYS[:20]])) == [ChangeKind.UPDATED]
    assert (desk.only.watch, desk.only.also_seen[0].responsibility) == (Watch.SEAM, Responsibility.UNDETERMINED)


def test_a_drift_that_began_with_an_incident_which_is_over_by_now_is_its_evidence() -> None:
    desk = Desk()
    desk.take(_window(0), _finding())
    desk.take(_window(24))
    drift = _finding()
    assert _kinds(desk.take(_window(48), drift, watch=Watch.DRIFT)) == [ChangeKind.UPDATED]
    assert (desk.only.state, desk.only.also_seen[0].watch) == (IncidentState.RESOLVED, Watch.DRIFT)
    other = _finding("sink", "queue", onset=47)
    assert _kinds(desk.take(_window(48), other, watch=Watch.DRIFT)) == [ChangeKind.OPENED]


def test_what_was_merged_into_an_incident_that_was_merged_since_is_told_to_the_last_one() -> None:
    desk = Desk()
    findings = (_finding(), _finding("model", "answer"), _finding("sink", "queue"))
    first, second, third = (change.incident for change in desk.take(_window(0), *findings))
    desk.known[first.id] = replace(first, state=IncidentState.MERGED, merged_into=second.id)
    desk.known[second.id] = replace(second, state=IncidentState.MERGED, merged_into=third.id)
    (change,) = desk.take(_window(24), _finding(onset=25))
    assert (change.kind, change.incident.id) == (ChangeKind.UPDATED, third.id)


def test_two_rules_of_one_stage_are_two_incidents_and_each_keeps_its_own() -> None:
    desk = Desk()
    desk.take(_window(0), _finding("request", "product"), watch=Watch.SEAM)
    opened = desk.take(
        _window(24), _finding("request", "product"), _finding("request", "area", onset=30), watch=Watch.SEAM
    )
    assert _kinds(opened) == [ChangeKind.UPDATED, ChangeKind.OPENED]
    # In the next window another field of the second one leads, and the first one is repaired.
    changes = desk.take(_window(48), _finding("request", "priority", "area", onset=30), watch=Watch.SEAM)
    assert _kinds(changes) == [ChangeKind.UPDATED, ChangeKind.RESOLVED]
    assert len(desk.known) == 2
    assert [one.fields for one in desk.known.values() if one.is_open] == [("priority", "area")]


def test_a_seam_of_another_field_at_the_place_of_an_incident_is_another_fault() -> None:
    desk = Desk()
    desk.take(_window(0), _finding("request", "product", keys=KEYS), keys=[KEYS])
    beside = _finding("request", "area", keys=KEYS[:10], onset=12.5)
    assert _kinds(desk.take(_window(0), beside, watch=Watch.SEAM)) == [ChangeKind.OPENED]
    same = _finding("request", "product", keys=KEYS[:10])
    assert _kinds(desk.take(_window(0), same, watch=Watch.SEAM)) == [ChangeKind.UPDATED]


@pytest.mark.parametrize(("onset", "is_one"), [(0.5, True), (23.0, True), (25.0, False), (-5.0, True), (-7.0, False)])
def test_a_drift_may_have_begun_at_any_time_of_its_first_period(onset: float, is_one: bool) -> None:
    desk = Desk()
    desk.take(_window(onset, 8), _finding("request", "product", keys=KEYS, onset=onset), keys=[KEYS])
    drift = _finding("request", "product", keys=KEYS[:5], onset=0)
    kinds = _kinds(desk.take(_window(0), drift, watch=Watch.DRIFT))
    assert kinds == [ChangeKind.UPDATED if is_one else ChangeKind.OPENED]


@pytest.mark.parametrize(("n_common", "is_one"), [(6, True), (5, True), (4, False), (0, False)])
def test_a_drift_is_of_the_fault_whose_records_are_among_those_it_picks_more_often_than_by_chance(
    n_common: int, *, is_one: bool
) -> None:
    desk = Desk()
    (opened,) = desk.take(_window(0), _finding("orders", "text", keys=KEYS), keys=[KEYS], n_judged=80)
    # In the last window it strikes half of the records; in the time that the drift is of, one of ten.
    desk.keys_in[opened.incident.id] = _window(0)
    desk.n_judged_in[_window(0)] = 400
    picked = [*KEYS[:n_common], *(f"other{n}" for n in range(10 - n_common))]
    drift = _finding("orders", "text", keys=picked, responsibility=Responsibility.SOURCE_DATA)
    changes = desk.take(_window(0), drift, watch=Watch.DRIFT, keys=[picked])
    assert _kinds(changes) == [ChangeKind.UPDATED if is_one else ChangeKind.OPENED]


@pytest.mark.parametrize(("onset", "is_one"), [(12.0, True), (13.0, True), (13.5, False), (10.5, False)])
def test_where_a_fault_of_nearly_all_records_has_those_of_slow_calls_by_chance_only_the_time_tells(
    onset: float, *, is_one: bool
) -> None:
    down = replace(_finding("model", keys=KEYS, responsibility=Responsibility.PROVIDER), fields=())
    slow = replace(down, keys=tuple(KEYS[:5]), onset=START + onset * HOUR)
    desk = Desk()
    desk.take(_window(0), down, keys=[KEYS], n_judged=45)
    changes = desk.take(_window(0), slow, watch=Watch.LATENCY)
    assert _kinds(changes) == [ChangeKind.UPDATED if is_one else ChangeKind.OPENED]


def test_what_is_there_since_a_cause_began_first_is_of_it_though_it_came_back_since() -> None:
    down = replace(_finding("model", onset=1, responsibility=Responsibility.PROVIDER), fields=())
    desk = Desk()
    desk.take(_window(0, 2), down)
    desk.take(_window(24, 1))
    desk.take(_window(144, 2), replace(down, onset=START + 145 * HOUR))
    desk.take(_window(170, 1))
    # Ten days of failures together are enough to see that there are more than before.
    failures = replace(down, onset=START, fields=("answer",))
    changes = desk.take(_window(200), failures, watch=Watch.DRIFT)
    assert (_kinds(changes), len(desk.known)) == ([ChangeKind.UPDATED], 1)


def test_slow_calls_and_timeouts_of_one_provider_take_turns_in_one_incident() -> None:
    slow = replace(_finding("model", responsibility=Responsibility.PROVIDER, kind="provider_slow"), fields=())
    timeouts = replace(slow, kind="timeouts")
    desk = Desk()
    assert _kinds(desk.take(_window(0), timeouts, watch=Watch.LATENCY)) == [ChangeKind.OPENED]
    assert _kinds(desk.take(_window(1), slow, watch=Watch.LATENCY)) == [ChangeKind.UPDATED]
    assert desk.only.kind == "provider_slow"
    assert _kinds(desk.take(_window(2), watch=Watch.LATENCY)) == [ChangeKind.RESOLVED]
    assert _kinds(desk.take(_window(48), replace(timeouts, onset=None), watch=Watch.LATENCY)) == [ChangeKind.REOPENED]
    # Another one has to act.
    own = replace(slow, kind="stage_slow", responsibility=Responsibility.INTEGRATION)
    assert _kinds(desk.take(_window(49), own, watch=Watch.LATENCY))[0] is ChangeKind.OPENED


@pytest.mark.parametrize(
    ("seam_onset", "stage", "fields", "is_one"),
    [
        (-90, "request", ("product",), True),
        (-90, "request", ("area",), False),
        (-90, "orders", ("product",), False),
    ],
)
def test_one_field_of_one_place_is_one_fault_whenever_each_detector_says_that_it_began(
    seam_onset: float, stage: str, fields: tuple[str, ...], *, is_one: bool
) -> None:
    desk = Desk()
    desk.take(_window(0), _finding("request", "product", keys=KEYS), keys=[KEYS])
    seam = _finding(stage, *fields, keys=KEYS[:5], onset=seam_onset)
    changes = desk.take(_window(0), seam, watch=Watch.SEAM)
    assert _kinds(changes) == [ChangeKind.UPDATED if is_one else ChangeKind.OPENED]


def test_slow_calls_are_evidence_of_the_incident_that_has_slow_calls_of_the_provider_whichever_kind_they_are() -> None:
    down = replace(_finding("model", responsibility=Responsibility.PROVIDER), fields=())
    desk = Desk()
    desk.take(_window(0), replace(down, kind="timeouts"), watch=Watch.LATENCY)
    desk.take(_window(0), down)
    changes = desk.take(_window(4), replace(down, kind="provider_slow", onset=START + 20 * HOUR), watch=Watch.LATENCY)
    assert (_kinds(changes), desk.only.watch) == ([ChangeKind.UPDATED], None)


@pytest.mark.parametrize(
    ("first", "then", "n_incidents"),
    [(("tenant=acme",), (), 1), ((), ("tenant=acme",), 1), (("tenant=acme",), ("tenant=blue",), 2)],
)
def test_dearer_calls_whose_source_is_seen_later_or_no_longer_are_one_incident(
    first: tuple[str, ...], then: tuple[str, ...], n_incidents: int
) -> None:
    dear = _finding("model", responsibility=Responsibility.PROVIDER, kind="retries_after_errors")
    desk = Desk()
    desk.take(_window(0), replace(dear, fields=first), watch=Watch.COST)
    desk.take(_window(1), replace(dear, fields=then, onset=START + 13 * HOUR), watch=Watch.COST)
    assert len(desk.known) == n_incidents

"""A week's review on a real store: what it says, what closing keeps, and what cannot be read."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from parcels import PIPELINE, make_deps, write_project
from seamwatch.cli import app
from seamwatch.core.incident_life import ChangeKind, Incident, IncidentChange
from seamwatch.core.results import Window
from seamwatch.core.slo.events import Events
from seamwatch.core.slo.ledger import Debit
from seamwatch.core.slo.policy import GateAnswer, Override
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.engine.deliver import deliver_pending
from seamwatch.engine.deps import Deps
from seamwatch.engine.weekly_review.close import close_week, close_weeks
from seamwatch.engine.weekly_review.review import weekly_review
from seamwatch.errors import DataContractError
from seamwatch.vocabulary import DebitKind, Door, GateState, IncidentSeverity, IncidentState, Responsibility

WEEK = ReviewWeek.of("2026-W45")
START, END = WEEK.window.start, WEEK.window.end
MONDAY = END + timedelta(hours=7)
SLOS = """\
slos:
  - {kind: availability, goal: 0.9}
  - {kind: accuracy, goal: 0.8}
"""


def _deps(root: Path, *, now: datetime = MONDAY, pipeline: str = PIPELINE + SLOS) -> Deps:
    write_project(root, pipeline=pipeline)
    return make_deps(root, {}, now=now)


def _events(bad_a_day: dict[int, int], *, objective: str, incident: str | None = None) -> tuple[Events, str | None]:
    """Return 56 days of a hundred events each until the end of the week, some of them bad, counted back from it."""
    noons = [END - timedelta(days=n, hours=-12) for n in range(56, 0, -1)]
    bad = [float(bad_a_day.get(n, 0)) for n in range(56, 0, -1)]
    buckets = pd.DataFrame(
        {"start_at": pd.DatetimeIndex(noons), "total": 100.0, "judged": 100.0, "bad": bad, "usd": 0.0}
    )
    debits = tuple(
        Debit(objective=objective, kind=DebitKind.WRONG_ANSWER, record=f"{day:%m%d}-{n}", at=day, told_at=day)
        for day, amount in zip(noons, bad, strict=True)
        for n in range(int(amount))
    )
    return Events(buckets=buckets, debits=debits), incident


def _post(deps: Deps, objective: str, bad_a_day: dict[int, int], *, incident: str | None = None) -> None:
    events, _ = _events(bad_a_day, objective=objective)
    deps.store.post_events("parcels", objective, events, start=END - timedelta(days=70), end=END)
    if incident is not None:
        deps.store.link_debits("parcels", incident, [one.record for one in events.debits if one.at >= START])


def _incident(name: str, *, at: datetime, **more: object) -> Incident:
    window = Window(start=at - timedelta(hours=1), end=at)
    values: dict[str, object] = {
        "id": name,
        "fingerprint": name,
        "pipeline": "parcels",
        "responsibility": Responsibility.INTEGRATION,
        "stage": "request",
        "fields": ("product",),
        "state": IncidentState.OPEN,
        "headline": f"{name} is wrong",
        "confidence": 0.99,
        "opened_at": at,
        "updated_at": at,
        "first_window": window,
        "last_window": window,
        "n_records": 31,
        "n_judged": 100,
        "severity": IncidentSeverity.SEV2,
        "onset": at - timedelta(hours=2),
        **more,
    }
    return Incident(**values)  # type: ignore[arg-type]


def _open(deps: Deps, incident: Incident) -> Incident:
    deps.store.apply_changes([IncidentChange(kind=ChangeKind.OPENED, incident=incident)])
    return incident


def _then(
    deps: Deps, incident: Incident, kind: ChangeKind, *, at: datetime, by: str | None = None, **more: object
) -> Incident:
    after = replace(incident, updated_at=at, **more)  # type: ignore[arg-type]
    door = Door.DETECTOR if by is None else Door.SLACK
    deps.store.apply_changes([IncidentChange(kind=kind, incident=after, by=by, door=door)])
    return after


def _lived(deps: Deps) -> None:
    """Fill the week: one incident of the mapping from onset to end, and one of the model that is open still."""
    seam = _open(deps, _incident("seam", at=START + timedelta(days=1), has_wrong_answers=True))
    acknowledged = {"state": IncidentState.ACKNOWLEDGED, "acknowledged_by": "ann"}
    seam = _then(deps, seam, ChangeKind.ACKNOWLEDGED, at=START + timedelta(days=1, hours=3), by="ann", **acknowledged)
    over = START + timedelta(days=2)
    _then(deps, seam, ChangeKind.RESOLVED, at=over, state=IncidentState.RESOLVED, resolved_at=over)
    model = {"responsibility": Responsibility.MODEL, "stage": "router_model", "has_wrong_answers": True}
    _open(deps, _incident("model", at=START + timedelta(days=3), **model))
    _post(deps, "accuracy", {1: 70, 2: 70}, incident="seam")
    _post(deps, "availability", {})


def test_a_week_says_what_happened_and_what_to_fix_first(tmp_path: Path) -> None:
    deps = _deps(tmp_path)
    _lived(deps)
    deps.store.add_gate_answer(
        "parcels",
        GateAnswer(at=END - timedelta(days=1), is_allowed=False, state=GateState.FROZEN, reason="spent", release="v8"),
    )
    given = Override(reason="a fix", by="ann", at=END - timedelta(hours=9), until=END + timedelta(hours=9))
    deps.store.add_override("parcels", given)
    review = weekly_review(deps, WEEK)
    assert not review.is_closed
    (parcels,) = review.pipelines
    assert review.everything.incidents == parcels.incidents
    counted = parcels.incidents
    assert (counted.n_opened, counted.n_resolved, counted.n_open_at_end) == (2, 1, 1)
    assert (counted.n_looked_like_ai, counted.n_not_ai, counted.n_ai) == (2, 1, 1)
    assert parcels.owner == "@U0REL"
    assert {one.objective: one.left for one in parcels.objectives} == {
        "availability": pytest.approx(1.0),
        "accuracy": pytest.approx(0.75),
    }
    assert parcels.quality is not None
    assert parcels.quality.accuracy == pytest.approx(1 - 140 / 700)
    assert parcels.n_records == 700.0
    (first,) = review.fix_first
    assert first.incident is not None
    assert (first.incident.id, first.objective, first.amount) == ("seam", "accuracy", 140.0)
    assert first.spent == pytest.approx(0.25)
    assert (first.owner_role, first.owner) == ("integration", "!subteam^S0INT")
    assert {(team.role, tuple(one.id for one in (*team.open, *team.closed))) for team in parcels.teams} == {
        ("integration", ("seam",)),
        ("model", ("model",)),
    }
    assert parcels.gate is not None
    assert [(one.release, one.reason) for one in parcels.gate.held] == [("v8", "spent")]
    assert [one.by for one in parcels.gate.overrides] == ["ann"]
    assert [one.incident.id for one in review.slowest] == ["model", "seam"]


def test_a_closed_week_stays_as_it_was_told_and_what_came_later_is_a_correction(tmp_path: Path) -> None:
    deps = _deps(tmp_path)
    _lived(deps)
    done = close_week(deps, WEEK)
    assert (done.is_new, done.n_digests, done.review.is_closed) == (True, 1, True)
    again = close_week(deps, WEEK)
    assert (again.is_new, again.n_digests, again.review) == (False, 0, done.review)
    _post(deps, "accuracy", {1: 70, 2: 70, 3: 7}, incident="seam")
    later = weekly_review(deps, WEEK)
    assert later.everything == done.review.everything
    assert later.pipelines == done.review.pipelines
    found = {one.figure: (one.told, one.now) for one in later.corrections}
    assert found["parcels/objectives/accuracy/bad"] == (140.0, 147.0)
    assert found["parcels/quality/n_wrong"] == (140, 147)
    assert all(name.startswith("parcels/") and "availability" not in name for name in found)


def test_the_digest_of_a_closed_week_reaches_its_channel_once(tmp_path: Path) -> None:
    deps = _deps(tmp_path)
    _lived(deps)
    close_week(deps, WEEK)
    deliver_pending(deps)
    close_week(deps, WEEK)
    deliver_pending(deps)
    sent = [json.loads(line) for line in (tmp_path / "messages.jsonl").read_text().splitlines()]
    digests = [one for one in sent if one["text"].startswith("Weekly review")]
    assert [one["channel"] for one in digests] == ["#incidents"]
    assert "/seamwatch/weekly/2026-W45" in json.dumps(digests[0]["blocks"])


def test_a_week_that_is_not_over_is_shown_and_not_closed(tmp_path: Path) -> None:
    deps = _deps(tmp_path, now=START + timedelta(days=2))
    _open(deps, _incident("seam", at=START + timedelta(days=1)))
    assert weekly_review(deps, WEEK).everything.incidents.n_opened == 1
    with pytest.raises(DataContractError, match="2026-W45 is not over before 2026-11-09T00:00"):
        close_week(deps, WEEK)


def test_weeks_that_nobody_closed_are_closed_once_the_scheduler_runs_again(tmp_path: Path) -> None:
    deps = _deps(tmp_path)
    assert close_weeks(deps) is None, "nothing was watched yet"
    deps.store.begin_window("parcels", Window(start=START, end=START + timedelta(hours=1)), now=END)
    assert close_weeks(deps) is None, "the week was over before"
    assert deps.store.closed_weeks() == []
    deps.store.begin_window("parcels", Window(start=START, end=START + timedelta(hours=2)), now=START)
    first = close_weeks(deps)
    assert first is not None
    assert first.review.week == WEEK
    assert deps.store.closed_weeks() == ["2026-W45"], "weeks before the first closed one have no review"
    later = replace(deps, clock=lambda: MONDAY + timedelta(weeks=3))
    last = close_weeks(later)
    assert last is not None
    assert last.review.week.name == "2026-W48"
    assert later.store.closed_weeks() == ["2026-W45", "2026-W46", "2026-W47", "2026-W48"]
    with later.store._reading() as connection:
        told = connection.scalars(sa.text("SELECT week FROM seamwatch_weekly_digests ORDER BY week"))
        assert list(told) == ["2026-W45", "2026-W48"]


def test_a_week_without_traffic_is_not_called_perfect(tmp_path: Path) -> None:
    review = weekly_review(_deps(tmp_path), WEEK)
    (parcels,) = review.pipelines
    assert (parcels.n_records, parcels.quality, parcels.cost) == (0.0, None, None)
    assert {(one.sli, one.left, one.spent) for one in parcels.objectives} == {(None, None, None)}
    assert any("no records came in" in note for note in parcels.notes)
    assert (review.fix_first, review.slowest) == ((), ())


def test_a_pipeline_that_was_renamed_keeps_its_incidents_and_says_so(tmp_path: Path) -> None:
    deps = _deps(tmp_path)
    _open(deps, _incident("old", at=START + timedelta(days=1), pipeline="letters"))
    review = weekly_review(deps, WEEK)
    letters = next(one for one in review.pipelines if one.pipeline == "letters")
    assert (letters.is_defined, letters.incidents.n_opened) == (False, 1)
    assert "renamed or removed" in letters.problem
    assert review.everything.incidents.n_opened == 1
    assert [one.pipeline for one in weekly_review(deps, WEEK, only=["parcels"]).pipelines] == ["parcels"]
    assert weekly_review(deps, WEEK, only=["parcels"]).everything.incidents.n_opened == 0


def test_who_may_read_one_pipeline_sees_of_a_closed_week_that_one_alone(tmp_path: Path) -> None:
    deps = _deps(tmp_path)
    _lived(deps)
    _open(deps, _incident("old", at=START + timedelta(days=1), pipeline="letters"))
    close_week(deps, WEEK)
    own = weekly_review(deps, WEEK, only=["letters"])
    assert own.is_closed
    assert [one.pipeline for one in own.pipelines] == ["letters"]
    assert own.everything.incidents.n_opened == 1
    assert "parcels" not in json.dumps([str(one) for one in (own.fix_first, own.slowest, own.repeats, own.corrections)])


def test_what_cannot_be_read_of_one_pipeline_hides_no_other(tmp_path: Path) -> None:
    deps = _deps(tmp_path)
    _lived(deps)
    (tmp_path / "include/pipelines/letters.yaml").write_text(
        PIPELINE.replace("pipeline: parcels", "pipeline: letters") + SLOS + "monitoring: {cost: {}}\n"
    )
    deps = replace(deps, project=make_deps(tmp_path, {}, now=MONDAY).project)
    with deps.store._writing() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO seamwatch_aggregates (pipeline, watch, series, start_at, data) "
                "VALUES ('letters', 'cost', 'hour', '2026-11-04 10:00:00.000000', '{\"records\": 1}')"
            )
        )
    review = weekly_review(deps, WEEK)
    known = {one.pipeline: one.problem for one in review.pipelines}
    assert known["parcels"] == ""
    assert known["letters"].startswith("not all of it can be read: ")
    assert review.everything.incidents.n_opened == 2


def test_the_command_shows_and_closes_a_week(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deps = _deps(tmp_path)
    _lived(deps)
    monkeypatch.setenv("SEAMWATCH_STORE_URL", f"sqlite:///{tmp_path / 'store.db'}")
    where = ["--project", str(tmp_path)]
    page, out = tmp_path / "page.html", CliRunner()
    shown = out.invoke(app, ["review", "--week", "2026-W45", "--html", str(page), *where])
    assert shown.exit_code == 0, shown.output
    assert "seam is wrong" in shown.stdout
    assert "<svg" in page.read_text()
    as_json = out.invoke(app, ["review", "--week", "2026-W45", "--json", "-", *where])
    assert json.loads(as_json.stdout)["everything"]["incidents"]["n_opened"] == 2
    wrong = out.invoke(app, ["review", "--week", "45", *where])
    assert wrong.exit_code != 0
    assert "is no week; write it as 2026-W45" in f"{wrong.output}{wrong.exception}"
    assert datetime(2026, 11, 2, tzinfo=UTC) == START

"""Verdicts drawn and graded on a real store, SQLite and PostgreSQL, and what readers see of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from parcels import make_deps, write_project
from seamwatch.commands.incidents import incident as incident_command
from seamwatch.commands.incidents import incidents as incidents_command
from seamwatch.core.grade_estimates import grades
from seamwatch.core.grades import Grade
from seamwatch.core.incident_life import ChangeKind, Incident, IncidentChange
from seamwatch.core.results import Window
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.engine.deliver import deliver_pending
from seamwatch.engine.deps import Deps
from seamwatch.engine.grades import current_grades, draw_verdicts
from seamwatch.engine.incident_actions import act_on_incident
from seamwatch.engine.incidents import render_report, report_of
from seamwatch.report import numbers
from seamwatch.store.codec import to_json
from seamwatch.store.repo import Store
from seamwatch.store.tables import WeeklyReviewRow
from seamwatch.vocabulary import Door, IncidentAction, IncidentState, Responsibility
from slack_desk import Desk, attribute_parcels, open_desk

pytestmark = pytest.mark.integration

WEEK = ReviewWeek.of("2026-W45")
MONDAY = WEEK.window.start
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
R = Responsibility


class World:
    """A project whose incidents are written straight into its store, and a clock."""

    def __init__(self, root: Path, url: str) -> None:
        self.now = WEEK.window.end + 7 * HOUR
        write_project(root)
        self.deps = replace(make_deps(root, {}, store_url=url), clock=lambda: self.now)
        self.n = 0

    def open(
        self, responsibility: Responsibility = R.INTEGRATION, *, at: datetime = MONDAY + HOUR, confidence: float = 0.99
    ) -> Incident:
        self.n += 1
        window = Window(start=at - HOUR, end=at)
        incident = Incident(
            id=f"parcels-{self.n:03d}",
            fingerprint=f"f{self.n}",
            pipeline="parcels",
            responsibility=responsibility,
            stage="request",
            fields=("product",),
            state=IncidentState.OPEN,
            headline="A failure",
            confidence=confidence,
            opened_at=at,
            updated_at=at,
            first_window=window,
            last_window=window,
            n_records=3,
        )
        self.deps.store.apply_changes([IncidentChange(kind=ChangeKind.OPENED, incident=incident)])
        return incident

    def detectors(self, incident: Incident, kind: ChangeKind, at: datetime) -> None:
        """Let detectors say something of an incident as it is now."""
        known = self.deps.store.incident(incident.id)
        assert known is not None
        state = IncidentState.RESOLVED if kind is ChangeKind.RESOLVED else IncidentState.OPEN
        changed = replace(known, state=state, updated_at=at)
        self.deps.store.apply_changes([IncidentChange(kind=kind, incident=changed)])

    def says(
        self, incident_id: str, action: IncidentAction, at: datetime, really: Responsibility | None = None
    ) -> None:
        """Let a person say something of an incident."""
        deps = replace(self.deps, clock=lambda: at)
        done = act_on_incident(
            deps, incident_id, action, by="ada", door=Door.COMMAND_LINE, responsibility=really, why="a test"
        )
        assert done.refusal is None

    def grade(self, weeks_later: int = 0) -> dict[Responsibility | None, Grade]:
        until = WEEK.before(-weeks_later).window.end if weeks_later else WEEK.window.end
        return {one.responsibility: one for one in current_grades(self.deps, until=until, time_zone="UTC")}


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    if request.param == "sqlite":
        return World(tmp_path, f"sqlite:///{tmp_path / 'store.db'}")
    make: Callable[[], str] = request.getfixturevalue("postgres_database")
    return World(tmp_path, make())


def test_a_week_is_drawn_once_by_two_schedulers_and_after_it_the_same(world: World) -> None:
    for n in range(12):
        world.open(R.MODEL if n % 3 else R.PROVIDER, at=MONDAY + n * HOUR)
    with ThreadPoolExecutor(4) as pool:
        draws = list(pool.map(lambda _: draw_verdicts(world.deps, WEEK), range(4)))
    assert len(draws[0]) == 5
    assert draws.count(draws[0]) == 4
    world.open(R.MODEL, at=MONDAY + 2 * DAY)
    assert draw_verdicts(world.deps, WEEK) == draws[0]
    assert {one.verdict.responsibility for one in draws[0]} == {R.MODEL, R.PROVIDER}
    assert world.deps.store.drawn_verdicts() == list(draws[0])


def test_nothing_is_drawn_before_the_week_is_over_nor_of_what_has_no_open_verdict(world: World) -> None:
    judged, void, undetermined = world.open(), world.open(), world.open(R.UNDETERMINED)
    world.open(at=MONDAY - HOUR)
    world.open(at=WEEK.window.end)
    mine = world.open()
    world.says(judged.id, IncidentAction.WRONG, MONDAY + DAY, R.MODEL)
    world.says(void.id, IncidentAction.VOID, MONDAY + DAY)
    world.now = WEEK.window.end - HOUR
    assert draw_verdicts(world.deps, WEEK) == ()
    world.now = WEEK.window.end
    assert [one.incident_id for one in draw_verdicts(world.deps, WEEK)] == [mine.id]
    assert undetermined.id not in {one.incident_id for one in world.deps.store.drawn_verdicts()}


def test_what_people_and_fixes_said_is_graded(world: World) -> None:
    wrong, asked, fixed, back, void = (world.open() for _ in range(5))
    world.open(R.UNDETERMINED)
    model = world.open(R.MODEL)
    world.says(wrong.id, IncidentAction.WRONG, MONDAY + DAY, R.MODEL)
    for one, kind in ((fixed, ChangeKind.RESOLVED), (back, ChangeKind.REOPENED)):
        world.says(one.id, IncidentAction.MITIGATE, MONDAY + DAY)
        world.detectors(one, kind, MONDAY + 2 * DAY)
    world.says(void.id, IncidentAction.VOID, MONDAY + DAY)
    drawn = {one.incident_id for one in draw_verdicts(world.deps, WEEK)}
    assert drawn == {asked.id, fixed.id, back.id, model.id}
    world.says(asked.id, IncidentAction.CONFIRM, world.now + HOUR)

    before = world.grade()
    assert (before[None].n_verdicts, before[None].n_called_right, before[None].n_confirmed) == (5, 0, 0)
    after = world.grade(2)
    mine = after[R.INTEGRATION]
    assert (mine.n_called_wrong, mine.n_called_right, mine.n_confirmed, mine.n_refuted) == (1, 1, 1, 1)
    assert (mine.precision, mine.low, mine.high) == (0.5, 0.5, 0.5)
    assert (after[None].n_void, after[None].n_names_nobody, after[None].n_verdicts) == (1, 1, 5)
    assert (after[R.MODEL].n_sampled, after[R.MODEL].n_sample_open, after[R.MODEL].precision) == (1, 1, None)
    assert (after[None].low, after[None].high) == (0.4, 0.6)
    assert world.grade(53) == {None: grades([])[0]}


def test_a_week_that_was_never_drawn_leaves_its_verdicts_open(world: World) -> None:
    for n in range(4):
        world.open(at=MONDAY + n * HOUR)
        world.open(at=MONDAY - DAY - n * HOUR)
    for one in draw_verdicts(world.deps, WEEK):
        world.says(one.incident_id, IncidentAction.CONFIRM, world.now + HOUR)
    grade = world.grade(1)[None]
    assert (grade.n_verdicts, grade.precision, grade.low, grade.high) == (8, 1.0, 0.5, 1.0)


def close_week(store: Store, known: tuple[Grade, ...], week: str = "2026-W45") -> None:
    """Keep grades as a closed review has them."""
    with store._writing() as connection:
        values = {"week": week, "closed_at": datetime.now(UTC), "review": {"grades": to_json(known)}}
        connection.execute(sa.insert(WeeklyReviewRow).values(**values))


def overconfident(stated: float = 0.99) -> tuple[Grade, ...]:
    whole = Grade(
        responsibility=None,
        n_verdicts=50,
        n_called_wrong=4,
        n_called_right=36,
        n_confirmed=0,
        n_refuted=0,
        n_sampled=40,
        n_sample_open=0,
        precision=0.9,
        low=0.8,
        high=0.95,
        stated=stated,
        is_overconfident=True,
        factor=0.9 / stated,
    )
    return whole, replace(whole, responsibility=R.INTEGRATION)


def test_the_grades_that_were_told_last_are_read_back(world: World) -> None:
    assert world.deps.store.told_grades() == ()
    close_week(world.deps.store, grades([]), "2026-W44")
    close_week(world.deps.store, overconfident())
    assert world.deps.store.told_grades() == overconfident()


@pytest.fixture(scope="module")
def attributed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return attribute_parcels(tmp_path_factory.mktemp("attributed"))


@pytest.fixture
def desk(attributed: Path, tmp_path: Path) -> Iterator[Desk]:
    with open_desk(Path(shutil.copytree(attributed, tmp_path / "project"))) as desk:
        yield desk


def report(deps: Deps, incident: Incident, form: str) -> str:
    return render_report(report_of(deps, deps.project.pipeline("parcels"), incident), form)


def test_a_confidence_that_was_too_high_is_corrected_and_said_wherever_it_is_shown(
    desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEAMWATCH_STORE_URL", f"sqlite:///{desk.root / 'store.db'}")
    stated, shown = numbers.percent(desk.incident.confidence), numbers.percent(0.9)
    before = json.loads(report(desk.deps, desk.incident, "json"))["report"]
    assert "confidence_corrected" not in before
    close_week(desk.deps.store, overconfident(desk.incident.confidence))
    said = "of 40 such verdicts judged 36 were right"
    for form in ("html", "md"):
        text = report(desk.deps, desk.incident, form)
        assert shown in text
        assert said in text
    found = json.loads(report(desk.deps, desk.incident, "json"))["report"]
    assert found["confidence"] == desk.incident.confidence
    assert found["confidence_corrected"] == pytest.approx(0.9)
    act_on_incident(desk.deps, desk.incident.id, IncidentAction.ACKNOWLEDGE, by="ada", door=Door.COMMAND_LINE)
    deliver_pending(desk.deps)
    assert f"({shown} sure, stated {stated})" in json.dumps(desk.head.blocks)
    incidents_command(project=desk.root, as_json=Path("-"))
    (row,) = [one for one in json.loads(capsys.readouterr().out)["incidents"] if one["id"] == desk.incident.id]
    assert (row["confidence"], row["confidence_corrected"]) == (desk.incident.confidence, pytest.approx(0.9))


def labels(desk: Desk) -> list[str]:
    rows = [block["elements"] for block in desk.head.blocks if block["type"] == "actions"]
    return [one["text"]["text"] for row in rows for one in row if one["type"] == "button"]


def test_slack_asks_of_a_drawn_verdict_alone_and_asks_no_more_once_it_is_judged(desk: Desk) -> None:
    assert "The verdict is right" not in labels(desk)
    week = ReviewWeek.containing(desk.incident.opened_at)
    desk.now[0] = week.window.end + HOUR
    drawn = draw_verdicts(desk.deps, week)
    assert desk.incident.id in {one.incident_id for one in drawn}
    deliver_pending(desk.deps)
    assert "The verdict is right" in labels(desk)
    reply = desk.press("confirm")
    assert (reply.is_done, reply.is_private) == (True, True)
    assert "kept that its verdict is right" in desk.private[-1][1]
    assert desk.by_people() == [("called_right", "ada (U0ADA)", Door.SLACK)]
    deliver_pending(desk.deps)
    assert "The verdict is right" not in labels(desk)
    assert "Called right by ada" in json.dumps(desk.head.blocks)
    found = {one.responsibility: one for one in current_grades(desk.deps, until=desk.now[0] + DAY, time_zone="UTC")}
    assert found[R.INTEGRATION].n_called_right == 1


def test_the_command_line_calls_a_verdict_right(
    desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEAMWATCH_STORE_URL", f"sqlite:///{desk.root / 'store.db'}")
    incident_command(IncidentAction.CONFIRM, desk.incident.id, by="ada", project=desk.root)
    assert capsys.readouterr().out.startswith("Kept for the grading of verdicts.")
    assert desk.by_people() == [("called_right", "ada", Door.COMMAND_LINE)]

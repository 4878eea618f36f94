"""A week's review at the end of the demo: its budgets, its incidents, what was agreed, as a page and as a digest.

The demo plays weeks in minutes, so that everything happened just now. For the review the times of incidents are laid
onto the days that they were played for, in a copy of the store: what a window showed came a quarter of an hour after
its end, and what people and runbooks did after that takes a minute for each second that it took here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.adapters.notify.slack import SlackNotifier
from seamwatch.core.agreed_actions import AgreedWish
from seamwatch.core.results import Window
from seamwatch.core.weekly_review.facts import WeeklyReview
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.engine.agreed_actions import add_agreed_action, change_agreed_action
from seamwatch.engine.deliver import deliver_pending
from seamwatch.engine.deps import Deps
from seamwatch.engine.weekly_review.close import close_week
from seamwatch.engine.weekly_review.review import weekly_review
from seamwatch.report.links import WeeklyLinks
from seamwatch.report.weekly_review.machine import weekly_json
from seamwatch.report.weekly_review.markdown import weekly_markdown
from seamwatch.report.weekly_review.page import weekly_page
from seamwatch.spec.load import load_project
from seamwatch.store.repo import Store
from seamwatch.store.tables import (
    ActionRow,
    DeliveryRow,
    IncidentEventRow,
    IncidentRow,
    RunbookStepRow,
)
from seamwatch.vocabulary import DeliveryState, Door

_TOLD_AFTER = timedelta(minutes=15)
_SLOWER = 60
"""A second of the demo stands for a minute of a week."""
_MEETING = timedelta(hours=7)
"""After a week's end, when it is closed."""
Moments = list[tuple[datetime, datetime]]
"""Of one incident: when something happened here, and when it would have in the days that were played."""


def review_week(project_dir: Path, folder: Path, env: Mapping[str, str], *, week: ReviewWeek) -> dict[str, Any]:
    """Return what the review of a week says, for the summary; its page and texts are written beside the summary.

    Args:
        project_dir: Holds the demo's pipelines.
        folder: The demo's.
        env: The demo's connections.
        week: One that was played.
    """
    path = folder / "weekly" / "seamwatch.db"
    path.parent.mkdir()
    _copy(folder / "seamwatch" / "seamwatch.db", path)
    store = Store.open(f"sqlite:///{path}", migrate_first=True)
    try:
        _lay_out(store)
        deps = _deps(project_dir, folder, env, store, now=week.window.start + _MEETING)
        _agree(deps, week.before())
        deps = replace(deps, clock=lambda: week.window.end + _MEETING)
        close_week(deps, week)
        deliver_pending(deps)
        return _written(weekly_review(deps, week), WeeklyLinks.under(deps.ui_url), folder)
    finally:
        store.close()


def _copy(source: Path, target: Path) -> None:
    """Copy an SQLite store, with what its log holds still."""
    with sqlite3.connect(source) as one, sqlite3.connect(target) as other:
        one.backup(other)
    one.close()
    other.close()


def _deps(project_dir: Path, folder: Path, env: Mapping[str, str], store: Store, *, now: datetime) -> Deps:
    connections = EnvironmentConnections(env)
    return Deps(
        project=load_project(project_dir),
        connections=connections,
        store=store,
        data_dir=folder / "weekly",
        ui_url="http://127.0.0.1:8080",
        clock=lambda: now,
        notifier=lambda name: SlackNotifier(connections.get(name)),
    )


def _agree(deps: Deps, week: ReviewWeek) -> None:
    """Agree on two actions in the review of the week before; one of them is done since."""
    cause = next((one.id for one in deps.store.incidents("support_triage") if one.kind == "retry_loop"), None)
    done = add_agreed_action(
        deps,
        text="Cap the retries of the tagging client at three",
        owner="platform team",
        due_on=week.first_day + timedelta(days=11),
        by="Ada",
        door=Door.AIRFLOW,
        pipeline=None if cause is not None else "support_triage",
        incident=cause,
        week=week,
    )
    assert done.action is not None, f"nothing was agreed: {done.refusal}"
    add_agreed_action(
        deps,
        text="Check code tables of the CRM against the mapping before each release",
        owner="integration team",
        due_on=week.first_day + timedelta(days=12),
        by="Ada",
        door=Door.AIRFLOW,
        pipeline="support_triage",
        week=week,
    )
    later = replace(deps, clock=lambda: week.window.end + timedelta(days=2))
    change_agreed_action(later, done.action.id, AgreedWish.DONE, by="Ben", door=Door.AIRFLOW, why="released as 4.2")


def _written(review: WeeklyReview, links: WeeklyLinks, folder: Path) -> dict[str, Any]:
    page, text = folder / "weekly.html", folder / "weekly.md"
    page.write_text(weekly_page(review, base=links.base), encoding="utf-8")
    text.write_text(weekly_markdown(review, links), encoding="utf-8")
    return {"page": str(page), "markdown": str(text), "review": weekly_json(review)}


def _lay_out(store: Store) -> None:
    """Give everything that happened to incidents the time that it would have had in the days that were played."""
    with store._writing() as connection:
        connection.execute(sa.delete(DeliveryRow).where(DeliveryRow.state != DeliveryState.SENT.value))
        for incident_id in list(connection.scalars(sa.select(IncidentRow.id))):
            moments = _moments(connection, incident_id)
            _move_incident(connection, incident_id, moments)
            _move_documents(connection, ActionRow, ActionRow.action, incident_id, moments)
            _move_documents(connection, RunbookStepRow, RunbookStepRow.step, incident_id, moments)


def _moments(connection: sa.Connection, incident_id: str) -> Moments:
    """Move the events of an incident, and return from when to when."""
    table = IncidentEventRow
    rows = connection.execute(
        sa.select(table.id, table.at, table.window).filter_by(incident_id=incident_id).order_by(table.id)
    ).all()
    moments: Moments = []
    for row in rows:
        played = Window.from_id(row.window).end + _TOLD_AFTER if row.window else None
        after = _played(row.at, moments) if moments else row.at
        at = after if played is None else max(played, moments[-1][1] if moments else played)
        moments.append((row.at, at))
        connection.execute(sa.update(table).filter_by(id=row.id).values(at=at))
    return moments


def _played(here: datetime, moments: Moments) -> datetime:
    """Return when something would have happened that happened here at a time."""
    before = [one for one in moments if one[0] <= here] or moments[:1]
    at, played = before[-1]
    return played + (here - at) * _SLOWER


def _move_incident(connection: sa.Connection, incident_id: str, moments: Moments) -> None:
    row = connection.execute(sa.select(IncidentRow.incident).filter_by(id=incident_id)).one()
    moved = _moved(row.incident, moments)
    opened = datetime.fromisoformat(moved["opened_at"])
    connection.execute(sa.update(IncidentRow).filter_by(id=incident_id).values(incident=moved, opened_at=opened))


def _move_documents(connection: sa.Connection, table: Any, column: Any, incident_id: str, moments: Moments) -> None:
    for row in connection.execute(sa.select(table.id, column).filter_by(incident_id=incident_id)).all():
        values: dict[Any, Any] = {column: _moved(row[1], moments)}
        if table is ActionRow:
            values[ActionRow.proposed_at] = datetime.fromisoformat(values[column]["proposed_at"])
        connection.execute(sa.update(table).filter_by(id=row.id).values(values))


def _moved(document: dict[str, Any], moments: Moments) -> dict[str, Any]:
    """Return a document whose times of here are those of the days that were played; an onset is one of those."""
    times = {name: value for name, value in document.items() if name.endswith("_at") and isinstance(value, str)}
    return {
        **document,
        **{
            name: _played(datetime.fromisoformat(at).astimezone(UTC), moments).isoformat() for name, at in times.items()
        },
    }

"""The DAG of the weekly review, run by Airflow: it closes the last week, or one that it is told, and tells it once."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from faulty_slack import FaultySlack
from parcels import write_project
from seamwatch.core.results import Window
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.store.repo import Store

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("airflow_database"),
    # Of Airflow's own code when it runs a DAG in this process.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def _run(bag: DagBag, conf: dict[str, Any] | None = None) -> dict[str, str]:
    done = bag.dags["seamwatch__weekly_review"].test(run_conf=conf)
    return {task.task_id: str(task.state) for task in done.get_task_instances()}


def test_the_last_week_is_closed_and_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.dag_processing.dagbag import DagBag

    write_project(tmp_path)
    monkeypatch.setenv("SEAMWATCH_PROJECT_DIR", str(tmp_path))
    monkeypatch.setenv("SEAMWATCH_DATA_DIR", str(tmp_path / "data"))
    with FaultySlack() as slack:
        extra = {"base_url": slack.url}
        connection = {"conn_type": "slack", "password": "xoxb-test", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_SLACK_TEST", json.dumps(connection))
        bag = DagBag(str(ROOT / "dags"))
        week = ReviewWeek.containing(datetime.now(UTC)).before()
        assert _run(bag) == {"close-week": "success", "deliver": "success"}
        assert slack.heads == [], "nothing was watched before the week was over"
        store = Store.open(f"sqlite:///{tmp_path / 'data' / 'seamwatch.db'}")
        hour = Window(start=week.window.start, end=week.window.start + timedelta(hours=1))
        store.begin_window("parcels", hour, now=week.window.start)
        store.close()
        assert _run(bag) == {"close-week": "success", "deliver": "success"}
        assert _run(bag, {"week": week.before(2).name}) == {"close-week": "success", "deliver": "success"}
        assert _run(bag) == {"close-week": "success", "deliver": "success"}
        store = Store.open(f"sqlite:///{tmp_path / 'data' / 'seamwatch.db'}")
        assert {week.name, week.before(2).name} <= set(store.closed_weeks())
        store.close()
        told = [one.text for one in slack.heads if one.text.startswith(f"Weekly review: Week {week.number},")]
        assert len(told) == 1
        assert _run(bag, {"week": "45"})["close-week"] == "failed"

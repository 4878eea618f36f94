"""The weekly review inside the Airflow UI: which week is shown, to whom, and of which pipelines."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from parcels import OPENED, WINDOW
from plugin_pages import Client
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.store.repo import Store
from weekly_reviews import USUAL

WEEK = ReviewWeek.containing(WINDOW.start)
PAGE = f"/seamwatch/weekly/{WEEK.name}"
pytestmark = [
    pytest.mark.integration,
    # Of Airflow's own API server.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture
def project(own_project: Path) -> Path:
    return own_project


@pytest.fixture
def store(project: Path) -> Store:
    store = Store.open(f"sqlite:///{project / 'data' / 'seamwatch.db'}")
    OPENED.append(store)
    return store


def deny(monkeypatch: pytest.MonkeyPatch, dag_id: str) -> None:
    """Make Airflow's auth manager, the system outside, refuse one DAG; the simple one knows roles only."""
    from airflow.api_fastapi.app import get_auth_manager

    manager = get_auth_manager()
    allowed = manager.is_authorized_dag

    def is_authorized(**asked: object) -> bool:
        return getattr(asked.get("details"), "id", None) != dag_id and allowed(**asked)  # type: ignore[arg-type]

    monkeypatch.setattr(manager, "is_authorized_dag", is_authorized)


@pytest.mark.parametrize("path", ["/seamwatch/weekly", PAGE, f"{PAGE}?form=json"])
def test_who_is_not_logged_in_sees_no_week(client: Client, path: str) -> None:
    assert client(None).get(path).status_code == 401


def test_the_week_before_any_is_closed_is_the_present_one(client: Client, store: Store) -> None:
    present = ReviewWeek.containing(datetime.now(UTC))
    answer = client("viewer").get("/seamwatch/weekly")
    assert answer.status_code == 303
    assert answer.headers["location"] in {f"/seamwatch/weekly/{one.name}" for one in (present, present.before(-1))}
    assert store.close_week(USUAL, now=USUAL.made_at)
    assert client("viewer").get("/seamwatch/weekly").headers["location"] == "/seamwatch/weekly/2026-W47"


def test_a_viewer_reads_a_week_in_every_form(client: Client) -> None:
    viewer = client("viewer")
    page = viewer.get(PAGE)
    assert page.status_code == 200
    assert "What changed since last week" in page.text
    assert "script" not in page.headers["content-security-policy"]
    assert f'rel="next" href="/seamwatch/weekly/{WEEK.before(-1).name}"' in page.text
    # The store keeps nothing from so long ago.
    assert 'rel="prev"' not in page.text
    text = viewer.get(PAGE, params={"form": "md"})
    assert text.headers["content-type"].startswith("text/markdown")
    assert text.text.startswith(f"# Week {WEEK.number}")
    found = viewer.get(PAGE, params={"form": "json"}).json()
    assert found["week"]["name"] == WEEK.name
    assert {one["pipeline"] for one in found["pipelines"]} == {"parcels", "letters"}
    assert found["everything"]["incidents"]["n_opened"] == 2
    assert viewer.get(PAGE, params={"form": "xml"}).status_code == 422


def test_who_may_not_read_a_pipeline_sees_nothing_of_it(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    deny(monkeypatch, "letters__incidents")
    viewer = client("viewer")
    assert "letters" not in viewer.get(PAGE).text
    assert "letters" not in viewer.get(PAGE, params={"form": "md"}).text
    found = viewer.get(PAGE, params={"form": "json"})
    assert "letters" not in found.text
    assert found.json()["everything"]["incidents"]["n_opened"] == 1


def test_of_a_closed_week_nothing_is_shown_of_pipelines_that_one_may_not_read(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert store.close_week(USUAL, now=USUAL.made_at)
    viewer = client("viewer")
    whole = viewer.get("/seamwatch/weekly/2026-W47").text
    assert "policy_chat" in whole
    assert 'rel="prev" href="/seamwatch/weekly/2026-W46"' in whole
    deny(monkeypatch, "policy_chat__incidents")
    page = viewer.get("/seamwatch/weekly/2026-W47").text
    assert "support_triage" in page
    assert "policy_chat" not in page


@pytest.mark.parametrize(
    "name",
    ["2026-W54", "2025-W53", "nonsense", "0001-W01", "1999-W10", "9999-W52", "2026-W", "%3Cscript%3E", "2026-W4%207"],
)
def test_what_is_no_week_that_began_is_not_found(client: Client, name: str) -> None:
    answer = client("viewer").get(f"/seamwatch/weekly/{name}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/json"

"""The list of incidents: what it shows to whom, filters and pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from plugin_pages import Client, deny, forget, store_of
from seamwatch.core.incident_life import ChangeKind, Incident, IncidentChange
from seamwatch.core.results import Window
from seamwatch.vocabulary import IncidentState

pytestmark = [
    pytest.mark.integration,
    # Of Airflow's own API server.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def test_the_list_shows_what_happened_and_leads_to_the_report(client: Client, incident: Incident) -> None:
    page = client("viewer").get("/seamwatch/incidents").text
    assert incident.headline in page
    assert f'href="/seamwatch/incidents/{incident.id}"' in page
    report = client("viewer").get(f"/seamwatch/incidents/{incident.id}")
    assert report.status_code == 200
    assert report.headers["content-type"] == "text/html; charset=utf-8"
    assert incident.headline in report.text
    assert 'href="/seamwatch/incidents"' in report.text


def test_the_list_says_what_was_not_delivered(client: Client, incident: Incident, project: Path) -> None:
    store, now = store_of(project), datetime(2026, 1, 6, 12, tzinfo=UTC)
    claimed = store.claim_delivery(now, lease=timedelta(minutes=2), owner="me")
    assert claimed is not None
    store.mark_failed(claimed.id, owner="me", error="answered <invalid_auth>", retry_at=now)
    page = client("viewer").get("/seamwatch/incidents").text
    store.mark_sent(claimed.id, owner="me", message_id="C1:1.1", now=now)
    store.close()
    assert "Not delivered to its channel: answered &lt;invalid_auth&gt;" in page


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", {"parcels", "letters"}),
        ("?pipeline=parcels", {"parcels"}),
        ("?pipeline=&state=open", {"parcels", "letters"}),
        ("?state=resolved", set()),
        ("?pipeline=nobody", set()),
    ],
)
def test_the_list_is_filtered(client: Client, query: str, shown: set[str]) -> None:
    page = client("viewer").get(f"/seamwatch/incidents{query}").text
    assert {name for name in ("parcels", "letters") if f"/incidents/{name}-" in page} == shown


@pytest.fixture
def crowd(project: Path, incident: Incident) -> Iterator[None]:
    """120 open incidents of one pipeline, and 1,500 newer ones of another that are over."""
    store, window = store_of(project), incident.last_window
    made = [
        replace(
            incident,
            id=f"{name}-{number}",
            fingerprint=f"{name}-{number}",
            pipeline=name,
            state=state,
            opened_at=incident.opened_at + timedelta(days=day, minutes=number),
        )
        for name, n, state, day in (("few", 120, IncidentState.OPEN, 1), ("crowd", 1500, IncidentState.RESOLVED, 2))
        for number in range(n)
    ]
    store.apply_changes([IncidentChange(kind=ChangeKind.OPENED, incident=one) for one in made], window=window)
    store.close()
    yield
    forget(project, "few-%", "crowd-%")


@pytest.mark.usefixtures("crowd")
def test_filters_and_rights_come_before_the_limit_and_pages_are_counted(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = client("viewer")

    def shown(path: str) -> tuple[list[int], str]:
        page = viewer.get(f"/seamwatch{path}").text
        return [int(n) for n in re.findall(r"/incidents/few-(\d+)\"", page)], page

    numbers, page = shown("/dags/few__validate")
    assert numbers == list(range(119, 69, -1))
    assert "1 to 50 of 120" in page
    numbers, page = shown("/incidents?pipeline=few&state=open&page=3")
    assert numbers == list(range(19, -1, -1))
    assert "101 to 120 of 120" in page
    assert 'rel="next"' not in page
    assert 'href="/seamwatch/incidents?pipeline=few&amp;state=open&amp;page=2" rel="prev"' in page
    assert shown("/incidents?pipeline=few&page=99")[0] == numbers
    assert "1 to 50 of 1,500" in shown("/incidents?state=resolved")[1]
    assert "No incidents match" in shown("/incidents?pipeline=few&state=resolved")[1]
    # Who may see one pipeline sees its counts alone.
    for name in ("crowd", "parcels", "letters"):
        deny(monkeypatch, f"{name}__incidents")
    numbers, page = shown("/incidents")
    assert numbers == list(range(119, 69, -1))
    assert "120 not resolved" in page
    assert "crowd" not in page


@pytest.mark.parametrize("page", ["0", "-1", "x", "99999999999"])
def test_a_page_that_cannot_be_is_refused(client: Client, page: str) -> None:
    assert client("viewer").get(f"/seamwatch/incidents?page={page}").status_code == 422


def test_an_unknown_state_is_refused(client: Client) -> None:
    assert client("viewer").get("/seamwatch/incidents?state=gone").status_code == 422


def test_the_tab_of_a_dag_shows_its_pipeline_alone(client: Client) -> None:
    page = client("viewer").get("/seamwatch/dags/letters__isolate").text
    assert '<form class="filter" method="get" action="/seamwatch/incidents">' in page
    assert "/incidents/letters-" in page
    assert "/incidents/parcels-" not in page


def test_acknowledging_needs_the_right_to_change_the_dag(client: Client, actor: Incident, project: Path) -> None:
    path = f"/seamwatch/incidents/{actor.id}/acknowledge"
    assert client("viewer").post(path).status_code == 403
    assert client("admin").get(path).status_code == 405
    assert store_of(project).incident(actor.id).state is IncidentState.OPEN
    answer = client("admin").post(path)
    assert answer.status_code == 303
    assert (answer.next_request.url.path if answer.next_request else None) == "/seamwatch/incidents"
    assert store_of(project).incident(actor.id).state is IncidentState.ACKNOWLEDGED
    assert "acknowledged" in client("viewer").get("/seamwatch/incidents?state=acknowledged").text


def test_text_of_an_incident_cannot_become_markup(client: Client, project: Path, incident: Incident) -> None:
    store = store_of(project)
    window = Window.from_id("20260201T000000Z-20260202T000000Z")
    hostile = replace(
        incident,
        id="parcels-hostile",
        fingerprint="hostile",
        headline="<script>alert(1)</script><img src=x onerror=alert(2)>",
        stage='"><b>',
        first_window=window,
        last_window=window,
    )
    store.apply_changes([IncidentChange(kind=ChangeKind.OPENED, incident=hostile)], window=window)
    page = client("viewer").get("/seamwatch/incidents").text
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    # Its window was never attributed: the page says so, and is no crash.
    answer = client("viewer").get("/seamwatch/incidents/parcels-hostile")
    assert answer.status_code == 200
    assert "no attribution" in answer.text
    assert "Timeline" in answer.text
    assert "What you can do" not in answer.text
    for form in ("json", "md"):
        assert client("viewer").get("/seamwatch/incidents/parcels-hostile", params={"form": form}).status_code == 409
    store.close()
    forget(project, "parcels-hostile")

"""The pages inside Airflow's UI: who may see what, and that nothing foreign can run in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from plugin_pages import Client, deny, every_path, store_of
from seamwatch.core.incident_life import ChangeKind, Incident, IncidentChange
from seamwatch.vocabulary import IncidentState

pytestmark = [
    pytest.mark.integration,
    # Of Airflow's own API server.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def test_a_program_that_is_not_logged_in_gets_nothing(client: Client, incident: Incident) -> None:
    anonymous = client(None)
    for path in every_path(incident):
        assert anonymous.get(path).status_code == 401, path
    assert anonymous.post(f"/seamwatch/incidents/{incident.id}/acknowledge").status_code == 401
    for path in ("/seamwatch/docs", "/seamwatch/redoc", "/seamwatch/openapi.json"):
        assert anonymous.get(path).status_code in (401, 404), path


def test_every_route_of_the_app_asks_who_is_there(client: Client) -> None:
    from fastapi.routing import APIRoute

    from seamwatch.orchestration.ui import create_app

    anonymous = client(None)
    routes = [route for route in create_app().routes if isinstance(route, APIRoute)]
    assert len(create_app().routes) == len(routes) >= 6
    for route in routes:
        path = "/seamwatch" + route.path_format.format(
            dag_id="x__validate", incident_id="x", path="x/y.html", pipeline="x", week="2026-W45", action_id="x"
        )
        for method in route.methods:
            assert anonymous.request(method, path).status_code == 401, (method, path)


def test_a_token_that_is_not_ours_opens_nothing(client: Client, incident: Incident) -> None:
    forged = {"Authorization": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9."}
    for path in every_path(incident):
        assert client(None).get(path, headers=forged).status_code in (401, 403), path


def test_a_person_who_is_not_logged_in_is_sent_to_the_login_and_back(client: Client, incident: Incident) -> None:
    page = f"/seamwatch/incidents/{incident.id}?form=html"
    answer = client(None).get(page, headers={"Accept": "text/html,*/*;q=0.8", "Sec-Fetch-Dest": "document"})
    assert answer.status_code == 303
    target = urlsplit(answer.headers["location"])
    assert target.path == "/api/v2/auth/login"
    assert parse_qs(target.query) == {"next": [page]}
    login = client(None).get(answer.headers["location"])
    assert login.status_code == 307
    assert "/auth/login" in login.headers["location"]


def test_a_frame_whose_login_is_over_shows_no_login_page(client: Client) -> None:
    headers = {"Accept": "text/html", "Sec-Fetch-Dest": "iframe"}
    assert client(None).get("/seamwatch/incidents", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "/data-docs/parcels/%00.html",
        "/data-docs/%00/index.html",
        f"/data-docs/parcels/{'x' * 5000}.html",
        f"/data-docs/{'x/' * 2500}index.html",
        "/incidents/%00",
        f"/incidents/{'x' * 5000}",
        "/dags/a%00b",
        "/objectives/%00",
        "/incidents?pipeline=%00",
    ],
)
def test_names_that_nothing_can_have_are_not_found(client: Client, path: str) -> None:
    assert client("admin").get(f"/seamwatch{path}").status_code == 404


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://testserver"}, 303),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 403),
    ],
)
def test_a_form_of_another_site_changes_nothing(
    client: Client, incident: Incident, project: Path, headers: dict[str, str], code: int
) -> None:
    # A browser sends the login as a cookie, with whatever form a page posts.
    token = client("admin").headers["Authorization"].removeprefix("Bearer ")
    store = store_of(project)
    before = replace(incident, state=IncidentState.OPEN)
    store.apply_changes([IncidentChange(kind=ChangeKind.UPDATED, incident=before)], window=incident.last_window)
    browser = client(None)
    browser.cookies.set("_token", token)
    path = f"/seamwatch/incidents/{incident.id}/acknowledge"
    assert browser.get("/seamwatch/incidents", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200
    assert browser.post(path, headers=headers).status_code == code
    taken = store.incident(incident.id)
    assert taken is not None
    assert (taken.state is IncidentState.ACKNOWLEDGED) is (code == 303)
    store.apply_changes([IncidentChange(kind=ChangeKind.UPDATED, incident=before)], window=incident.last_window)
    store.close()


def test_a_store_that_fails_is_told_in_place_of_the_page(client: Client, project: Path) -> None:
    store_of(project).close()
    file = project / "data" / "seamwatch.db"
    kept = file.read_bytes()
    file.write_bytes(b"no database any more " * 1000)
    try:
        answer = client("admin").get("/seamwatch/incidents")
    finally:
        file.write_bytes(kept)
    assert answer.status_code == 503
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.startswith(f"the store at sqlite:///{file}: it is damaged (SQLITE_")


def test_who_may_not_read_the_dag_does_not_learn_of_its_incidents(
    client: Client, incident: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = client("viewer")
    deny(monkeypatch, "parcels__incidents")
    page = viewer.get("/seamwatch/incidents").text
    assert "parcels" not in page
    assert "/incidents/letters-" in page
    assert viewer.get(f"/seamwatch/incidents/{incident.id}").status_code == 404
    assert viewer.get("/seamwatch/data-docs/parcels/index.html").status_code == 404
    assert viewer.post(f"/seamwatch/incidents/{incident.id}/acknowledge").status_code == 404


def test_no_page_can_run_or_load_anything(client: Client, incident: Incident) -> None:
    for path in every_path(incident):
        headers = client("viewer").get(path).headers
        policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'", path
        assert "script-src" not in policy
        assert policy["frame-ancestors"] == "'self'"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


def test_airflow_shows_the_pages_in_its_navigation_and_at_every_dag(client: Client) -> None:
    plugins = client("admin").get("/api/v2/plugins").json()["plugins"]
    (ours,) = [plugin for plugin in plugins if plugin["name"] == "seamwatch"]
    views = [(view["destination"], view["name"], view["href"]) for view in ours["external_views"]]
    assert views == [
        ("nav", "Reliability", "/seamwatch/"),
        ("nav", "Incidents", "/seamwatch/incidents"),
        ("nav", "Review", "/seamwatch/review"),
        ("nav", "Weekly", "/seamwatch/weekly"),
        ("dag", "Incidents", "/seamwatch/dags/{DAG_ID}"),
    ]
    icons = {view["icon"] for view in ours["external_views"] if view["destination"] == "nav"}
    assert len(icons) == 4
    assert all(icon.startswith("data:image/svg+xml,") for icon in icons)
    errors = client("admin").get("/api/v2/plugins/importErrors").json()
    assert errors["import_errors"] == []

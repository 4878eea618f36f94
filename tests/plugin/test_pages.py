"""The pages inside Airflow's UI: who may see what, what is shown, and that nothing foreign can run in them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import sqlalchemy as sa
from pydantic import TypeAdapter

from parcels import WINDOW, make_deps
from seamwatch.core.action_life import ActionPlan, ActionRun
from seamwatch.core.incident_life import ChangeKind, Incident, IncidentChange
from seamwatch.core.results import Window
from seamwatch.core.watcher_status import SHARED
from seamwatch.engine.slo import look_at_objectives
from seamwatch.spec.objectives import Objective
from seamwatch.store.repo import Store
from seamwatch.vocabulary import ActionState, IncidentState, RecurringJob

Client = Callable[[str | None], httpx.Client]

pytestmark = [
    pytest.mark.integration,
    # Of Airflow's own API server.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def every_path(incident: Incident) -> list[str]:
    return [
        "/seamwatch/",
        "/seamwatch/incidents",
        "/seamwatch/dags/parcels__validate",
        f"/seamwatch/incidents/{incident.id}",
        f"/seamwatch/incidents/{incident.id}?form=json",
        "/seamwatch/data-docs/parcels/index.html",
    ]


def store_of(project: Path) -> Store:
    return Store.open(f"sqlite:///{project / 'data' / 'seamwatch.db'}")


def forget(project: Path, *patterns: str) -> None:
    """Delete the incidents with such ids."""
    engine = sa.create_engine(f"sqlite:///{project / 'data' / 'seamwatch.db'}")
    with engine.begin() as connection:
        for table, column in (("seamwatch_incident_events", "incident_id"), ("seamwatch_incidents", "id")):
            for pattern in patterns:
                connection.execute(sa.text(f"DELETE FROM {table} WHERE {column} LIKE :pattern"), {"pattern": pattern})
    engine.dispose()


def deny(monkeypatch: pytest.MonkeyPatch, dag_id: str) -> None:
    """Make Airflow's auth manager, the system outside, refuse one DAG; the simple one knows roles only."""
    from airflow.api_fastapi.app import get_auth_manager

    manager = get_auth_manager()
    allowed = manager.is_authorized_dag

    def is_authorized(**asked: object) -> bool:
        return getattr(asked.get("details"), "id", None) != dag_id and allowed(**asked)  # type: ignore[arg-type]

    monkeypatch.setattr(manager, "is_authorized_dag", is_authorized)


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


def test_a_job_that_stopped_stands_on_every_page_of_whoever_may_see_its_pipeline(
    client: Client, incident: Incident, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, now = client("viewer"), datetime.now(UTC)
    store = store_of(project)
    store.note_end(SHARED, RecurringJob.DELIVERY, now=now)
    for pipeline in ("parcels", "letters"):
        store.note_end(pipeline, RecurringJob.SLO, now=now - timedelta(minutes=20))
    store.note_end("letters", RecurringJob.SLO, now=now)
    said = f"No look at the objectives and watches of parcels since {now - timedelta(minutes=20):%Y-%m-%d %H:%M} UTC"
    for path in ("/seamwatch/incidents", f"/seamwatch/incidents/{incident.id}", "/seamwatch/dags/parcels__isolate"):
        page = viewer.get(path).text
        assert page.count('role="alert"') == 1, path
        assert said in page, path
    assert 'role="alert"' not in viewer.get("/seamwatch/dags/letters__isolate").text
    with paused("parcels__slo"):
        assert "the DAG parcels__slo is paused" in viewer.get("/seamwatch/incidents").text
    store.note_end("parcels", RecurringJob.SLO, now=now)
    assert 'role="alert"' not in viewer.get("/seamwatch/incidents").text
    store.close()


def test_a_job_that_stopped_is_not_told_to_who_may_not_see_its_pipeline(
    client: Client, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, now = client("viewer"), datetime.now(UTC)
    text = (project / "include/pipelines/parcels.yaml").read_text().replace("pipeline: parcels", "pipeline: secret")
    (project / "include/pipelines/secret.yaml").write_text(text)
    store = store_of(project)
    store.note_end("secret", RecurringJob.SLO, now=now - timedelta(minutes=20))
    store.close()
    try:
        assert "letters__slo" not in viewer.get("/seamwatch/incidents").text
        assert "secret__slo" in viewer.get("/seamwatch/incidents").text
        deny(monkeypatch, "secret__incidents")
        assert "secret" not in viewer.get("/seamwatch/incidents").text
    finally:
        (project / "include/pipelines/secret.yaml").unlink()


@contextmanager
def paused(dag_id: str) -> Iterator[None]:
    """Pause a DAG in Airflow's own database."""
    from airflow.models.dag import DagModel
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.session import create_session

    with create_session() as session:
        session.merge(DagBundleModel(name="tests"))
        session.flush()
        # Tests of DAGs in the same process may have left it there.
        session.merge(DagModel(dag_id=dag_id, is_paused=True, bundle_name="tests"))
    try:
        yield
    finally:
        with create_session() as session:
            session.get(DagModel, dag_id).is_paused = False


def test_an_unknown_state_is_refused(client: Client) -> None:
    assert client("viewer").get("/seamwatch/incidents?state=gone").status_code == 422


def test_the_tab_of_a_dag_shows_its_pipeline_alone(client: Client) -> None:
    page = client("viewer").get("/seamwatch/dags/letters__isolate").text
    assert '<form class="filter" method="get" action="/seamwatch/incidents">' in page
    assert "/incidents/letters-" in page
    assert "/incidents/parcels-" not in page


def test_the_report_is_also_there_for_programs(client: Client, incident: Incident) -> None:
    viewer = client("viewer")
    answer = viewer.get(f"/seamwatch/incidents/{incident.id}?form=json")
    assert answer.headers["content-type"].startswith("application/json")
    assert json.loads(answer.text)["pipeline"] == "parcels"
    assert viewer.get(f"/seamwatch/incidents/{incident.id}?form=md").text.startswith("#")
    assert viewer.get(f"/seamwatch/incidents/{incident.id}?form=exe").status_code == 404


@pytest.mark.parametrize("incident_id", ["none", "%2e%2e%2fparcels", "a'b", "x" * 3000])
def test_an_incident_that_does_not_exist_is_not_found(client: Client, incident_id: str) -> None:
    assert client("admin").get(f"/seamwatch/incidents/{incident_id}").status_code in (404, 405)


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


def test_the_page_of_objectives_shows_budgets_charts_and_the_gate_to_whoever_may_see_the_pipeline(
    client: Client, incident: Incident, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = "/seamwatch/objectives/parcels"
    viewer = client("viewer")
    unseen = viewer.get(page)
    assert unseen.status_code == 409
    assert "seamwatch slo parcels" in unseen.text
    assert viewer.get("/seamwatch/objectives/unknown").status_code == 404
    deps = make_deps(
        project,
        {"AIRFLOW_CONN_PARCELS_DB": f"sqlite:///{project / 'parcels.db'}"},
        store_url=f"sqlite:///{project / 'data' / 'seamwatch.db'}",
    )
    pipeline = deps.project.pipeline("parcels")
    objective = TypeAdapter(Objective).validate_python({"kind": "accuracy", "goal": 0.9, "over": "1d"})
    look_at_objectives(deps, pipeline.model_copy(update={"slos": (objective,)}), now=WINDOW.end)
    deps.store.close()
    shown = viewer.get(page)
    assert shown.status_code == 200
    for text in ("Releases are frozen", "Error budget left: accuracy", incident.id, "<svg"):
        assert text in shown.text
    assert "default-src 'none'" in shown.headers["Content-Security-Policy"]
    deny(monkeypatch, "parcels__incidents")
    assert viewer.get(page).status_code == 404


def test_acknowledging_needs_the_right_to_change_the_dag(client: Client, incident: Incident, project: Path) -> None:
    path = f"/seamwatch/incidents/{incident.id}/acknowledge"
    assert client("viewer").post(path).status_code == 403
    assert client("admin").get(path).status_code == 405
    assert store_of(project).incident(incident.id).state is IncidentState.OPEN
    answer = client("admin").post(path)
    assert answer.status_code == 303
    assert (answer.next_request.url.path if answer.next_request else None) == "/seamwatch/incidents"
    assert store_of(project).incident(incident.id).state is IncidentState.ACKNOWLEDGED
    assert "acknowledged" in client("viewer").get("/seamwatch/incidents?state=acknowledged").text


@pytest.fixture
def actor(project: Path, incident: Incident) -> Iterator[Incident]:
    """An open incident to act on, which is as it was afterwards."""
    store = store_of(project)
    fresh = replace(incident, state=IncidentState.OPEN, acknowledged_by=None)

    def restore() -> None:
        store.apply_changes([IncidentChange(kind=ChangeKind.UPDATED, incident=fresh)], window=incident.last_window)

    restore()
    yield fresh
    restore()
    store.close()
    forget(project, "parcels-other")


def ask(client: Client, incident: Incident, role: str = "admin", **form: str) -> httpx.Response:
    return client(role).post(f"/seamwatch/incidents/{incident.id}/act", data=form)


def shown_after(client: Client, answer: httpx.Response) -> str:
    assert answer.status_code == 303, answer.text
    return client("admin").get(answer.headers["location"]).text


def outcome(page: str) -> str:
    found = re.search(r'<p role="status" class="outcome[ a-z]*">(.*?)</p>', page)
    return found[1] if found else ""


@pytest.mark.parametrize(
    ("form", "state", "said"),
    [
        ({"action": "ack"}, IncidentState.ACKNOWLEDGED, "Acknowledged"),
        ({"action": "mute", "hours": "24"}, IncidentState.MUTED, "Muted until"),
        ({"action": "mitigate"}, IncidentState.MITIGATED, "Mitigated 20"),
        ({"action": "resolve", "why": "rolled back"}, IncidentState.RESOLVED, "still showed"),
        ({"action": "void", "why": "a drill"}, IncidentState.VOIDED, "no longer count"),
        ({"action": "wrong", "responsibility": "provider"}, IncidentState.OPEN, "Kept for the grading"),
        ({"action": "confirm", "why": "seen in the diff"}, IncidentState.OPEN, "Kept for the grading"),
    ],
)
def test_whoever_may_change_the_pipeline_acts_on_its_incident_and_is_told_what_came_of_it(
    client: Client, actor: Incident, project: Path, form: dict[str, str], state: IncidentState, said: str
) -> None:
    page = shown_after(client, ask(client, actor, **form))
    assert said in outcome(page)
    store = store_of(project)
    assert store.incident(actor.id).state is state
    last = store.incident_events(actor.id)[-1]
    store.close()
    assert (last.by, last.door.value if last.door else None) == ("admin", "airflow")
    assert "admin in Airflow" in page
    assert form.get("why", "") in page


def test_a_mute_ends_when_it_was_asked_to(client: Client, actor: Incident, project: Path) -> None:
    before = datetime.now(UTC)
    assert ask(client, actor, action="mute", hours="72").status_code == 303
    store = store_of(project)
    until = store.incident(actor.id).muted_until
    store.close()
    assert until is not None
    assert timedelta(0) <= until - before - timedelta(hours=72) < timedelta(minutes=5)
    page = client("admin").get(f"/seamwatch/incidents/{actor.id}").text
    assert ">Unmute</button>" in page


def test_what_the_state_does_not_allow_is_refused_in_words_and_changes_nothing(
    client: Client, actor: Incident, project: Path
) -> None:
    store = store_of(project)
    other = replace(actor, id="parcels-other", fingerprint="other", headline="<b>Other</b> & cause")
    store.apply_changes([IncidentChange(kind=ChangeKind.OPENED, incident=other)], window=actor.last_window)
    assert "&lt;b&gt;Other&lt;/b&gt; &amp; cause" in client("admin").get(f"/seamwatch/incidents/{actor.id}").text
    page = shown_after(client, ask(client, actor, action="merge", into="parcels-other"))
    assert "Merged into parcels-other" in outcome(page)
    assert re.findall(r'name="action" value="(\w+)"', page) == ["split", "confirm", "wrong"]
    refused = ask(client, actor, action="resolve")
    assert refused.status_code == 409
    assert "was merged into parcels-other: act on that one" in outcome(refused.text)
    assert store.incident(actor.id).state is IncidentState.MERGED
    assert "Open since" in outcome(shown_after(client, ask(client, actor, action="split")))
    refused = ask(client, actor, action="merge", into="letters-nothing")
    assert refused.status_code == 409
    assert "name another incident of the same pipeline" in outcome(refused.text)
    store.apply_changes(
        [IncidentChange(kind=ChangeKind.VOIDED, incident=replace(other, state=IncidentState.VOIDED))],
        window=actor.last_window,
    )
    assert "incident that is open" in outcome(ask(client, actor, action="merge", into="parcels-other").text)
    store.close()


def test_an_incident_without_a_report_has_its_timeline_and_can_be_acted_on(
    client: Client, actor: Incident, project: Path
) -> None:
    store = store_of(project)
    moved = replace(store.incident(actor.id), last_window=Window(start=WINDOW.end, end=WINDOW.end + timedelta(days=1)))
    store.apply_changes([IncidentChange(kind=ChangeKind.UPDATED, incident=moved)], window=moved.last_window)
    page = client("viewer").get(f"/seamwatch/incidents/{actor.id}")
    assert page.status_code == 200
    for text in ("Its report cannot be made", "has no attribution yet", "Timeline", "Opened", actor.headline):
        assert text in page.text
    assert "What you can do" not in page.text
    assert "Acknowledged" in outcome(shown_after(client, ask(client, actor, action="ack")))
    again = ask(client, actor, action="ack")
    assert again.status_code == 409
    assert "is so already" in outcome(again.text)
    assert "Its report cannot be made" in again.text
    store.close()


def test_an_incident_of_a_broken_pipeline_file_has_a_page(client: Client, actor: Incident, project: Path) -> None:
    file = project / "include/pipelines/parcels.yaml"
    before = file.read_text()
    file.write_text("pipeline: [")
    try:
        page = client("user").get(f"/seamwatch/incidents/{actor.id}")
    finally:
        file.write_text(before)
    assert page.status_code == 200
    assert "Its report cannot be made" in page.text
    assert "What you can do" in page.text


def test_a_void_without_a_reason_changes_nothing(client: Client, actor: Incident, project: Path) -> None:
    answer = ask(client, actor, action="void", why="   ")
    assert answer.status_code == 422
    assert "needs a reason" in outcome(answer.text)
    store = store_of(project)
    assert store.incident(actor.id).state is IncidentState.OPEN
    store.close()


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"action": "explode"},
        {"action": "mute", "hours": "0"},
        {"action": "mute", "hours": "9999999999"},
        {"action": "mute", "hours": "four"},
        {"action": "wrong", "responsibility": "the boss"},
        {"action": "ack", "why": "x" * 1_000_001},
        {"action": "merge", "into": "x" * 5000},
    ],
)
def test_a_form_that_the_page_does_not_have_is_refused(
    client: Client, actor: Incident, project: Path, form: dict[str, str]
) -> None:
    assert ask(client, actor, **form).status_code == 422
    store = store_of(project)
    assert store.incident(actor.id).state is IncidentState.OPEN
    store.close()


def test_who_may_only_read_sees_the_timeline_and_no_form(client: Client, actor: Incident) -> None:
    page = client("viewer").get(f"/seamwatch/incidents/{actor.id}?did=ack").text
    assert '<ol class="timeline">' in page
    assert "Opened" in page
    assert "<form" not in page
    acknowledge = f'action="/seamwatch/incidents/{actor.id}/acknowledge"'
    assert acknowledge not in client("viewer").get("/seamwatch/incidents").text
    assert acknowledge in client("admin").get("/seamwatch/incidents").text
    assert '<form class="act" method="post"' in client("admin").get(f"/seamwatch/incidents/{actor.id}").text
    assert ask(client, actor, role="viewer", action="ack").status_code == 403
    assert client("admin").get(f"/seamwatch/incidents/{actor.id}/act").status_code == 405


def test_a_forged_form_acts_on_nothing(client: Client, actor: Incident, project: Path) -> None:
    token = client("admin").headers["Authorization"].removeprefix("Bearer ")
    browser = client(None)
    browser.cookies.set("_token", token)
    path, form = f"/seamwatch/incidents/{actor.id}/act", {"action": "resolve"}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}, {}):
        assert browser.post(path, data=form, headers=headers).status_code == 403
    store = store_of(project)
    assert store.incident(actor.id).state is IncidentState.OPEN
    store.close()
    assert browser.post(path, data=form, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303


def test_a_reason_cannot_become_markup(client: Client, actor: Incident) -> None:
    why = "</q><script>alert(1)</script><img src=x onerror=alert(2)>\u202e\n*x*"
    page = shown_after(client, ask(client, actor, action="ack", why=why))
    assert "<script" not in page
    assert "<img" not in page
    assert "\u202e" not in page
    assert "&lt;/q&gt;&lt;script&gt;" in page
    markdown = client("viewer").get(f"/seamwatch/incidents/{actor.id}?form=md").text
    assert "<script" not in markdown.replace("\\<", "")
    timeline = json.loads(client("viewer").get(f"/seamwatch/incidents/{actor.id}?form=json").text)["report"]["timeline"]
    assert timeline[-1]["why"] == why
    assert (timeline[-1]["by"], timeline[-1]["door"], timeline[-1]["kind"]) == ("admin", "airflow", "acknowledged")


@pytest.fixture
def waiting(actor: Incident, project: Path) -> Iterator[ActionRun]:
    """An action of an incident that waits for an answer, each test its own; none is left afterwards."""
    store = store_of(project)
    known = len(store.actions_of(actor.id))
    now = datetime.now(UTC)
    action = ActionRun(
        id=f"{actor.id}/roll_back/{known}",
        incident_id=actor.id,
        pipeline="parcels",
        name="roll_back",
        runbook="integration_failure",
        state=ActionState.WAITING,
        plan=ActionPlan(target="x", before="1", after="2", does="Sets <b>2</b> in place of 1", undoes="Sets 1 again"),
        proposed_at=now,
        updated_at=now,
        answer_by=now + timedelta(hours=1),
    )
    store.add_action(action, kind=ChangeKind.ACTION_PROPOSED, why="")
    yield action
    store.close()
    engine = sa.create_engine(f"sqlite:///{project / 'data' / 'seamwatch.db'}")
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM seamwatch_actions"))
    engine.dispose()


def answer(client: Client, action: ActionRun, how: str, role: str = "admin") -> httpx.Response:
    form = {"answered": action.id, "how": how}
    return client(role).post(f"/seamwatch/incidents/{action.incident_id}/answer", data=form)


def state_of(project: Path, action: ActionRun) -> tuple[ActionState, str | None]:
    store = store_of(project)
    now = store.action(action.id)
    store.close()
    assert now is not None
    return now.state, now.answered_by


@pytest.mark.parametrize(("how", "state"), [("approve", ActionState.APPROVED), ("reject", ActionState.REJECTED)])
def test_whoever_may_change_the_pipeline_answers_an_action_on_its_page_once(
    client: Client, waiting: ActionRun, project: Path, how: str, state: ActionState
) -> None:
    page = client("admin").get(f"/seamwatch/incidents/{waiting.incident_id}").text
    assert "Sets &lt;b&gt;2&lt;/b&gt; in place of 1" in page
    assert f'value="{waiting.id}"' in page
    shown = shown_after(client, answer(client, waiting, how))
    assert state_of(project, waiting) == (state, "admin")
    assert f'value="{waiting.id}"' not in shown
    again = answer(client, waiting, "approve")
    assert again.status_code == 409
    assert "Nothing changed by your answer" in outcome(again.text)
    assert state_of(project, waiting) == (state, "admin")


def test_who_may_only_read_sees_what_waits_and_answers_nothing(
    client: Client, waiting: ActionRun, project: Path
) -> None:
    page = client("viewer").get(f"/seamwatch/incidents/{waiting.incident_id}").text
    assert "waits for approval" in page
    assert f'value="{waiting.id}"' not in page
    assert answer(client, waiting, "approve", role="viewer").status_code == 403
    assert state_of(project, waiting) == (ActionState.WAITING, None)


def test_answers_to_nothing_are_refused(client: Client, waiting: ActionRun, project: Path) -> None:
    other = replace(waiting, id=f"{waiting.incident_id}/roll_back/none")
    assert answer(client, other, "approve").status_code == 404
    assert answer(client, waiting, "explode").status_code == 422
    assert answer(client, waiting, "undo").status_code == 409
    assert state_of(project, waiting) == (ActionState.WAITING, None)


def test_answer_that_airflow_cannot_take_is_said_and_kept_nowhere(
    client: Client, waiting: ActionRun, project: Path
) -> None:
    store = store_of(project)
    tasked = replace(
        waiting, id=f"{waiting.id}-tasked", task="parcels__runbook/run/integration_failure.roll_back_approve"
    )
    store.add_action(tasked, kind=ChangeKind.ACTION_PROPOSED, why="")
    store.close()
    refused = answer(client, tasked, "approve")
    assert refused.status_code == 409
    assert "airflow_api" in outcome(refused.text)
    assert state_of(project, tasked) == (ActionState.WAITING, None)


def overview(client: Client, role: str = "viewer") -> dict[str, str]:
    """Return the rows of the overview by pipeline, in their order."""
    answer = client(role).get("/seamwatch/")
    assert answer.status_code == 200, answer.text
    rows = re.findall(
        r'<th scope="row" role="rowheader"><a href="[^"]*">(.*?)</a>(.*?)</tr>', answer.text, flags=re.DOTALL
    )
    return dict(rows)


def test_the_overview_has_a_row_for_every_pipeline_and_leads_on(client: Client, actor: Incident) -> None:
    rows = overview(client)
    assert {"parcels", "letters"} <= set(rows)
    assert "1 open" in rows["parcels"]
    assert 'href="/seamwatch/incidents?pipeline=parcels&amp;state=open"' in rows["parcels"]
    assert "Slack user U0REL" in rows["parcels"]
    assert ask(client, actor, action="ack").status_code == 303
    rows = overview(client)
    assert list(rows).index("letters") < list(rows).index("parcels")
    assert "1 acknowledged" in rows["parcels"]


def test_the_overview_leaves_out_what_a_person_may_not_read(
    client: Client, actor: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    deny(monkeypatch, "parcels__incidents")
    assert "parcels" not in overview(client)
    assert "letters" in overview(client)
    assert "pipeline=parcels" not in client("viewer").get("/seamwatch/").text
    deny(monkeypatch, "letters__incidents")
    assert "There is no pipeline that you may see." in client("viewer").get("/seamwatch/").text


def test_a_file_with_a_mistake_and_a_pipeline_without_a_file_have_a_row_that_says_so(
    client: Client, actor: Incident, project: Path
) -> None:
    file = project / "include" / "pipelines" / "broken.yaml"
    file.write_text("pipeline: broken\nstages: 7\n")
    store = store_of(project)
    gone = replace(actor, id="parcels-other", fingerprint="other", pipeline="<b>gone", headline="x")
    store.apply_changes([IncidentChange(kind=ChangeKind.OPENED, incident=gone)], window=actor.last_window)
    store.close()
    try:
        rows = overview(client)
    finally:
        file.unlink()
    assert "Its file has a mistake" in rows["broken"]
    assert "unowned" not in rows["broken"]
    assert "It has no file any more" in rows["&lt;b&gt;gone"]
    assert "1 open" in rows["&lt;b&gt;gone"]


def test_results_of_one_pipeline_that_cannot_be_read_hide_no_other(
    client: Client, actor: Incident, project: Path
) -> None:
    engine = sa.create_engine(f"sqlite:///{project / 'data' / 'seamwatch.db'}")
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    values = {"at": today.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")}
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO seamwatch_aggregates (pipeline, watch, series, start_at, data) "
                "VALUES ('letters', 'cost', 'hour', :at, '[7]')"
            ),
            values,
        )
    try:
        rows = overview(client)
    finally:
        with engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM seamwatch_aggregates WHERE pipeline = 'letters'"))
        engine.dispose()
    assert {"parcels", "letters"} <= set(rows)
    assert "1 open" in rows["letters"]
    assert "What is kept of it cannot be read" in rows["letters"]
    assert rows["letters"].count("<span>not known</span>") == 3
    assert "cannot be read" not in rows["parcels"]


def test_data_docs_are_served_as_what_they_are(client: Client, project: Path) -> None:
    viewer = client("viewer")
    docs = sorted((project / "data" / "data_docs" / "parcels").rglob("*.html"))
    assert docs
    for file in docs:
        path = file.relative_to(project / "data" / "data_docs").as_posix()
        answer = viewer.get(f"/seamwatch/data-docs/{path}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")


@pytest.mark.parametrize(
    "path",
    [
        "../seamwatch.db",
        "..%2fseamwatch.db",
        "parcels/../../seamwatch.db",
        "parcels/%2e%2e/%2e%2e/seamwatch.db",
        "parcels/..%5c..%5cseamwatch.db",
        "%2fetc%2fpasswd",
        "/etc/passwd",
        "parcels",
        "parcels/",
        "parcels/none.html",
        "index.html",
        "",
    ],
)
def test_nothing_but_data_docs_can_be_reached(client: Client, project: Path, path: str) -> None:
    (project / "data" / "data_docs" / "index.html").touch()
    assert client("admin").get(f"/seamwatch/data-docs/{path}").status_code in (404, 307)


def test_a_link_out_of_the_folder_is_not_followed(client: Client, project: Path) -> None:
    (project / "data" / "data_docs" / "parcels" / "out.html").symlink_to(project / "include/pipelines/parcels.yaml")
    assert client("admin").get("/seamwatch/data-docs/parcels/out.html").status_code == 404


def test_no_page_can_run_or_load_anything(client: Client, incident: Incident) -> None:
    for path in every_path(incident):
        headers = client("viewer").get(path).headers
        policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'", path
        assert "script-src" not in policy
        assert policy["frame-ancestors"] == "'self'"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


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

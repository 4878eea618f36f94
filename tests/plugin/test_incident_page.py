"""The page of one incident: its forms, what came of them, and the action that waits for an answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from parcels import WINDOW
from plugin_pages import Client, ask, outcome, shown_after, store_of
from seamwatch.core.action_life import ActionPlan, ActionRun
from seamwatch.core.incident_life import ChangeKind, Incident, IncidentChange
from seamwatch.core.results import Window
from seamwatch.vocabulary import ActionState, IncidentState

pytestmark = [
    pytest.mark.integration,
    # Of Airflow's own API server.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


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

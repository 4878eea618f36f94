"""Runbooks by hand: steps are kept and break nothing, tellings reach the right people, an action is answered."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from file_notifier import FileNotifier
from parcels import FUNCTIONS, WINDOW, fill_database, make_deps, write_project
from seamwatch.core.incident_life import Incident
from seamwatch.core.runbooks import StepFinding, StepRun
from seamwatch.engine.actions import answer, carry_out, check
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.check.project import check_pipeline
from seamwatch.engine.deliver import deliver_pending
from seamwatch.engine.deps import Deps
from seamwatch.engine.incidents import decide_incidents, render_report, report_of
from seamwatch.engine.runbooks import run_by_hand, run_on, runbooks_to_call
from seamwatch.vocabulary import ActionState, Door, IncidentState, StepState

pytestmark = pytest.mark.integration
OWN = """
actions:
  run_again: {kind: run_again}
runbooks:
  integration_failure:
    - affected_records
    - {function: "steps:breaks"}
    - {function: "steps:says", link: "https://wiki.example.com/x"}
    - {function: "steps:finds_nothing"}
    - fault_location
    - {note: "Tell the desk."}
    - tell_owner
    - tell_stakeholders
    - benchmark
    - endpoint_now
    - {action: run_again}
    - tell_root_cause
"""
MODEL = "def model(body):\n"
NOTE_THAT_IT_IS_ASKED = """\
    from pathlib import Path
    Path(__file__).with_name("asked.txt").touch()
"""
STEPS = """
def breaks(incident):
    raise RuntimeError("the cache \\x1b[31m is gone")

def says(incident):
    return "two lines of " + incident["stage"] + "\\nand the second"

def finds_nothing(incident):
    return None
"""


@dataclass
class Desk:
    """One incident, its channel, and a clock."""

    root: Path
    deps: Deps
    now: list[datetime]

    @property
    def incident(self) -> Incident:
        return next(one for one in self.deps.store.incidents("parcels") if one.headline.startswith("Integration"))

    def run(self, *, is_dry: bool = False) -> dict[str, StepRun]:
        ran = run_by_hand(self.deps, self.deps.project.pipeline("parcels"), self.incident, is_dry=is_dry)
        return {one.name: one for one in ran}

    def messages(self) -> list[dict[str, Any]]:
        deliver_pending(self.deps)
        return FileNotifier(self.root / "messages.jsonl").lines()

    def replies(self, word: str) -> list[str]:
        said = [json.dumps(line["blocks"]) for line in self.messages() if line.get("thread")]
        return [one for one in said if word in one]


@pytest.fixture(scope="module")
def attributed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("attributed")
    write_project(root)
    pipeline = root / "include" / "pipelines" / "parcels.yaml"
    pipeline.write_text(pipeline.read_text() + OWN)
    (root / "include" / "mappings" / "steps.py").write_text(STEPS)
    url = f"sqlite:///{root / 'parcels.db'}"
    fill_database(url, "code_table")
    deps = make_deps(root, {"AIRFLOW_CONN_PARCELS_DB": url})
    attribute_window(deps, deps.project.pipeline("parcels"), WINDOW)
    deps.store.close()
    return root


@pytest.fixture
def desk(attributed: Path, tmp_path: Path) -> Iterator[Desk]:
    root = tmp_path / "project"
    shutil.copytree(attributed, root)
    now = [WINDOW.end + timedelta(hours=2)]
    notifier = FileNotifier(root / "messages.jsonl")
    connections = {"AIRFLOW_CONN_PARCELS_DB": f"sqlite:///{root / 'parcels.db'}"}
    deps = replace(make_deps(root, connections), clock=lambda: now[0], notifier=lambda _: notifier)
    decide_incidents(deps, deps.project.pipeline("parcels"), WINDOW)
    yield Desk(root=root, deps=deps, now=now)
    deps.store.close()


def test_steps_are_kept_and_one_that_breaks_stops_no_other(desk: Desk) -> None:
    ran = desk.run()

    assert {name: one.finding.state for name, one in ran.items()} == {
        "affected_records": StepState.FOUND,
        "breaks": StepState.FAILED,
        "says": StepState.FOUND,
        "finds_nothing": StepState.CLEAR,
        "fault_location": StepState.FOUND,
        "note_tell_the_desk": StepState.NOTE,
        "tell_owner": StepState.FOUND,
        "tell_stakeholders": StepState.UNKNOWN,
        "benchmark": StepState.CLEAR,
        "endpoint_now": StepState.CLEAR,
        "run_again": StepState.FOUND,
    }
    assert ran["breaks"].finding.text == "the step failed: RuntimeError: the cache \\x1b[31m is gone"
    assert ran["says"].finding.text == "two lines of request"
    assert ran["says"].finding.details == ("and the second", "https://wiki.example.com/x")
    assert [one.name for one in desk.deps.store.runbook_steps(desk.incident.id)] == list(ran)
    kinds = [one.kind for one in desk.deps.store.incident_events(desk.incident.id)]
    assert kinds.count("runbook_step") == len(ran)


def test_owner_and_failed_step_are_told_in_the_thread_once(desk: Desk) -> None:
    desk.run()
    desk.messages()
    told = desk.replies("What the runbook found")
    failed = desk.replies("A step of the runbook failed")

    assert len(told) == len(failed) == 1
    assert "<!subteam^S0INT>" in told[0]
    assert "two lines of request" in told[0]
    assert "Breaks: the step failed" in failed[0]


def test_dry_run_keeps_and_tells_nothing(desk: Desk) -> None:
    before = len(desk.messages())
    ran = desk.run(is_dry=True)

    assert ran["run_again"].finding.text.startswith("Would wait for approval: Runs 1 window of parcels again")
    assert ran["says"].finding.text == "Would call steps:says."
    assert "tell_root_cause" in ran
    assert desk.deps.store.runbook_steps(desk.incident.id) == []
    assert desk.deps.store.actions_of(desk.incident.id) == []
    assert len(desk.messages()) == before


def test_dry_run_calls_no_model_and_says_how_many_calls_it_would_make(desk: Desk) -> None:
    (desk.root / "include" / "mappings" / "parcels.py").write_text(
        FUNCTIONS.replace(MODEL, MODEL + NOTE_THAT_IT_IS_ASKED)
    )
    day = f"{desk.now[0]:%Y-%m-%d}"
    spent = desk.deps.store.spent("parcels", day=day)
    ran = desk.run(is_dry=True)

    assert not (desk.root / "include" / "mappings" / "asked.txt").exists()
    assert desk.deps.store.spent("parcels", day=day) == spent
    assert ran["benchmark"].finding == StepFinding(
        state=StepState.NOTE,
        text="Would measure router_model alone on the benchmark, by at most 60 calls of the model.",
    )
    said = "Would call the endpoint of router_model once, with a recorded request."
    assert ran["endpoint_now"].finding == StepFinding(state=StepState.NOTE, text=said)


def test_dry_run_says_what_would_keep_the_benchmark_from_being_measured(desk: Desk) -> None:
    pipeline = desk.deps.project.pipeline("parcels")
    n_spent, _ = desk.deps.store.spent("parcels", day=f"{desk.now[0]:%Y-%m-%d}")
    left = pipeline.isolation.model_copy(update={"max_calls_per_day": n_spent + 40})
    pipeline = pipeline.model_copy(update={"isolation": left})
    ran = {one.name: one for one in run_by_hand(desk.deps, pipeline, desk.incident, is_dry=True)}

    assert ran["benchmark"].finding.text.endswith(
        "by at most 40 calls of the model, for the budget leaves no more of the 60 wanted."
    )


def test_repair_is_proved_by_its_windows_run_again_and_the_root_cause_is_told(desk: Desk) -> None:
    desk.run()
    (action,) = desk.deps.store.actions_of(desk.incident.id)
    url = f"sqlite:///{desk.root / 'parcels.db'}"
    (desk.root / "parcels.db").unlink()
    fill_database(url, "none")
    answer(desk.deps, action.id, approves=True, by="ann", door=Door.COMMAND_LINE)
    carry_out(desk.deps, action.id)
    helped = check(desk.deps, action.id)
    after = run_on(desk.deps, desk.deps.project.pipeline("parcels"), desk.incident, helped, tell=lambda _: None)

    assert helped.state is ActionState.HELPED
    assert desk.incident.state is IncidentState.RESOLVED
    assert [(one.name, one.finding.state) for one in after] == [("tell_root_cause", StepState.FOUND)]
    (told,) = desk.replies("Root cause")
    assert "integration" in told.lower()
    assert "AI failure" not in told


def test_windows_that_still_show_the_cause_call_the_reliability_owner(desk: Desk) -> None:
    desk.run()
    (action,) = desk.deps.store.actions_of(desk.incident.id)
    answer(desk.deps, action.id, approves=True, by="ann", door=Door.COMMAND_LINE)
    carry_out(desk.deps, action.id)
    ended = check(desk.deps, action.id)

    assert ended.state is ActionState.ESCALATED
    assert "still show the cause" in ended.why
    assert desk.replies("<@U0REL>")


def test_runbook_is_called_once_for_an_incident(desk: Desk) -> None:
    pipeline = desk.deps.project.pipeline("parcels")
    first, again = runbooks_to_call(desk.deps, pipeline), runbooks_to_call(desk.deps, pipeline)
    desk.run()

    assert [one[0] for one in first] == [one.id for one in desk.deps.store.incidents("parcels")][: len(first)]
    assert first == again
    assert desk.incident.id not in [one[0] for one in runbooks_to_call(desk.deps, pipeline)]


def test_page_shows_what_was_found_what_waits_and_what_it_would_do(desk: Desk) -> None:
    desk.run()
    report = report_of(desk.deps, desk.deps.project.pipeline("parcels"), desk.incident)
    page, text = render_report(report, "html"), render_report(report, "md")
    document = json.loads(render_report(report, "json"))["report"]["runbook"]

    for known in (page, text):
        assert "Integration failure" in known or "integration failure" in known
        assert "two lines of request" in known
        assert "waits for approval" in known
    assert document["actions"][0]["state"] == "waiting"
    assert [one["title"] for one in document["steps"]][:2] == ["Affected records", "Breaks"]


def test_check_names_functions_and_connections_that_are_not_there(tmp_path: Path) -> None:
    write_project(tmp_path)
    pipeline = tmp_path / "include" / "pipelines" / "parcels.yaml"
    actions = """
actions:
  roll_back: {kind: http, connection: no_config, path: /x, field: model, value: a, check: "steps:no_check"}
runbooks: {provider_failure: [{function: "steps:no_step"}]}
"""
    pipeline.write_text(pipeline.read_text() + actions)
    (tmp_path / "include" / "mappings" / "steps.py").write_text(STEPS)
    url = f"sqlite:///{tmp_path / 'parcels.db'}"
    fill_database(url, "none")
    deps = make_deps(tmp_path, {"AIRFLOW_CONN_PARCELS_DB": url})
    found = check_pipeline(deps.project, deps.project.pipeline("parcels"), deps.connections)

    told = {one.path: one.text for one in found if one.path.startswith(("actions", "runbooks"))}
    assert set(told) == {
        "actions.roll_back.connection",
        "actions.roll_back.check",
        "runbooks.provider_failure.0.function",
    }
    assert "no connection 'no_config'" in told["actions.roll_back.connection"]
    assert "has no function 'no_step'" in told["runbooks.provider_failure.0.function"]

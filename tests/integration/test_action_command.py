"""Programs as actions: they fail, hang with what they started, are broken off, and are asked whether they are done."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from action_places import place_with
from seamwatch.adapters.actions.base import ActionImpossible, ActionTarget
from seamwatch.adapters.actions.command import CommandTarget
from seamwatch.adapters.actions.factory import action_target
from seamwatch.adapters.program import run_program
from seamwatch.core.action_life import Standing
from seamwatch.errors import AdapterError
from seamwatch.secret_redaction import SECRETS
from seamwatch.spec.actions import Command
from seamwatch_demo.airflow import wait_until

pytestmark = pytest.mark.integration

SWITCH = """
import os, pathlib, sys
state = pathlib.Path("state")
if sys.argv[1] == "look":
    sys.exit(0 if state.exists() else 1)
if sys.argv[1] == "undo":
    state.unlink(missing_ok=True)
    sys.exit(0)
with open("runs", "a") as runs:
    runs.write(" ".join(os.environ[f"SEAMWATCH_{name}"] for name in ("ACTION", "INCIDENT", "PIPELINE")) + "\\n")
state.touch()
print("switched", sys.argv[2])
sys.exit(int(sys.argv[3]) if len(sys.argv) > 3 else 0)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "switch.py").write_text(SWITCH)
    return tmp_path


def target_of(project: Path, **fields: Any) -> ActionTarget:
    action = Command.model_validate({"kind": "command", "command": ["python", "switch.py", "do", "gpt-a"]} | fields)
    return action_target(action, place_with(project_dir=project, incident_id="INC-7"))


LOOK = ["python", "switch.py", "look"]
UNDO = ["python", "switch.py", "undo"]


def test_a_command_is_run_looked_at_and_undone(project: Path) -> None:
    target = target_of(project, look=LOOK, undo=UNDO)
    plan = target.plan()
    assert plan.does == "Runs python switch.py do gpt-a"
    assert plan.undoes == "Runs python switch.py undo"
    assert target.look(plan, "k1") is Standing.AS_BEFORE

    assert target.apply(plan, "k1") == "switched gpt-a"
    assert (project / "runs").read_text() == "k1 INC-7 returns\n"
    assert target.look(plan, "k1") is Standing.APPLIED
    assert target.apply(plan, "k1") == "the look command says that it is done already"
    assert (project / "runs").read_text().count("\n") == 1
    with pytest.raises(ActionImpossible, match="is done already"):
        target.plan()

    target.undo(plan, "k1")
    assert target.look(plan, "k1") is Standing.AS_BEFORE


def test_without_a_look_command_nothing_tells(project: Path) -> None:
    target = target_of(project)
    plan = target.plan()
    assert plan.undoes == ""
    assert target.look(plan, "k1") is Standing.UNKNOWN
    target.apply(plan, "k1")
    assert target.look(plan, "k1") is Standing.UNKNOWN
    with pytest.raises(AdapterError, match="has no undo command"):
        target.undo(plan, "k1")


def test_a_command_that_fails_after_its_work_is_done(project: Path) -> None:
    target = target_of(project, command=["python", "switch.py", "do", "gpt-a", "3"], look=LOOK)
    plan = target.plan()
    with pytest.raises(AdapterError, match="ended with code 3: switched gpt-a"):
        target.apply(plan, "k1")
    assert target.look(plan, "k1") is Standing.APPLIED


@pytest.mark.parametrize(
    "look", [["python", "-c", "raise SystemExit(2)"], ["no-such-program"], ["python", "-c", "1/0; "]]
)
def test_a_look_that_tells_neither_is_unknown(project: Path, look: list[str]) -> None:
    # Python ends with 1 after an exception of its own: a look command has to catch what it does not mean to say.
    expected = Standing.AS_BEFORE if "1/0" in look[-1] else Standing.UNKNOWN
    target = target_of(project, look=look)
    assert target.look(target.plan(), "k1") is expected


def test_a_program_that_hangs_is_ended_with_what_it_started(project: Path) -> None:
    started = (
        "import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
    )
    hangs = f"{started}; open('child', 'w').write(str(child.pid)); time.sleep(60)"
    target = target_of(project, command=["python", "-c", hangs], timeout="3s")
    began = time.monotonic()
    with pytest.raises(AdapterError, match="took longer than 3 s, and was ended"):
        target.apply(target.plan(), "k1")
    assert time.monotonic() - began < 30
    assert not is_running(int((project / "child").read_text()))


def is_running(pid: int) -> bool:
    for _ in range(100):
        try:
            # What was ended stays listed until whoever adopted it asks how it ended.
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return False
        if state == "Z":
            return False
        time.sleep(0.05)
    return True


def test_a_program_that_leaves_another_behind_is_not_waited_for(project: Path) -> None:
    leaves = (
        "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(20)']); print('ok')"
    )
    target = target_of(project, command=["python", "-c", leaves], timeout="15s")
    assert target.apply(target.plan(), "k1") == "ok"


@pytest.mark.parametrize(
    ("command", "words"), [(["no-such-program"], "No such file"), (["./data"], "Permission denied")]
)
def test_a_program_that_cannot_be_started_is_said(project: Path, command: list[str], words: str) -> None:
    (project / "data").write_text("no program")
    target = target_of(project, command=command)
    with pytest.raises(AdapterError, match=f"cannot be started in .*{words}"):
        target.apply(target.plan(), "k1")


def test_no_shell_reads_the_arguments_and_much_output_is_cut(project: Path) -> None:
    target = target_of(project, command=["python", "-c", "import sys; print(sys.argv[1])", "$HOME; touch made"])
    assert target.apply(target.plan(), "k1") == "$HOME; touch made"
    assert not (project / "made").exists()
    loud = target_of(project, command=["python", "-c", "print('x' * 5_000_000)"])
    assert len(loud.apply(loud.plan(), "k1")) <= 2000


def test_what_a_program_writes_is_told_without_secrets(project: Path) -> None:
    SECRETS.learn("hunter2hunter2")
    fails = target_of(project, command=["python", "-c", "raise SystemExit('login hunter2hunter2 refused')"])
    with pytest.raises(AdapterError) as failed:
        fails.apply(fails.plan(), "k1")
    assert "refused" in str(failed.value)
    assert "hunter2" not in str(failed.value)
    speaks = target_of(project, command=["python", "-c", "print('hunter2hunter2')"])
    assert "hunter2" not in speaks.apply(speaks.plan(), "k1")
    assert "SEAMWATCH_ACTION" not in os.environ


WORKER = """
import sys
from pathlib import Path
from seamwatch.adapters.program import run_program
print("ready", flush=True)
run_program(["sh", "-c", sys.argv[1]], project_dir=Path(sys.argv[2]), env={}, timeout_s=60)
"""


def test_a_killed_worker_leaves_no_program_behind(tmp_path: Path) -> None:
    """Whoever comes next would look, find nothing done, and run it beside the one that is still at it."""
    at_work = "echo $$ > pid; (sleep 1.5; echo late >> runs) & wait; echo late >> runs"
    worker = subprocess.Popen([sys.executable, "-c", WORKER, at_work, str(tmp_path)], stdout=subprocess.PIPE)
    wait_until((tmp_path / "pid").exists, within_s=60, what="the program did not start", every_s=0.02)
    worker.kill()
    worker.communicate()
    time.sleep(2.5)
    assert not (tmp_path / "runs").exists()


def test_a_program_that_ends_leaves_nobody_waiting(tmp_path: Path) -> None:
    before = set(_children())
    run_program(["sh", "-c", "exit 3"], project_dir=tmp_path, env={}, timeout_s=60)
    with pytest.raises(AdapterError, match="cannot be started"):
        run_program(["no-such-program"], project_dir=tmp_path, env={}, timeout_s=60)
    assert set(_children()) <= before


def _children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


@pytest.mark.parametrize("n", [0, 3, 20_000])
def test_documents_come_on_standard_input_however_many_they_are(tmp_path: Path, n: int) -> None:
    documents = [f"policies/Größe-{number}.md" for number in range(n)]
    code = "import json, os, sys; print(len(json.load(sys.stdin)), 'SEAMWATCH_DOCUMENTS' in os.environ)"
    target = CommandTarget(
        Command.model_validate({"kind": "command", "command": ["python", "-c", code]}),
        pipeline="returns",
        incident_id="INC-7",
        project_dir=tmp_path,
        documents=documents,
    )
    assert target.apply(target.plan(), "k1") == f"{n} {n < 20_000}"

"""Values that systems outside really hold go through an action's whole life, whatever database keeps it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from file_notifier import FileNotifier
from json_config_server import JsonConfigServer, config_server
from parcels import PIPELINE, WINDOW, fill_database, make_deps, write_project
from seamwatch.engine.actions import answer, carry_out, check, propose, undo
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.deliver import deliver_pending
from seamwatch.engine.deps import Deps
from seamwatch.engine.incidents import decide_incidents, render_report, report_of
from seamwatch.vocabulary import ActionState, Door

pytestmark = pytest.mark.integration
__all__ = ["config_server"]
ACTIONS = """
actions:
  route: {kind: http, connection: config, path: /config, field: routing.model, value: gpt-a, check: none, timeout: 5s}
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    make: Callable[[], str] = request.getfixturevalue("postgres_database")
    return make()


@pytest.fixture
def deps(tmp_path: Path, store_url: str, config_server: JsonConfigServer) -> Deps:
    write_project(tmp_path, pipeline=PIPELINE + ACTIONS)
    url = f"sqlite:///{tmp_path / 'parcels.db'}"
    fill_database(url, "code_table", n=60)
    env = {"AIRFLOW_CONN_PARCELS_DB": url, "AIRFLOW_CONN_CONFIG": config_server.url}
    made = make_deps(tmp_path, env, store_url=store_url)
    made = replace(made, notifier=lambda _: FileNotifier(tmp_path / "messages.jsonl"))
    attribute_window(made, made.project.pipeline("parcels"), WINDOW)
    decide_incidents(made, made.project.pipeline("parcels"), WINDOW)
    return made


@pytest.mark.parametrize(
    "value",
    [
        "漢字 \U0001f642 Größe",
        "half \ud800 a pair",
        "U+0000: \x00 here",
        "\u202egnp.exe \x1b[31m",
        "x" * 2_000_000,
        ["a"],
    ],
    ids=["unicode", "surrogate", "zero", "steering", "huge", "list"],
)
def test_value_is_set_and_put_back_as_it_was(deps: Deps, config_server: JsonConfigServer, value: Any) -> None:
    config_server.documents["/config"] = {"routing": {"model": value, "other": 1}}
    pipeline = deps.project.pipeline("parcels")
    incident = deps.store.incidents("parcels")[0]
    action = propose(deps, pipeline, incident, "route", run="run")
    answer(deps, action.id, approves=True, by="ann", door=Door.COMMAND_LINE)
    carry_out(deps, action.id)
    helped = check(deps, action.id)
    during = config_server.documents["/config"]["routing"]["model"]
    undone = undo(deps, action.id, by="ann", door=Door.COMMAND_LINE)

    assert undone is not None
    assert (helped.state, during, undone.state) == (ActionState.HELPED, "gpt-a", ActionState.UNDONE)
    assert config_server.documents["/config"] == {"routing": {"model": value, "other": 1}}
    deliver_pending(deps)
    for form in ("html", "md", "json"):
        assert len(render_report(report_of(deps, pipeline, incident), form)) < 2_000_000

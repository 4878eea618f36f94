"""A window that is run again after its repair: its incident is over, and that is told where the incident was told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from parcels import QUEUES, WINDOW, answer_of, fill_database, records, write_project
from seamwatch import cli
from seamwatch_demo.slack_receiver import SlackReceiver

pytestmark = pytest.mark.integration


@pytest.fixture
def slack() -> Iterator[SlackReceiver]:
    with SlackReceiver() as receiver:
        yield receiver


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slack: SlackReceiver) -> Path:
    write_project(tmp_path)
    fill_database(f"sqlite:///{tmp_path / 'parcels.db'}", "code_table", n=120)
    connection = {"conn_type": "slack", "password": "xoxb-test", "extra": {"base_url": f"{slack.url}/api/"}}
    monkeypatch.setenv("AIRFLOW_CONN_PARCELS_DB", f"sqlite:///{tmp_path / 'parcels.db'}")
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_TEST", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW_CONN_SEAMWATCH_STORE", f"sqlite:///{tmp_path / 'store.db'}")
    monkeypatch.setenv("SEAMWATCH_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SEAMWATCH_PROJECT_DIR", str(tmp_path))
    return tmp_path


def _command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    monkeypatch.setattr("sys.argv", ["seamwatch", *arguments])
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        cli.main()
    out = capsys.readouterr()
    assert not end.value.code, out.err
    return out.out


def _repair(url: str) -> None:
    """Make the requests, calls and results of the day again, as a pipeline without the fault would."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for one in records(120, ""):
            answer = answer_of(one.product, one.amount)
            queue = QUEUES[json.loads(answer)["queue"]]
            body = {"model": "rules-1", "messages": [{"role": "user", "content": one.text}], "temperature": 0}
            values = {
                "id": one.number,
                "product": one.product,
                "body": json.dumps(body),
                "answer": answer,
                "queue": queue,
            }
            for statement in (
                "UPDATE requests SET product = :product WHERE id = :id",
                "UPDATE calls SET body = :body, answer = :answer WHERE id = :id",
                "UPDATE results SET queue = :queue WHERE id = :id",
                "UPDATE routing SET queue = :queue WHERE id = :id",
            ):
                connection.execute(sa.text(statement), values)
    engine.dispose()


def test_the_same_window_run_again_after_its_repair_resolves_its_incident_and_tells_it(
    project: Path, slack: SlackReceiver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    day = ["parcels", "--from", f"{WINDOW.start:%Y-%m-%d}", "--to", f"{WINDOW.end:%Y-%m-%d}"]
    first = json.loads(_command(monkeypatch, capsys, "run", *day, "--json", "-"))
    (opened,) = first["incidents"]
    assert opened["change"] == "opened"
    report = _command(monkeypatch, capsys, "report", opened["id"])
    command = f"seamwatch run parcels --from {WINDOW.start:%Y-%m-%dT%H:%M:%SZ} --to {WINDOW.end:%Y-%m-%dT%H:%M:%SZ}"
    assert command in report

    _repair(f"sqlite:///{project / 'parcels.db'}")
    out = _command(monkeypatch, capsys, *command.split()[1:])
    assert f"incident {opened['id']} resolved: {opened['headline']}" in " ".join(out.split())
    assert _command(monkeypatch, capsys, "incidents").strip() == "no open incidents"
    report = _command(monkeypatch, capsys, "report", opened["id"])
    assert "no longer shows this cause" in report
    assert "which was run again since and no longer shows it" in report

    (head,) = [message for message in slack.messages if message.thread_ts is None]
    assert head.text.startswith("parcels: Resolved: ")
    assert [message.text for message in slack.messages if message.text.startswith("Resolved: ")] == [
        f"Resolved: {opened['headline']}"
    ]


def test_the_same_window_run_again_without_a_repair_stays_as_it_is(
    project: Path, slack: SlackReceiver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    day = ["parcels", "--from", f"{WINDOW.start:%Y-%m-%d}", "--to", f"{WINDOW.end:%Y-%m-%d}"]
    for kind in ("opened", "updated"):
        (change,) = json.loads(_command(monkeypatch, capsys, "run", *day, "--json", "-"))["incidents"]
        assert change["change"] == kind
    assert len([message for message in slack.messages if message.thread_ts is None]) == 1

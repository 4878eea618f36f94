"""Whether Seamwatch itself still works: what the store keeps, what `seamwatch status` says, the address outside."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from parcels import PIPELINE, WINDOW, fill_database, make_deps, write_project
from seamwatch import cli
from seamwatch.adapters.heartbeat import call_heartbeat
from seamwatch.core.deliveries import DeliveryPart
from seamwatch.core.incident_life import ChangeKind, Incident, IncidentChange
from seamwatch.core.results import Attribution, IsolationResult, Window
from seamwatch.core.watcher_status import SHARED, Outbox
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.deliver import deliver_pending
from seamwatch.engine.incidents import decide_incidents, render_report, report_of
from seamwatch.engine.watcher_status import silent_jobs
from seamwatch.errors import AdapterError
from seamwatch.orchestration import steps
from seamwatch.report.watcher_status import stopped_line
from seamwatch.settings import Settings
from seamwatch.store.repo import Store
from seamwatch.vocabulary import IncidentState, RecurringJob, Responsibility

NOW = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SECRET = "dead-mans-switch-1234"


@pytest.fixture(autouse=True)
def _no_airflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be known of DAGs that other tests of the same process left paused."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    monkeypatch.delenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", raising=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path / 'kept.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_database")()
    opened = Store.open(url, migrate_first=True)
    yield opened
    opened.close()


def save_window(store: Store, start: datetime, *, n_observed: int = 5, n_pending: int = 0) -> None:
    window = Window(start=start, end=start + HOUR)
    store.begin_window("parcels", window, now=window.end)
    nothing = IsolationResult(stage="model", model="m", calls=0, cost_usd=None)
    attribution = Attribution(
        pipeline="parcels",
        window=window,
        n_observed=n_observed,
        n_failing=0,
        n_pending=n_pending,
        n_examined=0,
        causes=(),
        isolation=nothing,
    )
    store.save_attribution(attribution, now=window.end + MINUTE)


def open_incident(store: Store, *, at: datetime = NOW) -> str:
    incident = Incident(
        id="inc-1",
        pipeline="parcels",
        fingerprint="f",
        state=IncidentState.OPEN,
        responsibility=Responsibility.INTEGRATION,
        stage="request",
        fields=(),
        headline="h",
        confidence=0.9,
        n_records=1,
        opened_at=at,
        updated_at=at,
        first_window=WINDOW,
        last_window=WINDOW,
    )
    store.apply_changes([IncidentChange(kind=ChangeKind.OPENED, incident=incident)], window=WINDOW)
    return incident.id


def queue(store: Store, incident: str, key: str, *, at: datetime) -> None:
    store.enqueue_delivery(
        incident,
        dedupe_key=key,
        part=DeliveryPart.HEAD,
        change=ChangeKind.UPDATED,
        channel="#c",
        connection="slack_test",
        now=at,
    )


@pytest.mark.integration
class TestStore:
    def test_a_mark_moves_forward_only_and_knowledge_bases_have_their_own(self, store: Store) -> None:
        store.note_end("parcels", RecurringJob.SLO, now=NOW)
        store.note_end("parcels", RecurringJob.SLO, now=NOW - HOUR)
        store.note_end("parcels", RecurringJob.FRESHNESS, subject="a/b", now=NOW - HOUR)
        store.note_pipelines(["parcels"], now=NOW - HOUR)
        store.note_pipelines(["parcels", "letters"], now=NOW)
        found = store.heartbeats()
        assert found.ended == {
            ("parcels", RecurringJob.SLO, None): NOW,
            ("parcels", RecurringJob.FRESHNESS, "a/b"): NOW - HOUR,
        }
        assert found.known_since == {"parcels": NOW - HOUR, "letters": NOW}
        assert (found.has("parcels"), found.has("letters")) == (True, False)

    def test_records_of_windows_are_those_judged_and_those_that_wait_for_truth(self, store: Store) -> None:
        save_window(store, NOW - 3 * HOUR, n_observed=5, n_pending=5)
        save_window(store, NOW - 2 * HOUR, n_observed=0)
        store.begin_window("parcels", Window(start=NOW - HOUR, end=NOW), now=NOW)
        assert [count.n_records for count in store.window_counts("parcels")] == [0, 5]
        times = store.window_times("parcels")
        assert (times.begun_at, times.attributed_at) == (NOW, NOW - HOUR)
        assert store.window_times("letters").begun_at is None

    def test_messages_count_while_they_wait_and_once_they_are_given_up(self, store: Store) -> None:
        incident = open_incident(store)
        assert store.outboxes(now=NOW) == []
        queue(store, incident, "1", at=NOW - HOUR)
        first = store.claim_delivery(NOW, lease=MINUTE, owner="me")
        assert first is not None
        store.mark_failed(first.id, owner="me", error="no such channel", retry_at=None)
        queue(store, incident, "2", at=NOW)
        assert store.outboxes(now=NOW) == [Outbox(pipeline="parcels", n_waiting=1, oldest_at=NOW, n_given_up=1)]
        store.drop_deliveries(incident, reason="told by telephone", now=NOW)
        assert store.outboxes(now=NOW) == []


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    text = f"{PIPELINE}schedule: '*/15 * * * *'\nslos: [{{kind: accuracy, goal: 0.9, over: 1d}}]\n"
    write_project(tmp_path, pipeline=text)
    monkeypatch.setenv("SEAMWATCH_STORE_URL", f"sqlite:///{tmp_path / 'store.db'}")
    monkeypatch.setenv("SEAMWATCH_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SEAMWATCH_PROJECT_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def status(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    def call(*arguments: str, command: str = "status") -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["seamwatch", command, *arguments])
        capsys.readouterr()
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        return code, capsys.readouterr().out

    return call


def marks(project: Path, **ago: timedelta) -> None:
    """Leave the marks of jobs that ended so long ago."""
    store = Store.open(f"sqlite:///{project / 'store.db'}", migrate_first=True)
    for name, span in ago.items():
        job = RecurringJob(name)
        place = SHARED if job in (RecurringJob.DELIVERY, RecurringJob.MAINTENANCE) else "parcels"
        store.note_end(place, job, now=datetime.now(UTC) - span)
    store.close()


ALL_WELL = dict.fromkeys(("delivery", "validate", "isolate", "incidents", "slo"), MINUTE)


def test_a_project_that_never_ran_says_so_in_one_sentence(status: Callable[..., tuple[int, str]]) -> None:
    code, out = status()
    assert code == 7
    assert out == "Seamwatch has never run here: no DAG has left a mark, and no window was looked at.\n"
    code, out = status("--json", "-")
    document = json.loads(out)
    assert (code, document["is_well"], document["never_ran"]) == (7, False, True)
    assert {job["job"]: job["state"] for job in document["jobs"]} == {
        "delivery": "never",
        "validate": "never",
        "isolate": "unknown",
        "incidents": "unknown",
        "slo": "never",
    }


def test_all_well_is_exit_code_0(status: Callable[..., tuple[int, str]], project: Path) -> None:
    marks(project, **ALL_WELL)
    code, out = status()
    assert (code, out.splitlines()[-1]) == (0, "Seamwatch works: nothing stands still.")
    document = json.loads(status("--json", "-")[1])
    assert (document["is_well"], document["problems"]) == (True, [])
    assert {job["state"] for job in document["jobs"]} == {"ok"}
    assert [job["pipeline"] for job in document["jobs"] if job["job"] == "delivery"] == [None]


@pytest.mark.parametrize(
    ("job", "ago", "said"),
    [
        ("slo", 11 * MINUTE, "No look at the objectives and watches of parcels since"),
        ("delivery", 11 * MINUTE, "No delivery of waiting messages since"),
        ("validate", 46 * MINUTE, "No window of parcels was validated since"),
        ("isolate", 46 * MINUTE, "No window of parcels was attributed since"),
        ("incidents", 46 * MINUTE, "No incidents of parcels were decided since"),
    ],
)
def test_each_job_that_stopped_is_named(
    status: Callable[..., tuple[int, str]], project: Path, job: str, ago: timedelta, said: str
) -> None:
    marks(project, **{**ALL_WELL, job: ago})
    code, out = status("parcels")
    (line,) = [line for line in out.splitlines() if said in line]
    assert code == 7
    assert "UTC: scheduler or DAG stopped?" in line
    assert f"({'seamwatch' if job == 'delivery' else 'parcels'}__{job})" in line


def test_a_job_that_never_ran_is_awaited_first_and_missed_then(
    status: Callable[..., tuple[int, str]], project: Path
) -> None:
    marks(project, delivery=MINUTE)
    store = Store.open(f"sqlite:///{project / 'store.db'}")
    store.note_pipelines(["parcels"], now=datetime.now(UTC))
    assert status()[0] == 0
    store.close()
    (project / "store.db").unlink()
    marks(project, delivery=MINUTE)
    store = Store.open(f"sqlite:///{project / 'store.db'}")
    store.note_pipelines(["parcels"], now=datetime.now(UTC) - HOUR)
    store.close()
    code, out = status()
    assert code == 7
    assert "No look at the objectives and watches of parcels so far: is the scheduler up, and the DAG on?" in out


def test_a_broken_pipeline_file_is_not_watched_and_said(status: Callable[..., tuple[int, str]], project: Path) -> None:
    marks(project, **ALL_WELL)
    (project / "include/pipelines/letters.yaml").write_text("pipeline: letters\ncolour: red\n")
    code, out = status()
    assert code == 7
    assert "include/pipelines/letters.yaml has a mistake, so nothing watches its pipeline" in out
    assert status("parcels")[0] == 0


def test_a_message_that_nobody_received_is_said(status: Callable[..., tuple[int, str]], project: Path) -> None:
    marks(project, **ALL_WELL)
    store = Store.open(f"sqlite:///{project / 'store.db'}")
    queue(store, open_incident(store), "1", at=datetime.now(UTC) - MINUTE)
    code, out = status()
    assert code == 0
    assert "parcels: 1 message waits, the oldest since" in out
    queue(store, "inc-1", "2", at=datetime.now(UTC) - HOUR)
    store.close()
    code, out = status()
    assert code == 7
    assert "parcels: 2 messages wait, the oldest since" in out


def test_a_pipeline_that_delivers_no_records_any_more_is_said(
    status: Callable[..., tuple[int, str]], project: Path
) -> None:
    marks(project, **ALL_WELL)
    store = Store.open(f"sqlite:///{project / 'store.db'}")
    begin = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - 201 * HOUR
    for n in range(201):
        save_window(store, begin + n * HOUR, n_observed=0 if n > 197 else 5)
    store.close()
    code, out = status()
    assert code == 7
    assert "parcels has had no records since" in out
    assert "(3 h): longer than ever; in the 198 windows before it was never." in out


def test_the_command_line_alone_keeps_the_status_too(
    status: Callable[..., tuple[int, str]], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_database(f"sqlite:///{project / 'parcels.db'}", "none", n=60)
    monkeypatch.setenv("AIRFLOW_CONN_PARCELS_DB", f"sqlite:///{project / 'parcels.db'}")
    window = ["parcels", "--from", WINDOW.start.isoformat(), "--to", WINDOW.end.isoformat()]
    assert status(*window, command="run")[0] == 0
    assert status("parcels", command="slo")[0] == 0
    document = json.loads(status("--json", "-")[1])
    assert {job["job"]: job["state"] for job in document["jobs"]} == dict.fromkeys(
        ("delivery", "validate", "isolate", "slo"), "ok"
    )
    assert document["is_well"]


def test_silence_in_a_message_is_of_jobs_that_ran_in_airflow_only(project: Path) -> None:
    deps = make_deps(project, {}, now=NOW)
    pipeline = deps.project.pipeline("parcels")
    assert silent_jobs(deps, pipeline) == ()
    deps.store.note_end("parcels", RecurringJob.ISOLATE, now=NOW - 60 * MINUTE)
    assert silent_jobs(deps, pipeline) == (), "a pipeline whose windows people give misses no run"
    deps.store.note_end("parcels", RecurringJob.VALIDATE, now=NOW - MINUTE)
    deps.store.note_end("parcels", RecurringJob.ISOLATE, now=NOW - MINUTE)
    deps.store.note_end("parcels", RecurringJob.SLO, now=NOW - 20 * MINUTE)
    (found,) = silent_jobs(deps, pipeline)
    assert stopped_line(found) == (
        "No look at the objectives and watches of parcels since 2026-11-27 09:10 UTC: scheduler or DAG stopped? "
        "(parcels__slo)"
    )


def test_a_message_and_a_report_say_that_a_job_stopped(project: Path) -> None:
    fill_database(f"sqlite:///{project / 'parcels.db'}", "code_table", n=120)
    deps = make_deps(project, {"AIRFLOW_CONN_PARCELS_DB": f"sqlite:///{project / 'parcels.db'}"})
    pipeline = deps.project.pipeline("parcels")
    attribute_window(deps, pipeline, WINDOW)
    decide_incidents(deps, pipeline, WINDOW)
    deps.store.note_end("parcels", RecurringJob.VALIDATE, now=deps.clock())
    deps.store.note_end("parcels", RecurringJob.SLO, now=deps.clock() - 20 * MINUTE)
    assert deliver_pending(deps).errors == ()
    said = "No look at the objectives and watches of parcels since 2026-01-06 01:40 UTC: scheduler or DAG stopped?"
    heads = [line for line in (project / "messages.jsonl").read_text().splitlines() if said in line]
    assert len(heads) == 1
    (incident,) = deps.store.incidents("parcels")
    page = render_report(report_of(deps, pipeline, incident), "html")
    assert page.count(said) == 1
    deps.store.note_end("parcels", RecurringJob.SLO, now=deps.clock())
    assert said not in render_report(report_of(deps, pipeline, incident), "html")


class Switch:
    """A dead man's switch on loopback that answers as it is told."""

    def __init__(self, answer: bytes, *, drip_s: float = 0.0) -> None:
        self.calls: list[bytes] = []
        self._answer, self._drip_s = answer, drip_s
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/{SECRET}"
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Switch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._socket.shutdown(socket.SHUT_RDWR)  # wakes who waits for a caller
        self._socket.close()

    def _serve(self) -> None:
        while not self._is_over.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self.calls.append(connection.recv(4096))
                for n in range(len(self._answer)) if self._drip_s else ():
                    if self._is_over.wait(self._drip_s):
                        return
                    try:
                        connection.sendall(self._answer[n : n + 1])
                    except OSError:
                        return
                if not self._drip_s and self._answer:
                    connection.sendall(self._answer)


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nOK"


def test_the_address_is_called_and_its_answer_counts() -> None:
    with Switch(OK) as switch:
        call_heartbeat(switch.url)
    assert switch.calls[0].startswith(f"GET /{SECRET} HTTP/1.1\r\n".encode())


@pytest.mark.parametrize(
    ("answer", "drip_s", "said"),
    [
        (b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n", 0.0, "answered HTTP 500"),
        (b"HTTP/1.1 302 Found\r\nlocation: /login\r\ncontent-length: 0\r\n\r\n", 0.0, "answered HTTP 302"),
        (b"what?", 0.0, "could not be called (RemoteProtocolError)"),
        (b"", 0.0, "could not be called (RemoteProtocolError)"),
        (OK, 0.2, "did not answer within 0.5 s"),
    ],
    ids=["an error", "a login page", "no HTTP", "a closed connection", "a drip"],
)
def test_any_other_answer_is_an_error_in_time_and_without_the_address(answer: bytes, drip_s: float, said: str) -> None:
    with Switch(answer, drip_s=drip_s) as switch:
        begin = time.monotonic()
        with pytest.raises(AdapterError) as caught:
            call_heartbeat(switch.url, deadline_s=0.5)
        assert time.monotonic() - begin < 5
    assert said in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("url", [f"http://127.0.0.1:1/{SECRET}", f"ftp://{SECRET}", f"http://[{SECRET}", SECRET])
def test_an_address_that_leads_nowhere_is_an_error_without_it(url: str) -> None:
    with pytest.raises(AdapterError) as caught:
        call_heartbeat(url)
    assert SECRET not in str(caught.value)


def test_maintenance_that_stopped_is_said_where_it_ever_ran(
    project: Path, status: Callable[..., tuple[int, str]]
) -> None:
    marks(project, **ALL_WELL, maintenance=timedelta(days=4))
    code, out = status()
    assert code == 7
    assert "No maintenance of the store since" in out
    assert "(seamwatch__maintenance)" in out
    marks(project, maintenance=timedelta(hours=3))
    assert status()[0] == 0


def test_a_delivery_in_a_task_leaves_its_mark_and_calls_the_address(
    project: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    task: Any = SimpleNamespace(project_dir=str(project), dag_id=SHARED, task_id="deliver")
    with Switch(OK) as switch, caplog.at_level(logging.INFO, logger="httpx"):
        monkeypatch.setenv("SEAMWATCH_HEARTBEAT_URL", switch.url)
        steps.deliver(task, {})  # type: ignore[typeddict-item]
    assert len(switch.calls) == 1
    assert "HTTP Request: GET" in caplog.text
    assert SECRET not in caplog.text
    store = Store.open(f"sqlite:///{project / 'store.db'}")
    found = store.heartbeats()
    store.close()
    assert datetime.now(UTC) - found.ended[SHARED, RecurringJob.DELIVERY, None] < MINUTE
    assert set(found.known_since) == {"parcels"}
    with caplog.at_level(logging.WARNING):
        steps.deliver(task, {})  # type: ignore[typeddict-item]
    assert "the heartbeat address could not be called (ConnectError)" in caplog.text
    assert SECRET not in caplog.text


def test_the_address_is_not_shown_with_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings.from_env({"SEAMWATCH_HEARTBEAT_URL": f"http://h/{SECRET}"})
    assert settings.heartbeat_url == f"http://h/{SECRET}"
    assert SECRET not in repr(settings)

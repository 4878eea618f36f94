"""The command line: what it prints, writes and exits with, on a project of its own."""

from __future__ import annotations

import csv
import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from parcels import WINDOW, fill_database, write_project
from seamwatch import cli
from seamwatch.core.incident_life import ChangeKind, Incident, IncidentChange
from seamwatch.core.results import Window
from seamwatch.store.repo import Store

FROM, TO = f"{WINDOW.start:%Y-%m-%d}", f"{WINDOW.end:%Y-%m-%d}"
DAY = ["--from", FROM, "--to", TO]
ATTRIBUTION_KEYS = [
    "responsibility",
    "stage",
    "fields",
    "share",
    "share_low",
    "share_high",
    "confidence",
    "headline",
    "onset",
    "onset_low",
    "onset_high",
    "changed",
    "p_value",
    "e_value",
    "windows",
]


class Run:
    """One call of the command line, as `main` sees it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Return exit code, standard output and standard error."""
        self._monkeypatch.setattr("sys.argv", ["seamwatch", *arguments])
        self._capsys.readouterr()
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        out = self._capsys.readouterr()
        return code, out.out, out.err


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(monkeypatch, capsys)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project whose code table is wrong from the first third of the day on, with its connections set."""
    write_project(tmp_path)
    fill_database(f"sqlite:///{tmp_path / 'parcels.db'}", "code_table", n=120)
    monkeypatch.setenv("AIRFLOW_CONN_PARCELS_DB", f"sqlite:///{tmp_path / 'parcels.db'}")
    slack = {"conn_type": "slack", "password": "xoxb-test", "extra": {"base_url": "http://127.0.0.1:9/api/"}}
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_TEST", json.dumps(slack))
    monkeypatch.setenv("AIRFLOW_CONN_SEAMWATCH_STORE", f"sqlite:///{tmp_path / 'store.db'}")
    monkeypatch.setenv("SEAMWATCH_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SEAMWATCH_PROJECT_DIR", str(tmp_path))
    return tmp_path


def test_check_of_a_sound_project_says_so(run: Run, project: Path) -> None:
    code, out, err = run("check")
    assert (code, out) == (0, "parcels: no problem found\n")
    about_slack, *others = err.splitlines()
    assert "slack.connection: note: Slack connection 'slack_test': auth.test did not get through" in about_slack
    assert len(others) == 5
    for line in others:
        assert ".time: note: created_at (guessed: the one timestamp that nothing else names" in line


def test_check_calls_an_endpoint_where_it_is_asked_to(run: Run, project: Path) -> None:
    code, out, err = run("check", "--live")
    assert (code, out) == (0, "parcels: no problem found\n")
    (said,) = [line for line in err.splitlines() if "answered" in line]
    assert "parcels.yaml:11 stages.router_model.endpoint: note: answered in" in said
    assert re.search(r"for 0.000000 USD: '{\"queue\": \"[a-z]+\"}'", said)


def test_check_prints_all_problems_of_all_files_and_exits_1(run: Run, project: Path) -> None:
    folder = project / "include/pipelines"
    (folder / "broken.yaml").write_text("pipeline: broken\nkey: [id\n")
    (folder / "letters.yaml").write_text("pipeline: letters\ndatabase: db\nkey: id\nstages: []\ncolour: red\n")
    text = (folder / "parcels.yaml").read_text()
    text = text.replace("table: routing}", "table: routes}").replace("parcels:to_result", "parcels:to_results")
    text = text.replace("time: created_at", "time: created")
    (folder / "parcels.yaml").write_text(text)
    (project / "expectations/parcels/orders.json").write_text(
        '{"name": "orders", "expectations": [{"type": "expect_x"}]}'
    )
    code, out, err = run("check")
    assert (code, out) == (1, "")
    for said in (
        "include/pipelines/broken.yaml:3: is no valid YAML",
        "include/pipelines/letters.yaml:4 stages",
        "include/pipelines/letters.yaml:5 colour: unknown key 'colour'",
        "routes",
        "has no function 'to_results'",
        "no column 'created'; did you mean 'created_at'?",
        "expectations/parcels/orders.json",
    ):
        assert said in err
    problems = [line for line in err.splitlines()[:-1] if ": note: " not in line]
    assert err.splitlines()[-1] == f"{len(problems)} problems"


def test_check_looks_for_the_columns_that_segments_and_watches_name(run: Run, project: Path) -> None:
    path = project / "include/pipelines/parcels.yaml"
    text = "segments: [orders.code, orders.kode]\nmonitoring: {cost: {sources: [router_model.answer, orders.tier]}}\n"
    path.write_text(path.read_text() + text)
    last = len(path.read_text().splitlines())
    code, _, err = run("check")
    assert code == 1
    assert f"parcels.yaml:{last - 1} segments.1: orders has no column 'kode'; did you mean 'code'?" in err
    assert f"parcels.yaml:{last} monitoring.cost.sources.1: orders has no column 'tier'" in err
    assert err.splitlines()[-1] == "2 problems"


@pytest.mark.parametrize("command", ["attribute", "run"])
@pytest.mark.parametrize(
    ("spoil", "conditions", "code", "said"),
    [
        (None, [], 0, ""),
        (None, ["incident"], 5, "--fail-on incident: Integration failure at request"),
        (None, ["undetermined"], 0, ""),
        (None, ["undetermined", "incident"], 5, "--fail-on incident: "),
        ("def model(body):\n    raise OSError\n", ["undetermined"], 6, "--fail-on undetermined: "),
        ("labels", ["incident"], 5, "--fail-on incident: Seam changed at request, product"),
        ("labels", ["undetermined"], 6, "--fail-on undetermined: no record could be judged"),
    ],
)
def test_a_window_ends_with_an_exit_code_of_its_own_where_that_is_asked_for(
    run: Run, project: Path, command: str, spoil: str | None, conditions: list[str], code: int, said: str
) -> None:
    path = project / "include/mappings/parcels.py"
    if spoil == "labels":
        engine = sa.create_engine(f"sqlite:///{project / 'parcels.db'}")
        with engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM labels"))
        engine.dispose()
    elif spoil is not None:
        path.write_text(path.read_text().replace("def model(body):\n", spoil))
    options = [word for one in conditions for word in ("--fail-on", one)]
    found, out, err = run(command, "parcels", *DAY, *options, *(["--no-slack"] if command == "run" else []))
    assert found == code, err
    assert said in err
    assert "judged records wrong" in out


def test_incidents_for_programs_are_all_of_them(run: Run, project: Path) -> None:
    incident = _incident(run, project)
    store = Store.open(f"sqlite:///{project / 'store.db'}")
    made = [replace(incident, id=f"parcels-{n}", fingerprint=f"{n}") for n in range(320)]
    changes = [IncidentChange(kind=ChangeKind.OPENED, incident=one) for one in made]
    store.apply_changes(changes, window=incident.last_window)
    store.close()
    assert len(json.loads(run("incidents", "--json", "-")[1])["incidents"]) == 321
    _, out, err = run("incidents")
    assert (len(out.splitlines()), err) == (321, "321 open incidents\n")
    assert run("incidents", "nobody")[1] == "no open incidents\n"


def _incident(run: Run, project: Path) -> Incident:
    run("run", "parcels", *DAY, "--no-slack")
    store = Store.open(f"sqlite:///{project / 'store.db'}")
    (incident,) = store.incidents()
    store.close()
    return incident


@pytest.mark.parametrize(("setting", "code"), [("", 0), ("error_budget: {when_stale: freeze}\n", 4)])
def test_a_gate_on_a_look_of_long_ago_says_stale_and_is_closed_where_that_is_asked_for(
    run: Run, project: Path, setting: str, code: int
) -> None:
    path = project / "include/pipelines/parcels.yaml"
    path.write_text(f"{path.read_text()}slos: [{{kind: accuracy, goal: 0.5}}]\nmonitoring: {{}}\n{setting}")
    assert run("slo", "parcels", "--at", FROM)[0] == 0
    found, out, _ = run("gate", "parcels")
    assert found == code
    assert f"last looked at {FROM} 00:00 UTC" in out
    assert "stale, so look again" in out
    document = json.loads(run("gate", "parcels", "--json", "-")[1])
    assert (document["stale"], document["allowed"], document["looked_at"][:10]) == (True, code == 0, FROM)


def test_an_override_beyond_the_longest_is_refused_with_its_limit(run: Run, project: Path) -> None:
    path = project / "include/pipelines/parcels.yaml"
    path.write_text(f"{path.read_text()}slos: [{{kind: accuracy, goal: 0.5}}]\n")
    assert run("slo", "parcels", "--at", FROM)[0] == 0
    override = ["gate", "parcels", "--override", "hotfix", "--by", "ada", "--until", "2099-01-01"]
    code, out, err = run(*override)
    assert (code, out) == (1, "")
    assert err.startswith("seamwatch: an override may last 7 days at most (error_budget.longest_override); got ")


def test_objectives_are_written_as_openslo_and_read_again(run: Run, project: Path) -> None:
    path = project / "include/pipelines/parcels.yaml"
    path.write_text(path.read_text() + "slos: [{kind: accuracy, goal: 0.9, over: 7d}]\n")
    code, out, _ = run("openslo", "parcels")
    assert (code, out.splitlines()[0]) == (0, "apiVersion: openslo/v1")
    (project / "slo.yaml").write_text(out)
    code, out, _ = run("openslo", "--read", str(project / "slo.yaml"))
    assert (code, out) == (0, "slos:\n- kind: accuracy\n  over: 1w\n  goal: 0.9\n")
    (project / "slo.yaml").write_text("kind: Service\n")
    code, _, err = run("openslo", "--read", str(project / "slo.yaml"))
    assert (code, "no document of kind SLO" in err) == (1, True)
    assert run("openslo")[0] == 2


def test_slo_prints_objectives_and_watches_and_writes_the_page(run: Run, project: Path) -> None:
    path = project / "include/pipelines/parcels.yaml"
    path.write_text(path.read_text() + "slos: [{kind: accuracy, goal: 0.9, over: 1d}]\n")
    page = project / "slo.html"
    code, out, _ = run("slo", "parcels", "--at", TO, "--html", str(page))
    assert code == 0
    assert "accuracy" in out
    assert "latency, " in out
    assert "Error budgets" in page.read_text()
    code, out, _ = run("slo", "parcels", "--at", TO, "--json", "-")
    document = json.loads(out)
    assert {one["watch"] for one in document["watches"]} >= {"latency", "drift"}
    assert document["objectives"][0]["objective"] == "accuracy"


def test_check_of_one_pipeline_leaves_out_the_others(run: Run, project: Path) -> None:
    (project / "include/pipelines/broken.yaml").write_text("pipeline: [")
    assert run("check", "parcels")[0] == 0
    code, _, err = run("check", "broken")
    assert (code, err.splitlines()[-1]) == (1, "1 problem")


def test_check_writes_problems_for_programs(run: Run, project: Path) -> None:
    (project / "include/pipelines/broken.yaml").write_text("pipeline: broken\ncolour: red\n")
    code, out, _ = run("check", "--json", "-")
    document = json.loads(out)
    assert (code, document["pipelines"]) == (1, ["parcels"])
    assert {"file", "line", "path", "text", "level"} == set(document["problems"][0])


def test_a_warning_is_told_and_refused_only_where_it_is_asked_for(run: Run, project: Path) -> None:
    path = project / "include/pipelines/parcels.yaml"
    path.write_text(path.read_text().replace('reliability: "@U0REL", ', ""))
    code, out, err = run("check")
    assert (code, out.strip()) == (0, "parcels: no problem found")
    assert "parcels.yaml:5 owners: warning: nobody is named under reliability" in err
    code, out, err = run("check", "--strict")
    assert (code, out, err.splitlines()[-1]) == (1, "", "1 problem")


@pytest.mark.parametrize("command", ["check", "attribute"])
def test_an_unknown_pipeline_is_told_with_those_that_exist(run: Run, project: Path, command: str) -> None:
    code, out, err = run(command, "parcel", *(DAY if command == "attribute" else []))
    assert (code, out) == (1, "")
    assert "no pipeline 'parcel' in" in err
    assert err.strip().endswith("known: parcels")
    assert "Traceback" not in err


def test_a_folder_that_is_no_project_is_told(run: Run, tmp_path: Path) -> None:
    code, _, err = run("check", "--project", str(tmp_path))
    assert code == 1
    assert "a project holds include/pipelines" in err


@pytest.mark.parametrize("command", [["check"], ["attribute", "parcels", *DAY]])
def test_a_missing_connection_is_told_by_name(
    run: Run, project: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_PARCELS_DB")
    code, _, err = run(*command)
    assert code == 1
    assert "parcels_db" in err
    assert "AIRFLOW_CONN_PARCELS_DB" in err


def test_attribute_writes_verdicts_and_json_as_agreed(run: Run, project: Path) -> None:
    verdicts, document = project / "out/verdicts.csv", project / "out/result.json"
    code, out, _ = run("attribute", "parcels", *DAY, "--verdicts", str(verdicts), "--json", str(document))
    assert code == 0
    result = json.loads(document.read_text(encoding="utf-8"))
    lines = verdicts.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "key,responsibility,stage,fields,confidence,explanation"
    rows = list(csv.DictReader(lines))
    assert len(rows) == result["records"]["failing"] > 0
    named = [row for row in rows if row["responsibility"] == "integration"]
    assert {(row["stage"], row["fields"]) for row in named} == {("request", "product")}
    assert all(0.0 <= float(row["confidence"]) <= 1.0 and row["explanation"] for row in rows)

    assert result["pipeline"] == "parcels"
    assert set(result["window"]) == {"start", "end"}
    assert {"observed", "failing", "examined"} <= set(result["records"])
    assert list(result["attribution"]) == ATTRIBUTION_KEYS
    assert all(list(cause) == ATTRIBUTION_KEYS for cause in result["causes"])
    assert sum(cause["share"] for cause in result["causes"]) == pytest.approx(1.0)
    isolation = {"model", "calls", "cost_usd", "accuracy", "accuracy_low", "accuracy_high", "baseline_accuracy"}
    assert isolation | {"reproduced"} <= set(result["isolation"])
    assert isinstance(result["signals"], list)
    assert (result["attribution"]["responsibility"], result["attribution"]["stage"]) == ("integration", "request")
    assert result["attribution"]["headline"] in " ".join(out.split())


@pytest.mark.parametrize("command", ["attribute", "run"])
def test_a_reference_that_raises_is_told_with_stage_function_error_and_count(
    run: Run, project: Path, command: str
) -> None:
    path = project / "include/mappings/parcels.py"
    path.write_text(
        path.read_text().replace('json.loads(answer["answer"])["queue"]', 'json.loads(answer["said"])["q"]')
    )
    _, out, _ = run(command, "parcels", *DAY, *(["--no-slack"] if command == "run" else []))
    assert "120 of 120 records fail: parcels:to_result raised KeyError: 'said'" in " ".join(out.split())
    assert "reference of result:" in out


def test_a_reference_that_raises_on_some_records_is_told_by_its_commonest_error(run: Run, project: Path) -> None:
    path = project / "include/mappings/parcels.py"
    raising = 'if "net" in answer["answer"]:\n        raise ValueError(answer["answer"])\n    codes = {"mob"'
    path.write_text(path.read_text().replace('codes = {"net": "Q1", "mob"', raising))
    _, out, _ = run("attribute", "parcels", *DAY, "--json", "-")
    (signal,) = [one for one in json.loads(out)["signals"] if one["kind"] == "reference_error"]
    assert f"{signal['records']} of 120 records fail: parcels:to_result raised ValueError: " in signal["text"]
    assert 10 < signal["records"] < 120


def test_attribute_for_programs_prints_json_and_nothing_else(run: Run, project: Path) -> None:
    code, out, err = run("attribute", "parcels", *DAY, "--json", "-")
    assert (code, err) == (0, "")
    assert json.loads(out)["attribution"]["stage"] == "request"


def test_times_without_a_zone_are_utc(run: Run, project: Path) -> None:
    def window(start: str, end: str) -> Any:
        code, out, _ = run("attribute", "parcels", "--from", start, "--to", end, "--json", "-")
        document = json.loads(out)
        return code, document["window"], document["records"]["observed"]

    naive = window(f"{FROM}T08:00:00", f"{FROM}T10:00:00")
    assert window(f"{FROM}T09:00:00+01:00", f"{FROM}T11:00:00+01:00") == naive
    assert naive[0] == 0
    assert naive[2] == 10


@pytest.mark.parametrize(
    ("start", "end", "code", "said"),
    [
        (TO, FROM, 1, "window must end after it starts"),
        (FROM, FROM, 1, "window must end after it starts"),
        ("yesterday", TO, 2, "'yesterday' is no ISO 8601 time"),
        (FROM, "2026-13-01", 2, "--to"),
    ],
)
def test_a_window_that_is_none_is_refused(run: Run, project: Path, start: str, end: str, code: int, said: str) -> None:
    found, out, err = run("attribute", "parcels", "--from", start, "--to", end)
    assert (found, out) == (code, "")
    assert said in err
    assert "Traceback" not in err


def test_an_empty_window_is_no_incident_and_says_that_nothing_was_judged(run: Run, project: Path) -> None:
    code, out, err = run("attribute", "parcels", "--from", "2020-01-01", "--to", "2020-01-02", "--json", "-")
    document = json.loads(out)
    newest = "orders holds no record of the window; the newest one came 2026-01-05 23:48 UTC"
    assert newest in err
    assert (code, document["incident"], document["causes"]) == (0, False, [])
    assert document["records"] == {"observed": 0, "failing": 0, "pending": 0, "examined": 0, "unreadable": 0}
    assert document["attribution"]["headline"] == (
        "No incident: the window holds no record, so nothing could be judged."
    )


def test_rows_without_a_key_are_counted_though_they_are_no_records(run: Run, project: Path) -> None:
    with closing(sqlite3.connect(project / "parcels.db")) as database, database:
        database.execute("update orders set id = null where rowid % 10 = 0")
    _, out, _ = run("attribute", "parcels", *DAY, "--json", "-")
    assert "orders: 12 rows have no key and belong to no record" in json.loads(out)["notes"]


def test_an_empty_table_is_said_to_hold_nothing_at_all(run: Run, project: Path) -> None:
    with closing(sqlite3.connect(project / "parcels.db")) as database, database:
        database.execute("delete from orders")
    code, _, err = run("attribute", "parcels", *DAY)
    assert (code, "holds no record of the window; nor does it hold any other" in err) == (0, True)


def test_a_window_with_only_pending_truths_is_no_incident_and_says_so(run: Run, project: Path) -> None:
    fill_database(f"sqlite:///{project / 'parcels.db'}", "code_table", n=120, unlabelled=120)
    code, out, _ = run("attribute", "parcels", *DAY, "--json", "-")
    document = json.loads(out)
    assert (code, document["incident"], document["seam_changes"][0]["stage"]) == (0, True, "request")
    assert "could be judged yet" in document["attribution"]["headline"]
    fill_database(f"sqlite:///{project / 'parcels.db'}", "", n=120, unlabelled=120)
    code, out, _ = run("attribute", "parcels", *DAY, "--json", "-")
    document = json.loads(out)
    assert (code, document["incident"]) == (0, False)
    assert document["records"] == {"observed": 120, "failing": 0, "pending": 120, "examined": 0, "unreadable": 0}
    assert document["attribution"]["headline"] == "No incident: none of 120 records could be judged yet."


def test_run_opens_an_incident_that_incidents_lists_and_report_prints(run: Run, project: Path) -> None:
    assert run("incidents") == (0, "no open incidents\n", "")
    code, out, err = run("run", "parcels", *DAY, "--no-slack", "--json", "-")
    assert code == 0
    assert "[1/6] orders, 120 records: ok" in err
    assert "[2/6] request, 120 records: failed; 31 differ in product (31); 1 check failed" in err
    (opened,) = json.loads(out)["incidents"]
    assert opened["change"] == "opened"

    code, out, _ = run("incidents")
    assert (code, out) == (0, f"open         sev3 {opened['id']}  {opened['headline']}\n")
    (listed,) = json.loads(run("incidents", "parcels", "--all", "--json", "-")[1])["incidents"]
    assert (listed["id"], listed["responsibility"], listed["stage"]) == (opened["id"], "integration", "request")
    assert run("incidents", "others") == (0, "no open incidents\n", "")

    markdown, html = run("report", opened["id"]), run("report", opened["id"], "--format", "html")
    assert markdown[0] == html[0] == 0
    assert markdown[1].startswith("#")
    assert html[1].startswith("<!DOCTYPE html>")
    document = json.loads(run("report", opened["id"], "--format", "json")[1])
    assert document["report"]["incident_id"] == opened["id"]
    for text in (markdown[1], html[1], document["report"]["headline"]):
        assert "request" in text


def test_what_was_not_delivered_is_listed_tried_again_and_dropped(run: Run, project: Path) -> None:
    run("run", "parcels", *DAY, "--no-slack")
    (listed,) = json.loads(run("incidents", "--json", "-")[1])["incidents"]
    assert listed["undelivered"] is None
    code, out, err = run("deliver")
    assert (code, out) == (1, "delivered 0, waiting 2, given up 0\n")
    assert "chat.postMessage did not get through" in err
    assert "seamwatch deliver --retry" in err
    assert "not delivered to its channel: " in run("incidents")[1]
    (listed,) = json.loads(run("incidents", "--json", "-")[1])["incidents"]
    assert "did not get through" in listed["undelivered"]
    assert run("deliver", "--retry")[0] == 1
    code, _, err = run("deliver", "--drop", "nothing")
    assert (code, "no incident 'nothing'" in err) == (2, True)
    code, out, _ = run("deliver", "--drop", listed["id"])
    assert (code, out.splitlines()[0]) == (0, f"2 messages of {listed['id']} will not be sent")
    assert "not delivered" not in run("incidents")[1]


def test_a_report_that_cannot_be_made_is_refused(run: Run, project: Path) -> None:
    code, out, err = run("report", "parcels-1-abc")
    assert (code, out, err) == (1, "", "seamwatch: no incident 'parcels-1-abc'; newest: none\n")
    run("run", "parcels", *DAY, "--no-slack")
    (listed,) = json.loads(run("incidents", "--json", "-")[1])["incidents"]
    code, out, err = run("report", listed["id"], "--format", "pdf")
    assert (code != 0, out) == (True, "")
    assert "pdf" in err
    assert "html" in err
    assert "Traceback" not in err


def test_every_command_has_help(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    for command in ("check", "run", "attribute", "incidents", "report", "baseline", "deliver", "migrate", "demo"):
        assert command in out
        assert run(command, "--help")[0] == 0


def test_where_the_demo_is_not_its_command_says_what_to_do(tmp_path: Path) -> None:
    """As in an installed wheel: the package can be imported, and nothing of what lies beside it in a clone."""
    source = Path(cli.__file__).parent
    (tmp_path / "seamwatch").symlink_to(source)
    program = (
        "import os, sys\n"
        "others = [path for path in sys.path if not os.path.isdir(os.path.join(path, 'seamwatch_demo'))]\n"
        f"sys.path[:] = [{str(tmp_path)!r}, *others]\n"
        "from seamwatch.cli import main; main()"
    )
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", program, "demo"], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "seamwatch: the demo is no part of the installed package: no module 'seamwatch_demo'; "
        "clone Seamwatch's repository and run `make demo` in it\n"
    )


def test_a_spent_budget_makes_the_gate_refuse_until_an_override(run: Run, project: Path) -> None:
    path = project / "include/pipelines/parcels.yaml"
    path.write_text(f"{path.read_text()}slos: [{{kind: accuracy, goal: 0.9, over: 1d}}]\n")
    code, _, err = run("gate", "parcels")
    assert (code, "were never looked at; run `seamwatch slo parcels` first" in err) == (1, True)
    code, out, _ = run("slo", "parcels", "--at", "2026-01-06", "--json", "-")
    document = json.loads(out)
    assert (code, document["gate"]["allowed"], document["gate"]["state"]) == (0, False, "frozen")
    assert document["objectives"][0]["bad"] > 0
    assert run("gate", "parcels")[0] == 3
    assert run("gate", "parcels", "--override", "hotfix")[0] == 2
    until = f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%dT%H:%M}"
    given = ("--override", "hotfix", "--by", "ada", "--until", until, "--json", "-")
    code, out, _ = run("gate", "parcels", *given)
    assert code == 0
    assert json.loads(out)["objectives"][0]["override"]["by"] == "ada"
    assert "let through by ada" in run("gate", "parcels")[1]


def test_the_digests_of_a_week_are_dropped_by_its_name(run: Run, project: Path) -> None:
    store = Store.open(f"sqlite:///{project / 'store.db'}", migrate_first=True)
    store.weekly_digests.add("2026-W45", {("#incidents", "slack_test"): ["parcels"]}, now=datetime.now(UTC))
    store.close()
    code, out, err = run("deliver")
    assert (code, out) == (1, "delivered 0, waiting 1, given up 0\n")
    assert "digest of 2026-W45, #incidents: the store has no review of 2026-W45" in err
    code, _, err = run("deliver", "--drop", "2026-W46")
    assert (code, "no incident '2026-W46', nor a week with digests" in err) == (2, True)
    code, out, _ = run("deliver", "--drop", "2026-W45")
    assert (code, out) == (0, "1 message of 2026-W45 will not be sent\ndelivered 0, waiting 0, given up 0\n")


def _answers_of_the_gate(project: Path) -> list[tuple[bool, str | None]]:
    with closing(sqlite3.connect(project / "store.db")) as connection:
        rows = connection.execute("SELECT is_allowed, release FROM seamwatch_gate_answers ORDER BY id")
        return [(bool(is_allowed), release) for is_allowed, release in rows]


def test_the_gate_keeps_each_answer_for_the_weekly_review(run: Run, project: Path) -> None:
    path = project / "include/pipelines/parcels.yaml"
    path.write_text(f"{path.read_text()}slos: [{{kind: accuracy, goal: 0.9, over: 1d}}]\n")
    run("gate", "parcels")  # never looked at: no answer
    run("slo", "parcels", "--at", "2026-01-06")
    assert _answers_of_the_gate(project) == []
    assert run("gate", "parcels", "--release", "2026.11.4")[0] == 3
    assert run("gate", "parcels")[0] == 3
    until = f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%dT%H:%M}"
    assert run("gate", "parcels", "--override", "hotfix", "--by", "ada", "--until", until, "--release", "5")[0] == 0
    assert _answers_of_the_gate(project) == [(False, "2026.11.4"), (False, None), (True, "5")]


@pytest.mark.parametrize("is_frozen", [True, False])
def test_an_answer_that_the_store_cannot_take_keeps_its_exit_code(run: Run, project: Path, is_frozen: bool) -> None:
    path = project / "include/pipelines/parcels.yaml"
    path.write_text(f"{path.read_text()}slos: [{{kind: accuracy, goal: {0.9 if is_frozen else 0.2}, over: 1d}}]\n")
    run("slo", "parcels", "--at", "2026-01-06")
    with closing(sqlite3.connect(project / "store.db")) as connection:
        refuse = "BEFORE INSERT ON seamwatch_gate_answers BEGIN SELECT RAISE(ABORT, 'no room'); END"
        connection.execute(f"CREATE TRIGGER refuse {refuse}")
        connection.commit()
    code, out, err = run("gate", "parcels", "--release", "v1")
    assert code == (3 if is_frozen else 0)
    assert out.startswith(f"parcels: releases {'are frozen' if is_frozen else 'may go on'}: ")
    assert "this answer stands, but the weekly review will not count it" in err
    assert _answers_of_the_gate(project) == []


def test_an_objective_whose_alert_can_never_fire_is_refused_with_what_would_work(run: Run, project: Path) -> None:
    path = project / "include/pipelines/parcels.yaml"
    alert = "{severity: page, long: 1h, short: 5m, burn: 14.4}"
    path.write_text(f"{path.read_text()}slos: [{{kind: accuracy, goal: 0.9, alerts: [{alert}]}}]\n")
    code, _, err = run("check")
    assert code == 1
    assert "can never fire: a burn of 14.4 needs 144% bad events" in err
    assert "write a burn below 10" in err


def test_freshness_of_a_pipeline_without_a_knowledge_base_is_refused(run: Run, project: Path) -> None:
    code, _, err = run("freshness", "parcels")
    assert code == 2
    assert "has no knowledge base" in err


def test_purge_says_what_would_go_before_it_goes(run: Run, project: Path) -> None:
    old = Window(start=WINDOW.start - timedelta(days=9000), end=WINDOW.start - timedelta(days=8999))
    store = Store.open(f"sqlite:///{project / 'store.db'}", migrate_first=True)
    store.begin_window("parcels", old, now=old.end)
    store.close()
    code, out, _ = run("purge", "--dry-run")
    assert code == 0
    assert out.split("\n")[0].split() == ["1", "windows"]
    assert "1 row would be deleted" in out
    code, out, _ = run("purge", "--json", "-")
    assert (code, json.loads(out)["rows"]) == (0, {"windows": 1})
    assert json.loads(run("purge", "--dry-run", "--json", "-")[1])["rows"] == {}
    (project / "include/settings.yaml").write_text("store: {keep: never}\n")
    code, out, err = run("purge")
    assert (code, out) == (1, "")
    assert err.startswith("seamwatch: include/settings.yaml:1 store.keep: 'never' is no duration")
    code, _, err = run("check")
    assert code == 1
    assert "include/settings.yaml:1 store.keep" in err


def test_no_secret_of_a_connection_is_printed_even_by_a_defect(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = {"conn_type": "sqlite", "host": str(tmp_path / "store.db"), "password": "hunter-secret\n-12345"}
    monkeypatch.setenv("AIRFLOW_CONN_SEAMWATCH_STORE", json.dumps(store))
    code, _, error = run("incidents", "--json", f"{tmp_path}/store.db/hunter-secret-12345/x.json")
    assert code == 1
    assert "NotADirectoryError" in error
    assert "store.db/***" in error
    assert "hunter" not in error


def test_text_of_incidents_steers_no_terminal(run: Run, project: Path) -> None:
    assert run("run", "parcels", *DAY, "--no-slack")[0] == 0
    store = Store.open(f"sqlite:///{project / 'store.db'}")
    [incident] = store.incidents("parcels")
    hostile = "\x1b[2Jwrong \u202eeulav\nforged"
    made = replace(incident, id="parcels-hostile", fingerprint="hostile", headline=hostile)
    store.apply_changes([IncidentChange(kind=ChangeKind.OPENED, incident=made)], window=incident.last_window)
    store.close()
    assert "\\x1b[2Jwrong \\u202eeulav\\nforged" in run("incidents")[1]
    out = run("incidents", "--json", "-")[1]
    assert hostile in [one["headline"] for one in json.loads(out)["incidents"]]
    assert "\u202e" not in out

"""An incident in one file gives the same verdicts again: without its tables, model, store, project and network."""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from parcels import PIPELINE, WINDOW, fill_database, make_deps, slipping, write_project
from seamwatch.cli import app
from seamwatch.core.results import Attribution, Window
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.bundle import record, replay
from seamwatch.errors import DataContractError, SeamwatchError
from seamwatch.report.machine import attribution_json, verdicts_csv

SECRET = "s3cr3t-pa55"
NO_NETWORK = """
import socket

def _refuse(*_, **__):
    raise AssertionError("a bundle opened a socket")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = _refuse
"""


EMAILS = (
    "ALTER TABLE orders ADD COLUMN email TEXT",
    "UPDATE orders SET email = 'Ann.' || id || '@Example.org'",
    "ALTER TABLE requests ADD COLUMN email TEXT",
    "UPDATE requests SET email = (SELECT o.email FROM orders o WHERE o.id = requests.id)",
    "ALTER TABLE benchmark ADD COLUMN email TEXT",
    "UPDATE benchmark SET email = 'Bo.' || id || '@example.org'",
)
"""A customer's address beside each order, which the request takes over."""
EMAIL_MAP = "  email: {from: email}\n"


def _outputs(found: Attribution) -> tuple[str, str]:
    return verdicts_csv(found.verdicts), json.dumps(attribution_json(found), sort_keys=True)


def _execute(url: str, statements: Sequence[str]) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def _record(
    root: Path,
    fault: str,
    *,
    pipeline: str = PIPELINE,
    endpoint: str = '"python:parcels:model"',
    statements: Sequence[str] = (),
    further_map: str = "",
    url: str = "",
) -> Path:
    """Record a window of parcels, then remove all that it was made from; return the bundle."""
    root.mkdir()
    url = url or f"sqlite:///{root / 'parcels.db'}"
    fill_database(url, fault, say=slipping(0.05, random.Random(4)))
    _execute(url, statements)
    write_project(root, pipeline=pipeline, endpoint=endpoint)
    with (root / "include/mappings/parcels_request.yaml").open("a") as file:
        file.write(further_map)
    env = {"AIRFLOW_CONN_PARCELS_DB": url, "AIRFLOW_CONN_GONE": f"http://user:{SECRET}@127.0.0.1:9"}
    deps = make_deps(root, env)
    try:
        found = record(deps, deps.project.pipeline("parcels"), WINDOW, root.parent / "incident.bundle")
    finally:
        deps.store.close()
        shutil.rmtree(root)
    expected = root.parent / "expected"
    expected.mkdir()
    for name, text in zip(("verdicts.csv", "attribution.json"), _outputs(found), strict=True):
        (expected / name).write_text(text, newline="")
    return root.parent / "incident.bundle"


def _content(bundle: Path) -> str:
    """Return everything that a bundle holds, unpacked, as one text."""
    with zipfile.ZipFile(bundle) as archive:
        return "\n".join(archive.read(name).decode() for name in archive.namelist())


@pytest.mark.parametrize("fault", ["unit", "result", "provider", "bad_source", "lost", "none"])
def test_the_same_verdicts_come_out_byte_for_byte(tmp_path: Path, fault: str) -> None:
    bundle = _record(tmp_path / "project", fault)
    csv, document = _outputs(replay(bundle))
    assert csv == (tmp_path / "expected/verdicts.csv").read_bytes().decode()
    assert document == (tmp_path / "expected/attribution.json").read_text()


def test_a_window_in_which_no_model_could_be_asked_has_a_bundle_too(tmp_path: Path) -> None:
    bundle = _record(tmp_path / "project", "none", statements=["UPDATE calls SET body = NULL, answer = NULL"])
    found = replay(bundle)
    assert (found.isolation.calls, found.n_undetermined) == (0, found.n_failing)
    assert _outputs(found)[1] == (tmp_path / "expected/attribution.json").read_text()


def test_an_endpoint_that_could_not_be_reached_is_not_reached_again(tmp_path: Path) -> None:
    bundle = _record(tmp_path / "project", "unit", endpoint="gone/v1/chat/completions")
    assert SECRET.encode() not in bundle.read_bytes()
    with zipfile.ZipFile(bundle) as archive:
        assert not any(SECRET.encode() in archive.read(name) for name in archive.namelist())
    assert _outputs(replay(bundle))[0] == (tmp_path / "expected/verdicts.csv").read_bytes().decode()


def test_the_command_replays_in_an_empty_environment_without_a_network(tmp_path: Path) -> None:
    bundle = _record(tmp_path / "project", "unit")
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard/sitecustomize.py").write_text(NO_NETWORK)
    command = [str(Path(sys.executable).parent / "seamwatch"), "attribute", "--from-bundle", str(bundle)]
    done = subprocess.run(
        [*command, "--verdicts", "v.csv", "--json", "a.json"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path / "guard"), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "v.csv").read_bytes() == (tmp_path / "expected/verdicts.csv").read_bytes()
    assert json.loads((tmp_path / "a.json").read_text()) == json.loads(
        (tmp_path / "expected/attribution.json").read_text()
    )
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"guard", "expected", "incident.bundle", "v.csv", "a.json"}


def test_the_same_evidence_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    first, second = (_record(tmp_path / name / "project", "result") for name in "ab")
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("fault", ["unit", "result", "provider"])
def test_redacted_values_are_nowhere_in_the_bundle_and_the_verdicts_stay(tmp_path: Path, fault: str) -> None:
    further = (
        *EMAILS,
        # Another record's address, in capitals, cut off, and escaped in a text: none of them may stay.
        "ALTER TABLE results ADD COLUMN note TEXT",
        "UPDATE results SET note = 'was Ann.' || ((id + 1) % 300) || '@Example.org?'",
        "ALTER TABLE routing ADD COLUMN note TEXT",
        "UPDATE routing SET note = (SELECT r.note FROM results r WHERE r.id = routing.id)",
        "ALTER TABLE labels ADD COLUMN clerk TEXT",
        "UPDATE labels SET clerk = 'ANN.' || id || '@EXAMPLE.ORG'",
    )
    pipeline = PIPELINE + "bundle: {redact: [orders.email]}\n"
    bundle = _record(tmp_path / "project", fault, pipeline=pipeline, statements=further, further_map=EMAIL_MAP)
    assert "example.org" not in _content(bundle).lower()
    assert _content(bundle).count("[orders.email-7]") >= 3  # the order, its request, another's note
    csv, _ = _outputs(replay(bundle))
    assert csv == (tmp_path / "expected/verdicts.csv").read_bytes().decode()


def test_a_redaction_that_would_change_the_verdicts_is_refused(tmp_path: Path) -> None:
    pipeline = PIPELINE + "bundle: {redact: [orders.email, orders.code]}\n"
    with pytest.raises(DataContractError, match=r"without the values of orders\.code the bundle gives other verdicts"):
        _record(tmp_path / "project", "unit", pipeline=pipeline, statements=EMAILS, further_map=EMAIL_MAP)
    assert not (tmp_path / "incident.bundle").exists()


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("orders.emial", r"orders\.emial is in nothing that was read; known: .*email"),
        ("orders.email.street", r"orders\.email\.street is in nothing that was read"),
        ("orders.id", r"orders\.id is the key"),
        ("ordres.email", "must be stage.field with a known stage; known: orders"),
        ("orders", "must be stage.field with a known stage"),
    ],
)
def test_a_redaction_that_hides_nothing_is_a_mistake(tmp_path: Path, field: str, said: str) -> None:
    pipeline = f"{PIPELINE}bundle: {{redact: [{field}]}}\n"
    with pytest.raises(SeamwatchError, match=said):
        _record(tmp_path / "project", "unit", pipeline=pipeline, statements=EMAILS)
    assert not (tmp_path / "incident.bundle").exists()


def test_what_the_store_knew_of_earlier_windows_goes_along(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    fill_database(f"sqlite:///{root / 'parcels.db'}", "result")
    write_project(root)
    env = {"AIRFLOW_CONN_PARCELS_DB": f"sqlite:///{root / 'parcels.db'}"}
    deps = make_deps(root, env)
    pipeline = deps.project.pipeline("parcels")
    parts = [WINDOW.start + (WINDOW.end - WINDOW.start) / 4 * number for number in range(5)]
    for start, end in itertools.pairwise(parts[:-1]):
        attribute_window(deps, pipeline, Window(start=start, end=end))
    found = record(deps, pipeline, Window(start=parts[-2], end=parts[-1]), tmp_path / "incident.bundle")
    deps.store.close()
    shutil.rmtree(root)
    assert found.leading is not None
    assert found.leading.onset is not None
    assert found.leading.onset < parts[-2]  # the store and the tables said so of the windows before
    evidence = json.loads(zipfile.ZipFile(tmp_path / "incident.bundle").read("evidence.json"))
    assert any('"verdicts"' in question for question in evidence["store"])
    assert _outputs(replay(tmp_path / "incident.bundle")) == _outputs(found)


def test_a_reference_that_rests_on_chance_cannot_be_taken_home(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    fill_database(f"sqlite:///{root / 'parcels.db'}", "unit", n=60)
    write_project(root)
    mappings = root / "include/mappings/parcels.py"
    mappings.write_text(mappings.read_text().replace('return {"queue": codes', 'return {"queue": next(DRAWN) or codes'))
    mappings.write_text(f"import uuid\n\nDRAWN = iter(lambda: uuid.uuid4().hex, None)\n{mappings.read_text()}")
    deps = make_deps(root, {"AIRFLOW_CONN_PARCELS_DB": f"sqlite:///{root / 'parcels.db'}"})
    with pytest.raises(DataContractError, match=r"cannot be replayed .*: a reference may rest on"):
        record(deps, deps.project.pipeline("parcels"), WINDOW, tmp_path / "incident.bundle")
    assert not (tmp_path / "incident.bundle").exists()


def test_numbers_are_not_redacted(tmp_path: Path) -> None:
    with pytest.raises(DataContractError, match="only text can be redacted"):
        _record(tmp_path / "project", "unit", pipeline=PIPELINE + "bundle: {redact: [orders.cents]}\n")


def test_a_file_that_is_no_bundle_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("no")
    with pytest.raises(DataContractError, match="is no bundle"):
        replay(tmp_path / "x")
    with pytest.raises(DataContractError, match="No such file"):
        replay(tmp_path / "y")
    with zipfile.ZipFile(tmp_path / "z", "w") as archive:
        archive.writestr("evidence.json", json.dumps({"format": 99, "seamwatch": "9.0"}))
    with pytest.raises(DataContractError, match=r"format 99, written by Seamwatch 9\.0"):
        replay(tmp_path / "z")


@pytest.mark.parametrize(
    "arguments",
    [
        ["parcels", "--from-bundle", "x"],
        ["--from-bundle", "x", "--bundle", "y"],
        ["parcels", "--from", "2026-01-05"],
        [],
    ],
)
def test_a_window_and_a_bundle_exclude_each_other(arguments: list[str]) -> None:
    done = CliRunner().invoke(app, ["attribute", *arguments])
    assert done.exit_code == 2
    assert "--from-bundle" in done.output


def _with_codes(tmp_path: Path, opening: str, *, beside: str = "") -> Path:
    """Return a project whose last reference has its codes from `opening`; `beside` stands above the functions."""
    root = tmp_path / "project"
    root.mkdir()
    fill_database(f"sqlite:///{root / 'parcels.db'}", "unit", n=60)
    write_project(root)
    mappings = root / "include/mappings/parcels.py"
    codes = 'codes = {"net": "Q1", "mob": "Q2", "fin": "Q3", "fraud": "Q4", "misc": "Q5"}'
    text = (
        mappings.read_text().replace(codes, f"codes = {opening}").replace("import zlib\n", f"import zlib\n{beside}\n")
    )
    mappings.write_text(f"import sqlite3, subprocess, tempfile\nfrom pathlib import Path\nimport pandas as pd\n{text}")
    return root


CODES = {"net": "Q1", "mob": "Q2", "fin": "Q3", "fraud": "Q4", "misc": "Q5"}


def _record_of(root: Path, bundle: Path) -> Attribution:
    deps = make_deps(root, {"AIRFLOW_CONN_PARCELS_DB": f"sqlite:///{root / 'parcels.db'}"})
    return record(deps, deps.project.pipeline("parcels"), WINDOW, bundle)


@pytest.mark.parametrize(
    ("opening", "beside"),
    [
        ("load(OUTSIDE)", "def load(path):\n    with open(path) as file:\n        return json.load(file)\n"),
        ("json.loads(Path(OUTSIDE).read_text())", ""),
        ("json.loads(Path('codes.json').read_text())", ""),
        ("pd.read_json(OUTSIDE, typ='series').to_dict()", ""),
        ("CODES", "with open(OUTSIDE) as file:\n    CODES = json.load(file)"),
        ("json.loads(Path(__file__).parents[2].joinpath('codes.json').read_text())", ""),
        ("json.loads(Path(__file__).parent.joinpath('.codes.json').read_text())", ""),
    ],
)
def test_a_reference_that_reads_a_file_outside_is_named_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opening: str, beside: str
) -> None:
    outside = tmp_path / "shared/codes.json"
    outside.parent.mkdir()
    root = _with_codes(
        tmp_path, opening.replace("OUTSIDE", repr(str(outside))), beside=beside.replace("OUTSIDE", repr(str(outside)))
    )
    for path in (outside, root / "codes.json", root / "include/mappings/.codes.json"):
        path.write_text(json.dumps(CODES))
    monkeypatch.chdir(root)
    with pytest.raises(DataContractError, match=r"include/mappings/parcels\.py:\d+ reads /\S+codes\.json\. A bundle"):
        _record_of(root, tmp_path / "incident.bundle")
    assert not (tmp_path / "incident.bundle").exists()


@pytest.mark.parametrize(
    ("beside", "said"),
    [
        ("sqlite3.connect(OUTSIDE).close()", r"parcels\.py:\d+ opens /\S+codes\.json"),
        ("subprocess.run(['true'])", r"parcels\.py:\d+ starts true"),
        ("import sys; sys.path.insert(0, str(Path(OUTSIDE).parent)); import team_codes", r"reads /\S+team_codes\.py"),
    ],
)
def test_a_reference_that_reaches_something_else_outside_is_named(tmp_path: Path, beside: str, said: str) -> None:
    outside = tmp_path / "shared/codes.json"
    outside.parent.mkdir()
    (outside.parent / "team_codes.py").write_text("CODES = 1\n")
    outside.write_text("")
    root = _with_codes(tmp_path, repr(CODES), beside=beside.replace("OUTSIDE", repr(str(outside))))
    with pytest.raises(DataContractError, match=said):
        _record_of(root, tmp_path / "incident.bundle")
    sys.path[:] = [path for path in sys.path if path != str(outside.parent)]
    sys.modules.pop("team_codes", None)


@pytest.mark.parametrize(
    ("opening", "beside"),
    [
        ("json.loads(Path(__file__).with_name('codes.json').read_text())", ""),
        ("json.loads(next(Path(__file__).parent.glob('codes.js*')).read_text())", ""),
        ("json.loads(MADE.read_text())", "MADE = Path(tempfile.mkdtemp()) / 'made.json'; MADE.write_text(CODES)"),
        ("json.loads(CODES)", "import colorsys, zoneinfo; zoneinfo.ZoneInfo.no_cache('Europe/Berlin')"),
    ],
)
def test_what_a_bundle_holds_and_every_machine_has_may_be_read(tmp_path: Path, opening: str, beside: str) -> None:
    codes = f"CODES = {json.dumps(CODES)!r}\n"
    root = _with_codes(tmp_path, opening, beside=codes + beside)
    (root / "include/mappings/codes.json").write_text(json.dumps(CODES))
    mappings = root / "include/mappings/parcels.py"
    (root / "weights").write_text("1")
    # What stands in for the model may read what it likes: its answers are recorded.
    weights = f"def model(body):\n    Path({str(root / 'weights')!r}).read_text()"
    mappings.write_text(mappings.read_text().replace("def model(body):", weights))
    found = _record_of(root, tmp_path / "incident.bundle")
    assert _outputs(replay(tmp_path / "incident.bundle")) == _outputs(found)

"""`seamwatch agreed`: what it prints, writes and exits with, on a project and a store of its own."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from parcels import WINDOW, write_project
from seamwatch import cli
from seamwatch.core.incident_life import ChangeKind, Incident, IncidentChange
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.store.repo import Store
from seamwatch.vocabulary import IncidentState, Responsibility

pytestmark = pytest.mark.integration
TODAY = datetime.now(UTC).date()
SOON, PAST = str(TODAY + timedelta(days=7)), str(TODAY - timedelta(days=2))


class Agreed:
    """The command line, as people call it."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self._monkeypatch, self._capsys = root, monkeypatch, capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        self._monkeypatch.setattr("sys.argv", ["seamwatch", "agreed", *arguments])
        self._capsys.readouterr()
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        said = self._capsys.readouterr()
        return code, said.out, said.err

    def data(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json", "-")[1])

    def add(self, text: str = "Pin the version", *more: str, due: str = SOON) -> tuple[int, str, str]:
        return self("add", text, "--owner", "ada", "--due", due, *more)


@pytest.fixture
def agreed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Agreed:
    write_project(tmp_path)
    monkeypatch.setenv("AIRFLOW_CONN_SEAMWATCH_STORE", f"sqlite:///{tmp_path / 'store.db'}")
    monkeypatch.setenv("SEAMWATCH_PROJECT_DIR", str(tmp_path))
    return Agreed(tmp_path, monkeypatch, capsys)


def save_incident(root: Path) -> str:
    store = Store.open(f"sqlite:///{root / 'store.db'}", migrate_first=True)
    found = Incident(
        id="parcels-1",
        fingerprint="f",
        pipeline="parcels",
        responsibility=Responsibility.INTEGRATION,
        stage="request",
        fields=(),
        state=IncidentState.OPEN,
        headline="Integration failure at request",
        confidence=0.9,
        opened_at=WINDOW.end,
        updated_at=WINDOW.end,
        first_window=WINDOW,
        last_window=WINDOW,
        n_records=3,
    )
    store.apply_changes([IncidentChange(kind=ChangeKind.OPENED, incident=found)], window=WINDOW)
    store.close()
    return found.id


def test_an_action_goes_its_way_on_the_command_line(agreed: Agreed) -> None:
    assert agreed("list")[1] == "no open agreed actions\n"
    code, out, _ = agreed.add("Pin the version", "--pipeline", "parcels", "--by", "bob")
    (one,) = agreed.data("list")["actions"]
    assert (code, out) == (0, f"{one['id']}: Pin the version (ada, due {SOON}).\n")
    assert one["week"] == ReviewWeek.containing(datetime.now(UTC)).before().name
    assert (one["agreed_by"], one["pipeline"], one["overdue"]) == ("bob", "parcels", False)
    assert agreed("list")[1] == f"{one['id']}  open     parcels: Pin the version (ada, due {SOON})\n"
    assert agreed("list", "other")[1] == "no open agreed actions\n"
    later = str(TODAY + timedelta(days=9))
    assert f"(grace, due {later})" in agreed("change", one["id"], "--owner", "grace", "--due", later)[1]
    assert "done by ada" in agreed("done", one["id"], "--by", "ada", "--why", "release 7")[1]
    code, _, err = agreed("drop", one["id"], "--by", "eve")
    assert code == 1
    assert f"{one['id']} is done already, by ada" in err
    assert agreed("list")[1] == "no open agreed actions\n"
    (ended,) = agreed.data("list", "--all")["actions"]
    assert (ended["state"], ended["note"], ended["ended_by"]) == ("done", "release 7", "ada")
    assert agreed("reopen", one["id"])[0] == 0
    assert agreed("drop", one["id"])[0] == 0


def test_an_incident_names_the_pipeline(agreed: Agreed) -> None:
    incident = save_incident(agreed.root)
    assert agreed.add("Pin the version", "--incident", incident)[0] == 0
    (one,) = agreed.data("list")["actions"]
    assert (one["pipeline"], one["incident"]) == ("parcels", incident)


def test_the_same_twice_in_a_week_is_one_and_said(agreed: Agreed) -> None:
    agreed.add()
    code, out, _ = agreed.add()
    assert code == 0
    assert "The same was agreed before" in out
    assert len(agreed.data("list")["actions"]) == 1


@pytest.mark.parametrize(
    ("text", "due", "more", "code", "said"),
    [
        ("x", PAST, (), 1, f"has passed: name {TODAY}"),
        ("x", "tomorrow", (), 2, "is no day of the calendar"),
        ("x", "2026-02-30", (), 2, "is no day of the calendar"),
        (" ", SOON, (), 1, "Say what is to be done"),
        ("x" * 501, SOON, (), 1, "longer than 500 characters"),
        ("x", SOON, ("--incident", "no-such"), 1, "no such incident"),
        ("x", SOON, ("--pipeline", "no_such"), 1, "no such pipeline"),
        ("x", SOON, ("--week", "2026-W60"), 1, "is no week"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_kept(
    agreed: Agreed, text: str, due: str, more: tuple[str, ...], code: int, said: str
) -> None:
    found, out, err = agreed.add(text, *more, due=due)
    assert (found, out) == (code, "")
    assert said in " ".join(err.replace("│", " ").split())
    assert agreed.data("list", "--all") == {"actions": []}


def test_an_action_that_is_not_there_is_refused(agreed: Agreed) -> None:
    code, _, err = agreed("done", "no-such")
    assert (code, err) == (1, "seamwatch: There is no such agreed action, or it is too old to be kept\n")
    assert agreed.data("done", "no-such") == {"action": None, "refusal": "no_such_action", "is_new": True}


def test_text_of_people_steers_no_terminal(agreed: Agreed) -> None:
    agreed.add("\u202eevil \x1b[2J text")
    assert "\u202e" not in agreed("list")[1]
    assert "\x1b" not in agreed("list")[1]


def test_settings_that_cannot_be_read_are_named_and_nothing_is_agreed(agreed: Agreed) -> None:
    (agreed.root / "include/settings.yaml").write_text("weekly_review:\n  time_zone: Mars/Base\n")
    code, out, err = agreed.add()
    assert (code, out) == (1, "")
    assert err.startswith("seamwatch: include/settings.yaml:2 weekly_review.time_zone: 'Mars/Base' is no time zone")
    (agreed.root / "include/settings.yaml").unlink()
    assert agreed("list")[1] == "no open agreed actions\n"

"""What the demo says of its watched days, and what is checked of it."""

from __future__ import annotations

import copy
import importlib.util
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from seamwatch_demo.faults import FAULTS
from seamwatch_demo.run import is_right
from seamwatch_demo.watching import TRIAGE, WATCHED, told_scenario

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def checks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_demo", ROOT / "tests" / "check_demo.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def entry(tmp_path: Path, name: str = "cost_runaway") -> dict[str, Any]:
    """Return what the summary holds of a scenario that was found."""
    told = told_scenario(FAULTS[name], TRIAGE)
    report = tmp_path / f"{name}.html"
    report.write_text(f"It was {told['injected']['stage']}.", encoding="utf-8")
    return {
        **told,
        "watch": WATCHED[name].watch.value,
        "attribution": {**told["injected"], "headline": "something", "confidence": 0.9},
        "found": {"minutes": 10.0, "calls": 60, "repeated_calls": 40},
        "report": str(report),
        "slack": {"channel": "C1", "ts": "1.0"},
        "dags": [{"red": []}, {"red": ["gate"]}],
    }


def test_every_watched_scenario_is_a_fault_that_is_looked_at_after_its_onset(checks: ModuleType) -> None:
    assert {name: one.watch.value for name, one in WATCHED.items()} == checks.WATCHED
    for name, one in WATCHED.items():
        fault = FAULTS[name]
        assert fault.injected is not None
        looks = [timedelta(hours=hour, minutes=minute) for hour, minute in one.looks]
        assert looks == sorted(set(looks))
        assert all(look < timedelta(days=1) for look in looks)
        if looks:
            assert looks[0] <= timedelta(hours=fault.onset_hour) < looks[1]


@pytest.mark.parametrize("name", WATCHED)
def test_a_scenario_that_was_found_where_it_was_put_is_right(checks: ModuleType, tmp_path: Path, name: str) -> None:
    scenario = entry(tmp_path, name)
    assert is_right(scenario)
    assert checks._watched_problems(scenario) == []


def test_further_fields_behind_the_source_leave_it_right(checks: ModuleType, tmp_path: Path) -> None:
    scenario = entry(tmp_path, "input_drift")
    scenario["attribution"]["fields"] = ["body", "customer_tier"]
    assert is_right(scenario)
    assert checks._watched_problems(scenario) == []
    scenario["attribution"]["fields"] = ["customer_tier", "body"]
    assert not is_right(scenario)
    assert checks._watched_problems(scenario) != []


def nothing_found(scenario: dict[str, Any]) -> None:
    scenario["found"] = None


def another_stage(scenario: dict[str, Any]) -> None:
    scenario["attribution"]["stage"] = "prompt"


def another_responsibility(scenario: dict[str, Any]) -> None:
    scenario["attribution"]["responsibility"] = "model"


def no_source(scenario: dict[str, Any]) -> None:
    scenario["attribution"]["fields"] = []


def too_late(scenario: dict[str, Any]) -> None:
    scenario["found"]["repeated_calls"] = 51


def too_early(scenario: dict[str, Any]) -> None:
    scenario["found"]["minutes"] = -5.0


def a_red_look(scenario: dict[str, Any]) -> None:
    scenario["dags"].append({"red": ["look"]})


def no_report(scenario: dict[str, Any]) -> None:
    scenario["report"] = None


def an_empty_report(scenario: dict[str, Any]) -> None:
    Path(scenario["report"]).write_text("", encoding="utf-8")


def an_untold_channel(scenario: dict[str, Any]) -> None:
    scenario["slack"] = None


@pytest.mark.parametrize(
    "spoil",
    [
        nothing_found,
        another_stage,
        another_responsibility,
        no_source,
        too_late,
        too_early,
        a_red_look,
        no_report,
        an_empty_report,
        an_untold_channel,
    ],
)
def test_what_is_wrong_with_a_watched_scenario_is_said(
    checks: ModuleType, tmp_path: Path, spoil: Callable[[dict[str, Any]], None]
) -> None:
    scenario = entry(tmp_path)
    spoil(scenario)
    assert 1 <= len(checks._watched_problems(scenario)) <= 2


def shut(allowed: bool, reason: str = "accuracy: the budget is overspent by 20.0%") -> dict[str, Any]:
    return {"allowed": allowed, "reason": reason}


BUDGETS: dict[str, Any] = {
    "gate": shut(False),
    "gate_under_override": shut(True, "let through by Ines"),
    "gate_after_override": shut(False),
    "overrides": [{"by": "Ines", "reason": "a fix", "at": "2026-11-10", "until": "2026-11-11"}],
    "red": ["gate"],
}


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("gate", shut(True)),
        ("red", []),
        ("gate_under_override", shut(False, "let through by Ines")),
        ("gate_under_override", shut(True)),
        ("gate_after_override", shut(True)),
        ("overrides", []),
        ("overrides", [{"by": "Ines", "reason": "", "at": "2026-11-10", "until": "2026-11-11"}]),
    ],
)
def test_a_gate_that_does_not_act_is_said(checks: ModuleType, part: str, value: Any) -> None:
    assert checks._budget_problems(BUDGETS) == []
    assert len(checks._budget_problems({**copy.deepcopy(BUDGETS), part: value})) == 1


def happened(kind: str, *, by: str | None = None, door: str = "detector") -> dict[str, Any]:
    return {"kind": kind, "by": by, "door": door}


LIFE: dict[str, Any] = {
    "state": "open",
    "is_open": True,
    "events": [
        happened("opened"),
        happened("acknowledged", by="ines (U0RELIABLE)", door="slack"),
        happened("updated"),
        happened("severity_raised"),
        happened("resolved"),
        happened("reopened"),
    ],
    "slack": {
        "heads": 1,
        "edits": 4,
        "replies": ["Evidence for: x", "More severe than before: x", "Resolved: x", "Back again: x"],
    },
}


@pytest.mark.parametrize(
    "change",
    [
        {"events": LIFE["events"][:-1]},
        {"events": [*LIFE["events"][2:], *LIFE["events"][:2]]},
        {"events": [{**one, "door": "airflow"} for one in LIFE["events"]]},
        {"events": [*LIFE["events"], happened("muted", by="ines (U0RELIABLE)", door="slack")]},
        {"is_open": False, "state": "resolved"},
        {"slack": {**LIFE["slack"], "heads": 2}},
        {"slack": {**LIFE["slack"], "edits": 0}},
        {"slack": {**LIFE["slack"], "replies": LIFE["slack"]["replies"][:-1]}},
        {"slack": {**LIFE["slack"], "replies": ["Acknowledged: x", *LIFE["slack"]["replies"]]}},
    ],
)
def test_a_life_that_lacks_a_part_or_says_too_much_is_a_problem(checks: Any, change: dict[str, Any]) -> None:
    assert checks._life_problems(LIFE) == []
    assert checks._life_problems({**LIFE, **change}) != []

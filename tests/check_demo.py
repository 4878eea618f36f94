"""Check what the demo wrote, as `.ci/run` does: every cause right, each incident told once, healthy days quiet."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

WANTED = {"healthy", "stale_code_table", "queue_code_shift", "degraded_model", "provider_outage", "stale_policy"}
SECONDS = 240


def problems(summary: dict[str, Any]) -> list[str]:
    """Return what is wrong with a summary."""
    scenarios = {scenario["scenario"]: scenario for scenario in summary["scenarios"]}
    found = [f"scenario {name} is missing" for name in sorted(WANTED - set(scenarios))]
    for name, scenario in scenarios.items():
        found += [f"{name}: {text}" for text in _scenario_problems(scenario)]
    told = [(s["slack"]["channel"], s["slack"]["ts"]) for s in scenarios.values() if s["slack"]]
    if len(set(told)) != len(told):
        found.append("two scenarios share a Slack message")
    budgets = summary["budgets"]
    if budgets["gate"]["allowed"] or budgets["red"] != ["gate"]:
        found.append(f"seven bad days leave the gate open: {budgets['gate']}, red: {budgets['red']}")
    if summary["seconds"] > SECONDS:
        found.append(f"took {summary['seconds']} s, more than {SECONDS}")
    return found


def _scenario_problems(scenario: dict[str, Any]) -> list[str]:
    injected, said = scenario["injected"], scenario["attribution"]
    found = [
        f"{part} is {said[part]!r}, injected {injected[part]!r}"
        for part in ("responsibility", "stage")
        if said[part] != injected[part]
    ]
    if set(said["fields"]) != set(injected["fields"]):
        found.append(f"fields are {said['fields']}, injected {injected['fields']}")
    red = [task for dag in scenario["dags"] for task in dag["red"]]
    if injected["responsibility"] is None:
        if red:
            found.append(f"a healthy day turned {red} red")
        return found + ([] if scenario["report"] is None else ["a healthy day has a report"])
    share = sum(cause["share"] for cause in scenario["causes"])
    if abs(share - 1) > 1e-9:
        found.append(f"shares add up to {share}")
    if injected["responsibility"] == "integration" and f"{injected['stage']}.gate" not in red:
        found.append(f"the gate of {injected['stage']} is not red; red: {red}")
    if scenario["report"] is None or not Path(scenario["report"]).is_file():
        found.append(f"no report at {scenario['report']}")
    elif said["headline"].split(":")[0] not in Path(scenario["report"]).read_text(encoding="utf-8"):
        found.append("the report does not hold the headline")
    if not scenario["slack"]:
        found.append("Slack was not told")
    return found


def main() -> int:
    """Print what is wrong; return 1 if anything is."""
    found = problems(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    for text in found:
        print(text, file=sys.stderr)
    if not found:
        print("demo: every cause right")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())

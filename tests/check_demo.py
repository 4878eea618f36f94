"""Check what the demo wrote, as `.ci/run` does: every cause right, each incident told once, healthy days quiet.

And one incident's whole life: in the store, and in Slack by one message that is edited in place.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

WANTED = {"healthy", "stale_code_table", "queue_code_shift", "degraded_model", "provider_outage", "stale_policy"}
WATCHED = {"cost_runaway": "cost", "latency_spike": "latency", "input_drift": "drift", "injection": "injection"}
SECONDS = 600
LIFE = ("opened", "acknowledged", "severity_raised", "resolved", "reopened")
"""What happens to one incident, in this order."""
REPLIES = ("Evidence for", "More severe than before", "Resolved", "Back again")
"""Beginnings of what is said below its message; that it was acknowledged is seen in the message itself."""
APPROVED = {"cost_runaway": "slack", "stale_code_table": "airflow", "degraded_model": "airflow"}
"""Scenarios whose runbook proposes an action, and where that is approved."""
PROVED = ("stale_code_table", "degraded_model")
"""Those of which a measurement tells at once that the action helped; a limit is watched until costs are as before."""
LABELS = 50
"""Given on the review page."""
CALLS = 50
"""Within so many repeated calls a runaway client has to be found."""


def problems(summary: dict[str, Any]) -> list[str]:
    """Return what is wrong with a summary."""
    scenarios = {scenario["scenario"]: scenario for scenario in summary["scenarios"]}
    found = [f"scenario {name} is missing" for name in sorted((WANTED | WATCHED.keys()) - set(scenarios))]
    for name, scenario in scenarios.items():
        check = _watched_problems if name in WATCHED else _scenario_problems
        found += [f"{name}: {text}" for text in check(scenario)]
    told = [(s["slack"]["channel"], s["slack"]["ts"]) for s in scenarios.values() if s["slack"]]
    if len(set(told)) != len(told):
        found.append("two scenarios share a Slack message")
    found += _budget_problems(summary["budgets"])
    found += [f"life of an incident: {text}" for text in _life_problems(summary["life"])]
    found += [f"runbook of {text}" for text in _runbook_problems(summary["runbooks"])]
    found += [f"staff chat: {text}" for text in _chat_problems(summary["chat"])]
    found += [f"weekly review: {text}" for text in _weekly_problems(summary["weekly"])]
    if summary["seconds"] > SECONDS:
        found.append(f"took {summary['seconds']} s, more than {SECONDS}")
    return found


def _weekly_problems(weekly: dict[str, Any]) -> list[str]:
    """Return what is wrong with the review of the week in which integrations failed, one a day."""
    review, page = weekly["review"], Path(weekly["page"])
    found = []
    if not page.is_file() or "<svg" not in page.read_text(encoding="utf-8"):
        found.append(f"no page with charts at {page}")
    incidents = review["everything"]["incidents"]
    if not incidents["n_not_ai"] or incidents["n_not_ai"] + incidents["n_ai"] > incidents["n_looked_like_ai"]:
        found.append(
            f"{incidents['n_not_ai']} of {incidents['n_looked_like_ai']} suspected incidents were not the AI's"
        )
    if not any(one["incident"] for one in review["fix_first"]):
        found.append("nothing to fix first is an incident")
    states = {one["action"]["state"]: one["recurrence"] for one in review["agreed"]}
    if states.keys() != {"open", "done"} or states["done"] != "stayed_away":
        found.append(f"the agreed actions stand at {states}")
    if review["grades"][0]["n_verdicts"] < incidents["n_opened"]:
        found.append("not all verdicts are graded")
    return found


def _chat_problems(chat: dict[str, Any]) -> list[str]:
    """Return what is wrong with the answers that people judged."""
    found = []
    if chat["labels_on_page"] < LABELS:
        found.append(f"{chat['labels_on_page']} labels were given on the review page, fewer than {LABELS}")
    if not chat["labels_in_forms"]:
        found.append("no label was given in a form of Airflow's")
    measured = chat["weeks"][-1]["accuracy"]
    if measured is None or not measured["low"] <= chat["truth"] <= measured["high"]:
        found.append(f"{chat['truth']} of the answers are right, and the labels say {measured}")
    objective = chat["objective"]
    wrong = (1 - measured["value"]) * objective["events"] if measured else None
    if wrong is None or abs(objective["spent"] - wrong) > 1e-6 or not objective["events"]:
        found.append(f"the objective does not stand on the labels: {objective}")
    if chat["imported"]["problems"] or not chat["imported"]["kept"]:
        found.append(f"labels of the spreadsheet were not kept: {chat['imported']}")
    if not chat["releases"].startswith("Release short-excerpts is worse"):
        found.append(f"of two releases it is said: {chat['releases']}")
    return found


def _scenario_problems(scenario: dict[str, Any]) -> list[str]:
    injected, said = scenario["injected"], scenario["attribution"]
    found = _place_problems(injected, said)
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
    return found + _told_problems(scenario, words=said["headline"].split(":")[0])


def _watched_problems(scenario: dict[str, Any]) -> list[str]:
    """Return what is wrong with a scenario that a watch had to find: the source has to lead the fields."""
    injected, said, wanted = scenario["injected"], scenario["attribution"], WATCHED[scenario["scenario"]]
    if scenario["found"] is None:
        return [f"the watch of {wanted} found nothing"]
    found = _place_problems(injected, said)
    if scenario["watch"] != wanted:
        found.append(f"the watch of {scenario['watch']} found it, not that of {wanted}")
    if injected["fields"] and (said["fields"] or [None])[0] not in injected["fields"]:
        found.append(f"the source is {said['fields']}, injected {injected['fields']}")
    if scenario["found"]["minutes"] < 0:
        found.append(f"it was told {-scenario['found']['minutes']} minutes before it began")
    if wanted == "cost" and scenario["found"]["repeated_calls"] > CALLS:
        found.append(f"it was found after {scenario['found']['repeated_calls']} repeated calls, more than {CALLS}")
    red = {task for look in scenario["dags"] for task in look["red"]} - {"gate"}
    if red:
        found.append(f"looks turned {sorted(red)} red")
    # Later looks go on with the report, so that its headline may be another by the end.
    return found + _told_problems(scenario, words=str(said["stage"]))


def _place_problems(injected: dict[str, Any], said: dict[str, Any]) -> list[str]:
    return [
        f"{part} is {said[part]!r}, injected {injected[part]!r}"
        for part in ("responsibility", "stage")
        if said[part] != injected[part]
    ]


def _told_problems(scenario: dict[str, Any], *, words: str) -> list[str]:
    found = []
    if scenario["report"] is None or not Path(scenario["report"]).is_file():
        found.append(f"no report at {scenario['report']}")
    elif words not in Path(scenario["report"]).read_text(encoding="utf-8"):
        found.append(f"the report does not say {words!r}")
    if not scenario["slack"]:
        found.append("Slack was not told")
    return found


def _budget_problems(budgets: dict[str, Any]) -> list[str]:
    """Return what is wrong with the gate: shut by a spent budget, open under an override that is kept, shut again."""
    found = []
    if budgets["gate"]["allowed"] or budgets["red"] != ["gate"]:
        found.append(f"seven bad days leave the gate open: {budgets['gate']}, red: {budgets['red']}")
    if not budgets["gate_under_override"]["allowed"]:
        found.append(f"an override does not open the gate: {budgets['gate_under_override']}")
    if budgets["gate_after_override"]["allowed"]:
        found.append(f"the gate stays open when the override is over: {budgets['gate_after_override']}")
    kept = budgets["overrides"]
    if len(kept) != 1 or not all(kept[0][part] for part in ("by", "reason", "at", "until")):
        found.append(f"the override is not kept with name, reason and end: {kept}")
    elif kept[0]["by"] not in budgets["gate_under_override"]["reason"]:
        found.append("the gate does not say who let the releases through")
    return found


def _life_problems(life: dict[str, Any]) -> list[str]:
    """Return what is wrong with the life of one incident, and with the one message by which Slack shows it."""
    found = []
    kinds = [event["kind"] for event in life["events"]]
    if [kind for kind in kinds if kind in LIFE] != list(LIFE):
        found.append(f"its events are {kinds}, wanted in turn {list(LIFE)}")
    by_people = [(event["kind"], event["door"]) for event in life["events"] if event["by"]]
    if by_people != [("acknowledged", "slack")]:
        found.append(f"people did {by_people}, wanted one acknowledgement in Slack")
    if not life["is_open"]:
        found.append(f"its fault is back, and it is {life['state']}")
    slack = life["slack"]
    if slack["heads"] != 1 or slack["edits"] < len(LIFE) - 1:
        found.append(f"Slack has {slack['heads']} messages of it, edited {slack['edits']} times")
    if len(slack["replies"]) != len(REPLIES) or not all(map(str.startswith, slack["replies"], REPLIES)):
        found.append(f"below its message is said {slack['replies']}, wanted {list(REPLIES)}")
    return found


def _runbook_problems(runbooks: dict[str, Any]) -> list[str]:
    """Return what is wrong with the runbooks that the demo shows: who approved where, and what came of it."""
    found = [f"{name}: it was not run" for name in APPROVED if name not in runbooks]
    for name, one in runbooks.items():
        broken = [step["name"] for step in one["steps"] if step["state"] == "failed"]
        if broken:
            found.append(f"{name}: these steps failed: {broken}")
        if one["door"] != APPROVED[name] or not one["answered_by"]:
            found.append(f"{name}: approved by {one['answered_by']} in {one['door']}, not in {APPROVED[name]}")
        wanted = "helped" if name in PROVED else "done"
        if one["state"] != wanted:
            found.append(f"{name}: its action is {one['state']}, not {wanted}: {one['why']}")
        if one["dag_state"] != "success":
            found.append(f"{name}: its DAG ended as {one['dag_state']}")
    told = [one["name"] for one in runbooks.get("stale_code_table", {}).get("steps", []) if one["state"] == "found"]
    if "tell_root_cause" not in told:
        found.append("stale_code_table: the root cause was not told")
    return found


def main() -> int:
    """Print what is wrong; return 1 if anything is."""
    found = problems(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    for text in found:
        print(text, file=sys.stderr)
    if not found:
        print(
            "demo: every cause right, and one incident's whole life, three runbooks and answers judged by people shown"
        )
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())

"""Which buttons the head of an incident has, by its state."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from seamwatch.core.incident_life import allowed_actions
from seamwatch.report import block_kit
from seamwatch.report.blocks import ActionButton, ActionMenu, Buttons
from seamwatch.report.buttons import form_menu, incident_buttons
from seamwatch.vocabulary import IncidentAction, IncidentState, Responsibility
from seamwatch_demo.slack_rules import message_error

LABELS = {
    IncidentState.OPEN: ["Acknowledge", "Mute 4 h", "Resolve"],
    IncidentState.ACKNOWLEDGED: ["Mute 4 h", "Resolve"],
    IncidentState.MUTED: ["Acknowledge", "Mute 4 h from now", "Resolve", "Unmute"],
    IncidentState.MITIGATED: ["Mute 4 h", "Resolve", "Reopen"],
    IncidentState.RESOLVED: ["Reopen"],
    IncidentState.MERGED: ["Split off again"],
    IncidentState.VOIDED: ["Reopen"],
}


def rendered(state: IncidentState) -> list[dict[str, Any]]:
    buttons = incident_buttons("parcels-1", state, Responsibility.MODEL, allowed_actions(state))
    (row,) = block_kit.render([Buttons(buttons)])
    return row["elements"]


@pytest.mark.parametrize("state", IncidentState)
def test_a_state_shows_what_is_allowed_in_it_and_no_more(state: IncidentState) -> None:
    found = incident_buttons("parcels-1", state, Responsibility.MODEL, allowed_actions(state))
    assert [one.text for one in found if isinstance(one, ActionButton)] == LABELS[state]
    assert {one.action for one in found} <= set(allowed_actions(state))


@pytest.mark.parametrize("state", IncidentState)
def test_slack_takes_the_buttons_of_every_state(state: IncidentState) -> None:
    elements = rendered(state)
    assert message_error("text", [{"type": "actions", "elements": elements}]) is None
    for element in elements:
        assert re.fullmatch(r"seamwatch:[a-z]+", element["action_id"])
        assert element["type"] == "static_select" or element["value"] == "parcels-1"


def test_a_wrong_verdict_asks_whose_it_really_was() -> None:
    (menu,) = [one for one in rendered(IncidentState.OPEN) if one["type"] == "static_select"]
    assert [one["value"] for one in menu["options"]] == [
        f"parcels-1/{one.value}" for one in Responsibility if one is not Responsibility.MODEL
    ]


def test_only_resolving_asks_again() -> None:
    asking = [one["action_id"] for one in rendered(IncidentState.OPEN) if "confirm" in one]
    assert asking == ["seamwatch:resolve"]


def test_no_button_where_they_are_switched_off() -> None:
    assert incident_buttons("parcels-1", IncidentState.OPEN, Responsibility.MODEL, ()) == ()


def test_a_menu_whose_values_slack_would_refuse_is_left_out_and_the_buttons_stay() -> None:
    buttons = incident_buttons("x" * 149, IncidentState.OPEN, Responsibility.MODEL, tuple(IncidentAction))
    (row,) = block_kit.render([Buttons(buttons)])
    assert {one["type"] for one in row["elements"]} == {"button"}
    assert message_error("text", [row]) is None
    shorter = [replace(one, incident_id="x" * 100) for one in buttons if isinstance(one, ActionMenu)]
    assert block_kit.render([Buttons(tuple(shorter))])[0]["elements"][0]["type"] == "static_select"


FORMS = {
    IncidentState.MERGED: [],
    IncidentState.VOIDED: [],
}


@pytest.mark.parametrize("state", IncidentState)
def test_a_menu_holds_what_needs_a_form(state: IncidentState) -> None:
    wanted = FORMS.get(state, [IncidentAction.MERGE, IncidentAction.VOID])
    menus = form_menu("parcels-1", allowed_actions(state))
    assert [action for one in menus for action, _ in one.options] == wanted
    rows = block_kit.render([Buttons(menus)])
    assert message_error("text", rows or None) is None
    assert [one["value"] for row in rows for one in row["elements"][0]["options"]] == [f"parcels-1/{a}" for a in wanted]


def test_a_menu_of_forms_whose_values_slack_would_refuse_is_left_out() -> None:
    assert block_kit.render([Buttons(form_menu("x" * 150, tuple(IncidentAction)))]) == []

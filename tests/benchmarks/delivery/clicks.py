"""People who press buttons in a schedule: by signed requests, some told twice, some without permission, some lost."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import sqlalchemy as sa

from faulty_slack import FaultySlack
from seamwatch.adapters.notify.slack_signature import is_signed
from seamwatch.core.incident_life import Incident, allowed_actions
from seamwatch.engine.deps import Deps
from seamwatch.engine.slack_actions import handle_action
from seamwatch.report.block_kit import ACTION_PREFIX, FORM_MENU_ID, action_id
from seamwatch.report.buttons import incident_buttons
from seamwatch.report.pressed_buttons import read_press
from seamwatch.store.repo import Store
from seamwatch_demo.slack_messages import SlackMessage
from slack_presses import payload_of, signed

SECRET = "a-secret-of-the-app"
PERMITTED, STRANGER = "U0ADA", "U0EVE"
SLACK = f'{{channel: "#incidents", connection: slack_test, actions: true, may_act: ["@{PERMITTED}"]}}'


@dataclass(frozen=True, kw_only=True)
class Click:
    """One press, as Slack tells of it."""

    body: bytes
    headers: dict[str, str]
    key: str
    acknowledged: Path
    """Exists once Slack was told that the press has come: from then on it is ours."""


@dataclass(kw_only=True)
class Clicks:
    """All presses of one schedule."""

    root: Path
    rng: random.Random
    made: list[Click] = field(default_factory=list)

    def draw(self, slack: FaultySlack, *, at: float) -> Click | None:
        """Return a press of some button in the channel, now and then one that was told before; None without any."""
        if self.made and self.rng.random() < 0.15:
            return self.made[-1]
        heads = [(head, names) for head in slack.heads if (names := actions_of(head))]
        if not heads:
            return None
        head, names = self.rng.choice(heads)
        action = self.rng.choice(names)
        user = STRANGER if self.rng.random() < 0.2 else PERMITTED
        choice = self.rng.choice(("model", "source_data")) if action == "wrong" else ""
        payload = payload_of(head, action, user=user, choice=choice)
        press = read_press(payload)
        assert press is not None
        body, headers = signed(payload, SECRET, at=at)
        click = Click(
            body=body, headers=headers, key=press.key, acknowledged=self.root / f"acknowledged-{len(self.made)}"
        )
        self.made.append(click)
        return click

    def judge(self, store_url: str, store: Store) -> tuple[int, int, list[str]]:
        """Return how many acknowledged presses were lost, how many effects no press accounts for, and which."""
        engine = sa.create_engine(store_url)
        with engine.connect() as connection:
            found = connection.execute(
                sa.text("SELECT key, incident_id, user_id, done_at, result FROM seamwatch_slack_actions")
            )
            rows = {row.key: row for row in found}
        engine.dispose()
        lost = [
            f"press {click.key} was acknowledged and not carried out"
            for click in self.made
            if click.acknowledged.exists() and (click.key not in rows or rows[click.key].done_at is None)
        ]
        done = Counter(row.incident_id for row in rows.values() if row.result == "done" and row.user_id == PERMITTED)
        n_surplus, notes = 0, list(lost)
        for incident in store.incidents("parcels"):
            by_people = [event.by for event in store.incident_events(incident.id) if event.by]
            if len(by_people) != done[incident.id] or any(STRANGER in by for by in by_people):
                n_surplus += max(abs(len(by_people) - done[incident.id]), 1)
                notes.append(f"{incident.id}: presses that count: {done[incident.id]}; effects of people: {by_people}")
        return len(lost), n_surplus, notes


def take(deps: Deps, click: Click) -> None:
    """Take one signed request as the plugin does: one that is told again after five minutes is refused, as a replay."""
    is_ours = is_signed(
        SECRET,
        click.body,
        timestamp=click.headers["X-Slack-Request-Timestamp"],
        signature=click.headers["X-Slack-Signature"],
        now=deps.clock(),
    )
    if not is_ours:
        return
    payload: Any = json.loads(parse_qs(click.body.decode())["payload"][0])
    handle_action(deps, payload, connection="slack_test", acknowledge=click.acknowledged.touch)


def actions_of(head: SlackMessage) -> list[str]:
    """Return the names of the actions that a message offers by a press alone, without the menu of forms."""
    elements = [element for block in head.blocks if block["type"] == "actions" for element in block["elements"]]
    ids = [str(element.get("action_id", "")) for element in elements]
    return [one.removeprefix(ACTION_PREFIX) for one in ids if one.startswith(ACTION_PREFIX) and one != FORM_MENU_ID]


def expected_actions(incident: Incident) -> list[str]:
    """Return the names of the actions that the message of an incident is to offer, by its state in the store."""
    buttons = incident_buttons(incident.id, incident.state, incident.responsibility, allowed_actions(incident.state))
    return [action_id(button.action).removeprefix(ACTION_PREFIX) for button in buttons]

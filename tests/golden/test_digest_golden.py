"""What quiet hours held, as Slack gets it, byte for byte; and any texts whatever within Slack's limits."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seamwatch.core.digest import DigestEntry, make_digest
from seamwatch.core.incident_life import ChangeKind, Incident
from seamwatch.core.results import Window
from seamwatch.report import block_kit
from seamwatch.report.blocks import Message
from seamwatch.report.digest import DigestLine, digest_message
from seamwatch.report.links import Links
from seamwatch.vocabulary import IncidentSeverity, IncidentState, Responsibility
from seamwatch_demo.slack_rules import message_error

NIGHT = datetime(2026, 11, 23, 23, 0, tzinfo=UTC)
INCIDENT = Incident(
    id="support_triage-1",
    fingerprint="1",
    pipeline="support_triage",
    responsibility=Responsibility.INTEGRATION,
    stage="request_mapping",
    fields=("product",),
    state=IncidentState.OPEN,
    headline="Integration failure at request_mapping: product is mapped by an old code table",
    confidence=0.97,
    opened_at=NIGHT,
    updated_at=NIGHT,
    first_window=Window(start=NIGHT - timedelta(hours=1), end=NIGHT),
    last_window=Window(start=NIGHT - timedelta(hours=1), end=NIGHT),
    n_records=85,
    severity=IncidentSeverity.SEV2,
)


def held(number: int, *changes: ChangeKind, has_head: bool = False, **values: object) -> DigestEntry:
    incident = replace(INCIDENT, id=f"support_triage-{number}", **values)  # type: ignore[arg-type]
    return DigestEntry(incident=incident, changes=frozenset(changes), has_head=has_head)


def over(hours: float) -> dict[str, object]:
    return {"state": IncidentState.RESOLVED, "resolved_at": NIGHT + timedelta(hours=hours)}


NIGHT_OF_FOUR = (
    held(1, ChangeKind.OPENED),
    held(
        2,
        ChangeKind.OPENED,
        ChangeKind.RESOLVED,
        headline="The provider of triage_model answers with 503",
        responsibility=Responsibility.PROVIDER,
        severity=IncidentSeverity.SEV3,
        **over(2.5),
    ),
    held(
        3,
        ChangeKind.REOPENED,
        ChangeKind.SEVERITY_RAISED,
        has_head=True,
        headline="Stale documents: <!channel> *refund policy* is 40 days old",
        responsibility=Responsibility.KNOWLEDGE_BASE,
        opened_at=NIGHT - timedelta(days=2),
    ),
    held(
        4,
        ChangeKind.RESOLVED,
        has_head=True,
        headline="p95 of triage_model is 9.1 s",
        severity=None,
        opened_at=NIGHT - timedelta(days=1),
        **over(1),
    ),
)
BUSY_NIGHT = tuple(
    held(n, ChangeKind.OPENED, severity=severity, opened_at=NIGHT + timedelta(minutes=n), headline=f"Failure {n}")
    for n, severity in enumerate([*IncidentSeverity] * 4, start=10)
)


def message_of(entries: tuple[DigestEntry, ...], *, is_repeat: bool = False) -> Message:
    digest = make_digest(entries)
    lines = [
        DigestLine(
            entry=one,
            owner_role=None if one.incident.responsibility is Responsibility.PROVIDER else "integration",
            links=Links.under("http://127.0.0.1:8080", pipeline="support_triage", incident_id=one.incident.id),
        )
        for one in digest.entries
    ]
    return digest_message(digest, lines, is_repeat=is_repeat)


@pytest.mark.parametrize(
    ("name", "entries"), [("quiet_hours", NIGHT_OF_FOUR), ("quiet_hours_busy", BUSY_NIGHT)], ids=["four", "busy"]
)
def test_slack_digest_is_as_agreed_and_taken_by_slack(
    name: str, entries: tuple[DigestEntry, ...], golden: Callable[[str, str], None]
) -> None:
    message = message_of(entries)
    text, blocks = block_kit.fallback(message.fallback), block_kit.render(message.head)
    assert message_error(text, blocks) is None
    golden(f"slack/{name}.json", json.dumps({"text": text, "head": blocks}, indent=1, ensure_ascii=False) + "\n")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.one_of(st.text(max_size=300), st.sampled_from(["", "&" * 400, "😀" * 300, "<!channel>", "\ud800\u202e"])),
        min_size=1,
        max_size=40,
    ),
    st.booleans(),
)
def test_slack_takes_a_digest_of_any_headlines_on_one_screen(headlines: list[str], is_repeat: bool) -> None:
    entries = tuple(held(n, ChangeKind.OPENED, headline=text) for n, text in enumerate(headlines))
    message = message_of(entries, is_repeat=is_repeat)
    blocks = block_kit.render(message.head)
    assert message_error(block_kit.fallback(message.fallback), blocks) is None
    assert len(blocks) <= 11
    lists = [part for block in blocks if block["type"] == "rich_text" for part in block["elements"] if "style" in part]
    assert sum(len(part["elements"]) for part in lists) == min(len(headlines), 10)

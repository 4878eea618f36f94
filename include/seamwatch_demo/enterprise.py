"""The enterprise's own integration code: from the CRM's export to the model's prompt, and from its answer to the CRM.

This is the production code that Seamwatch watches from outside. It shares nothing with the references in
`include/mappings/support_triage.py`. What changes between releases of it stands in `Integration`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

PROMPT_VERSION, NEXT_PROMPT_VERSION = "triage-7", "triage-8"
MODEL_NAME = "support-triage"
_MAX_TOKENS = 64

UNKNOWN_PRODUCT = "Unknown product"
DEFAULT_QUEUE = "Q900"
"""Where people sort by hand what the model gave no answer to."""

CATALOGUE: Mapping[str, str] = {
    "RT-210": "Harbor Router 2",
    "RT-220": "Harbor Router 2 Pro",
    "RT-310": "Harbor Router 3",
    "FB-500": "FibreLine 500",
    "FB-900": "FibreLine 900",
    "MX-120": "Mesh Point Duo",
    "PL-024": "Powerline Hub 240",
    "BR-030": "Terminal Bridge 300",
    "SW-041": "Switch Box 4",
    "PH-110": "Aster Phone 11",
    "PH-130": "Aster Phone 13",
    "PH-240": "Aster Phone 24",
    "TB-300": "Slate Tablet 10",
    "AF-090": "Aster FlipBook 9",
    "AE-012": "Aster Mix Earbuds",
    "TV-100": "Lumen TV Box",
    "TV-200": "Lumen TV Box 4K",
    "SB-410": "Lumen Soundbar",
    "LR-031": "Lumen Remote 31",
}
"""Article numbers as the catalogue has them since its last renumbering."""

OLD_CATALOGUE: Mapping[str, str] = {
    **{code: CATALOGUE[code] for code in ("RT-210", "RT-220", "FB-500", "PH-110", "PH-130", "TV-100", "TV-200")},
    "RT-310": "Lumen Remote 31",
    "FB-900": "Aster FlipBook 9",
    "MX-120": "Aster Mix Earbuds",
    "PH-240": "Powerline Hub 240",
    "TB-300": "Terminal Bridge 300",
    "SB-410": "Switch Box 4",
}
"""Before the renumbering: six article numbers meant other products, and six more did not exist."""

QUEUE_CODES: Mapping[str, str] = {
    "billing": "Q110",
    "fraud": "Q120",
    "refunds": "Q130",
    "retention": "Q210",
    "key_accounts": "Q220",
    "network": "Q310",
    "devices": "Q320",
    "account_access": "Q410",
}
"""Routing codes since the last reorganisation of the support desks."""

OLD_QUEUE_CODES: Mapping[str, str] = {**QUEUE_CODES, "retention": "Q220", "account_access": "Q420"}
"""Before it: retention was done by the key accounts' desk, and account access by one that was closed since."""

_TIERS = {"CONS": "consumer", "PREM": "premium", "BUS": "business"}
_PLANS = {"B1": "Basic", "P2": "Plus", "X3": "Premium"}
_PRIORITY_NUMBERS = {"urgent": 1, "high": 2, "normal": 3, "low": 4}

_SYSTEM = (
    "You sort customer tickets of a telecommunications company. Answer with JSON only: "
    '{"queue": one of billing, fraud, refunds, retention, key_accounts, network, devices, account_access, '
    '"priority": one of urgent, high, normal, low, "confidence": 0 to 1}.'
)


@dataclass(frozen=True, kw_only=True)
class Integration:
    """One release of the integration code, by what it looks up and how it reads."""

    catalogue: Mapping[str, str] = field(default_factory=lambda: CATALOGUE)
    queue_codes: Mapping[str, str] = field(default_factory=lambda: QUEUE_CODES)
    minor_units: int = 100
    """Of the amount in the CRM, in one unit of the currency."""
    day_order: Literal["day_first", "month_first"] = "day_first"
    """How a date like 04/05/2026 is read; what makes no date that way is taken for the day of the ticket."""
    has_crossed_columns: bool = False
    """Product and plan written into each other's column."""
    prompt_version: str = PROMPT_VERSION
    """Recorded with each call."""
    most_attempts: int = 3
    """Calls for one ticket."""
    awaits: frozenset[str] = frozenset({"queue", "priority", "confidence"})
    """Parts that an answer must have, else the model is called again."""

    def map_request(self, ticket: Mapping[str, Any]) -> dict[str, Any]:
        """Return the model's view of a ticket."""
        product = self.catalogue.get(ticket["product_code"], UNKNOWN_PRODUCT)
        plan = _PLANS[ticket["contract_code"]]
        if self.has_crossed_columns:
            product, plan = plan, product
        return {
            "opened_on": ticket["created_at"].date().isoformat(),
            "channel": ticket["channel"],
            "customer_tier": _TIERS[ticket["customer_tier"]],
            "product_name": product,
            "plan_name": plan,
            "amount": ticket["amount_cents"] / self.minor_units,
            "currency": ticket["currency"],
            "ordered_on": self._read_date(ticket["ordered_on"], ticket["created_at"].date()).isoformat(),
            "subject": ticket["subject"],
            "message": ticket["body"].strip(),
        }

    def accepts(self, answer: str | None) -> bool:
        """Return whether an answer has every part that this release awaits."""
        said = parse_answer(answer)
        return said is not None and self.awaits <= said.keys()

    def map_response(self, answer: str | None) -> dict[str, Any]:
        """Return where the ticket goes, by the model's answer; to the default queue where there is no usable one."""
        said = parse_answer(answer)
        if said is None:
            return {"queue": DEFAULT_QUEUE, "priority": 3, "confidence": None}
        return {
            "queue": self.queue_codes.get(said["queue"], DEFAULT_QUEUE),
            "priority": _PRIORITY_NUMBERS.get(said["priority"], 3),
            "confidence": said["confidence"],
        }

    def _read_date(self, text: str, today: date) -> date:
        form = "%d/%m/%Y" if self.day_order == "day_first" else "%m/%d/%Y"
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007 - a day of the calendar has no zone
        except ValueError:
            return today


def build_prompt(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of the chat request."""
    text = (
        f"Ticket opened: {request['opened_on']}\n"
        f"Channel: {request['channel']}\n"
        f"Customer tier: {request['customer_tier']}\n"
        f"Product: {request['product_name']}\n"
        f"Plan: {request['plan_name']}\n"
        f"Amount: {request['amount']:.2f} {request['currency']}\n"
        f"Ordered on: {request['ordered_on']}\n"
        f"Subject: {request['subject']}\n"
        f"\n{request['message']}"
    )
    return {
        "model": MODEL_NAME,
        "messages": [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": text}],
        "temperature": 0,
        "max_tokens": _MAX_TOKENS,
    }


def parse_answer(answer: str | None) -> dict[str, Any] | None:
    """Return the model's JSON answer, or None where it is cut off, empty or lacks a part."""
    try:
        said = json.loads(answer or "")
    except ValueError:
        return None
    is_whole = isinstance(said, dict) and {"queue", "priority", "confidence"} <= said.keys()
    return said if is_whole else None

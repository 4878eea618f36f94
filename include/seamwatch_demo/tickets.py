"""Customer-support tickets as a CRM exports them, with the queue that an experienced person would choose.

The right queue follows from what the customer wants (which only the text says) and from facts of the CRM: the
product's family, the disputed amount, the age of the order and the customer's tier. A few tickets are vague, as real
ones are: nobody could be sure from what stands in them, so no model reaches 100 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from seamwatch_demo import phrases

QUEUES = ("billing", "fraud", "refunds", "retention", "key_accounts", "network", "devices", "account_access")

PRODUCT_FAMILIES = {
    **dict.fromkeys(("RT-210", "RT-220", "RT-310", "FB-500", "FB-900"), "network"),
    **dict.fromkeys(("MX-120", "PL-024", "BR-030", "SW-041"), "network"),
    **dict.fromkeys(("PH-110", "PH-130", "PH-240", "TB-300", "AF-090", "AE-012"), "mobile"),
    **dict.fromkeys(("TV-100", "TV-200", "SB-410", "LR-031"), "tv"),
}
"""What each article number stands for today."""

FRAUD_FROM_CENTS = 50_000
"""A disputed charge of this size is looked at by the fraud desk."""
REFUND_WITHIN_DAYS = 30
"""Later than this, a wish for money back goes to retention."""

_INTENTS = {
    "dispute": 0.26,
    "invoice": 0.08,
    "money_back": 0.26,
    "fault": 0.15,
    "slow": 0.11,
    "login": 0.06,
    "cancel": 0.08,
}
_NEWEST = ("RT-310", "FB-900", "MX-120", "PH-240", "TB-300", "SB-410")
_PRODUCTS = {code: 3.0 if code in _NEWEST else 1.0 for code in PRODUCT_FAMILIES}
"""What is sold now is asked about most."""
_TIERS = {"CONS": 0.58, "PREM": 0.20, "BUS": 0.22}
_CHANNELS = {"email": 0.55, "web": 0.28, "app": 0.17}
_CONTRACTS = {"B1": 0.4, "P2": 0.35, "X3": 0.25}
_CURRENCIES = {"EUR": 0.82, "GBP": 0.18}
_HOURS = (1, 1, 1, 1, 1, 2, 4, 8, 14, 18, 19, 17, 15, 16, 17, 16, 14, 12, 11, 10, 8, 6, 4, 2)
"""Tickets by hour of the day, in parts: quiet nights, a peak before noon and one after."""
_VAGUE_SHARE, _ASIDE_SHARE, _TYPO_SHARE = 0.065, 0.10, 0.35

Ticket = dict[str, Any]
"""A row of the CRM's export, and what no system of the enterprise sees: `intent` and `true_queue`."""
UNSEEN = ("intent", "true_queue")


def make_tickets(day: date, n: int, rng: np.random.Generator, *, prefix: str = "T") -> list[Ticket]:
    """Return `n` tickets of a day in the order of their time.

    Args:
        day: UTC day on which they were last updated.
        n: Tickets.
        rng: The only source of chance.
        prefix: Begins the ticket ids, which are unique per day and prefix.
    """
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    hours = rng.choice(24, size=n, p=np.array(_HOURS) / sum(_HOURS))
    seconds = np.sort(hours * 3600 + rng.integers(0, 3600, size=n))
    return [
        _make_ticket(f"{prefix}{day:%y%m%d}-{number:05d}", midnight + timedelta(seconds=int(second)), rng)
        for number, second in enumerate(seconds)
    ]


def right_queue(intent: str, *, family: str, amount_cents: int, order_age_days: int, tier: str) -> str:
    """Return the queue that a ticket belongs to."""
    match intent:
        case "dispute":
            return "fraud" if amount_cents >= FRAUD_FROM_CENTS else "billing"
        case "money_back":
            return "refunds" if order_age_days <= REFUND_WITHIN_DAYS else "retention"
        case "fault" | "slow":
            return "network" if family == "network" else "devices"
        case "cancel":
            return "key_accounts" if tier == "BUS" else "retention"
        case _:
            return {"invoice": "billing", "login": "account_access"}[intent]


def _make_ticket(ticket_id: str, at: datetime, rng: np.random.Generator) -> Ticket:
    intent = _pick(_INTENTS, rng)
    code, tier = _pick(_PRODUCTS, rng), _pick(_TIERS, rng)
    created_at = at - timedelta(seconds=int(rng.integers(20, 900)))
    ordered_on = created_at.date() - timedelta(days=_order_age(rng))
    amount_cents = _amount(rng)
    subject, body = _write(intent, amount_cents, rng)
    return {
        "ticket_id": ticket_id,
        "created_at": created_at,
        "updated_at": at,
        "customer_id": f"C{rng.integers(10_000, 99_999)}",
        "customer_tier": tier,
        "product_code": code,
        "contract_code": _pick(_CONTRACTS, rng),
        "amount_cents": amount_cents,
        "currency": _pick(_CURRENCIES, rng),
        "ordered_on": f"{ordered_on:%d/%m/%Y}",
        "channel": _pick(_CHANNELS, rng),
        "language": "en",
        "subject": subject,
        "body": body,
        "intent": intent,
        "true_queue": right_queue(
            intent,
            family=PRODUCT_FAMILIES[code],
            amount_cents=amount_cents,
            order_age_days=(created_at.date() - ordered_on).days,
            tier=tier,
        ),
    }


def _pick(weights: dict[str, float], rng: np.random.Generator) -> str:
    shares = np.array(list(weights.values()))
    return list(weights)[int(rng.choice(len(shares), p=shares / shares.sum()))]


def _one(texts: Sequence[str], rng: np.random.Generator) -> str:
    return texts[int(rng.integers(len(texts)))]


def _order_age(rng: np.random.Generator) -> int:
    """Return days since the order: half of the tickets are about fresh orders, the rest about older ones."""
    return int(rng.integers(0, REFUND_WITHIN_DAYS)) if rng.random() < 0.5 else int(31 + rng.exponential(150))


def _amount(rng: np.random.Generator) -> int:
    """Return cents: mostly everyday amounts, and a fair share of large ones."""
    return int(rng.integers(900, 40_000)) if rng.random() < 0.7 else int(rng.integers(52_000, 240_000))


def _write(intent: str, amount_cents: int, rng: np.random.Generator) -> tuple[str, str]:
    is_vague = rng.random() < _VAGUE_SHARE
    subject = _one(phrases.VAGUE_SUBJECTS if is_vague or rng.random() < 0.25 else phrases.SUBJECTS[intent], rng)
    cores = phrases.VAGUE_CORES if is_vague else phrases.CORES[intent]
    sentences = [_sentence(_one(cores, rng))]
    if rng.random() < 0.4:
        sentences.append(_sentence(_one(cores, rng)))
    for number in rng.choice(len(phrases.DETAILS), size=int(rng.integers(0, 4)), replace=False):
        detail = _fill(phrases.DETAILS[number], amount_cents, rng)
        sentences.insert(int(rng.integers(len(sentences) + 1)), detail)
    if rng.random() < _ASIDE_SHARE:
        sentences.append(phrases.ASIDES[_one(tuple(phrases.ASIDES), rng)])
    text = " ".join(dict.fromkeys(sentences))
    if rng.random() < _TYPO_SHARE:
        text = _mistype(text, rng)
    greeting, closing = _one(phrases.GREETINGS, rng), _one(phrases.CLOSINGS, rng)
    signature = _one(phrases.NAMES, rng) if closing.endswith(",") else ""
    return subject, "\n".join(part for part in (greeting, text, closing, signature) if part)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _fill(detail: str, amount_cents: int, rng: np.random.Generator) -> str:
    return detail.format(
        years=int(rng.integers(1, 15)),
        city=_one(phrases.CITIES, rng),
        minutes=int(rng.integers(10, 60)),
        ordinal=_one(phrases.ORDINALS, rng),
        hour=int(rng.integers(15, 21)),
        reference=f"R-{rng.integers(100_000, 999_999)}",
        sum=f"{amount_cents / 100:.2f}",
    )


def _mistype(text: str, rng: np.random.Generator) -> str:
    """Return the text as typed in a hurry: letters swapped, dropped or doubled; sometimes no capital letters."""
    letters = list(text)
    for _ in range(max(1, len(letters) // 60)):
        at = int(rng.integers(1, len(letters) - 1))
        match int(rng.integers(3)):
            case 0:
                letters[at], letters[at - 1] = letters[at - 1], letters[at]
            case 1:
                letters[at] = ""
            case _:
                letters[at] *= 2
    typed = "".join(letters)
    return typed.lower() if rng.random() < 0.4 else typed

"""What the seams of support_triage should have produced, by the CRM's data dictionary and the prompt's specification.

Written without looking at the production code: a reference that copies a fault finds none.
"""

import json

import pandas as pd

PRODUCT_NAMES = {
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
TIER_NAMES = {"CONS": "consumer", "PREM": "premium", "BUS": "business"}
PLAN_NAMES = {"B1": "Basic", "P2": "Plus", "X3": "Premium"}
QUEUE_CODES = {
    "billing": "Q110",
    "fraud": "Q120",
    "refunds": "Q130",
    "retention": "Q210",
    "key_accounts": "Q220",
    "network": "Q310",
    "devices": "Q320",
    "account_access": "Q410",
}
MANUAL_SORTING = "Q900"
PRIORITIES = {"urgent": 1, "high": 2, "normal": 3, "low": 4}

SYSTEM_PROMPT = (
    "You sort customer tickets of a telecommunications company. Answer with JSON only: "
    '{"queue": one of billing, fraud, refunds, retention, key_accounts, network, devices, account_access, '
    '"priority": one of urgent, high, normal, low, "confidence": 0 to 1}.'
)
USER_PROMPT = """\
Ticket opened: {opened_on}
Channel: {channel}
Customer tier: {customer_tier}
Product: {product_name}
Plan: {plan_name}
Amount: {amount:.2f} {currency}
Ordered on: {ordered_on}
Subject: {subject}

{message}"""


def to_request(tickets: pd.DataFrame) -> pd.DataFrame:
    opened = pd.to_datetime(tickets["created_at"], utc=True)
    ordered = pd.to_datetime(tickets["ordered_on"], format="%d/%m/%Y")
    return pd.DataFrame(
        {
            "opened_on": opened.dt.strftime("%Y-%m-%d"),
            "channel": tickets["channel"],
            "customer_tier": tickets["customer_tier"].map(TIER_NAMES),
            "product_name": tickets["product_code"].map(PRODUCT_NAMES).fillna("Unknown product"),
            "plan_name": tickets["contract_code"].map(PLAN_NAMES),
            "amount": tickets["amount_cents"].astype(float) / 100,
            "currency": tickets["currency"],
            "ordered_on": ordered.dt.strftime("%Y-%m-%d"),
            "subject": tickets["subject"],
            "message": tickets["body"].str.strip(),
        }
    )


def to_prompt(request: dict) -> dict:
    return {
        "model": "support-triage",
        "messages": [
            {"role": "system", "content": SYSTEM_PROMPT},
            {"role": "user", "content": USER_PROMPT.format_map(request)},
        ],
        "temperature": 0,
        "max_tokens": 64,
    }


def to_result(call: dict) -> dict:
    try:
        answer = json.loads(call["answer"] or "")
        queue, priority, confidence = answer["queue"], answer["priority"], answer["confidence"]
    except (ValueError, KeyError, TypeError):  # no answer, or half of one: people sort the ticket
        return {"queue": MANUAL_SORTING, "priority": 3, "confidence": None}
    return {
        "queue": QUEUE_CODES.get(queue, MANUAL_SORTING),
        "priority": PRIORITIES.get(priority, 3),
        "confidence": confidence,
    }

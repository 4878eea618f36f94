"""Train the demo's models on tickets of their own, as they look to the model when every part before it works."""

from __future__ import annotations

import hashlib
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np

from seamwatch_demo import classifier, enterprise, phrases, tickets
from seamwatch_demo.classifier import TriageModel, fit
from seamwatch_demo.enterprise import Integration, build_prompt
from seamwatch_demo.tickets import make_tickets

HEALTHY, DEGRADED = "support-triage-2026-09", "support-triage-2026-11"
"""Versions that the model server can serve behind the one name that callers use."""

_SEED = 20_260_901
_N_DAYS, _PER_DAY = 12, 350
_N_DEGRADED = 600
_MERGED = {"refunds": "retention", "key_accounts": "retention"}
"""Queues that the degraded version's labels, from before a reorganisation, do not know."""


def train() -> dict[str, TriageModel]:
    """Return both versions, fitted; a few seconds."""
    rng = np.random.default_rng(_SEED)
    prompts: list[str] = []
    queues: list[str] = []
    priorities: list[str] = []
    for month in range(1, _N_DAYS + 1):  # spread over a year, so that no season's dates are learnt
        for ticket in make_tickets(date(2025, month, 14), _PER_DAY, rng):
            prompts.append(build_prompt(Integration().map_request(ticket))["messages"][1]["content"])
            queues.append(ticket["true_queue"])
            priorities.append(right_priority(ticket["true_queue"], ticket["customer_tier"]))
    older: list[str] = [_MERGED.get(queue, queue) for queue in queues[:_N_DEGRADED]]
    return {
        HEALTHY: fit(prompts, queues, priorities, version=HEALTHY),
        DEGRADED: fit(prompts[:_N_DEGRADED], older, priorities[:_N_DEGRADED], version=DEGRADED),
    }


def right_priority(queue: str, tier: str) -> str:
    """Return how urgent a ticket is."""
    if queue == "fraud" or (queue == "network" and tier == "BUS"):
        return "urgent"
    if tier == "BUS" or queue == "account_access":
        return "high"
    return "low" if queue == "billing" and tier == "CONS" else "normal"


def code_version() -> str:
    """Return a mark that changes with any code or data that a trained model depends on, the library included."""
    digest = hashlib.sha256(version("scikit-learn").encode())
    for module in (classifier, enterprise, phrases, tickets):
        digest.update(Path(str(module.__file__)).read_bytes())
    digest.update(Path(__file__).read_bytes())
    return digest.hexdigest()[:12]

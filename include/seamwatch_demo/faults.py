"""Faults that can be put into the demo's world, each at its own hour. What is injected is told at the end, not before.

Attribution reads tables and calls the model; nothing of this module, not even a fault's name, ever reaches it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from seamwatch.vocabulary import Responsibility
from seamwatch_demo.enterprise import NEXT_PROMPT_VERSION, OLD_CATALOGUE, OLD_QUEUE_CODES, Integration
from seamwatch_demo.inflow import as_usual, from_a_new_market, with_attacks
from seamwatch_demo.model_service import Health
from seamwatch_demo.tickets import Ticket
from seamwatch_demo.training import DEGRADED, HEALTHY


@dataclass(frozen=True, kw_only=True)
class Injected:
    """What was really done, for the comparison at the end of the demo."""

    responsibility: Responsibility
    stage: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that goes wrong in a day."""

    name: str
    description: str
    """For people."""
    injected: Injected | None = None
    """None where nothing goes wrong."""
    onset_hour: int = 0
    """UTC hour at which it begins."""
    end_hour: int = 24
    """UTC hour at which it is over; 24 means that it lasts."""
    integration: Integration = field(default_factory=Integration)
    """Release of the integration code in force meanwhile."""
    channel: str | None = None
    """The channel whose tickets that release works on; None: on all."""
    inflow: Callable[[Ticket, np.random.Generator], Ticket] = as_usual
    """What becomes of each ticket that comes in meanwhile."""
    serving: str = HEALTHY
    """Version of the model in force meanwhile."""
    health: Health = "up"
    """Of the model's provider meanwhile."""


def _in_request_mapping(*fields: str) -> Injected:
    return Injected(responsibility=Responsibility.INTEGRATION, stage="request_mapping", fields=fields)


_FAULTS = (
    Fault(name="healthy", description="nothing goes wrong"),
    Fault(
        name="stale_code_table",
        description="a release brings back the product catalogue from before the article numbers were changed",
        injected=_in_request_mapping("product_name"),
        onset_hour=9,
        integration=Integration(catalogue=OLD_CATALOGUE),
    ),
    Fault(
        name="unit_change",
        description="a release writes cents where the prompt says euros",
        injected=_in_request_mapping("amount"),
        onset_hour=8,
        integration=Integration(minor_units=1),
    ),
    Fault(
        name="date_format",
        description="a release reads the CRM's dates month first, and takes what makes no date so for today",
        injected=_in_request_mapping("ordered_on"),
        onset_hour=8,
        integration=Integration(day_order="month_first"),
    ),
    Fault(
        name="field_swap",
        description="a release writes product and plan into each other's field",
        injected=_in_request_mapping("product_name", "plan_name"),
        onset_hour=7,
        integration=Integration(has_crossed_columns=True),
    ),
    Fault(
        name="queue_code_shift",
        description="a release brings back the routing codes from before the support desks were reorganised",
        injected=Injected(responsibility=Responsibility.INTEGRATION, stage="response_mapping", fields=("queue",)),
        onset_hour=11,
        integration=Integration(queue_codes=OLD_QUEUE_CODES),
    ),
    Fault(
        name="degraded_model",
        description="the provider puts a weaker version of the model behind the same name",
        injected=Injected(responsibility=Responsibility.MODEL, stage="triage_model"),
        onset_hour=7,
        serving=DEGRADED,
    ),
    Fault(
        name="provider_outage",
        description="for some hours the provider answers with errors, late or cut short; tickets go to manual sorting",
        injected=Injected(responsibility=Responsibility.PROVIDER, stage="triage_model"),
        onset_hour=10,
        end_hour=15,
        health="outage",
    ),
    Fault(
        name="cost_runaway",
        description=f"{NEXT_PROMPT_VERSION}, tried out on the app's tickets, takes no answer and asks again and again",
        injected=Injected(
            responsibility=Responsibility.INTEGRATION,
            stage="triage_model",
            fields=(f"prompt_version={NEXT_PROMPT_VERSION}",),
        ),
        onset_hour=10,
        channel="app",
        integration=Integration(
            prompt_version=NEXT_PROMPT_VERSION,
            most_attempts=25,
            # The part was dropped from the prompt before the release, and its check was forgotten.
            awaits=frozenset({"queue", "priority", "confidence", "reason"}),
        ),
    ),
    Fault(
        name="latency_spike",
        description="from one o'clock on the provider takes six times as long for each answer",
        injected=Injected(responsibility=Responsibility.PROVIDER, stage="triage_model"),
        onset_hour=13,
        health="slow",
    ),
    Fault(
        name="input_drift",
        description="a new market is opened: a third of the tickets are in a language that the model never learnt",
        injected=Injected(
            responsibility=Responsibility.SOURCE_DATA, stage="crm_export", fields=("language", "subject", "body")
        ),
        inflow=from_a_new_market,
    ),
    Fault(
        name="injection",
        description="from eleven o'clock on tickets come with instructions to the model in their text",
        injected=Injected(responsibility=Responsibility.ADVERSARIAL_INPUT, stage="crm_export", fields=("body",)),
        onset_hour=11,
        inflow=with_attacks,
    ),
)

FAULTS = {fault.name: fault for fault in _FAULTS}
"""By name."""

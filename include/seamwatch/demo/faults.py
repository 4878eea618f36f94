"""Faults that can be put into the demo's world, each at its own hour. What is injected is told at the end, not before.

Attribution reads tables and calls the model; nothing of this module, not even a fault's name, ever reaches it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from seamwatch.demo.enterprise import OLD_CATALOGUE, OLD_QUEUE_CODES, Integration
from seamwatch.demo.model_service import Health
from seamwatch.demo.training import DEGRADED, HEALTHY
from seamwatch.vocabulary import Responsibility


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
)

FAULTS = {fault.name: fault for fault in _FAULTS}
"""By name."""

"""The second way of a pipeline file: where an incident is told that its channel did not take."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from seamwatch.spec.base import Duration, Spec

WebhookForm = Literal["json", "pagerduty"]


class SecondWay(Spec):
    """Where an incident is reported that its channel did not take."""

    after: Duration = timedelta(minutes=15)
    """How long the channel may take nothing before this way is gone."""
    webhook: Annotated[str, Field(max_length=200)] | None = None
    """Airflow connection whose host is the webhook's address; its password is the key, or the bearer token."""
    form: WebhookForm = "json"
    """What the webhook is sent: Seamwatch's own fields, or an event of PagerDuty's Events v2."""
    notifier: Annotated[str, Field(max_length=200)] | None = None
    """Import path of a class of Airflow's notifiers; its templates see `alarm`."""
    arguments: dict[str, Any] = {}
    """What the notifier is made with."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.webhook is None) == (self.notifier is None):
            msg = "name either webhook (a connection) or notifier (a class), not both"
            raise ValueError(msg)
        if self.notifier is not None and "." not in self.notifier:
            msg = f"notifier is the import path of a class, as package.module.Class; got {self.notifier!r}"
            raise ValueError(msg)
        if self.notifier is None and self.arguments:
            msg = "arguments belong to a notifier; a webhook takes none"
            raise ValueError(msg)
        return self

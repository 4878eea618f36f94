"""Where an incident is told that its channel did not take: a webhook, PagerDuty, or any notifier of Airflow."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import httpx

from seamwatch.adapters.base import ConnectionInfo, Connections
from seamwatch.adapters.deadline import within
from seamwatch.errors import AdapterError, NotifyError
from seamwatch.spec.second_way import SecondWay, WebhookForm

_DEADLINE_S = 15.0
_NOTIFIER_S = 60.0
"""Less than a lease."""
_PAGERDUTY = "https://events.pagerduty.com/v2/enqueue"
_MOST_SUMMARY_CHARS = 1_000


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """What is told: an incident, and why its channel does not show it."""

    incident: str
    pipeline: str
    headline: str
    is_resolved: bool
    reason: str
    """Why the channel did not take it."""
    link: str
    """Report in the Airflow UI."""
    opened_at: datetime


class AlarmSender(Protocol):
    """A second way."""

    def tell(self, alarm: Alarm) -> None:
        """Tell it; NotifyError if that fails. Told twice, it is the same alarm: the incident's id names it."""
        ...


def open_second_way(spec: SecondWay, connections: Connections) -> AlarmSender:
    """Return what a pipeline file names; AdapterError if its connection is not set or its notifier cannot be made."""
    if spec.webhook is not None:
        return _Webhook(connections.get(spec.webhook), spec.form)
    assert spec.notifier is not None
    return _AirflowNotifier(spec.notifier, spec.arguments)


class _Webhook:
    """One POST of JSON; PagerDuty's Events v2, or Seamwatch's own fields."""

    def __init__(self, info: ConnectionInfo, form: WebhookForm) -> None:
        self._form = form
        self._name = info.conn_id
        self._secret = info.password
        self._url = webhook_url(info, form)

    def tell(self, alarm: Alarm) -> None:
        body = _pagerduty(alarm, self._secret or "") if self._form == "pagerduty" else _fields(alarm)
        headers = {"Idempotency-Key": f"{alarm.incident}/{'resolved' if alarm.is_resolved else 'open'}"}
        if self._form == "json" and self._secret:
            headers["Authorization"] = f"Bearer {self._secret}"
        place = f"webhook connection {self._name!r}"
        try:
            status = asyncio.run(_send(self._url, body, headers))
        except TimeoutError:
            msg = f"{place}: no answer within {_DEADLINE_S:.0f} s"
        except Exception as error:
            msg = f"{place}: did not get through ({type(error).__name__})"
        else:
            if 200 <= status < 300:
                return
            msg = f"{place}: answered {status}; check its address and its password"
        raise NotifyError(msg, retryable=True)


class _AirflowNotifier:
    """Any class of Airflow's notifiers, by its import path; its templates see `alarm`."""

    def __init__(self, path: str, arguments: Mapping[str, Any]) -> None:
        module, _, name = path.rpartition(".")
        try:
            kind: Callable[..., Any] = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            msg = f"second_way.notifier {path!r} cannot be imported: {type(error).__name__}"
            raise AdapterError(msg) from error
        if not isinstance(kind, type) or not callable(getattr(kind, "notify", None)):
            msg = f"second_way.notifier {path!r} is no class of Airflow's notifiers (a BaseNotifier)"
            raise AdapterError(msg)
        try:
            self._notifier = kind(**arguments)
        except Exception as error:
            # Its own text may repeat an argument, which may be a secret.
            msg = f"second_way.notifier {path!r} cannot be made with its arguments: {type(error).__name__}"
            raise AdapterError(msg) from None
        self._path = path

    def tell(self, alarm: Alarm) -> None:
        try:
            within(_NOTIFIER_S, lambda: self._notifier({"alarm": _fields(alarm)}))
        except Exception as error:
            msg = f"second_way.notifier {self._path!r} failed: {type(error).__name__}"
            raise NotifyError(msg, retryable=True) from error


async def _send(url: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> int:
    async with (
        asyncio.timeout(_DEADLINE_S),
        httpx.AsyncClient(timeout=_DEADLINE_S) as client,
        client.stream("POST", url, json=body, headers=dict(headers)) as answer,
    ):
        return answer.status_code


def webhook_url(info: ConnectionInfo, form: WebhookForm) -> str:
    """Return the address of a webhook; NotifyError where its connection names none, or lacks PagerDuty's key."""
    host = info.host or (_PAGERDUTY if form == "pagerduty" else "")
    # As a URI, `https://host/path` has its scheme for type and its path for schema.
    scheme = next((one for one in (info.schema, info.conn_type) if one in ("http", "https")), "https")
    path = str(info.extra.get("path") or ("" if info.schema in (None, "", scheme) else f"/{info.schema}"))
    url = host if "://" in host else f"{scheme}://{host}"
    port = f":{info.port}" if info.port and "://" not in host else ""
    if form == "pagerduty" and not info.password:
        msg = f"webhook connection {info.conn_id!r} has no password; put PagerDuty's integration key there"
        raise NotifyError(msg)
    if not host:
        msg = f"webhook connection {info.conn_id!r} has no host; put the webhook's address there"
        raise NotifyError(msg)
    return f"{url}{port}{path}"


def _fields(alarm: Alarm) -> dict[str, Any]:
    return {
        "incident": alarm.incident,
        "pipeline": alarm.pipeline,
        "headline": alarm.headline,
        "state": "resolved" if alarm.is_resolved else "open",
        "reason": alarm.reason,
        "link": alarm.link,
        "opened_at": alarm.opened_at.isoformat(),
    }


def _pagerduty(alarm: Alarm, key: str) -> dict[str, Any]:
    """Return an event of https://developer.pagerduty.com/docs/events-api-v2; `dedup_key` makes it one alert."""
    event: dict[str, Any] = {"routing_key": key, "dedup_key": alarm.incident[:255], "client": "Seamwatch"}
    if alarm.is_resolved:
        return {**event, "event_action": "resolve"}
    return {
        **event,
        "event_action": "trigger",
        "links": [{"href": alarm.link, "text": "Report"}],
        "payload": {
            "summary": f"{alarm.pipeline}: {alarm.headline}"[:_MOST_SUMMARY_CHARS],
            "source": alarm.pipeline,
            "severity": "error",
            "timestamp": alarm.opened_at.isoformat(),
            "custom_details": _fields(alarm),
        },
    }

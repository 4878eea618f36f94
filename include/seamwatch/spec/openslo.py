"""Objectives as OpenSLO v1 documents, and back.

What OpenSLO has no word for travels in the indicator's `metricSource` of type `seamwatch`, whose contents the format
leaves to the source: the kind, the stage, the knowledge base. A document of ours therefore comes back as it was. One of
another tool becomes an availability or a latency objective where it says that it is one, and in which unit
(`openslo_indicator`); what cannot be kept is refused, never dropped silently.

A bound in USD on a day or month has no share of events as its target. It is written as a threshold metric over a
calendar-aligned window with a target of 0, which asks for no share of occurrences: the bound is on the window's sum.

Source: OpenSLO specification v1, sections SLO, SLI, AlertPolicy and AlertCondition (github.com/OpenSLO/OpenSLO).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from seamwatch.errors import Problem, SpecError
from seamwatch.spec.base import Duration
from seamwatch.spec.objectives import BurnAlert, CostObjective, LatencyObjective, Objective
from seamwatch.spec.openslo_indicator import (
    Indicator,
    latency_threshold,
    read_indicator,
    refuse_unless_availability,
)
from seamwatch.spec.yaml_text import YamlDocument, YamlTextError, read_documents

VERSION = "openslo/v1"
SOURCE = "seamwatch"
_UNITS = (("w", timedelta(weeks=1)), ("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("m", timedelta(minutes=1)))
_CALENDAR_DURATION = re.compile(r"\d+[MQY]")
_STEP = re.compile(r"[A-Za-z_]+|\d+")
_OBJECTIVE: TypeAdapter[Objective] = TypeAdapter(Objective)
_DURATION: TypeAdapter[timedelta] = TypeAdapter(Duration)
_OWN_FIELDS = ("name", "kind", "stage", "knowledge_base", "time_zone", "expected_per_hour")
_BOUNDS = ("per_query_usd", "per_day_usd", "per_month_usd")


def to_openslo(objective: Objective, *, service: str) -> dict[str, Any]:
    """Return the objective as an OpenSLO v1 document, ready for YAML.

    Args:
        objective: Of a pipeline.
        service: Name of the pipeline.
    """
    name = _dns_name(f"{service}-{objective.id}")
    target: dict[str, Any] = {"target": 0.0 if _is_money(objective) else objective.goal}
    threshold = _threshold(objective)
    if threshold is not None:
        target = {"op": "lte", "value": threshold, **target}
    source = {"metricSource": {"type": SOURCE, "spec": _own_fields(objective)}}
    metric = (
        {"thresholdMetric": source}
        if threshold is not None
        else {
            "ratioMetric": {
                "counter": True,
                "bad": source,
                "total": {"metricSource": {"type": SOURCE, "spec": {"events": "all"}}},
            }
        }
    )
    spec: dict[str, Any] = {
        "description": (type(objective).__doc__ or "").splitlines()[0],
        "service": _dns_name(service),
        "indicator": {"metadata": {"name": name}, "spec": metric},
        "timeWindow": [_time_window(objective)],
        "budgetingMethod": "Occurrences",
        "objectives": [target],
    }
    if objective.alerts:
        spec["alertPolicies"] = [_alert_policy(f"{name}-{n}", alert) for n, alert in enumerate(objective.alerts)]
    return {"apiVersion": VERSION, "kind": "SLO", "metadata": {"name": name, "displayName": objective.id}, "spec": spec}


def from_openslo(document: Mapping[str, Any]) -> Objective:
    """Return the objective of an OpenSLO v1 document of kind SLO.

    Raises:
        ValueError: If it is no such document, or says something that an objective here cannot keep; names the place.
    """
    if document.get("apiVersion") != VERSION or document.get("kind") != "SLO":
        msg = f"an OpenSLO document needs apiVersion {VERSION} and kind SLO; got {document.get('apiVersion')!r} and "
        raise ValueError(msg + repr(document.get("kind")))
    spec = _mapping(document.get("spec"), "spec")
    if spec.get("budgetingMethod") != "Occurrences":
        msg = f"spec.budgetingMethod: only Occurrences counts events; got {spec.get('budgetingMethod')!r}"
        raise ValueError(msg)
    target = _mapping(_only(spec.get("objectives"), "spec.objectives"), "spec.objectives[0]")
    source, is_threshold = _metric_source(spec)
    is_own = source.get("type") == SOURCE
    own = dict(_mapping(source.get("spec"), "spec.indicator.spec: metricSource.spec")) if is_own else {}
    window = _mapping(_only(spec.get("timeWindow"), "spec.timeWindow"), "spec.timeWindow[0]")
    fields = own | _window_fields(window, own)
    fields |= {} if is_own else _foreign_fields(document, target, is_threshold)
    if "bound" in fields:
        fields[fields.pop("bound")] = target.get("value")
    elif is_threshold and "threshold" not in fields:
        fields["threshold"] = _own_threshold(target.get("value"))
    if not fields.keys() & {"per_day_usd", "per_month_usd"}:
        fields["goal"] = _goal(target)
    if spec.get("alertPolicies"):
        policies = _list(spec["alertPolicies"], "spec.alertPolicies")
        fields["alerts"] = [_alert(policy, f"spec.alertPolicies[{n}]") for n, policy in enumerate(policies)]
    try:
        return _OBJECTIVE.validate_python(fields)
    except ValidationError as error:
        found = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        msg = f"the document makes no objective: {found}"
        raise ValueError(msg) from error


def openslo_text(objectives: Sequence[Objective], *, service: str) -> str:
    """Return the objectives as one YAML stream of OpenSLO documents."""
    documents = [to_openslo(one, service=service) for one in objectives]
    return yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True)


def objectives_text(text: str, *, file: str) -> str:
    """Return the `slos` of a pipeline file that a YAML stream of OpenSLO documents makes; other kinds are left out.

    Raises:
        SpecError: If a document of kind SLO says what an objective here cannot keep, or there is none; all at once.
    """
    try:
        documents = read_documents(text)
    except YamlTextError as error:
        raise SpecError([Problem(file=file, line=error.line, text=str(error))]) from error
    found, problems = [], []
    for number, document in enumerate(documents):
        path, line = f"documents[{number}]", document.lines.get(())
        if isinstance(document.data, list):
            advice = (
                "is a list; documents of OpenSLO stand one after the other, with --- between them and no dash before"
            )
            problems.append(Problem(file=file, line=line, path=path, text=advice))
        if not isinstance(document.data, Mapping) or document.data.get("kind") != "SLO":
            continue
        try:
            found.append(_written(from_openslo(document.data)))
        except ValueError as error:
            problems.append(Problem(file=file, line=_line_of(document, str(error)), path=path, text=str(error)))
    if not found and not problems:
        problems.append(Problem(file=file, text="no document of kind SLO"))
    if problems:
        raise SpecError(problems)
    return yaml.safe_dump({"slos": found}, sort_keys=False, allow_unicode=True)


def _written(objective: Objective) -> dict[str, Any]:
    """Return what a person would write of an objective: no defaults, durations in short."""
    given = objective.model_dump(exclude_defaults=True)
    given["alerts"] = [dict(one) for one in given.get("alerts", ())]
    fields = {
        "kind": objective.kind,
        **{name: value for name, value in given.items() if name not in ("kind", "alerts")},
    }
    rows = [{name: _plain(value) for name, value in one.items()} for one in given["alerts"]]
    return {name: _plain(value) for name, value in fields.items()} | ({"alerts": rows} if rows else {})


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return _shorthand(value)
    return value.value if isinstance(value, StrEnum) else value


def _own_fields(objective: Objective) -> dict[str, Any]:
    given = objective.model_dump(mode="json", exclude_none=True)
    fields = {name: given[name] for name in _OWN_FIELDS if name in given}
    if isinstance(objective, CostObjective):
        fields["bound"] = next(name for name in _BOUNDS if name in given)
    return fields


def _threshold(objective: Objective) -> float | None:
    """Return the upper bound of a threshold metric: seconds or USD; None for a ratio."""
    if isinstance(objective, LatencyObjective):
        return objective.threshold.total_seconds()
    if isinstance(objective, CostObjective):
        return objective.per_query_usd or objective.per_day_usd or objective.per_month_usd
    return None


def _is_money(objective: Objective) -> bool:
    return isinstance(objective, CostObjective) and objective.period is not None


def _time_window(objective: Objective) -> dict[str, Any]:
    if isinstance(objective, CostObjective) and objective.period is not None:
        return {
            "duration": {"day": "1d", "month": "1M"}[objective.period],
            "isRolling": False,
            "calendar": {"startTime": "2026-01-01 00:00:00", "timeZone": objective.time_zone},
        }
    return {"duration": _shorthand(objective.over), "isRolling": True}


def _alert_policy(name: str, alert: BurnAlert) -> dict[str, Any]:
    condition = {
        "kind": "burnrate",
        "op": "gte",
        "threshold": alert.burn,
        "lookbackWindow": _shorthand(alert.long),
        # OpenSLO's one window has no short one beside it; how long it must burn comes closest, and is read back as it.
        "alertAfter": _shorthand(alert.short),
    }
    return {
        "kind": "AlertPolicy",
        "metadata": {"name": name},
        "spec": {
            "alertWhenBreaching": True,
            "alertWhenResolved": True,
            "alertWhenNoData": False,
            "conditions": [
                {
                    "kind": "AlertCondition",
                    "metadata": {"name": name},
                    "spec": {"severity": alert.severity.value, "condition": condition},
                }
            ],
            "notificationTargets": [],
        },
    }


def _alert(policy: Any, place: str) -> dict[str, Any]:
    body = _mapping(_mapping(policy, place).get("spec"), f"{place}.spec: a policy must stand inline;")
    found = _mapping(_only(body.get("conditions"), f"{place}.spec.conditions"), f"{place}.spec.conditions[0]")
    given = _mapping(found.get("spec"), f"{place}.spec.conditions[0].spec: a condition must stand inline;")
    condition = _mapping(given.get("condition"), f"{place}.spec.conditions[0].spec.condition")
    if condition.get("kind") != "burnrate" or condition.get("op", "gte") not in ("gte", "gt"):
        got = f"{condition.get('kind')!r}, {condition.get('op')!r}"
        msg = f"{place}: only burn rates with op gte or gt are read; got {got}"
        raise ValueError(msg)
    return {
        "severity": given.get("severity"),
        "burn": condition.get("threshold"),
        "long": condition.get("lookbackWindow"),
        "short": condition.get("alertAfter"),
    }


def _metric_source(spec: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """Return where the indicator reads from, and whether it is compared with a threshold."""
    indicator = _mapping(spec.get("indicator"), "spec.indicator: an indicator must stand inline;")
    metric = _mapping(indicator.get("spec"), "spec.indicator.spec")
    is_threshold = "thresholdMetric" in metric
    part = metric.get("thresholdMetric")
    if not is_threshold:
        ratio = _mapping(metric.get("ratioMetric"), "spec.indicator.spec.ratioMetric")
        part = next((ratio[name] for name in ("bad", "good", "raw") if name in ratio), None)
    source = _mapping(part, "spec.indicator.spec").get("metricSource")
    return _mapping(source, "spec.indicator.spec: metricSource"), is_threshold


def _foreign_fields(document: Mapping[str, Any], target: Mapping[str, Any], is_threshold: bool) -> dict[str, Any]:
    """Return what is known of another tool's objective."""
    name = str(_mapping(document.get("metadata"), "metadata").get("name", "")).replace("-", "_").replace(".", "_")
    spec = _mapping(document.get("spec"), "spec")
    indicator = read_indicator(document, _mapping(spec.get("indicator"), "spec.indicator"), target)
    place = "spec.objectives[0].value" if is_threshold else "spec.indicator"
    try:
        if not is_threshold:
            refuse_unless_availability(indicator)
            return {"kind": "availability", "name": name}
        if target.get("op") not in ("lte", "lt"):
            place = "spec.objectives[0].op"
            msg = f"only upper bounds (lte, lt) can be kept; got {target.get('op')!r}"
            raise ValueError(msg)
        return {"kind": "latency", "name": name, "threshold": latency_threshold(indicator, target.get("value"))}
    except ValueError as error:
        msg = f"{place}: {error}"
        raise ValueError(msg) from error


def _own_threshold(value: Any) -> timedelta:
    """Return the threshold of a document of ours, in seconds, or in the unit that a person wrote beside it."""
    own = Indicator(name=SOURCE, texts=("latency",), units=("s",))
    try:
        return latency_threshold(own, value)
    except ValueError as error:
        msg = f"spec.objectives[0].value: {error}"
        raise ValueError(msg) from error


def _window_fields(window: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    is_money = fields.get("bound") in ("per_day_usd", "per_month_usd")
    is_calendar = not window.get("isRolling", "calendar" not in window)
    if is_money:
        return {}
    if is_calendar:
        msg = "spec.timeWindow[0]: only bounds in USD have calendar windows; write a rolling one, as 28d"
        raise ValueError(msg)
    duration = str(window.get("duration"))
    if _CALENDAR_DURATION.fullmatch(duration):
        msg = (
            f"spec.timeWindow[0].duration: a rolling window of {duration} has no fixed length, as months, quarters and "
            f"years differ; write 28d or 30d for a month, 90d for a quarter"
        )
        raise ValueError(msg)
    try:
        return {"over": _DURATION.validate_python(duration)}
    except ValidationError as error:
        said = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
        msg = f"spec.timeWindow[0].duration: {said}"
        raise ValueError(msg) from error


def _goal(target: Mapping[str, Any]) -> float:
    for name, parts in (("target", 1.0), ("targetPercent", 100.0)):
        if name in target:
            try:
                return round(float(target[name]) / parts, 10)
            except (TypeError, ValueError) as error:
                msg = f"spec.objectives[0].{name}: must be a number; got {str(target[name])[:40]!r}"
                raise ValueError(msg) from error
    msg = "spec.objectives[0]: target or targetPercent is missing"
    raise ValueError(msg)


def _line_of(document: YamlDocument, message: str) -> int | None:
    """Return the line of the place that a message begins with, or of the nearest part above it."""
    place, loc = message.partition(":")[0], []
    for step in _STEP.findall(place):
        loc.append(int(step) if step.isdigit() else step)
    return next(
        (document.lines[part] for n in range(len(loc), -1, -1) if (part := tuple(loc[:n])) in document.lines), None
    )


def _shorthand(span: timedelta) -> str:
    """Return OpenSLO's form of a duration, by the largest unit that fits; seconds where none does."""
    for unit, one in _UNITS:
        if span % one == timedelta(0):
            return f"{span // one}{unit}"
    return f"{span.total_seconds():g}s"


def _dns_name(text: str) -> str:
    """Return a name as RFC 1123 wants it: lower case, dashes, at most 63 characters."""
    return text.lower().replace("_", "-")[:63].strip("-")


def _mapping(value: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        msg = f"{place} must be a mapping; got {type(value).__name__}"
        raise ValueError(msg)
    return value


def _list(value: Any, place: str) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        msg = f"{place} must be a list; got {type(value).__name__}"
        raise ValueError(msg)
    return value


def _only(value: Any, place: str) -> Any:
    found = _list(value, place)
    if len(found) != 1:
        msg = f"{place} must hold exactly one entry; got {len(found)}"
        raise ValueError(msg)
    return found[0]

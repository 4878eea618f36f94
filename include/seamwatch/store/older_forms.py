"""Read what earlier versions wrote: JSON of results whose fields had other names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from seamwatch.core.incident_life import Incident
from seamwatch.core.results import Attribution
from seamwatch.core.watch.results import WatchReport

_OF_THE_RATE = (
    *("is_change", "n_expected", "p_value", "e_value", "since"),
    *("n_since", "n_expected_since", "n_by_part", "n_windows"),
)
"""Fields of a cause that stand in a comparison of its own now."""


def renew(kind: type[Any], data: Any) -> Any:
    """Return JSON data of a dataclass with the names that its fields have now; what is new already stays as it is."""
    change = _CHANGES.get(kind)
    return data if change is None or not isinstance(data, dict) else change(data)


def _rename(data: dict[str, Any], before: str, after: str) -> dict[str, Any]:
    return {after if name == before else name: value for name, value in data.items()}


def _attribution(data: dict[str, Any]) -> dict[str, Any]:
    isolation = _rename(data["isolation"], "finding", "standing")
    return {**data, "isolation": isolation, "causes": [_cause(one) for one in data["causes"]]}


def _cause(data: dict[str, Any]) -> dict[str, Any]:
    if "rate" in data:
        return data
    rate = {name: data[name] for name in _OF_THE_RATE if name in data}
    rest = {name: value for name, value in data.items() if name not in _OF_THE_RATE}
    return {**_rename(rest, "pattern", "kind"), "rate": rate}


def _watch_report(data: dict[str, Any]) -> dict[str, Any]:
    if "found" not in data:
        return data
    findings = [_rename(one, "pattern", "kind") for one in data["found"]]
    return {**{name: value for name, value in data.items() if name != "found"}, "findings": findings}


_CHANGES: Mapping[type[Any], Callable[[dict[str, Any]], dict[str, Any]]] = {
    Attribution: _attribution,
    Incident: lambda data: _rename(data, "pattern", "kind"),
    WatchReport: _watch_report,
}

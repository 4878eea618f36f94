"""What the indicator of another tool's OpenSLO document measures, as far as the document says it.

OpenSLO gives a threshold no unit and an indicator no kind. Both are read off what the document does say: a unit beside
the value or in metadata, Prometheus' names of metrics with their base units, words as `latency` and `errors`. What says
neither is refused: 500 is not 500 seconds, and a lag, a share of CPU or a ratio is no latency.

Source: OpenSLO specification v1, sections SLI and SLO (github.com/OpenSLO/OpenSLO); Prometheus documentation, "Metric
and label naming".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

_UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("ms", "msec", "msecs", "milli", "millis", "millisecond", "milliseconds"), 1e-3),
    **dict.fromkeys(("us", "usec", "micros", "microsecond", "microseconds"), 1e-6),
    **dict.fromkeys(("ns", "nsec", "nanos", "nanosecond", "nanoseconds"), 1e-9),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hour", "hours"), 3600.0),
}
"""Seconds in a unit of time, by its names."""
_VALUE = re.compile(r"\s*((?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d{1,3})?)\s*([A-Za-zµμ]*)\s*")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+[a-z]*")
_ARITHMETIC = re.compile(r"[*/]\s*\d|\d\s*[*/]")
_ERROR_CODES = re.compile(r"(code|status)\w*\s*[!=~]+|5xx|4xx|\b5\.\.")
_UNIT_KEYS = frozenset({"unit", "units"})
_LATENCY = frozenset({"latency", "latencies", "duration", "durations", "elapsed", "ttfb", "rtt"})
_TIMES = frozenset({"time", "times", *(name for name in _UNITS if len(name) > 1)})
_TIMED = frozenset(
    {"request", "requests", "response", "responses", "processing", "execution", "query", "call", "answer"}
)
_AVAILABILITY = frozenset(
    {
        "availability",
        "available",
        "unavailable",
        "uptime",
        "up",
        "success",
        "successes",
        "successful",
        "error",
        "errors",
    }
    | {"failed", "failure", "failures", "fail", "timeouts", "exceptions", "5xx"}
)
_OTHER = frozenset(
    {"lag", "offset", "backlog", "queue", "queued", "depth", "cpu", "memory", "mem", "heap", "disk", "saturation"}
    | {"utilization", "utilisation", "usage", "bytes", "size", "age", "stale", "staleness", "freshness", "fresh"}
    | {"throughput", "qps", "rps", "replicas", "threads", "connections", "capacity", "cost", "usd", "price", "tokens"}
    | {"accuracy", "precision", "recall", "score", "quality", "correctness", "coverage", "completeness", "drift"}
)
"""Words for what is neither a latency nor availability, however the objective is called."""
_SHARES = frozenset({"ratio", "percent", "percentage", "share", "fraction"})
_LONGEST_SHOWN = 100


@dataclass(frozen=True, kw_only=True)
class Indicator:
    """What a document says of what it measures."""

    name: str
    """Of the indicator, else of the objective."""
    texts: tuple[str, ...]
    """What says what is measured: the queries, and the indicator's names."""
    titles: tuple[str, ...] = ()
    """Names of the objective, which say less: the query decides where they disagree."""
    units: tuple[str, ...] = ()
    """Units that metadata name."""

    @property
    def shown(self) -> str:
        """Return its name and its query, cut, for a message."""
        query = next((text for text in self.texts if text != self.name), "")
        cut = query if len(query) <= _LONGEST_SHOWN else f"{query[:_LONGEST_SHOWN]}..."
        return f"indicator {self.name!r} ({cut})" if cut else f"indicator {self.name!r}"


def read_indicator(document: Mapping[str, Any], indicator: Mapping[str, Any], target: Mapping[str, Any]) -> Indicator:
    """Return what the document says of its indicator.

    Args:
        document: The objective.
        indicator: Its inline indicator.
        target: The one entry of its objectives.
    """
    own, outer = _part(indicator, "metadata"), _part(document, "metadata")
    name = str(own.get("name") or outer.get("name") or "")
    names = [str(own[key]) for key in ("name", "displayName") if own.get(key)]
    titles = [str(part[key]) for part in (outer, target) for key in ("name", "displayName") if part.get(key)]
    description = _part(indicator, "spec").get("description")
    return Indicator(
        name=name,
        texts=(*_queries(indicator), *names, *([str(description)] if description else [])),
        titles=tuple(titles),
        units=tuple(_named_units(target) | _named_units(indicator) | _named_units(outer)),
    )


def latency_threshold(indicator: Indicator, value: object) -> timedelta:
    """Return the bound of a threshold metric that is a latency.

    Raises:
        ValueError: If it is none, or has no unit; in a sentence that names the indicator and what to write.
    """
    words = _words(indicator.texts)
    if other := words & (_OTHER | _SHARES):
        msg = (
            f"{indicator.shown} measures {' and '.join(sorted(other))}, which is no latency of a record; there is no "
            f"such objective here: leave it out"
        )
        raise ValueError(msg)
    if not _is_latency(words | _words(indicator.titles)):
        msg = (
            f"{indicator.shown} does not say that it measures a latency; name the indicator so (as answer-latency), "
            f"or leave it out"
        )
        raise ValueError(msg)
    match = _VALUE.fullmatch(str(value))
    if match is None or isinstance(value, bool):
        msg = f"the value {str(value)[:40]!r} of {indicator.shown} is no number above 0, with or without a unit"
        raise ValueError(msg)
    number, unit = float(match[1]), _unit(indicator, match[2])
    if not 0 < number * unit <= timedelta(days=3650).total_seconds():
        msg = f"the value {str(value)[:40]!r} of {indicator.shown} is no latency: it must be above 0"
        raise ValueError(msg)
    return timedelta(seconds=number * unit)


def refuse_unless_availability(indicator: Indicator) -> None:
    """Raise ValueError if a ratio does not say that it counts failed or successful calls."""
    words, titles = _words(indicator.texts), _words(indicator.titles)
    if _is_latency(words) or words & {"bucket", "le", "histogram"}:
        msg = (
            f"{indicator.shown} is a share of fast calls, not of successful ones; write it as a latency objective with "
            f"its threshold, as p95: 500ms"
        )
        raise ValueError(msg)
    if other := words & _OTHER:
        msg = (
            f"{indicator.shown} measures {' and '.join(sorted(other))}, which is not the share of records that arrive; "
            f"leave it out"
        )
        raise ValueError(msg)
    says_errors = any(_ERROR_CODES.search(text) for text in indicator.texts)
    if not says_errors and not words & _AVAILABILITY and not titles & _AVAILABILITY:
        msg = (
            f"{indicator.shown} does not say that it counts failed or successful calls; name the indicator so (as "
            f"web-errors), or leave it out"
        )
        raise ValueError(msg)


def _unit(indicator: Indicator, beside: str) -> float:
    """Return the seconds of the one unit that the document names: beside the value, in metadata, in the metric."""
    if beside:
        return _known_unit(beside, indicator)
    if indicator.units:
        found = {_known_unit(unit, indicator) for unit in indicator.units}
        if len(found) == 1:
            return found.pop()
    else:
        found = {_UNITS[word] for word in _words(indicator.texts) if len(word) > 1 and word in _UNITS}
        # A query that multiplies may have changed the unit of its metric.
        if len(found) == 1 and not any(_ARITHMETIC.search(text) for text in indicator.texts):
            return found.pop()
    said = "names more than one unit" if len(found) > 1 else "does not say in which unit its threshold is"
    msg = f"{indicator.shown} {said}; write it beside the value, as 500ms or 0.5s, or unit: ms in its metadata"
    raise ValueError(msg)


def _known_unit(name: str, indicator: Indicator) -> float:
    unit = _UNITS.get(name.strip().lower().replace("µ", "u").replace("μ", "u"))
    if unit is None:
        msg = f"the unit {name[:40]!r} of {indicator.shown} is no time; known: ms, s, min, h"
        raise ValueError(msg)
    return unit


def _is_latency(words: frozenset[str]) -> bool:
    return bool(words & _LATENCY) or bool(words & _TIMES and words & _TIMED)


def _words(texts: tuple[str, ...]) -> frozenset[str]:
    return frozenset(word.lower() for text in texts for word in _WORD.findall(text))


def _queries(indicator: Mapping[str, Any]) -> Iterator[str]:
    """Yield the text of every metric source: queries and names of metrics, not the type of the tool."""
    for key, value in _leaves(_part(indicator, "spec"), ()):
        if "metricSource" in key and key[-1] not in ("type", *_UNIT_KEYS) and isinstance(value, str):
            yield value


def _named_units(part: Mapping[str, Any]) -> set[str]:
    return {
        str(value)
        for key, value in _leaves(part, ())
        if str(key[-1]).rpartition("/")[2].lower() in _UNIT_KEYS and isinstance(value, str)
    }


def _leaves(value: Any, key: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, (*key, str(name)))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner, key)
    elif key:
        yield key, value


def _part(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    return found if isinstance(found, Mapping) else {}

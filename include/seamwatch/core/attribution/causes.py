"""From record verdicts to the causes of a window, and whether each is a change or the healthy base rate."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pandas as pd

from seamwatch.core.attribution import words
from seamwatch.core.results import Cause, Verdict
from seamwatch.core.stats import excess_p_value, onset_index, wilson_interval
from seamwatch.vocabulary import Responsibility

ALPHA = 0.001
"""Chance of calling a healthy window an incident, per cause and window (DESIGN.md section 7: one in 1,000)."""
MIN_RECORDS = 3
"""Fewer failing records than this are never an incident: one mislabelled ticket is not a regression."""
STRAY_RATE = 0.002
"""Share of records that a healthy pipeline loses to causes other than the model, before its own history is known."""
ASSUMED_ACCURACY = 0.9
"""Accuracy of the model where neither a baseline nor a history is known; the report says that it is assumed."""
_FIELD_SHARE = 0.1
"""A field that fewer of a cause's records name is not told in the headline."""


@dataclass(frozen=True, kw_only=True)
class BaseRates:
    """What share of judged records a healthy window loses to each responsibility."""

    accuracy: float | None = None
    """Accepted accuracy of the model; None if unknown."""
    stray: Mapping[tuple[str, str | None], float] = field(default_factory=dict)
    """`(responsibility, stage)` to the rate in earlier windows without an incident of that cause."""

    def rate(self, responsibility: Responsibility, stage: str | None) -> float:
        """Return the expected share of judged records."""
        if responsibility is Responsibility.MODEL:
            return 1.0 - (ASSUMED_ACCURACY if self.accuracy is None else self.accuracy)
        return max(self.stray.get((responsibility, stage), 0.0), STRAY_RATE)


def find_causes(
    verdicts: Sequence[Verdict],
    times: pd.Series[Any],
    *,
    n_judged: int,
    base: BaseRates,
) -> tuple[Cause, ...]:
    """Return the causes of a window, changes first, then by how many records they explain beyond the expected.

    Args:
        verdicts: One per failing record.
        times: Aware time by record key (as text), for all judged records.
        n_judged: Records whose outcome is right or wrong.
        base: What a healthy window has.

    Returns:
        Causes whose shares add up to one; empty if nothing failed.

    Undetermined records are compared with what is left of the model's base rate: a healthy model is wrong now and
    then also where the evidence is missing.
    """
    groups: dict[tuple[Responsibility, str | None], list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        groups[(verdict.responsibility, verdict.stage)].append(verdict)
    n_model = sum(len(group) for (who, _), group in groups.items() if who is Responsibility.MODEL)
    causes = [
        _cause(who, stage, group, times, len(verdicts), n_judged, _expected_rate(base, who, stage, n_model, n_judged))
        for (who, stage), group in groups.items()
    ]
    return tuple(sorted(causes, key=lambda c: (not c.is_change, c.n_expected - c.n_records, c.stage or "")))


def _expected_rate(
    base: BaseRates, responsibility: Responsibility, stage: str | None, n_model: int, n_judged: int
) -> float:
    rate = base.rate(responsibility, stage)
    if responsibility is Responsibility.UNDETERMINED and n_judged:
        rate = max(rate, base.rate(Responsibility.MODEL, None) - n_model / n_judged)
    return rate


def _cause(
    responsibility: Responsibility,
    stage: str | None,
    group: Sequence[Verdict],
    times: pd.Series[Any],
    n_failing: int,
    n_judged: int,
    rate: float,
) -> Cause:
    n = len(group)
    low, high = wilson_interval(n, n_failing) or (0.0, 1.0)
    p_value = excess_p_value(n, n_judged, base_rate=rate)
    fields = _leading_fields(group)
    pattern = _leading([verdict.pattern for verdict in group])
    cause = Cause(
        responsibility=responsibility,
        stage=stage,
        fields=fields,
        n_records=n,
        share=n / n_failing,
        share_low=low,
        share_high=high,
        confidence=sum(verdict.confidence for verdict in group) / n,
        headline=words.headline(responsibility, stage, fields, pattern),
        pattern=pattern,
        gap=_leading([verdict.gap for verdict in group]),
        n_expected=rate * n_judged,
        p_value=p_value,
        is_change=n >= MIN_RECORDS and p_value < ALPHA,
    )
    return replace(cause, onset=_onset(group, times)) if cause.is_change else cause


def _leading_fields(group: Sequence[Verdict]) -> tuple[str, ...]:
    counts = Counter(name for verdict in group for name in verdict.fields)
    return tuple(name for name, count in counts.most_common() if count >= _FIELD_SHARE * len(group))


def _leading(values: Sequence[Any]) -> Any:
    """Return the value of more than half of the records, or None."""
    value, count = Counter(values).most_common(1)[0]
    return value if count * 2 > len(values) else None


def _onset(group: Sequence[Verdict], times: pd.Series[Any]) -> datetime | None:
    known = times.dropna().sort_values(kind="stable")
    mine = {verdict.key for verdict in group}
    index = onset_index([key in mine for key in known.index])
    return None if index is None else known.iloc[index].to_pydatetime()

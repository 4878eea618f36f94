"""Which stage carries a longer P95: what each part adds to the quantile, now less before.

The quantile of a sum is the sum of the parts' means among records whose total lies at it (Euler's allocation), so the
differences of these means add up to the change of P95. Records near the quantile are taken from the kept samples; what
that leaves open is told by the bootstrap, which also says how often the same stage would lead.

Sources: D. Tasche (1999), "Risk contributions and performance measurement", section 3 (contributions to a quantile are
conditional means); B. Efron, R. Tibshirani (1993), "An Introduction to the Bootstrap", chapter 13 (percentile
intervals). Departures: the means are scaled so that they add up to P95 of the sketches; records are drawn one by one,
not by hour, so bursts make intervals a little too narrow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seamwatch.core.watch.latency import QUANTILE, Shift, count_models
from seamwatch.core.watch.latency_hours import BESIDE
from seamwatch.core.watch.stage_times import Part, Role
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import Responsibility, StageKind

Floats = NDArray[np.float64]

LEADS = 0.5
"""A stage carries the change where it holds at least this share of it."""
SURE = 0.8
"""And where it does so in this share of the bootstrap's draws."""
HELD = 0.25
"""A source that was reported already stays as long as it leads in this share of them."""
SUREST = 0.99
"""No carrier is surer: that all draws agree says nothing of what was not recorded."""
WAIT_RECORDS = 60
"""With fewer slow records a source that cannot be named yet is waited for, so that nobody is alerted first."""
_DRAWS = 200
_NEAR = 15.0
"""About twice as many sampled records near the quantile are averaged."""
_BAND = (0.01, 0.04)
"""Half the width of what is near, in shares of the records: at least and at most."""


@dataclass(frozen=True, kw_only=True)
class Contribution:
    """What one part adds to the full pipeline's P95, in seconds."""

    part: Part
    before: float
    now: float
    low: float
    """Of the change, 95 %."""
    high: float

    @property
    def change(self) -> float:
        """Return how much more it adds than before."""
        return self.now - self.before


@dataclass(frozen=True, kw_only=True)
class Carrier:
    """What carries the change, if one stage does."""

    contributions: tuple[Contribution, ...]
    """All parts, the largest change first; they add up to the change of P95."""
    part: Part | None
    """The largest part of the stage that carries; None where several do, or it cannot be decided."""
    share: float
    """Of the change that the leading stage (with its calls, if they are the provider's) holds."""
    confidence: float
    """Share of draws in which it leads with at least half of the change; `SUREST` at most."""


@dataclass(frozen=True, kw_only=True)
class Near:
    """Means of sampled records near P95."""

    now: Mapping[str, float]
    before: Mapping[str, float]
    """NaN where nothing is recorded."""


def find_carrier(now: pd.DataFrame, before: pd.DataFrame, shift: Shift, *, held: Part | None, seed: int) -> Carrier:
    """Return what carries a shift.

    Args:
        now: Sampled records of the shift's hours: `core.watch.latency_hours.read_samples`.
        before: Those of the hours compared with.
        shift: What was found.
        held: The part that the last look named; it stays as long as it leads in `HELD` of the draws.
        seed: Of the bootstrap.
    """
    names = part_names(now)
    old = before.reindex(columns=[*names, "weight"]).fillna(0.0)
    rng = np.random.default_rng(seed)
    ends = [_contributions(rows, names, p95) for rows, p95 in ((now, shift.p95), (old, shift.p95_before))]
    draws = _drawn(now, names, rng) - _drawn(old, names, rng)
    low, high = np.quantile(draws, (0.025, 0.975), axis=0)
    contributions = sorted(
        (
            Contribution(part=Part.read(name), before=float(was), now=float(is_), low=float(least), high=float(most))
            for name, is_, was, least, most in zip(names, *ends, low, high, strict=True)
        ),
        key=lambda one: -abs(one.change),
    )
    groups = [_group(Part.read(name)) for name in names]
    known = sorted(set(groups))
    member = np.array([[group == one for one in known] for group in groups], dtype=float)
    shares = _share((ends[0] - ends[1]) @ member)
    drawn = np.array([_share(one) for one in draws @ member])
    leads = (drawn.argmax(axis=1)[:, None] == np.arange(len(known))) & (drawn >= LEADS)
    lead = int(shares.argmax())
    if held is not None and _group(held) in known and leads.mean(axis=0)[known.index(_group(held))] >= HELD:
        lead = known.index(_group(held))
    confidence = float(leads.mean(axis=0)[lead])
    is_sure = shares[lead] >= LEADS and confidence >= (
        HELD if held is not None and _group(held) == known[lead] else SURE
    )
    mine = [one for one in contributions if _group(one.part) == known[lead]]
    return Carrier(
        contributions=tuple(contributions),
        part=max(mine, key=lambda one: one.change).part if is_sure else None,
        share=float(shares[lead]),
        confidence=min(confidence, SUREST),
    )


def part_names(rows: pd.DataFrame) -> list[str]:
    """Return the columns of sampled records that are parts."""
    return [name for name in rows.columns if name not in (*BESIDE, "weight")]


def _group(part: Part) -> tuple[str, bool]:
    """Return what is judged as one: a stage's own time, or all that its provider took."""
    return part.stage, part.role is not Role.OWN


def _share(changes: Floats) -> Floats:
    """Return shares of the change of the whole."""
    total = changes.sum()
    return changes / total if total > 0 else np.zeros_like(changes)


def _sorted(rows: pd.DataFrame, names: Sequence[str]) -> tuple[Floats, Floats]:
    """Return parts and weights of the records, by their total."""
    parts = rows[list(names)].to_numpy(dtype=float)
    order = np.argsort(parts.sum(axis=1), kind="stable")
    return parts[order], rows["weight"].to_numpy(dtype=float)[order]


def _near(weights: Floats) -> Floats:
    """Return weights of records, sorted by their total along the last axis, near the quantile; zero elsewhere."""
    total = weights.sum(axis=-1, keepdims=True)
    place = (np.cumsum(weights, axis=-1) - weights / 2.0) / total
    far = np.abs(place - QUANTILE)
    width = min(max(_NEAR / weights.shape[-1], _BAND[0]), _BAND[1])
    # Where records are so few that none is near, the nearest is taken.
    width = np.maximum(width, np.where(weights > 0, far, np.inf).min(axis=-1, keepdims=True))
    return np.asarray(np.where(far <= width, weights, 0.0), dtype=float)


def _contributions(rows: pd.DataFrame, names: Sequence[str], p95: float) -> Floats:
    parts, weights = _sorted(rows, names)
    near = _near(weights)
    means = near @ parts / near.sum()
    return np.asarray(means * (p95 / means.sum()) if means.sum() > 0 else means, dtype=float)


def _drawn(rows: pd.DataFrame, names: Sequence[str], rng: np.random.Generator) -> Floats:
    """Return means near the quantile, draw by part."""
    parts, weights = _sorted(rows, names)
    n = len(parts)
    counts = rng.multinomial(n, np.full(n, 1.0 / n), size=_DRAWS)
    near = _near(counts * weights)
    return np.asarray(near @ parts / near.sum(axis=1, keepdims=True), dtype=float)


def means_near(now: pd.DataFrame, before: pd.DataFrame, part: Part) -> Near:
    """Return means near P95 of a part and of what is kept beside the parts."""
    found = []
    for rows in (now, before):
        order = rows[part_names(rows)].sum(axis=1).to_numpy().argsort(kind="stable")
        near = _near(rows["weight"].to_numpy(dtype=float)[order])
        means = {}
        for name in (str(part), *BESIDE):
            values = rows[name].to_numpy(dtype=float)[order] if name in rows.columns else np.full(len(rows), np.nan)
            known = near * ~np.isnan(values)
            means[name] = float(known @ np.nan_to_num(values) / known.sum()) if known.sum() > 0 else float("nan")
        found.append(means)
    return Near(now=found[0], before=found[1])


class Reason(StrEnum):
    """What speaks for a source, beside the decomposition."""

    NO_STAGE_LEADS = "no_stage_leads"
    ANSWERED_CALLS_AGAIN = "answered_calls_again"
    FAILED_CALLS_AGAIN = "failed_calls_again"
    PROVIDER_NOT_KNOWN = "provider_not_known"
    """A model's time at its provider cannot be told from the rest."""
    PROVIDER_UNCHANGED = "provider_unchanged"
    LATER_START = "later_start"
    """The first token comes later, so the request waits at the provider."""
    SLOWER_TOKENS = "slower_tokens"
    LONGER_NEW_MODEL = "longer_new_model"
    LONGER_REQUESTS = "longer_requests"
    LONGER = "longer"


@dataclass(frozen=True, kw_only=True)
class Source:
    """Who has to act on a longer latency."""

    responsibility: Responsibility
    stage: str | None
    pattern: str
    reason: Reason | None = None
    """None where the decomposition says it all."""
    evidence: Mapping[str, str | float] = field(default_factory=dict)
    """Of the reason: `stage`, `model`, or means near P95 as `ttft` (in seconds) and `ttft_before`."""


def name_source(pipeline: Pipeline, carrier: Carrier, shift: Shift, near: Near | None) -> Source:
    """Return who has to act, by what carries the shift.

    The provider's time is the provider's, unless answers got longer: then what makes them longer is sought. A stage's
    own time is the integration's, or the knowledge base's or source's where it is one. Of a model without `latency_ms`
    the provider's time cannot be told from the rest, so nobody is named for it and for the stage behind it.
    """
    part = carrier.part
    if part is None:
        lead = carrier.contributions[0].part.stage if carrier.contributions else ""
        return Source(
            responsibility=Responsibility.UNDETERMINED,
            stage=None,
            pattern="several_stages",
            reason=Reason.NO_STAGE_LEADS,
            evidence={"stage": lead},
        )
    stage = pipeline.stage(part.stage)
    if part.role is Role.RETRIES and 2 * _sum(shift, "repeats") > _sum(shift, "retries"):
        who, pattern, reason = Responsibility.INTEGRATION, "repeated_calls", Reason.ANSWERED_CALLS_AGAIN
        return Source(responsibility=who, stage=stage.name, pattern=pattern, reason=reason)
    if part.role is Role.RETRIES:
        who, pattern, reason = Responsibility.PROVIDER, "timeouts", Reason.FAILED_CALLS_AGAIN
        return Source(responsibility=who, stage=stage.name, pattern=pattern, reason=reason)
    if part.role is Role.PROVIDER:
        return _provider(stage.name, shift, near)
    blind = [
        one.name
        for one in pipeline.stages
        if one.kind is StageKind.MODEL
        and one.latency_ms is None
        and stage.name in (one.name, *_behind(pipeline, one.name))
    ]
    if blind:
        return Source(
            responsibility=Responsibility.UNDETERMINED,
            stage=stage.name,
            pattern="stage_slow",
            reason=Reason.PROVIDER_NOT_KNOWN,
            evidence={"stage": blind[0]},
        )
    owners = {StageKind.RETRIEVAL: Responsibility.KNOWLEDGE_BASE, StageKind.SOURCE: Responsibility.SOURCE_DATA}
    return Source(
        responsibility=owners.get(stage.kind, Responsibility.INTEGRATION),
        stage=stage.name,
        pattern="stage_slow",
        reason=Reason.PROVIDER_UNCHANGED if stage.kind is StageKind.MODEL else None,
    )


def _behind(pipeline: Pipeline, name: str) -> list[str]:
    return [stage.name for stage in pipeline.stages if name in stage.input]


def _sum(shift: Shift, name: str) -> int:
    return sum(getattr(hour, name) for hour in shift.hours)


def _provider(stage: str, shift: Shift, near: Near | None) -> Source:
    slow = Source(responsibility=Responsibility.PROVIDER, stage=stage, pattern="provider_slow")
    if near is None:
        return slow
    key = str(Part(stage=stage, role=Role.PROVIDER))
    is_, was = near.now, near.before
    grown = is_[key] - was[key]
    ttft = _zero(was["ttft"])
    per_token = max(was[key] - ttft, 0.0) / was["output_tokens"] if was["output_tokens"] > 0 else 0.0
    longer = (is_["output_tokens"] - was["output_tokens"]) * per_token
    if longer >= LEADS * grown > 0:
        return _longer_answers(stage, shift, near)
    waited = is_["ttft"] - was["ttft"]
    if np.isnan(waited):
        return slow
    is_wait = waited >= LEADS * grown > 0
    return replace(slow, reason=Reason.LATER_START if is_wait else Reason.SLOWER_TOKENS, evidence=_means(near))


def _zero(value: Any) -> float:
    return 0.0 if np.isnan(value) else float(value)


def _means(near: Near) -> dict[str, str | float]:
    return {**{name: near.now[name] for name in BESIDE}, **{f"{name}_before": near.before[name] for name in BESIDE}}


def _longer_answers(stage: str, shift: Shift, near: Near) -> Source:
    """Return who has to act on longer answers: a new model its owner, a longer request the integration."""
    evidence = _means(near)
    usual = count_models(shift.before)
    names = count_models(shift.hours)
    new = sum(n for name, n in names.items() if name not in usual)
    if names and new >= LEADS * sum(names.values()):
        who, reason = Responsibility.MODEL, Reason.LONGER_NEW_MODEL
        evidence["model"] = max(names, key=lambda name: names[name])
    elif near.now["input_tokens"] >= 1.2 * near.before["input_tokens"]:
        who, reason = Responsibility.INTEGRATION, Reason.LONGER_REQUESTS
    else:
        who, reason = Responsibility.UNDETERMINED, Reason.LONGER
    return Source(responsibility=who, stage=stage, pattern="longer_answers", reason=reason, evidence=evidence)

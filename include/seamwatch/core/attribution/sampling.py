"""Which records are replayed, and how their verdicts speak for the others."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Any

import pandas as pd

from seamwatch.core.attribution import words
from seamwatch.core.attribution.chance import Kind
from seamwatch.core.attribution.evidence import Evidence
from seamwatch.core.attribution.laboratory import Laboratory
from seamwatch.core.attribution.sequential import fewest_draws, is_decided, spread_order
from seamwatch.core.results import Part, Verdict
from seamwatch.core.stats import jeffreys_mean
from seamwatch.spec.pipeline import Isolation
from seamwatch.vocabulary import Basis, DiscrepancyKind, Responsibility

Strata = Mapping[Hashable, Sequence[Any]]
CauseKey = tuple[Responsibility, str | None]

_LEAST_LEAD = 3.0
"""Records beyond a healthy window's by which a cause must lead before it is worth replays to tell it from the next."""
_PURE, _MIXED = 1.5, 0.1
"""Beta prior of the share that leads in a stratum: most hold records of one kind alone. Chosen on the training half of
the benchmark so that confidences by stratum are met."""
_RARE, _RARE_SHARE = 6, 0.02
"""A stratum with fewer records than this, or a smaller share, is not worth replays of its own."""


def stratify(evidence: Evidence, keys: Iterable[Any]) -> Strata:
    """Return the keys by what they have in common before any call.

    That is the fields that differ from their references, and recorded suspicions. Strata too small to be replayed each
    are put together: first by the stages that differ, then by whether any stage before the model does.
    """
    strata: dict[Hashable, list[Any]] = {}
    left = list(keys)
    few = max(_RARE, round(_RARE_SHARE * len(left)))
    for mark in (_by_fields, _by_stages, _by_place):
        groups: dict[Hashable, list[Any]] = {}
        for key in left:
            groups.setdefault((mark.__name__, mark(evidence, key)), []).append(key)
        strata.update({name: group for name, group in groups.items() if len(group) >= few or mark is _by_place})
        left = [key for name, group in groups.items() if name not in strata for key in group]
    return strata


def _by_fields(evidence: Evidence, key: Any) -> Hashable:
    if key in evidence.crossed_at:
        return evidence.crossed_at[key][0], _suspicion(evidence, key)  # which fields differ is chance
    marks = evidence.signatures.get(key, ())
    differing = tuple(dict.fromkeys((stage, name) for stage, name, kind in marks if kind != DiscrepancyKind.FORMAT))
    return differing, _suspicion(evidence, key)


def _by_stages(evidence: Evidence, key: Any) -> Hashable:
    marks = evidence.signatures.get(key, ())
    return frozenset(stage for stage, _, kind in marks if kind != DiscrepancyKind.FORMAT), _suspicion(evidence, key)


def _by_place(evidence: Evidence, key: Any) -> Hashable:
    return bool(evidence.stages_of(key) & evidence.before_model)


def _suspicion(evidence: Evidence, key: Any) -> Hashable:
    provider = evidence.provider.get(key)
    source = evidence.suspect_source.get(key)
    instructed = evidence.instructed.get(key)
    outdated = evidence.outdated.get(key)
    return (
        provider and provider[:2],
        source and source[0],
        instructed and instructed[0],
        outdated and (outdated[0], tuple(sorted(outdated[1].items()))),
        key in evidence.suspect_truth,
        evidence.off_truth.get(key),
    )


def replay_until_decided(
    laboratory: Laboratory, strata: Strata, known: Mapping[Any, Verdict], settings: Isolation
) -> None:
    """Replay records of every stratum until it is settled what most of them are, and which cause leads the window.

    Args:
        laboratory: Where they are replayed.
        strata: Records that need a replay, by what they have in common.
        known: Verdicts of the others.
        settings: `confidence`, and `records_per_stratum`, the most that are replayed.

    Every stratum is drawn from at once, so that calls run side by side; a round draws no more records than could
    settle its test.
    """
    of = {key: mark for mark, members in strata.items() for key in members}
    orders = {mark: spread_order(members) for mark, members in strata.items()}
    n_drawn = dict.fromkeys(orders, 0)
    while True:
        kinds = laboratory.kinds(of)
        batch: list[Any] = []
        for mark, order in orders.items():
            size = _next_draws([_side(kinds.get(key)) for key in order[: n_drawn[mark]]], settings)
            size = min(size, len(order) - n_drawn[mark])
            batch += order[n_drawn[mark] : n_drawn[mark] + size]
            n_drawn[mark] += size
        if not batch:
            break
        laboratory.replay(pd.Index(batch), of)
    _draw_until_leading(laboratory, orders, n_drawn, known, of, settings)


def _draw_until_leading(
    laboratory: Laboratory,
    orders: Strata,
    n_drawn: dict[Hashable, int],
    known: Mapping[Any, Verdict],
    of: Mapping[Any, Hashable],
    settings: Isolation,
) -> None:
    """Replay more of the strata that leave in doubt which cause explains most beyond what a healthy window has."""
    evidence = laboratory.evidence
    fixed: dict[Hashable, float] = defaultdict(float)
    for verdict in known.values():
        for cause, weight in verdict.weights.items():
            fixed[cause] += weight
    fixed["not_before"] -= evidence.n_healthy_errors
    while True:
        kinds = laboratory.kinds(of)
        counts = {
            mark: Counter(_label(evidence, key, _side(kinds.get(key))) for key in order[: n_drawn[mark]])
            for mark, order in orders.items()
        }
        room = {mark: min(len(order), settings.records_per_stratum) - n_drawn[mark] for mark, order in orders.items()}
        sizes = {mark: len(order) for mark, order in orders.items()}
        doubtful = doubtful_strata(sizes, counts, fixed, confidence=settings.confidence)
        widest = next((mark for mark in doubtful if room[mark] > 0), None)
        if widest is None:
            return
        size = min(room[widest], fewest_draws(confidence=settings.confidence))
        batch = orders[widest][n_drawn[widest] : n_drawn[widest] + size]
        n_drawn[widest] += size
        laboratory.replay(pd.Index(batch), of)


def doubtful_strata(
    sizes: Mapping[Hashable, int],
    counts: Mapping[Hashable, Counter[Hashable]],
    fixed: Mapping[Hashable, float],
    *,
    confidence: float,
) -> list[Hashable]:
    """Return the strata whose samples leave doubt of which cause leads, most doubt first; none if that is sure enough.

    Args:
        sizes: Records by stratum.
        counts: By stratum, how many of its replayed records have each cause.
        fixed: By cause, records that are known without a sample; a healthy window's errors taken off.
        confidence: At which the leading cause must be ahead of the next.

    The lead is a difference of sums over strata, taken as normal: W. G. Cochran (1977), "Sampling Techniques", ch. 5.
    """
    shares = {mark: {cause: n / c.total() for cause, n in c.items()} for mark, c in counts.items() if c.total()}
    totals: dict[Hashable, float] = defaultdict(float, fixed)
    for mark, share in shares.items():
        for cause, part in share.items():
            totals[cause] += sizes[mark] * part
    ranked = sorted(totals, key=lambda cause: -totals[cause])[:2]
    if len(ranked) < 2 or totals[ranked[0]] < _LEAST_LEAD:
        return []
    doubts: dict[Hashable, float] = {}
    for mark in shares:
        n, size = counts[mark].total(), sizes[mark]
        first, second = (jeffreys_mean(counts[mark][cause], n) for cause in ranked)
        spread = first + second - (first - second) ** 2
        doubts[mark] = size**2 * spread / n * (1.0 - n / size)
    lead = totals[ranked[0]] - totals[ranked[1]]
    bound = NormalDist().inv_cdf(confidence) * sum(doubts.values()) ** 0.5
    return [] if lead >= bound else sorted(doubts, key=lambda mark: -doubts[mark])


def _label(evidence: Evidence, key: Any, side: str) -> Hashable:
    return (side, evidence.stages_of(key) & evidence.before_model) if side == "before" else side


def _side(kinds: Mapping[Kind, float] | None) -> str:
    """Return on which side of the seam the record's likeliest kind is; `open` where it could not be judged."""
    if not kinds:
        return "open"
    return "before" if kinds.get(Kind.BEFORE, 0.0) > 0.5 else "not_before"


def _next_draws(sides: Sequence[str], settings: Isolation) -> int:
    """Return how many records more could settle the stratum; 0 where it is settled or enough were drawn."""
    if not sides:
        return min(fewest_draws(confidence=settings.confidence), settings.records_per_stratum)
    n_leading = Counter(sides).most_common(1)[0][1]
    if is_decided(n_leading, len(sides), confidence=settings.confidence):
        return 0
    more = 1
    while not is_decided(n_leading + more, len(sides) + more, confidence=settings.confidence):
        more += 1
    return max(0, min(more, settings.records_per_stratum - len(sides)))


def judge_by_stratum(evidence: Evidence, keys: Sequence[Any], known: Mapping[Any, Verdict]) -> dict[Any, Verdict]:
    """Return verdicts for the records of a stratum that were not replayed: the leading one of those that were.

    Each also has its parts, as often as each cause was found: of a stratum that is a third integration and two thirds
    model, every record is more likely the model's, and still a third of them are not.
    """
    seen = [known[key] for key in keys if key in known]
    rest = [key for key in keys if key not in known]
    if not rest:
        return {}
    parts: dict[CauseKey, float] = defaultdict(float)
    for verdict in seen:
        for cause, weight in verdict.weights.items():
            parts[cause] += weight / len(seen)
    leading, n_leading = Counter((v.responsibility, v.stage) for v in seen).most_common(1)[0]
    alike = [v for v in seen if (v.responsibility, v.stage) == leading]
    like = Counter(alike_but_key(v) for v in alike).most_common(1)[0][0]
    share = (n_leading + _PURE) / (len(seen) + _PURE + _MIXED)
    mean = sum(v.confidence for v in alike) / len(alike)
    return {
        key: replace(
            like,
            key=str(key),
            fields=_own_fields(evidence, key, like),
            confidence=share * mean,
            explanation=words.stratum(n_leading, len(seen), like.explanation),
            basis=Basis.STRATUM,
            parts=tuple(Part(responsibility=who, stage=at, share=w) for (who, at), w in parts.items()),
            n_like=len(seen),
        )
        for key in rest
    }


def alike_but_key(verdict: Verdict) -> Verdict:
    """Return the verdict without what is the record's own."""
    return replace(verdict, key="", confidence=0.0)


def _own_fields(evidence: Evidence, key: Any, like: Verdict) -> tuple[str, ...]:
    """Return the fields that the like of the record have, as far as they differ in the record itself."""
    is_document = like.responsibility is Responsibility.KNOWLEDGE_BASE and key in evidence.outdated
    if like.stage is None or not like.fields or is_document:
        return like.fields  # documents are no fields that differ; records of one stratum have the same suspects
    mine = evidence.fields_of(key, like.stage)
    return tuple(name for name in like.fields if name in mine) or mine

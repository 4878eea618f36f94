"""Verdicts of records that were not replayed: what the replayed ones of their stratum say of them, and how surely."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from seamwatch.core.attribution.causes import ASSUMED_ACCURACY
from seamwatch.core.attribution.confidence import MODEL_REPRODUCED, SUREST
from seamwatch.core.attribution.evidence import Evidence
from seamwatch.core.reasons import Reason, ReasonKind
from seamwatch.core.results import Part, Verdict
from seamwatch.vocabulary import Basis, Responsibility

CauseKey = tuple[Responsibility, str | None]

_ERRORS_WEIGHT = 2.0
"""Records that the model's healthy error rate is worth: where a fault strikes, so many records in a hundred would have
failed without it, and those are the model's. Chosen, as the next two, on the training half of the benchmark so that
confidences by stratum are met."""
_MODEL_ALONE, _NOT_ALONE = 1.9, 0.1
"""Beta prior of the model's share where nothing but the model was found: what differs there was harmless."""
_MOST_ERRORS = 0.5


def judge_by_stratum(evidence: Evidence, keys: Sequence[Any], known: Mapping[Any, Verdict]) -> dict[Any, Verdict]:
    """Return verdicts for the records of a stratum that were not replayed: the leading one of those that were.

    Each also has its parts, as often as each cause was found: of a stratum that is a third integration and two thirds
    model, every record is more likely the model's, and still a third of them are not. How sure a verdict is follows
    from the share that the leading cause likely has, which also knows how often the model errs when nothing is wrong.
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
    share = _likely_share(evidence, keys, leading[0], n_leading, len(seen))
    likely = min(share * _mean_confidence(alike), SUREST)
    return {
        key: replace(
            like,
            key=str(key),
            fields=_own_fields(evidence, key, like),
            confidence=likely,
            reasons=(Reason(kind=ReasonKind.LIKE_REPLAYED, counts=((n_leading, len(seen)),)), *like.reasons),
            basis=Basis.STRATUM,
            parts=tuple(Part(responsibility=who, stage=at, share=w) for (who, at), w in parts.items()),
            n_like=len(seen),
        )
        for key in rest
    }


def _likely_share(evidence: Evidence, keys: Sequence[Any], leading: Responsibility, n_leading: int, n: int) -> float:
    """Return the likely share of the stratum that its leading cause has: the mean of a Beta posterior."""
    is_model = leading is Responsibility.MODEL
    if is_model and n_leading == n:
        return (n + _MODEL_ALONE) / (n + _MODEL_ALONE + _NOT_ALONE)
    errors = 1.0 - ASSUMED_ACCURACY
    if all(evidence.answered_rightly.get(key) for key in keys):
        errors = 1.0 - MODEL_REPRODUCED  # the model's own errors are sorted out already
    elif evidence.n_judged and evidence.n_healthy_errors:
        errors = min(evidence.n_healthy_errors / evidence.n_judged, _MOST_ERRORS)
    return (n_leading + _ERRORS_WEIGHT * (errors if is_model else 1.0 - errors)) / (n + _ERRORS_WEIGHT)


def _mean_confidence(alike: Sequence[Verdict]) -> float:
    """Return how sure the replayed verdicts are that speak for the others.

    The doubt that a single record's label is wrong is left out: over a stratum the accepted error rate has it already.
    """
    mean = sum(v.confidence for v in alike) / len(alike)
    return min(mean / MODEL_REPRODUCED, 1.0) if alike[0].responsibility is Responsibility.MODEL else mean


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

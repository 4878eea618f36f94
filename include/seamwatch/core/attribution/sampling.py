"""Which records are replayed, and how their verdicts speak for the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from seamwatch.core.attribution import words
from seamwatch.core.attribution.evidence import Evidence
from seamwatch.core.results import Verdict
from seamwatch.core.stats import jeffreys_mean
from seamwatch.spec.pipeline import Isolation
from seamwatch.vocabulary import Basis, Responsibility


def stratify(evidence: Evidence, keys: Iterable[Any]) -> dict[tuple[Any, ...], list[Any]]:
    """Return the keys by what they have in common before any call: discrepancies, and recorded suspicions."""
    strata: dict[tuple[Any, ...], list[Any]] = {}
    for key in keys:
        provider = evidence.provider.get(key)
        source = evidence.suspect_source.get(key)
        mark = (evidence.signatures.get(key, ()), provider and provider[:2], source and source[0])
        strata.setdefault(mark, []).append(key)
    return strata


def choose_sample(
    strata: Mapping[tuple[Any, ...], Sequence[Any]], settings: Isolation, keys: pd.Index[Any]
) -> pd.Index[Any]:
    """Return the records to replay: all of them, or of each stratum some that are spread evenly over its time."""
    if settings.mode == "exhaustive":
        return keys
    chosen: set[Any] = set()
    for members in strata.values():
        size = min(len(members), settings.records_per_stratum)
        chosen.update(members[(2 * number + 1) * len(members) // (2 * size)] for number in range(size))
    return keys[keys.isin(list(chosen))]


def judge_by_stratum(keys: Sequence[Any], known: Mapping[Any, Verdict]) -> dict[Any, Verdict]:
    """Return verdicts for the records of a stratum that were not replayed, as those that were."""
    seen = [known[key] for key in keys if key in known]
    rest = [key for key in keys if key not in known]
    if not rest:
        return {}
    counts = Counter((v.responsibility, v.stage) for v in seen if v.responsibility is not Responsibility.UNDETERMINED)
    if not counts:
        return {key: replace(seen[0], key=str(key), basis=Basis.STRATUM) for key in rest}
    leading, n_leading = counts.most_common(1)[0]
    alike = [v for v in seen if (v.responsibility, v.stage) == leading]
    share = jeffreys_mean(n_leading, len(seen))
    fields = Counter(v.fields for v in alike).most_common(1)[0][0]
    mean = sum(v.confidence for v in alike) / len(alike)
    return {
        key: Verdict(
            key=str(key),
            responsibility=leading[0],
            stage=leading[1],
            fields=fields,
            confidence=share * mean,
            explanation=words.stratum(n_leading, len(seen), alike[0].explanation),
            basis=Basis.STRATUM,
            gap=alike[0].gap,
            pattern=alike[0].pattern,
        )
        for key in rest
    }

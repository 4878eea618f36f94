"""What failing records have in common before any call: strata, from which records are drawn to be replayed."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from seamwatch.core.attribution.evidence import Evidence, Signature
from seamwatch.vocabulary import DiscrepancyKind

Strata = Mapping[Hashable, Sequence[Any]]

_RARE, _RARE_SHARE = 6, 0.02
"""A stratum with fewer records than this, or a smaller share, is not worth replays of its own."""
_RARE_CORRECTED = 3
"""The same of payloads that a source corrected later: an experiment can settle each, and so few can be a change."""


def stratify(evidence: Evidence, keys: Iterable[Any]) -> Strata:
    """Return the keys by what they have in common before any call.

    That is the fields that differ from their references, recorded suspicions, and what the model said where the clean
    request was made for another record. Strata too small to be replayed each
    are put together: first by the stages that differ, then by whether any stage before the model does.
    """
    strata: dict[Hashable, list[Any]] = {}
    left = list(keys)
    few = max(_RARE, round(_RARE_SHARE * len(left)))
    for mark in (_by_fields, _by_stages, _by_place):
        groups: dict[Hashable, list[Any]] = {}
        for key in left:
            groups.setdefault((mark.__name__, mark(evidence, key)), []).append(key)
        strata.update(
            {
                name: group
                for name, group in groups.items()
                if mark is _by_place or len(group) >= (_RARE_CORRECTED if _corrected(evidence, group[0]) else few)
            }
        )
        left = [key for name, group in groups.items() if name not in strata for key in group]
    return strata


def _by_fields(evidence: Evidence, key: Any) -> Hashable:
    if key in evidence.crossed_at:
        return evidence.crossed_at[key][0], _suspicion(evidence, key)  # which fields differ is chance
    return _differing(evidence.signatures.get(key, ())), _suspicion(evidence, key)


def _by_stages(evidence: Evidence, key: Any) -> Hashable:
    differing = _differing(evidence.signatures.get(key, ()))
    return frozenset(stage for stage, _ in differing), _suspicion(evidence, key)


def _by_place(evidence: Evidence, key: Any) -> Hashable:
    return bool(evidence.stages_of(key) & evidence.before_model), evidence.answered_rightly.get(key)


@lru_cache(maxsize=4096)  # a fault gives most of its records the same signature
def _differing(signature: Signature) -> tuple[tuple[str, str], ...]:
    """Return the stages and fields that differ in more than format."""
    marks = ((stage, name) for stage, name, kind in signature if kind != DiscrepancyKind.FORMAT)
    return tuple(dict.fromkeys(marks))


def _corrected(evidence: Evidence, key: Any) -> tuple[str, ...]:
    """Return the sources that corrected the record's payload later."""
    return tuple(stage for stage, payloads in evidence.world.corrections.items() if key in payloads.index)


def _suspicion(evidence: Evidence, key: Any) -> Hashable:
    provider = evidence.provider.get(key)
    source = evidence.suspect_source.get(key)
    instructed = evidence.instructed.get(key)
    outdated = evidence.outdated.get(key)
    return (
        provider and (provider[0], provider[1].pattern),
        source and source[0],
        instructed and instructed[0],
        outdated and (outdated[0], tuple(sorted(outdated[1].items()))),
        _corrected(evidence, key),
        key in evidence.suspect_truth,
        key in evidence.provider_unproven,
        evidence.status_unread.get(key),
        evidence.not_made_at.get(key),
        evidence.off_truth.get(key),
        evidence.answered_rightly.get(key),
    )

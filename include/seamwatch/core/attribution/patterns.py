"""What kind of damage a field has, told from what was recorded and what should have been."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.attribution.damage import FEWEST, Detector, FieldPattern, Pair
from seamwatch.core.attribution.damage_dates import find_date_damage
from seamwatch.core.attribution.damage_numbers import find_number_damage
from seamwatch.core.attribution.damage_tables import find_code_table, find_default, find_lookup, find_other_record
from seamwatch.core.attribution.damage_texts import (
    common_length,
    differing_tokens,
    find_broken_characters,
    find_line_damage,
    find_missing,
    find_replaced_part,
    find_truncation,
    is_long,
)
from seamwatch.core.reasons import DamageForm
from seamwatch.core.records.reconciliation import Reconciliation
from seamwatch.vocabulary import DiscrepancyKind

_MOST = 2000
"""Discrepancies of one field that are looked at, spread evenly."""
_DETECTORS: tuple[Detector, ...] = (
    find_missing,
    find_broken_characters,
    find_date_damage,
    find_number_damage,
    find_truncation,
    find_default,
    find_code_table,
)
"""In the order of how much each says: a constant factor says more than a table of values."""
_PART_DETECTORS: tuple[Detector, ...] = (*_DETECTORS[:-1], find_replaced_part, find_code_table)
"""Of the parts in which long texts differ: one pair of parts everywhere is no table of codes, but another text."""


def name_patterns(
    reconciled: Mapping[str, Reconciliation],
    keys: pd.Index[Any],
    times: pd.Series[Any] | None = None,
    recorded: Mapping[str, pd.DataFrame] | None = None,
) -> dict[tuple[str, str], FieldPattern]:
    """Return the patterns of the fields that differ in these records, by stage and field; unclear ones are missing.

    Args:
        reconciled: By stage.
        keys: Records to look at.
        times: Of the records by key, for what came earlier; None takes the order of the expected payloads.
        recorded: Payloads by stage, for lookups keyed by a field of an input; None looks for none.
    """
    found: dict[tuple[str, str], FieldPattern] = {}
    for stage, result in reconciled.items():
        inputs = {name: recorded[name] for name in result.stage.input if recorded is not None and name in recorded}
        rows = result.discrepancies
        rows = rows[rows["key"].isin(keys).to_numpy() & (rows["kind"] != DiscrepancyKind.FORMAT).to_numpy()]
        for name, mine in rows.groupby("field", sort=False):
            chosen = mine.iloc[np.unique(np.linspace(0, len(mine) - 1, min(len(mine), _MOST)).astype(int))]
            pairs = list(zip(chosen["recorded"], chosen["expected"], strict=True))
            pattern = name_pattern(pairs)
            if pattern is None or pattern.name in ("default", "date"):
                pattern = find_other_record(chosen, result.expected, str(name), times) or pattern
            pattern = pattern or find_lookup(chosen, inputs)
            if pattern is not None:
                found[stage, str(name)] = pattern
    return found


def name_pattern(pairs: Sequence[Pair]) -> FieldPattern | None:
    """Return the pattern of a field from its recorded and expected values; None where none explains most of them."""
    if len(pairs) < FEWEST:
        return None
    pattern = find_missing(pairs) or find_line_damage(pairs) or _name_by_parts(pairs)
    if pattern is None:
        return None
    if pattern.name != "truncated" or pattern.is_part:
        return pattern
    return replace(pattern, damage=replace(pattern.damage, n=common_length(pairs)))


def _name_by_parts(pairs: Sequence[Pair]) -> FieldPattern | None:
    """Return the pattern of whole values or, of long texts, of the parts in which they differ."""
    if not any(is_long(*pair) for pair in pairs):
        return next((found for detect in _DETECTORS if (found := detect(pairs)) is not None), None)
    cuts = [differing_tokens(*pair) if is_long(*pair) else (*pair, pair) for pair in pairs]
    parts = [(recorded, expected) for recorded, expected, _ in cuts]
    firsts = [first for _, _, first in cuts]
    for detect in _PART_DETECTORS:
        for view in (parts, firsts):
            if (pattern := detect(view)) is not None:
                return _of_part(pattern)
        if detect in _DETECTORS and (pattern := detect(pairs)) is not None:
            return pattern
    return None


def _of_part(pattern: FieldPattern) -> FieldPattern:
    form = DamageForm.PART_MISSING if pattern.name == "missing" else pattern.damage.form
    return replace(pattern, damage=replace(pattern.damage, form=form, is_part=True))

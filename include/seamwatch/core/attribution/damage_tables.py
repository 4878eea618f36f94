"""Damage of looked-up values: a default, a wrong code table, another or an earlier record's value."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from seamwatch.core.attribution.damage import EXPLAINED, FEWEST, FieldPattern, Pair, enough, shorten
from seamwatch.core.attribution.damage_dates import moment_of
from seamwatch.core.reasons import Damage, DamageForm
from seamwatch.core.records.comparison import at_path, leaves, loose_text, may_be_json, parse_json, strict_text

_MOST_CODES = 30
_MOST_LOOKED_UP = 200_000
"""Records among which the owner of a value is looked for; of JSON columns a tenth, as each is parsed."""
_MOST_PATHS = 100
"""Fields within one JSON column that are tried as the key of a lookup."""
_FEWEST_REPEATS = 8
"""Records beyond the first of each key of a lookup, below which their agreement could be chance."""


def find_default(pairs: Sequence[Pair]) -> FieldPattern | None:
    """Return whether one value stands for several that are expected."""
    value, n = Counter(loose_text(r) for r, _ in pairs).most_common(1)[0]
    different = {loose_text(e) for r, e in pairs if loose_text(r) == value}
    if n < enough(len(pairs)) or len(different) < FEWEST:
        return None
    shown = _as_recorded(r for r, _ in pairs if loose_text(r) == value)
    return FieldPattern(name="default", damage=Damage(form=DamageForm.ALWAYS, values=(shown,)), n_matching=n)


def find_code_table(pairs: Sequence[Pair]) -> FieldPattern | None:
    """Return whether what is recorded follows from what is expected: the same wrong value for each.

    Dates are no codes.
    """
    if sum(moment_of(expected) is not None for _, expected in pairs) >= enough(len(pairs)):
        return None
    became: dict[str | None, Counter[str | None]] = {}
    for recorded, expected in pairs:
        became.setdefault(loose_text(expected), Counter())[loose_text(recorded)] += 1
    n_kept = sum(values.most_common(1)[0][1] for values in became.values())
    is_table = len(became) <= min(_MOST_CODES, len(pairs) / 2) and n_kept >= EXPLAINED * len(pairs)
    if not is_table:
        return None
    expected, values = max(became.items(), key=lambda item: item[1].total())
    instead = values.most_common(1)[0][0]
    like = [(r, e) for r, e in pairs if (loose_text(r), loose_text(e)) == (instead, expected)]
    shown = (_as_recorded(e for _, e in like), _as_recorded(r for r, _ in like))
    return FieldPattern(name="code_table", damage=Damage(form=DamageForm.CODE, values=shown), n_matching=n_kept)


def find_lookup(rows: pd.DataFrame, inputs: Mapping[str, pd.DataFrame]) -> FieldPattern | None:
    """Return whether recorded and expected values both follow from one field of an input, as in an outdated table.

    Args:
        rows: Discrepancies of one field: `key`, `recorded`, `expected`.
        inputs: Payloads of the stage's inputs by stage, index key.

    Of several fields the one with the fewest keys for as many records is named.
    """
    pairs = list(zip(rows["recorded"], rows["expected"], strict=True))
    if len(pairs) < FEWEST or min(len({loose_text(value) for value in side}) for side in zip(*pairs, strict=True)) < 2:
        return None  # one value for all follows from anything
    found = [
        table
        for stage, payloads in inputs.items()
        for name, values in _input_fields(payloads.reindex(pd.Index(rows["key"])))
        if (table := _table_by(f"{stage}.{name}", values, pairs)) is not None
    ]
    return max(found, key=lambda table: table[0])[1] if found else None


def _table_by(place: str, values: Sequence[Any], pairs: Sequence[Pair]) -> tuple[int, FieldPattern] | None:
    """Return the records that a table by this field explains beyond the first of each key, and the pattern.

    The first record of a key agrees with itself, so that a field with a value of its own for each record explains none.
    """
    by_key: dict[str, Counter[Pair]] = defaultdict(Counter)
    for value, (recorded, expected) in zip(values, pairs, strict=True):
        if (key := loose_text(value)) is not None:
            by_key[key][loose_text(recorded), loose_text(expected)] += 1
    n_kept = sum(found.most_common(1)[0][1] for found in by_key.values())
    n_repeats = sum(found.total() - 1 for found in by_key.values())
    n_explained = n_kept - len(by_key)
    is_table = len(by_key) > 1 and n_repeats >= _FEWEST_REPEATS and n_explained >= EXPLAINED * n_repeats
    if not is_table or n_kept < enough(len(pairs)):
        return None
    key, found = max(by_key.items(), key=lambda item: item[1].total())
    leading = found.most_common(1)[0][0]
    value, (recorded, expected) = next(
        (value, pair)
        for value, pair in zip(values, pairs, strict=True)
        if loose_text(value) == key and tuple(map(loose_text, pair)) == leading
    )
    shown = (shorten(strict_text(example)) for example in (value, expected, recorded))
    damage = Damage(form=DamageForm.LOOKUP, values=(place, *shown))
    return n_explained, FieldPattern(name="code_table", damage=damage, n_matching=n_kept)


def _input_fields(payloads: pd.DataFrame) -> Iterator[tuple[str, Sequence[Any]]]:
    """Yield the fields of payloads and their values, those within JSON columns too."""
    for column in (name for name in payloads.columns if not str(name).startswith("_")):  # those are not the tables' own
        values = payloads[column].tolist()
        documents = [dict(leaves(parse_json(value))) if may_be_json(value) else {} for value in values]
        paths = list(dict.fromkeys(path for document in documents for path in document))[:_MOST_PATHS]
        if not paths:
            yield str(column), values
        for path in paths:
            yield f"{column}.{path}", [document.get(path) for document in documents]


def find_other_record(
    rows: pd.DataFrame, expected: pd.DataFrame, name: str, times: pd.Series[Any] | None
) -> FieldPattern | None:
    """Return whether each record has what a neighbour (`shifted`) or an earlier record (`stale`) should have.

    Only values that one record alone should have tell whose they are, so most of the column must be such.
    """
    column = next((str(c) for c in expected.columns if name == c or name.startswith(f"{c}.")), None)
    limit = _MOST_LOOKED_UP if name == column else _MOST_LOOKED_UP // 10
    if column is None or len(rows) < FEWEST or len(expected) > limit:
        return None
    if times is not None:
        expected = expected.loc[times.reindex(expected.index).sort_values(kind="stable").index]
    values = [loose_text(at_path(value, name[len(column) + 1 :])) for value in expected[column]]
    counts = Counter(values)
    owners: dict[str | None, int] = {
        value: at for at, value in enumerate(values) if value is not None and counts[value] == 1
    }
    if len(owners) < EXPLAINED * len(values):
        return None
    places = expected.index.get_indexer(pd.Index(rows["key"]))
    pairs = zip((owners.get(loose_text(value)) for value in rows["recorded"]), places, strict=True)
    steps = [int(place - owner) for owner, place in pairs if owner is not None and place >= 0]
    least = enough(len(rows))
    usual, n = Counter(steps).most_common(1)[0] if steps else (0, 0)
    if n >= least and usual:
        return FieldPattern(name="shifted", damage=Damage(form=DamageForm.NEIGHBOUR, n=usual), n_matching=n)
    if (n := sum(step > 0 for step in steps)) >= least:
        return FieldPattern(name="stale", damage=Damage(form=DamageForm.EARLIER_RECORD), n_matching=n)
    return None


def _as_recorded(values: Iterator[Any]) -> str:
    """Return the commonest spelling of values that differ in their format at most."""
    return shorten(Counter(strict_text(value) for value in values).most_common(1)[0][0])

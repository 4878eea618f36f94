"""What is said of values, labels and keys that could not be read or compared: how many, two of them, what to do."""

from __future__ import annotations

import pandas as pd

from seamwatch.core.records.keys import KeyMismatch
from seamwatch.plurals import agree, plural
from seamwatch.vocabulary import UnknownReason

UTC_NOTE = "times without a zone were compared as UTC with times that have one"
_EXAMPLES = 2
_REMEDIES = {
    UnknownReason.UNREADABLE_BODY: "not a body of a known protocol",
    UnknownReason.UNREADABLE_PATH: "nothing stands at that path; correct it, a key may have dots in it",
    UnknownReason.NOT_A_NUMBER: "no number; cast it in a query, or compare it with `how: auto`",
    UnknownReason.NOT_A_DATE: "no date; cast it in a query, or compare it with `how: auto`",
    UnknownReason.AMBIGUOUS_FORM: "it reads in several ways; write it in one in a query, or name its `decimal` sign",
    UnknownReason.NO_MATCHING_KEY: "its key matches none in the form that it has; set `key_form`",
}
_KEY_WORDS = {
    "trim": "without blanks around them",
    "no_leading_zeros": "without leading zeros",
    "casefold": "without regard to case",
    "number": "as numbers",
    "uuid": "as UUIDs",
}


def unreadable_notes(unreadable: pd.DataFrame, n_records: int) -> list[str]:
    """Return a sentence for each field of a stage with values that cannot be compared.

    Args:
        unreadable: Rows with field, reason (`UnknownReason`) and sample.
        n_records: Records that were compared.
    """
    notes = []
    for (field, reason), rows in unreadable.groupby(["field", "reason"], sort=True):
        samples = ", ".join(repr(sample) for sample in list(dict.fromkeys(rows["sample"]))[:_EXAMPLES])
        why = remedy(UnknownReason(str(reason)))
        notes.append(
            f"{field}: {len(rows):,} of {plural(n_records, 'value')} cannot be compared, e.g. {samples}: {why}"
        )
    return notes


def tie_note(field: str, n: int, mode: str | None) -> str:
    """Return what is said of numbers exactly between two roundings that were rounded the other way.

    Args:
        field: The rounded field.
        n: How many were.
        mode: How the map says that such numbers are rounded; None: either way is right.
    """
    which = f"{field}: {plural(n, 'number')} exactly between two roundings (as 2.675)"
    if mode is None:
        return f"{which} went towards zero; either is taken as right until the map says `mode: half_up` or `half_even`"
    return (
        f"{which} are not rounded {mode.replace('_', ' ')}, as the map says: the rounding is another one, or of floats"
    )


def remedy(reason: UnknownReason) -> str:
    """Return what a reason means and what would be right."""
    return _REMEDIES.get(reason, reason.value.replace("_", " "))


def key_note(found: KeyMismatch, what: str) -> str:
    """Return the sentence that keys would match in another form.

    Args:
        found: The keys of the records, and of what should belong to them.
        what: What should belong to them, as `labels`.
    """
    mine, theirs = found.example
    return (
        f"{what}: {found.n_matching:,} of {plural(found.n_left, 'key')} {agree(found.n_matching, 'matches', 'match')}; "
        f"{found.n_with_form} would {_KEY_WORDS[found.form]} ({mine!r} against {theirs!r}): set `key_form: "
        f"{found.form}`"
    )

"""A value that could not be read. It is counted and said, and never decides.

Whoever may meet one returns `T | Unknown`, so that code which forgets it does not pass the type checker. Null stays
what it is: no data, as recorded.
"""

from __future__ import annotations

from dataclasses import dataclass

from seamwatch.vocabulary import UnknownReason


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Unknown:
    """What stands in the place of a value that could not be read; equal to nothing but itself."""

    reason: UnknownReason
    sample: str = ""
    """What stood there, cut short; whoever shows it redacts and escapes it."""

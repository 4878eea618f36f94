"""How good our own verdicts are, by what people and fixes said of them."""

from __future__ import annotations

from dataclasses import dataclass

from seamwatch.vocabulary import Responsibility


@dataclass(frozen=True, kw_only=True)
class Grade:
    """How many verdicts of one responsibility were right."""

    responsibility: Responsibility | None
    """None: of all."""
    n_verdicts: int
    """Verdicts that were told."""
    n_called_wrong: int
    """By people, unasked or asked."""
    n_called_right: int
    n_confirmed: int
    """The fix of what the verdict names took the fault away."""
    n_refuted: int
    """It did not."""
    n_sampled: int
    """Put before people by chance."""
    n_sample_open: int
    """Of those, the ones that nobody answered so far."""
    precision: float | None
    """Share of right verdicts; None: nobody knows of any."""
    low: float
    high: float
    """95 % interval, 0 to 1 where nothing is known."""
    stated: float | None
    """Mean confidence that the verdicts were told with."""
    is_overconfident: bool
    """Whether even `high` is below what was stated, beyond the margin that is promised."""
    factor: float = 1.0
    """By which a stated confidence is multiplied where it is shown; 1: as it was stated."""

"""How good our own verdicts are, and by what a stated confidence is corrected; estimated by `grade_estimates`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from seamwatch.vocabulary import Responsibility

LEAST_JUDGED = 10
"""Verdicts of one responsibility of which must be known whether they were right, before it is corrected by itself."""


class NotGraded(StrEnum):
    """Why an incident has no verdict that could be right or wrong."""

    NAMES_NOBODY = "names_nobody"
    """Undetermined, or a burning budget that blames nobody."""
    VOID = "void"
    """People called it nobody's fault."""


@dataclass(frozen=True, kw_only=True)
class JudgedVerdict:
    """The verdict of one incident, with all that is known of it."""

    incident: str
    responsibility: Responsibility
    stated: float
    """Confidence that it was told with, 0 to 1."""
    by_people: bool | None = None
    """Whether people call it right, unasked or asked; None: they said nothing."""
    by_fix: bool | None = None
    """Whether a fix of what it names took the fault away; None: there was none, or nothing tells."""
    is_disputed: bool = False
    """Whether people, or people and fixes, contradict each other."""
    had_chance: bool = False
    """Whether it could have been drawn when the verdicts of its week were."""
    probability: float | None = None
    """With which it was drawn; None: it was not."""

    @property
    def is_right(self) -> bool | None:
        """Return whether it was right; people's word counts more than a fix; None: nobody knows."""
        return self.by_fix if self.by_people is None else self.by_people


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
    """The fix of what the verdict names took the fault away; people said nothing."""
    n_refuted: int
    """It did not."""
    n_sampled: int
    """Put before people by chance."""
    n_sample_open: int
    """Of those, the ones that nobody answered so far; taken to be right as often as those that were answered."""
    precision: float | None
    """Share of right verdicts; None: nobody knows of any, or of the ones that chance would have drawn."""
    low: float
    high: float
    """95 % interval, 0 to 1 where nothing is known."""
    stated: float | None
    """Mean confidence that the verdicts were told with."""
    is_overconfident: bool
    """Whether even `high` is below what was stated, beyond the margin that is promised."""
    factor: float = 1.0
    """By which a stated confidence is multiplied where it is shown; 1: as it was stated."""
    n_disputed: int = 0
    """People, or people and fixes, contradict each other; the last word of people counts."""
    n_names_nobody: int = 0
    """Incidents that blame nobody, and so have no verdict; of all only."""
    n_void: int = 0
    """Incidents that were called nobody's fault; of all only."""

    @property
    def n_judged(self) -> int:
        """Return of how many verdicts it is known whether they were right."""
        return self.n_called_wrong + self.n_called_right + self.n_confirmed + self.n_refuted

    @property
    def n_right(self) -> int:
        """Return how many of those were right."""
        return self.n_called_right + self.n_confirmed


@dataclass(frozen=True, kw_only=True)
class ConfidenceCorrection:
    """By what a stated confidence is corrected where it is shown, and what that rests on."""

    factor: float
    responsibility: Responsibility | None
    """Of whose verdicts it was learnt; None: of all."""
    n_judged: int
    n_right: int

    def corrected(self, stated: float) -> float:
        """Return a confidence as it is shown, 0 to 1."""
        return stated * self.factor


def correction_for(known: Sequence[Grade], responsibility: Responsibility) -> ConfidenceCorrection | None:
    """Return by what the confidence of a verdict is corrected; None where it is shown as it was stated.

    Where too few verdicts of a responsibility were judged, those of all speak for it.
    """
    own = next((one for one in known if one.responsibility is responsibility), None)
    whole = next((one for one in known if one.responsibility is None), None)
    grade = own if own is not None and own.n_judged >= LEAST_JUDGED else whole
    if grade is None or not grade.is_overconfident or grade.n_judged < LEAST_JUDGED or grade.factor >= 1.0:
        return None
    return ConfidenceCorrection(
        factor=max(grade.factor, 0.0),
        responsibility=grade.responsibility,
        n_judged=grade.n_judged,
        n_right=grade.n_right,
    )

"""Damage of numbers: another unit, also in coarser steps, another sign, lost digits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from seamwatch.core.attribution.damage import FEWEST, FieldPattern, Pair, enough
from seamwatch.core.reasons import Damage, DamageForm
from seamwatch.core.records.comparison import as_number

_Numbers = np.ndarray[Any, np.dtype[np.float64]]

_UNITS = (*(10.0**n for n in range(1, 10)), 7.0, 12.0, 24.0, 60.0, 1440.0, 3600.0, 86_400.0, 1024.0, 1024.0**2)
_UNIT_FACTORS = (*_UNITS, *(1.0 / factor for factor in _UNITS))
"""Between units that people mix up. Numbers in coarse steps fit many a factor, so only these are tried on such."""
_STEPS = (1.0, 0.1, 0.01, 0.001)
"""Steps in which numbers are written, coarsest first."""
_MOST_SHIFTS = 8
_BY_CHANCE = 0.5
"""Share of the matches of a factor that pairs put together at random may have; beyond it the numbers are too alike."""


def find_number_damage(pairs: Sequence[Pair]) -> FieldPattern | None:
    """Return what turns most of the expected numbers into the recorded ones."""
    numbers = [(as_number(r), as_number(e)) for r, e in pairs]
    known = [(r, e) for r, e in numbers if r is not None and e is not None and abs(r) < np.inf and abs(e) < np.inf]
    least = enough(len(pairs))
    if len(known) < least or min(len(set(side)) for side in zip(*known, strict=True)) < FEWEST:
        return None
    left, right = (np.array(side, dtype=float) for side in zip(*known, strict=True))
    if Counter(left.tolist()).most_common(1)[0][1] >= least:  # one value for all is a default
        return None
    return (
        _factor(left, right, least)
        or _temperature(left, right, least)
        or _rounded(left, right, least)
        or _coarse_unit(left, right, least)
    )


def _factor(left: _Numbers, right: _Numbers, least: float) -> FieldPattern | None:
    """Return one factor, whichever it is, between all pairs; either side may have been rounded to cents on its way."""
    factor = float(np.median(left[right != 0] / right[right != 0])) if right.any() else 0.0
    if not factor or abs(factor - 1.0) <= 1e-3:
        return None
    n = int((np.abs(left - factor * right) <= _slack(left, right, factor)).sum())
    if n < least:
        return None
    if abs(factor + 1.0) < 1e-3:
        # Where the sign is lost, numbers without one are no discrepancy.
        form = DamageForm.SIGN_LOST if (right < 0).all() else DamageForm.SIGN_OPPOSITE
        return FieldPattern(name="sign", damage=Damage(form=form), n_matching=n)
    return FieldPattern(name="unit", damage=Damage(form=DamageForm.FACTOR, values=(factor,)), n_matching=n)


def _slack(left: _Numbers, right: _Numbers, factor: float) -> _Numbers:
    cents = [0.0051 * size for side, size in ((left, 1.0), (right, abs(factor))) if _is_in_steps(side, 0.01)]
    slack: _Numbers = 1e-6 * np.abs(left) + max(cents, default=0.0)
    return slack


def _temperature(left: _Numbers, right: _Numbers, least: float) -> FieldPattern | None:
    slack = _slack(left, right, 1.0)
    for units, made in (
        (("Fahrenheit", "Celsius"), 1.8 * right + 32),
        (("Celsius", "Fahrenheit"), (right - 32) / 1.8),
        (("Kelvin", "Celsius"), right + 273.15),
        (("Celsius", "Kelvin"), right - 273.15),
    ):
        if (n := int((np.abs(left - made) <= slack).sum())) >= least:
            damage = Damage(form=DamageForm.TEMPERATURE, values=units)
            return FieldPattern(name="unit", damage=damage, n_matching=n)
    return None


def _rounded(left: _Numbers, right: _Numbers, least: float) -> FieldPattern | None:
    for digits in (2, 1, 0, -1, -2, -3):
        size = 10.0**-digits
        near = np.stack([np.round(right, digits), np.trunc(right / size) * size, np.ceil(right / size) * size])
        is_near = (np.abs(near - left) < 1e-9 * np.maximum(1.0, np.abs(left))).any(axis=0) & (left != 0)
        if (n := int(is_near.sum())) >= least:
            return FieldPattern(name="rounded", damage=Damage(form=DamageForm.LAST_DIGITS), n_matching=n)
    return None


def _coarse_unit(left: _Numbers, right: _Numbers, least: float) -> FieldPattern | None:
    """Return the unit between numbers of which one side was rounded or cut after its unit was changed.

    As 534 cents and 5 euros. Coarse numbers fit a factor by chance too, so it must fit few pairs of one record's
    recorded and another record's expected number.
    """
    found: list[FieldPattern] = []
    for name, coarse, fine, power in (("recorded", left, right, 1), ("expected", right, left, -1)):
        step = next((one for one in _STEPS if _is_in_steps(coarse, one)), 0.0)
        for factor in _UNIT_FACTORS if step else ():
            made = fine * factor**power
            n = int(_fits(coarse, made, step).sum())
            if n >= least and _by_chance(coarse, made, step) < _BY_CHANCE * n:
                form = DamageForm.FACTOR_IN_WHOLE_NUMBERS if step == 1.0 else DamageForm.FACTOR_IN_STEPS
                damage = Damage(form=form, values=(factor, name, step))
                found.append(FieldPattern(name="unit", damage=damage, n_matching=n))
    return max(found, key=lambda pattern: pattern.n_matching, default=None)


def _fits(coarse: _Numbers, made: _Numbers, step: float) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return which numbers are what was made, rounded or cut to the step: by the one way that fits most of them."""
    off = (coarse - made) / step
    slack = 1e-9 * np.maximum(1.0, np.abs(made) / step)
    nearest, down, up = np.abs(off) <= 0.5 + slack, (off <= slack) & (off > -1.0), (off >= -slack) & (off < 1.0)
    towards_zero = np.where(made < 0, up, down)
    return max((nearest, down, up, towards_zero), key=lambda fits: int(fits.sum()))


def _by_chance(coarse: _Numbers, made: _Numbers, step: float) -> float:
    """Return how many numbers fit what was made of another record's, on average."""
    shifts = range(1, min(len(coarse), _MOST_SHIFTS + 1))
    return sum(int(_fits(coarse, np.roll(made, shift), step).sum()) for shift in shifts) / max(len(shifts), 1)


def _is_in_steps(numbers: _Numbers, step: float) -> bool:
    """Return whether all numbers are multiples of a step, but for what arithmetic leaves."""
    multiples = numbers / step
    return bool((np.abs(multiples - np.rint(multiples)) < 1e-6 * np.maximum(1.0, np.abs(numbers))).all())

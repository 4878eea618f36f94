"""How far a model answers by chance, and what replays of a request then say of its usual answer.

A request's *usual* outcome is the one that most of its replays have. A model whose usual outcome is right slips now
and then; one whose usual outcome is wrong is lucky now and then. Both rates are learnt from requests that were asked
more than once; a deterministic model shows neither.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import exp, log

_PRIOR_EVENTS, _PRIOR_DRAWS = 0.5, 25.0
"""Before any repeated request: half an event in 25 draws, two in a hundred."""
_MOST = 0.45
"""At one half the usual outcome would mean nothing."""
_ROUNDS = 60


@dataclass(frozen=True, kw_only=True)
class Law:
    """Chance of one replay to come out otherwise than usual."""

    slip: float
    """Wrong, where the usual outcome is right."""
    luck: float
    """Right, where the usual outcome is wrong."""

    def log_odds(self, n_right: int, n_wrong: int) -> float:
        """Return the log likelihood ratio of `usually right` to `usually wrong` after these draws."""
        return n_right * log((1.0 - self.slip) / self.luck) + n_wrong * log(self.slip / (1.0 - self.luck))


@dataclass
class Draws:
    """Judged replays of one request."""

    n_right: int = 0
    n_wrong: int = 0

    @property
    def n(self) -> int:
        """Return how many there were."""
        return self.n_right + self.n_wrong


def estimate_law(draws: Iterable[Draws]) -> Law:
    """Return the rates of slips and luck by which repeated requests differ among themselves.

    A mixture of two binomials by expectation maximisation, with a Beta prior on each rate; requests asked once say
    nothing of chance and are left out.

    Source: A. P. Dempster, N. M. Laird, D. B. Rubin (1977), "Maximum likelihood from incomplete data via the EM
    algorithm", JRSS B 39(1).
    """
    repeated = Counter((d.n_right, d.n_wrong) for d in draws if d.n > 1)
    law, share = Law(slip=_PRIOR_EVENTS / _PRIOR_DRAWS, luck=_PRIOR_EVENTS / _PRIOR_DRAWS), 0.5
    for _ in range(_ROUNDS if repeated else 0):
        slips, right_draws, lucky, wrong_draws, right = 0.0, 0.0, 0.0, 0.0, 0.0
        for (n_right, n_wrong), n in repeated.items():
            weight = 1.0 / (1.0 + exp(-(law.log_odds(n_right, n_wrong) + log(share / (1.0 - share)))))
            right += n * weight
            slips, right_draws = slips + n * weight * n_wrong, right_draws + n * weight * (n_right + n_wrong)
            lucky = lucky + n * (1.0 - weight) * n_right
            wrong_draws = wrong_draws + n * (1.0 - weight) * (n_right + n_wrong)
        law = Law(
            slip=min((slips + _PRIOR_EVENTS) / (right_draws + _PRIOR_DRAWS), _MOST),
            luck=min((lucky + _PRIOR_EVENTS) / (wrong_draws + _PRIOR_DRAWS), _MOST),
        )
        share = (right + 1.0) / (sum(repeated.values()) + 2.0)
    return law


class Kind(StrEnum):
    """What is behind a failing record, as far as clean and recorded requests can tell."""

    BEFORE = "before"
    """The clean request is usually answered rightly, the recorded one wrongly."""
    STILL_WRONG = "still_wrong"
    """The clean request is usually answered wrongly."""
    CHANCE = "chance"
    """The recorded request is usually answered rightly."""


def likelihoods(clean: Draws, recorded: Draws | None, law: Law) -> dict[Kind, float]:
    """Return how likely the draws are under each kind, up to a common factor.

    Args:
        clean: Replays of the clean request.
        recorded: Replays of the recorded request where it differs; None where it is the clean one.
        law: Of the model.
    """
    right = _likelihood(clean, law, is_right=True)
    wrong = _likelihood(clean, law, is_right=False)
    if recorded is None:
        return {Kind.STILL_WRONG: wrong, Kind.CHANCE: right}
    recorded_right = _likelihood(recorded, law, is_right=True)
    recorded_wrong = _likelihood(recorded, law, is_right=False)
    return {
        Kind.BEFORE: right * recorded_wrong,
        Kind.STILL_WRONG: wrong * recorded_wrong,
        Kind.CHANCE: right * recorded_right,
    }


def posterior(likelihood: Mapping[Kind, float], prior: Mapping[Kind, float]) -> dict[Kind, float]:
    """Return the probability of each kind, by Bayes' rule; the prior need not add up to one."""
    joint = {kind: value * prior.get(kind, 0.0) for kind, value in likelihood.items()}
    total = sum(joint.values())
    return {kind: value / total for kind, value in joint.items()} if total else dict.fromkeys(likelihood, 0.0)


def _likelihood(draws: Draws, law: Law, *, is_right: bool) -> float:
    if is_right:
        return float((1.0 - law.slip) ** draws.n_right * law.slip**draws.n_wrong)
    return float(law.luck**draws.n_right * (1.0 - law.luck) ** draws.n_wrong)

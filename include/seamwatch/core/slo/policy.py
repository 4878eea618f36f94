"""What an error budget means for releases: warn, freeze and unfreeze with hysteresis, and overrides with a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from seamwatch.errors import DataContractError
from seamwatch.spec.objectives import BudgetPolicy
from seamwatch.vocabulary import GateState

_ORDER = (GateState.OK, GateState.WARN, GateState.FROZEN)


@dataclass(frozen=True, kw_only=True)
class Override:
    """A person lets releases through although the budget is spent; an audit entry."""

    reason: str
    by: str
    at: datetime
    until: datetime
    objective: str | None = None
    """The objective that is set aside; None: all."""

    def __post_init__(self) -> None:
        """Refuse an override without a reason, a name or an end."""
        if not self.reason.strip() or not self.by.strip():
            msg = "an override needs a reason and a name"
            raise DataContractError(msg)
        if self.at.tzinfo is None or self.until.tzinfo is None or self.until <= self.at:
            msg = f"an override needs aware times and an end after its start; got {self.at} until {self.until}"
            raise DataContractError(msg)

    def holds(self, objective: str, now: datetime, *, longest: timedelta) -> bool:
        """Return whether it sets this objective aside now; it never does so for longer than the policy allows."""
        return self.objective in (None, objective) and self.at <= now < min(self.until, self.at + longest)


@dataclass(frozen=True, kw_only=True)
class Freeze:
    """One objective's part in the decision."""

    objective: str
    state: GateState
    left: float | None
    """Share of the budget that is left; None: unknown, and nothing is frozen for it."""
    override: Override | None = None
    """What sets a frozen budget aside."""


@dataclass(frozen=True, kw_only=True)
class GateDecision:
    """Whether releases may go on."""

    state: GateState
    """The worst of the objectives; an override changes what is allowed, not the state."""
    allowed: bool
    reason: str
    objectives: tuple[Freeze, ...]

    @property
    def states(self) -> dict[str, GateState]:
        """Return the states by objective, which the next decision needs."""
        return {one.objective: one.state for one in self.objectives}


def next_state(policy: BudgetPolicy, left: float | None, before: GateState) -> GateState:
    """Return the state of one budget: frozen at `freeze_at`, and no longer only from `unfreeze_at` on.

    Args:
        policy: The thresholds, each a share of the budget that is left.
        left: Share that is left; None keeps the state: no news is no reason to freeze, nor to unfreeze.
        before: The state at the last decision.
    """
    if left is None:
        return before
    if left <= policy.freeze_at or (before is GateState.FROZEN and left < policy.unfreeze_at):
        return GateState.FROZEN
    return GateState.WARN if left <= policy.warn_at else GateState.OK


def decide_gate(
    policy: BudgetPolicy,
    left: Mapping[str, float | None],
    overrides: Sequence[Override],
    now: datetime,
    *,
    before: Mapping[str, GateState] | None = None,
) -> GateDecision:
    """Return whether releases may go on.

    Args:
        policy: Of the pipeline.
        left: Share of the budget that is left, by objective.
        overrides: All that were ever given.
        now: The present.
        before: States at the last decision, by objective; a new objective begins as ok.
    """
    found = []
    for objective, share in left.items():
        state = next_state(policy, share, (before or {}).get(objective, GateState.OK))
        holding = [o for o in overrides if o.holds(objective, now, longest=policy.longest_override)]
        override = max(holding, key=lambda o: o.at, default=None) if state is GateState.FROZEN else None
        found.append(Freeze(objective=objective, state=state, left=share, override=override))
    state = max((one.state for one in found), key=_ORDER.index, default=GateState.OK)
    stopped = [one for one in found if one.state is GateState.FROZEN and one.override is None]
    return GateDecision(state=state, allowed=not stopped, reason=_reason(found, policy), objectives=tuple(found))


def _reason(found: Sequence[Freeze], policy: BudgetPolicy) -> str:
    worst = max((one.state for one in found), key=_ORDER.index, default=GateState.OK)
    if worst is GateState.OK:
        unknown = [one.objective for one in found if one.left is None]
        return f"no budget is short; nothing is known yet of {', '.join(unknown)}" if unknown else "no budget is short"
    return "; ".join(_words(one, policy) for one in found if one.state is worst)


def _words(one: Freeze, policy: BudgetPolicy) -> str:
    left = "an unknown share" if one.left is None else f"{one.left:.1%}"
    if one.state is not GateState.FROZEN:
        return f"{one.objective}: {left} of the budget is left, {policy.warn_at:.0%} or less is a warning"
    text = f"{one.objective}: {left} of the budget is left; releases wait until {policy.unfreeze_at:.0%} is"
    if one.override is None:
        return text
    given = one.override
    end = min(given.until, given.at + policy.longest_override)
    return f"{text}; let through by {given.by} until {end.isoformat()}: {given.reason}"

"""What an error budget means for releases: warn, freeze and unfreeze with hysteresis, and overrides with a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

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
    looked_at: datetime | None = None
    """When the budgets were last looked at."""
    is_stale: bool = False
    """Whether that is so long ago that it says nothing of the present."""

    @property
    def is_frozen(self) -> bool:
        """Return whether a spent budget stops releases: not a stale look alone."""
        return any(one.state is GateState.FROZEN and one.override is None for one in self.objectives)

    @property
    def states(self) -> dict[str, GateState]:
        """Return the states by objective, which the next decision needs."""
        return {one.objective: one.state for one in self.objectives}


@dataclass(frozen=True, kw_only=True)
class GateAnswer:
    """What the gate said when a release asked."""

    at: datetime
    is_allowed: bool
    state: GateState
    """The worst of the objectives then."""
    reason: str
    release: str | None = None
    """As the caller named it; None: the caller named none."""

    @classmethod
    def of(cls, decision: GateDecision, *, at: datetime, release: str | None) -> GateAnswer:
        """Return the answer that a decision is to a release; a blank name is none."""
        name = (release or "").strip() or None
        return cls(at=at, is_allowed=decision.allowed, state=decision.state, reason=decision.reason, release=name)


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
    looked_at: datetime | None = None,
) -> GateDecision:
    """Return whether releases may go on.

    Args:
        policy: Of the pipeline.
        left: Share of the budget that is left, by objective.
        overrides: All that were ever given.
        now: The present.
        before: States at the last decision, by objective; a new objective begins as ok.
        looked_at: When it was seen what is left; None: now.
    """
    found = []
    for objective, share in left.items():
        state = next_state(policy, share, (before or {}).get(objective, GateState.OK))
        holding = [o for o in overrides if o.holds(objective, now, longest=policy.longest_override)]
        override = max(holding, key=lambda o: o.at, default=None) if state is GateState.FROZEN else None
        found.append(Freeze(objective=objective, state=state, left=share, override=override))
    seen_at = looked_at or now
    decision = GateDecision(
        state=max((one.state for one in found), key=_ORDER.index, default=GateState.OK),
        allowed=True,
        reason=_reason(found, policy),
        objectives=tuple(found),
        looked_at=seen_at,
        is_stale=now - seen_at > policy.stale_after,
    )
    # Who lets everything through in his name does so also where nothing is known.
    of_all = [o for o in overrides if o.objective is None and o.holds("", now, longest=policy.longest_override)]
    is_unknown = decision.is_stale and policy.when_stale == "freeze" and not of_all
    decision = replace(decision, allowed=not decision.is_frozen and not is_unknown)
    if not decision.is_stale:
        return decision
    seen = f"last looked at {seen_at:%Y-%m-%d %H:%M} UTC, {_span(now - seen_at)} ago"
    stale = f"{seen}: stale, so look again (`seamwatch slo`)"
    waits = "; releases wait for a new look (error_budget.when_stale: freeze)" if is_unknown else ""
    return replace(decision, reason=f"{stale}{waits}; at that look: {decision.reason}")


def refuse_too_long(policy: BudgetPolicy, override: Override) -> None:
    """Raise a `DataContractError` where an override would last longer than the policy allows."""
    longest = policy.longest_override
    if override.until - override.at > longest:
        msg = (
            f"an override may last {_span(longest)} at most (error_budget.longest_override); got "
            f"{_span(override.until - override.at)}, until {override.until.isoformat()}; let it end by "
            f"{(override.at + longest).isoformat(timespec='minutes')}, and give another one then if it is still needed"
        )
        raise DataContractError(msg)


def _span(length: timedelta) -> str:
    """Return a length of time in the largest unit of which it has two at least."""
    for name, unit in (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1))):
        if length >= 2 * unit or (length == unit and name != "minute"):
            n = length / unit
            return f"{n:.3g} {name}{'' if n == 1 else 's'}"
    return f"{length.total_seconds():.0f} seconds"


def _reason(found: Sequence[Freeze], policy: BudgetPolicy) -> str:
    worst = max((one.state for one in found), key=_ORDER.index, default=GateState.OK)
    if worst is GateState.OK:
        unknown = [one.objective for one in found if one.left is None]
        return f"no budget is short; nothing is known yet of {', '.join(unknown)}" if unknown else "no budget is short"
    return "; ".join(_words(one, policy) for one in found if one.state is worst)


def _words(one: Freeze, policy: BudgetPolicy) -> str:
    left = "an unknown share of the budget is left" if one.left is None else f"{one.left:.1%} of the budget is left"
    if one.left is not None and one.left < 0:
        left = f"the budget is overspent by {-one.left:.1%}"
    if one.state is not GateState.FROZEN:
        return f"{one.objective}: {left}, {policy.warn_at:.0%} or less is a warning"
    text = f"{one.objective}: {left}; releases wait until {policy.unfreeze_at:.0%} of it is left"
    if one.override is None:
        return text
    given = one.override
    end = min(given.until, given.at + policy.longest_override)
    return f"{text}; let through by {given.by} until {end.astimezone(UTC):%Y-%m-%d %H:%M} UTC: {given.reason}"

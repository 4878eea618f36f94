"""What every kind of action can do with what is outside."""

from __future__ import annotations

from typing import Protocol

from seamwatch.core.action_life import ActionPlan, Standing
from seamwatch.errors import AdapterError


class ActionImpossible(AdapterError):
    """There is nothing to do, or no way to do it: no previous version, a row that is not there."""


class ActionTarget(Protocol):
    """One action's target. Nothing but `apply` and `undo` changes anything."""

    def plan(self) -> ActionPlan:
        """Return what the action would do, from what is outside now.

        Raises:
            ActionImpossible: If there is nothing to do; its text says why, for people.
            AdapterError: If what is outside cannot be read.
        """
        ...

    def look(self, plan: ActionPlan, key: str) -> Standing:
        """Return how what is outside stands to a plan; UNKNOWN where nothing tells. It raises nothing of the outside.

        Args:
            plan: As it was approved.
            key: The action's id, by which what was done is found again.
        """
        ...

    def apply(self, plan: ActionPlan, key: str) -> str:
        """Carry it out where what is outside is as it was, and return what the other side said, for people.

        Raises:
            AdapterError: If it failed, or was refused since something else is there; `look` then tells how far it came.
        """
        ...

    def undo(self, plan: ActionPlan, key: str) -> str:
        """Bring back what was before, and return what the other side said, for people.

        Raises:
            AdapterError: If it failed.
        """
        ...

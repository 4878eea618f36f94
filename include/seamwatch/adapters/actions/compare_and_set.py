"""Values outside that are read, compared and set: never written where they are neither as found nor as wanted."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from seamwatch.adapters.actions.base import ActionImpossible
from seamwatch.core.action_life import ActionPlan, Standing
from seamwatch.errors import AdapterError
from seamwatch.secret_redaction import SECRETS

_MOST_SHOWN = 80
"""Characters of a value in words; the whole one stands in the plan."""


SEEN_WITHIN_S = 10.0
"""For so long what was written may still be read as it was, as from a cache or a copy of the database behind it."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 1.0


class TargetGone(AdapterError):
    """What the action would set is not there (any more)."""


class CompareAndSet(ABC):
    """A value, or several that are set together (a mapping): read first, then set, then read again.

    Carried out or undone twice, it changes nothing the second time; broken off anywhere, it can be called again.
    """

    _seen_within_s: float = 0.0
    """How long it may take until a write is read."""

    @abstractmethod
    def plan(self) -> ActionPlan:
        """Return what the action would do, from what is outside now."""

    @abstractmethod
    def _read(self) -> Any:
        """Return the value as JSON data; TargetGone where there is none, AdapterError where it cannot be read."""

    @abstractmethod
    def _write(self, now: Any, wanted: Any) -> None:
        """Set it, where it is `now` still and the other side can tell; AdapterError."""

    @property
    @abstractmethod
    def _name(self) -> str:
        """Return what the value is called in a sentence."""

    def look(self, plan: ActionPlan, key: str) -> Standing:
        """Return how the value stands to a plan."""
        del key
        try:
            now = self._read()
        except TargetGone:
            return Standing.OTHER
        except Exception:  # whatever hinders reading: nothing is known then
            return Standing.UNKNOWN
        if self._same(now, json.loads(plan.after)):
            return Standing.APPLIED
        return Standing.AS_BEFORE if self._same(now, json.loads(plan.before)) else Standing.OTHER

    def apply(self, plan: ActionPlan, key: str) -> str:
        """Set the value where it is as the plan found it, or already as it wants it.

        Raises:
            AdapterError: If it cannot be read or set, or somebody set it to something else meanwhile.
        """
        del key
        return self._move(json.loads(plan.before), json.loads(plan.after))

    def undo(self, plan: ActionPlan, key: str) -> str:
        """Set the value back where it is as the plan wanted it, or half of it.

        Raises:
            AdapterError: If it cannot be read or set, or somebody set it to something else meanwhile.
        """
        del key
        return self._move(json.loads(plan.after), json.loads(plan.before))

    def _move(self, start: Any, end: Any) -> str:
        now = self._read()
        if self._same(now, end):
            return f"{self._name} was {shown(end)} already"
        if not self._is_between(now, start, end):
            msg = (
                f"{self._name} is {shown(now)}, neither {shown(start)} nor {shown(end)}: somebody changed it "
                "meanwhile, and it was left as it is"
            )
            raise AdapterError(msg)
        self._write(now, end)
        now = self._read_after(now, end)
        if not self._same(now, end):
            msg = f"{self._name} was set to {shown(end)}, but it reads {shown(now)} now; look at what else sets it"
            raise AdapterError(msg)
        return f"{self._name} is {shown(end)} now"

    def _read_after(self, before: Any, end: Any) -> Any:
        """Return the value after a write; one that still reads as before is read again for a while."""
        until, pause_s = time.monotonic() + self._seen_within_s, _FIRST_PAUSE_S
        now = self._read()
        while not self._same(now, end) and self._same(now, before) and time.monotonic() < until:
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            now = self._read()
        return now

    def _same(self, left: Any, right: Any) -> bool:
        """Return whether two values are one and the same there."""
        return same(left, right)

    def _is_between(self, now: Any, start: Any, end: Any) -> bool:
        """Return whether each part is as at the start or as at the end: nobody else set any of it."""
        if all(isinstance(one, dict) for one in (now, start, end)) and now.keys() == start.keys() == end.keys():
            return all(self._is_between(now[name], start[name], end[name]) for name in now)
        return self._same(now, start) or self._same(now, end)

    def _change(self, target: str, now: Any, wanted: Any, *, does: str, undoes: str) -> ActionPlan:
        """Return the plan of a change; ActionImpossible where there is nothing to change."""
        if self._same(now, wanted):
            msg = f"{self._name} is {shown(wanted)} already"
            raise ActionImpossible(msg)
        return ActionPlan(target=target, before=as_json(now), after=as_json(wanted), does=does, undoes=undoes)


def as_json(value: Any) -> str:
    """Return a value as a plan keeps it."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def shown(value: Any) -> str:
    """Return a value for a sentence: texts in quotes, long ones cut, secrets hidden."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {shown(part)}" for name, part in value.items())
    text = value if isinstance(value, str) else as_json(value)
    # A megabyte is not searched for secrets for the sake of its first words.
    text = SECRETS.redact(text[: 10 * _MOST_SHOWN])
    text = text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."
    return f"'{text}'" if isinstance(value, str) else text


def same(left: Any, right: Any) -> bool:
    """Return whether two values of JSON are the same: 1 is 1.0, but neither is true."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[name], right[name]) for name in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)

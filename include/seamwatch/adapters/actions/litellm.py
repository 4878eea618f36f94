"""Limits of one key of a LiteLLM gateway."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from seamwatch.adapters.actions.base import ActionImpossible
from seamwatch.adapters.actions.compare_and_set import SEEN_WITHIN_S, CompareAndSet, TargetGone, as_json, same
from seamwatch.adapters.actions.json_service import JsonService
from seamwatch.core.action_life import ActionPlan
from seamwatch.errors import AdapterError
from seamwatch.spec.actions import LitellmLimit

_WORDS = {
    "rpm_limit": "requests a minute",
    "tpm_limit": "tokens a minute",
    "max_budget": "budget in dollars",
    "budget_duration": "period of the budget",
}


class LitellmLimitTarget(CompareAndSet):
    """Limits that are set together. They are only made tighter: one that is tighter already stays.

    The key itself is never sent in an address, nor shown: the gateway knows it by its hash too.
    """

    def __init__(self, spec: LitellmLimit, service: JsonService, *, key: str) -> None:
        """Take the place; nothing is sent yet.

        Args:
            spec: The action.
            service: The gateway.
            key: The key, or its hash.
        """
        self._spec, self._service = spec, service
        self._hash = hashlib.sha256(key.encode()).hexdigest() if key.startswith("sk-") else key
        self._wanted = {name: value for name in _WORDS if (value := getattr(spec, name)) is not None}
        self._key_name = f"{self._hash[:8]}..."
        self._seen_within_s = min(SEEN_WITHIN_S, spec.timeout.total_seconds())

    @property
    def _name(self) -> str:
        return f"the set of limits of key {self._key_name}"

    def plan(self) -> ActionPlan:
        """Return which limits would be set.

        Raises:
            ActionImpossible: If the key is limited that far already.
            AdapterError: If the gateway cannot be read, or has no such key.
        """
        info = self._info()
        now = self._limits(info)
        wanted = {name: now[name] if self._is_tighter(name, now) else value for name, value in self._wanted.items()}
        changed = [name for name in wanted if not same(now[name], wanted[name])]
        if not changed:
            msg = f"key {self._key_name} is already limited as far: {_in_words(now)}"
            raise ActionImpossible(msg)
        steps = ", ".join(f"{_WORDS[name]} from {_shown(now[name])} to {_shown(wanted[name])}" for name in changed)
        spent = (
            f" (it spent {info['spend']:.2f} so far)" if _is_number(info.get("spend")) and "max_budget" in now else ""
        )
        # A gateway cannot take a budget's period away again.
        can_undo = "budget_duration" not in changed or now["budget_duration"] is not None or now["max_budget"] is None
        return ActionPlan(
            target=f"litellm:{self._service.place}/{self._hash[:16]}",
            before=as_json(now),
            after=as_json(wanted),
            does=f"Limits key {self._key_name}: {steps}{spent}",
            undoes=f"Gives key {self._key_name} its limits back: {_in_words(now)}" if can_undo else "",
        )

    def _is_tighter(self, name: str, now: Mapping[str, Any]) -> bool:
        """Return whether a limit is at least as tight as it should be."""
        if name in ("max_budget", "budget_duration") and now.get("budget_duration") != self._wanted.get(
            "budget_duration"
        ):
            return False
        found = now[name]
        return name == "budget_duration" or (_is_number(found) and found <= self._wanted[name])

    def _read(self) -> dict[str, Any]:
        return self._limits(self._info())

    def _limits(self, info: Mapping[str, Any]) -> dict[str, Any]:
        # A period without a budget, which a gateway keeps for ever, limits nothing.
        found = {**info, "budget_duration": None} if info.get("max_budget") is None else info
        return {name: found.get(name) for name in self._wanted}

    def _info(self) -> Mapping[str, Any]:
        answer = self._service.call("GET", "/key/info", params={"key": self._hash}, expected=(404,))
        document = answer.document if isinstance(answer.document, dict) else {}
        if answer.status == 404 and document:  # a gateway says it in JSON; a proxy whose gateway is away does not
            msg = f"{self._service.label}: the gateway has no such key ({self._key_name}), or is none of LiteLLM's"
            raise TargetGone(msg)
        info = document.get("info")
        if not isinstance(info, dict):
            msg = f"{self._service.label} does not answer as a LiteLLM gateway does; check its host"
            raise AdapterError(msg)
        named = info.get("key_alias") or info.get("key_name")
        # Its own name for a key holds no more than the last four characters.
        self._key_name = str(named)[:100] if named else self._key_name
        return info

    def _write(self, now: Any, wanted: Any) -> None:
        changed = {name: value for name, value in wanted.items() if not same(value, now[name])}
        self._service.call("POST", "/key/update", body={"key": self._hash, **changed})


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    return "unlimited" if value is None else f"{value:,}" if _is_number(value) else str(value)


def _in_words(limits: Mapping[str, Any]) -> str:
    return ", ".join(f"{_WORDS[name]} {_shown(value)}" for name, value in limits.items())

"""One value of a configuration that is read and written by HTTP as JSON."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from seamwatch.adapters.actions.compare_and_set import SEEN_WITHIN_S, CompareAndSet, TargetGone, shown
from seamwatch.adapters.actions.json_service import JsonService
from seamwatch.core.action_life import ActionPlan
from seamwatch.errors import AdapterError
from seamwatch.spec.actions import HttpValue


class HttpValueTarget(CompareAndSet):
    """A value at a dotted path of a JSON document.

    Where the server gives a strong ETag it comes back as If-Match, so that the server itself refuses when somebody else
    wrote between reading and writing.
    """

    def __init__(self, spec: HttpValue, service: JsonService) -> None:
        """Take the place; nothing is sent yet."""
        self._spec, self._service = spec, service
        self._seen_within_s = min(SEEN_WITHIN_S, spec.timeout.total_seconds())

    @property
    def _name(self) -> str:
        return f"{self._spec.field} of {self._spec.path}"

    def plan(self) -> ActionPlan:
        """Return what would be set, from the document as it is.

        Raises:
            ActionImpossible: If it is so already.
            AdapterError: If the document cannot be read or has no such field.
        """
        spec, found = self._spec, self._found()
        if found.is_absent:
            names = ", ".join(list(found.document)[:10])
            msg = f"{self._service.label}: {spec.path} has no field {spec.field!r}; known: {names}"
            raise TargetGone(msg)
        if spec.write == "PUT" and not found.is_exact:
            raise AdapterError(self._not_exact)
        now = found.value
        return self._change(
            f"http:{self._service.place}/{spec.path.strip('/')}#{spec.field}",
            now,
            spec.value,
            does=f"Sets {self._name} from {shown(now)} to {shown(spec.value)}",
            undoes=f"Sets {self._name} back to {shown(now)}",
        )

    def _read(self) -> Any:
        return self._found().value

    @property
    def _not_exact(self) -> str:
        return (
            f"{self._service.label}: {self._spec.path} holds numbers that would be rounded, or a name twice, so that "
            "PUT would change more than the field; use write: PATCH, where the server takes it"
        )

    def _found(self) -> _Found:
        """Return the document and the value in it.

        A field that is not there has no value: null, which PATCH can only set by taking the field away (RFC 7396).
        """
        answer = self._service.call("GET", self._spec.path, expected=(404, 410))
        where = f"{self._service.label}: {self._spec.path}"
        if answer.status >= 400:
            msg = f"{where} is not there (HTTP {answer.status}); check path of the action and host of the connection"
            raise TargetGone(msg)
        if not isinstance(answer.document, dict):
            msg = f"{where} is no JSON object"
            raise AdapterError(msg)
        places = list(_places(answer.document, self._spec.field))
        if len(places) > 1:
            msg = f"{where} has more than one field {self._spec.field!r}; name one whose names hold no dots"
            raise AdapterError(msg)
        value: Any = None
        if places:
            value = answer.document
            for name in places[0]:
                value = value[name]
        etag = answer.etag if answer.etag and not answer.etag.startswith("W/") else None
        return _Found(
            document=answer.document,
            value=value,
            place=places[0] if places else tuple(self._spec.field.split(".")),
            is_absent=not places,
            is_exact=answer.is_exact,
            etag=etag,
        )

    def _write(self, now: Any, wanted: Any) -> None:
        found = self._found()
        if found.value != now:
            msg = f"{self._name} is {shown(found.value)}, no longer {shown(now)}: somebody changed it; left as it is"
            raise AdapterError(msg)
        if self._spec.write == "PUT" and not found.is_exact:
            raise AdapterError(self._not_exact)
        # PUT replaces the document; PATCH and POST hand over the field alone, as a JSON merge patch does (RFC 7396).
        body: dict[str, Any] = copy.deepcopy(found.document) if self._spec.write == "PUT" else {}
        inner = body
        for name in found.place[:-1]:
            inner = inner.setdefault(name, {})
        inner[found.place[-1]] = wanted
        headers = {"If-Match": found.etag} if found.etag else {}
        self._service.call(self._spec.write, self._spec.write_path or self._spec.path, body=body, headers=headers)


@dataclass(frozen=True, kw_only=True)
class _Found:
    document: dict[str, Any]
    value: Any
    place: tuple[str, ...]
    """Names that lead to it."""
    is_absent: bool
    is_exact: bool
    etag: str | None
    """Where it is a strong one."""


def _places(document: Any, field: str) -> Iterator[tuple[str, ...]]:
    """Yield where a dotted path leads: names may hold dots themselves, as those of models do (`gpt-4.1`)."""
    if not isinstance(document, dict):
        return
    if field in document:
        yield (field,)
    for name, inner in document.items():
        if field.startswith(f"{name}."):
            yield from ((name, *rest) for rest in _places(inner, field[len(name) + 1 :]))

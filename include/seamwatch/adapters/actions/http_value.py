"""One value of a configuration that is read and written by HTTP as JSON."""

from __future__ import annotations

import copy
from typing import Any

from seamwatch.adapters.actions.compare_and_set import CompareAndSet, TargetGone, shown
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
        self._steps = spec.field.split(".")

    @property
    def _name(self) -> str:
        return f"{self._spec.field} of {self._spec.path}"

    def plan(self) -> ActionPlan:
        """Return what would be set, from the document as it is.

        Raises:
            ActionImpossible: If it is so already.
            AdapterError: If the document cannot be read or has no such field.
        """
        spec, now = self._spec, self._read()
        return self._change(
            f"http:{self._service.place}/{spec.path.strip('/')}#{spec.field}",
            now,
            spec.value,
            does=f"Sets {self._name} from {shown(now)} to {shown(spec.value)}",
            undoes=f"Sets {self._name} back to {shown(now)}",
        )

    def _read(self) -> Any:
        return self._found()[1]

    def _found(self) -> tuple[Any, Any, str | None]:
        """Return the document, the value in it and the document's strong ETag."""
        answer = self._service.call("GET", self._spec.path, expected=(404, 410))
        where = f"{self._service.label}: {self._spec.path}"
        if answer.status >= 400:
            msg = f"{where} is not there (HTTP {answer.status}); check path of the action and host of the connection"
            raise TargetGone(msg)
        if not isinstance(answer.document, dict):
            msg = f"{where} is no JSON object"
            raise AdapterError(msg)
        value: Any = answer.document
        for step in self._steps:
            if not isinstance(value, dict) or step not in value:
                msg = f"{where} has no field {self._spec.field!r}; known: {', '.join(list(answer.document)[:10])}"
                raise TargetGone(msg)
            value = value[step]
        etag = answer.etag if answer.etag and not answer.etag.startswith("W/") else None
        return answer.document, value, etag

    def _write(self, now: Any, wanted: Any) -> None:
        document, value, etag = self._found()
        if value != now:
            msg = f"{self._name} is {shown(value)}, no longer {shown(now)}: somebody changed it; it was left as it is"
            raise AdapterError(msg)
        # PUT replaces the document; PATCH and POST hand over the field alone, as a JSON merge patch does (RFC 7396).
        body: dict[str, Any] = copy.deepcopy(document) if self._spec.write == "PUT" else {}
        inner = body
        for step in self._steps[:-1]:
            inner = inner.setdefault(step, {})
        inner[self._steps[-1]] = wanted
        headers = {"If-Match": etag} if etag else {}
        self._service.call(self._spec.write, self._spec.write_path or self._spec.path, body=body, headers=headers)

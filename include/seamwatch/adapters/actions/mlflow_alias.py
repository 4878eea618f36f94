"""An alias of a registered model in MLflow, by the REST API of its tracking server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from seamwatch.adapters.actions.base import ActionImpossible
from seamwatch.adapters.actions.compare_and_set import CompareAndSet, TargetGone
from seamwatch.adapters.actions.json_service import JsonService
from seamwatch.core.action_life import ActionPlan
from seamwatch.errors import AdapterError
from seamwatch.spec.actions import MlflowAlias

_API = "/api/2.0/mlflow"
_MOST_PAGES = 100
_PAGE = "200"


class MlflowAliasTarget(CompareAndSet):
    """The version that an alias points to.

    MLflow has no comparing write: between reading the alias and setting it somebody else may set it too, for as long as
    one call takes.
    """

    def __init__(self, spec: MlflowAlias, service: JsonService) -> None:
        """Take the place; nothing is sent yet."""
        self._spec, self._service = spec, service

    @property
    def _name(self) -> str:
        return f"alias {self._spec.alias} of {self._spec.model}"

    def plan(self) -> ActionPlan:
        """Return which version the alias would point to.

        Raises:
            ActionImpossible: If it points there already, or there is no such version that is ready.
            AdapterError: If the registry cannot be read, or has no such model or alias.
        """
        spec, now = self._spec, self._read()
        wanted = self._previous(now) if spec.to == "previous" else self._given(spec.to)
        if wanted == now:
            msg = f"{self._name} already points to version {now}"
            raise ActionImpossible(msg)
        name = quote(spec.model, safe="")
        return self._change(
            f"mlflow:{self._service.place}/{name}@{quote(spec.alias, safe='')}",
            now,
            wanted,
            does=f"Points alias {spec.alias} of model {spec.model} from version {now} to version {wanted}",
            undoes=f"Points alias {spec.alias} of model {spec.model} back to version {now}",
        )

    def _read(self) -> str:
        spec = self._spec
        model = self._get("registered-models/get", "registered_model", name=spec.model)
        if model is None:
            msg = f"{self._service.label}: MLflow has no registered model {spec.model!r}"
            raise TargetGone(msg)
        aliases = {str(one.get("alias")): str(one.get("version")) for one in model.get("aliases") or ()}
        if spec.alias not in aliases:
            known = ", ".join(sorted(aliases)) or "none"
            msg = f"{self._service.label}: model {spec.model!r} has no alias {spec.alias!r}; known: {known}"
            raise TargetGone(msg)
        return aliases[spec.alias]

    def _write(self, now: Any, wanted: Any) -> None:
        del now
        body = {"name": self._spec.model, "alias": self._spec.alias, "version": wanted}
        self._service.call("POST", f"{_API}/registered-models/alias", body=body)

    def _given(self, version: str) -> str:
        """Return a version that the pipeline file names, once it is there and ready."""
        found = self._get("model-versions/get", "model_version", name=self._spec.model, version=version)
        status = None if found is None else found.get("status")
        if status != "READY":
            why = "is not there" if found is None else f"is {status}, not READY"
            msg = f"version {version} of model {self._spec.model} {why}; there is nothing to point to"
            raise ActionImpossible(msg)
        return version

    def _previous(self, now: str) -> str:
        """Return the newest version before the present one that is ready."""
        earlier = [
            int(one["version"])
            for one in self._versions()
            if one.get("status") == "READY" and str(one["version"]).isdecimal() and int(one["version"]) < int(now)
        ]
        if not earlier:
            msg = f"model {self._spec.model} has no ready version before version {now}: there is none to go back to"
            raise ActionImpossible(msg)
        return str(max(earlier))

    def _versions(self) -> Iterator[Mapping[str, Any]]:
        """Yield all versions of the model.

        Raises:
            AdapterError: If they cannot be listed whole.
        """
        name = self._spec.model
        if "'" in name and '"' in name:  # MLflow's filters know no escape
            msg = "the versions of a model with both kinds of quotes in its name cannot be listed; name one under `to`"
            raise AdapterError(msg)
        mark = '"' if "'" in name else "'"
        query = {"filter": f"name={mark}{name}{mark}", "max_results": _PAGE}
        for _ in range(_MOST_PAGES):
            answer = self._service.call("GET", f"{_API}/model-versions/search", params=query).document
            if not isinstance(answer, dict):
                break
            yield from (one for one in answer.get("model_versions") or () if one.get("name") == name)
            if not answer.get("next_page_token"):
                return
            query["page_token"] = str(answer["next_page_token"])
        msg = f"{self._service.label}: the versions of model {name} cannot be listed whole"
        raise AdapterError(msg)

    def _get(self, path: str, part: str, **params: str) -> Mapping[str, Any] | None:
        """Return part of what MLflow answers; None where it says that there is no such thing."""
        answer = self._service.call("GET", f"{_API}/{path}", params=params, expected=(404,))
        document = answer.document if isinstance(answer.document, dict) else {}
        if answer.status == 404 and document.get("error_code") == "RESOURCE_DOES_NOT_EXIST":
            return None
        found = document.get(part)
        if not isinstance(found, dict):
            msg = f"{self._service.label} does not answer as MLflow does (HTTP {answer.status}); check its host"
            raise AdapterError(msg)
        return found

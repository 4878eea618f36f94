"""Airflow's REST API, version 2, behind an Airflow connection."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from seamwatch.adapters.actions.json_service import CALL_S, JsonAnswer, JsonService
from seamwatch.adapters.base import ConnectionInfo
from seamwatch.errors import AdapterError
from seamwatch.secret_redaction import SECRETS

_API = "/api/v2"


class AirflowApi:
    """Calls with a token: that of the connection, or one for its login and password, fetched when it is needed."""

    def __init__(self, info: ConnectionInfo, *, pipeline: str, deadline_s: float = CALL_S) -> None:
        """Take the place; nothing is sent yet.

        Raises:
            AdapterError: If the connection holds no web address.
        """
        self._login = (info.login, info.password or "") if info.login else None
        bare = replace(info, login=None, password=None) if self._login else info
        self._service = JsonService(bare, pipeline=pipeline, is_bearer=True, deadline_s=deadline_s)
        self._has_token = self._login is None

    @property
    def label(self) -> str:
        """Return what it is called in messages."""
        return self._service.label

    @property
    def place(self) -> str:
        """Return host, port and path."""
        return self._service.place

    def call(self, method: str, path: str, *, body: Any = None, expected: Collection[int] = ()) -> JsonAnswer:
        """Return the answer, as `JsonService.call` does; a token that ran out is fetched anew.

        Raises:
            AdapterError: If Airflow refuses, cannot be reached or takes too long.
        """
        if not self._has_token:
            self._fetch_token()
        elif self._login is not None:
            answer = self._service.call(method, _API + path, body=body, expected=(*expected, 401))
            if answer.status != 401:
                return answer
            self._fetch_token()
        return self._service.call(method, _API + path, body=body, expected=expected)

    def _fetch_token(self) -> None:
        assert self._login is not None
        self._service.headers.pop("Authorization", None)
        login, password = self._login
        answer = self._service.call("POST", "/auth/token", body={"username": login, "password": password})
        token = answer.document.get("access_token") if isinstance(answer.document, dict) else None
        if not isinstance(token, str) or not token:
            msg = f"{self.label} gives no token for its login; check its host"
            raise AdapterError(msg)
        SECRETS.learn(token)
        self._service.headers["Authorization"] = f"Bearer {token}"
        self._has_token = True

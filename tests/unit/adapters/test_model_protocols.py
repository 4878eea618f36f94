from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from seamwatch.adapters.base import ConnectionInfo
from seamwatch.adapters.models.protocols import endpoint_url, request_headers
from seamwatch.errors import AdapterError
from seamwatch.spec.endpoint import Endpoint
from seamwatch.vocabulary import Protocol


def info(**fields: Any) -> ConnectionInfo:
    return ConnectionInfo(**{"conn_id": "m", "conn_type": "http", "host": "http://h"} | fields)


@pytest.mark.parametrize(
    ("fields", "path", "protocol", "url"),
    [
        ({}, "", Protocol.OPENAI_CHAT, "http://h/v1/chat/completions"),
        ({"host": "https://h/v1"}, "", Protocol.OPENAI_CHAT, "https://h/v1/chat/completions"),
        ({"host": "https://h/v1"}, "", Protocol.ANTHROPIC_MESSAGES, "https://h/v1/messages"),
        ({"host": "https://h/v1"}, "/chat/completions", Protocol.OPENAI_CHAT, "https://h/v1/chat/completions"),
        ({}, "", Protocol.MLFLOW, "http://h/invocations"),
        ({}, "", Protocol.JSON, "http://h"),
        ({"extra": {"path": "predict"}}, "", Protocol.JSON, "http://h/predict"),
        ({"extra": {"path": "/predict"}}, "/other?v=1", Protocol.JSON, "http://h/other?v=1"),
    ],
)
def test_address(fields: dict[str, Any], path: str, protocol: Protocol, url: str) -> None:
    assert endpoint_url(Endpoint(connection="m", path=path), info(**fields), protocol) == url


def test_path_that_makes_no_url_is_told() -> None:
    with pytest.raises(AdapterError, match="'m'"):
        endpoint_url(Endpoint(connection="m", path="/a\x00b"), info(), Protocol.JSON)


@pytest.mark.parametrize(
    ("protocol", "login", "password", "expected"),
    [
        (Protocol.OPENAI_CHAT, "ana", "key", {"authorization": "Bearer key"}),
        (Protocol.OPENAI_CHAT, None, "key\n", {"authorization": "Bearer key"}),
        (Protocol.MLFLOW, None, "key", {"authorization": "Bearer key"}),
        (Protocol.MLFLOW, "ana", "key", {"authorization": f"Basic {b64encode(b'ana:key').decode()}"}),
        (Protocol.ANTHROPIC_MESSAGES, "ana", "key", {"x-api-key": "key", "anthropic-version": "2023-06-01"}),
        (Protocol.ANTHROPIC_MESSAGES, None, None, {"anthropic-version": "2023-06-01"}),
        (Protocol.JSON, None, None, {}),
    ],
)
def test_credentials(protocol: Protocol, login: str | None, password: str | None, expected: dict[str, str]) -> None:
    headers = request_headers(info(login=login, password=password), protocol, "triage")
    named = {"authorization", "x-api-key", "anthropic-version"}
    assert {name: value for name, value in headers.items() if name in named} == expected


def test_extra_headers_replace_ours_and_may_be_json() -> None:
    extra = {"headers": '{"CONTENT-TYPE": "application/x", "api-key": "k"}'}
    headers = request_headers(info(extra=extra), Protocol.JSON, "triage")
    assert headers.get_list("content-type") == ["application/x"]
    assert headers["api-key"] == "k"

"""Which requests may change something: those of our own pages, and of programs that bring their own token."""

from __future__ import annotations

import pytest

from seamwatch.orchestration.request_origin import is_of_own_origin

BASE = "https://airflow.example.org/team"
BEARER = {"authorization": "Bearer abc"}
PROXIED = {"host": "airflow-api:8080"}


@pytest.mark.parametrize(
    ("headers", "is_own"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site", **BEARER}, False),
        ({"sec-fetch-site": "cross-site", "origin": "https://airflow.example.org"}, False),
        ({"host": "localhost:8080", "origin": "http://localhost:8080"}, True),
        ({"host": "LOCALHOST:8080", "origin": "http://localhost:8080"}, True),
        ({"host": "localhost:8080", "origin": "http://localhost:9090"}, False),
        ({"host": "airflow", "origin": "http://airflow:80"}, True),
        ({**PROXIED, "origin": "https://airflow.example.org"}, True),
        ({**PROXIED, "origin": "https://airflow.example.org:443"}, True),
        ({**PROXIED, "origin": "https://airflow.example.org.evil.org"}, False),
        ({**PROXIED, "origin": "null"}, False),
        ({**PROXIED, "origin": ""}, False),
        ({**PROXIED, "origin": "https://x:no-port"}, False),
        ({"origin": ""}, False),
        (BEARER, True),
        ({"authorization": "Basic abc"}, False),
        ({}, False),
    ],
)
def test_a_request_is_of_our_own_page_or_of_a_program(headers: dict[str, str], is_own: bool) -> None:
    assert is_of_own_origin(headers, BASE) is is_own


def test_without_a_base_url_the_host_that_was_asked_counts() -> None:
    assert is_of_own_origin({"host": "a:8080", "origin": "http://a:8080"}, "")
    assert not is_of_own_origin({"host": "a:8080", "origin": "http://b:8080"}, "")

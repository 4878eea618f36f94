"""Requests that change something come from our own pages: a check of its own against forged requests (CSRF).

Airflow's login is a cookie, which a browser sends along with whatever form another site posts. Browsers say where a
request comes from by headers that no page can set; a request without any comes from no browser, and must then bring its
token itself instead of having it brought by a cookie.

Source: OWASP, "Cross-Site Request Forgery Prevention", sections on Fetch Metadata and on verifying the origin.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from airflow.configuration import conf
from fastapi import HTTPException, Request

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES = frozenset({"same-origin", "none"})
"""Of `Sec-Fetch-Site`: our own page, or the person (an address typed, a bookmark)."""


def require_own_origin(request: Request) -> None:
    """Refuse a request that may change something and comes from another site, as HTTP 403."""
    if request.method not in _SAFE and not is_of_own_origin(request.headers, _base_url()):
        raise HTTPException(403, "this request comes from another site; use the button on Seamwatch's own page")


def is_of_own_origin(headers: Mapping[str, str], base_url: str) -> bool:
    """Return whether a request comes from our own pages, or from a program that brings its own token.

    Args:
        headers: Of the request, names in lower case.
        base_url: Where people reach Airflow, which may differ from the host that a proxy asks for.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site in _OWN_SITES
    if origin is not None:  # over plain HTTP browsers send this one only
        here = {headers.get("host", "").lower(), _host(base_url)} - {""}
        return _host(origin) in here
    return headers.get("authorization", "").lower().startswith("bearer ")


def _host(url: str) -> str:
    """Return host and port of an address, without a port that its scheme has anyway; empty where it has no host."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        return ""
    host = (parts.hostname or "").lower()
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    return host if not host or port in (None, usual) else f"{host}:{port}"


def _base_url() -> str:
    return conf.get("api", "base_url", fallback="") or ""

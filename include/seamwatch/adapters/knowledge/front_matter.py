"""What a document says of itself at its top: YAML between two lines of dashes."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import Any

import yaml

from seamwatch.core.documents import content_hash

_BLOCK = re.compile(rb"\A(?:\xef\xbb\xbf)?---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)


def content_facts(content: bytes, *, hash_name: str, expires: str | None) -> dict[str, Any]:
    """Return content hash, expiry and problem of a document, as a source listing holds them."""
    facts: dict[str, Any] = {"content_hash": content_hash(content, hash_name)}
    if expires is not None:
        try:
            facts["expires_at"] = expiry(content, expires)
        except ValueError as error:
            facts["problem"] = str(error)
    return facts


def expiry(content: bytes, key: str) -> datetime | None:
    """Return the moment from which a document is out of date by its own word; a bare date means the end of that day.

    Raises:
        ValueError: If its front matter is no YAML, or the key holds no date.
    """
    found = _BLOCK.match(content)
    if found is None:
        return None
    try:
        matter = yaml.safe_load(found[1].decode("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        msg = "its front matter is no YAML"
        raise ValueError(msg) from error
    except ValueError as error:
        msg = "its front matter holds a date that there is not"
        raise ValueError(msg) from error
    value = matter.get(key) if isinstance(matter, dict) else None
    return as_moment(value, key)


def as_moment(value: Any, key: str) -> datetime | None:
    """Return a date or time as an aware moment; None where there is none; ValueError if it is neither."""
    if value is None or value == "":
        return None
    msg = f"{key} is no date; write it as 2026-01-31"
    try:
        if isinstance(value, str):
            value = date.fromisoformat(value) if len(value) == len("2026-01-31") else datetime.fromisoformat(value)
        if isinstance(value, datetime):
            return (value if value.tzinfo is not None else value.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(msg) from error
    if isinstance(value, date):
        return datetime.combine(value, time.max, tzinfo=UTC)
    raise ValueError(msg)

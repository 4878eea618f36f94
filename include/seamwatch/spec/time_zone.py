"""A time zone that people name in YAML: every other part of Seamwatch may rely on that it exists."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except Exception:  # names that are no file, a folder, or no path at all each have an exception of their own
        msg = f"{name[:60]!r} is no time zone; write its name in the IANA database, as Europe/Berlin or UTC"
        raise ValueError(msg) from None
    return name


TimeZone = Annotated[str, AfterValidator(_known_zone)]

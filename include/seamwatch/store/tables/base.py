"""What all tables of the store share: their base, and how moments and texts are kept on both databases."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from sqlalchemy import DateTime, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

from seamwatch.errors import DataContractError


class UtcTime(TypeDecorator[datetime]):
    """A moment, stored as UTC without zone so that both databases keep and compare it alike; aware on the way out."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return UTC without zone; a naive time is refused."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            msg = f"the store takes aware times only; got {value.isoformat()}"
            raise DataContractError(msg)
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the aware time."""
        del dialect
        return None if value is None else value.replace(tzinfo=UTC)


_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""PostgreSQL takes no NUL, neither database takes half a surrogate pair; JSON that a system recorded can hold both."""


class RecordText(TypeDecorator[str]):
    """Text out of records, of any length; a character that cannot be stored becomes U+FFFD on both databases."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return text that can be stored."""
        del dialect
        return None if value is None else _UNSTORABLE.sub("\ufffd", value)


class Table(DeclarativeBase):
    """Base of all tables."""

"""Which window the events of a pipeline's data asset name: each says from when to when it wrote records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from seamwatch.core.results import Window
from seamwatch.errors import DataContractError

_EXAMPLE = (
    "let the task that writes the records set outlet_events[asset].extra to "
    '{"from": "2026-11-23T08:00:00Z", "to": "2026-11-23T09:00:00Z"}'
)


def window_of_events(extras: Iterable[Mapping[str, object] | None]) -> Window:
    """Return the window from the first begin to the last end: events that came together are one batch.

    Args:
        extras: Of the events, as their task set them.

    Raises:
        DataContractError: If one of them names no window: which records it wrote is not known.
    """
    windows = [_window(extra or {}) for extra in extras]
    return Window(start=min(one.start for one in windows), end=max(one.end for one in windows))


def _window(extra: Mapping[str, object]) -> Window:
    named = {name: extra.get(name) for name in ("from", "to")}
    try:
        start, end = (datetime.fromisoformat(str(text)) for text in named.values())
        return Window(start=start, end=end)
    except (ValueError, DataContractError) as error:
        msg = f"an event of the data asset names no window: got {named}; {error}; {_EXAMPLE}"
        raise DataContractError(msg) from error

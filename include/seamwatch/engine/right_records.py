"""Right records that failing ones are compared with: those of the window, else those of an earlier healthy one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from seamwatch.core.attribution.accusing_marks import RightRecords
from seamwatch.core.detection.window_change import WindowCount
from seamwatch.core.results import Window
from seamwatch.engine.earlier_inputs import spans_before
from seamwatch.errors import AdapterError, DataContractError

_ENOUGH = 10
"""Right records by which a mark that none of them carries can be told from one that they may carry."""


def choose_right_records(
    own: RightRecords,
    window: Window,
    history: Sequence[WindowCount],
    read_earlier: Callable[[Window], RightRecords],
) -> RightRecords:
    """Return the window's right records where they are enough, else those of the latest earlier window with enough.

    Args:
        own: Of the window.
        window: The span of time.
        history: Earlier windows, as far as the store knows them.
        read_earlier: Reads and judges an earlier window; one that cannot be read is left out.
    """
    if len(own.keys) >= _ENOUGH:
        return own
    for span in spans_before(window, history):
        try:
            earlier = read_earlier(span)
        except (AdapterError, DataContractError):
            break
        if len(earlier.keys) >= _ENOUGH:
            return earlier
    return own

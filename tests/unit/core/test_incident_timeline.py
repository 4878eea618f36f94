"""What happened to an incident: updates by detectors in a row are one entry, what people did is never folded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.incident_timeline import IncidentEvent, fold_events
from seamwatch.core.results import Window
from seamwatch.vocabulary import Door

T0 = datetime(2026, 5, 4, tzinfo=UTC)


def window(hour: int) -> Window:
    return Window(start=T0 + timedelta(hours=hour), end=T0 + timedelta(hours=hour + 1))


def event(kind: str, hour: int, *, by: str | None = None, window_id: str | None = "") -> IncidentEvent:
    rests_on = window(hour).id if window_id == "" and by is None else window_id or None
    door = Door.SLACK if by else Door.DETECTOR
    return IncidentEvent(
        incident_id="x", kind=kind, window=rests_on, by=by, at=T0 + timedelta(hours=hour), door=door, why=""
    )


@pytest.mark.parametrize(
    ("events", "shown"),
    [
        ([], []),
        ([event("opened", 0)], [("opened", 1)]),
        ([event("opened", 0), event("updated", 1), event("updated", 2)], [("opened", 1), ("updated", 2)]),
        # The same window run again is no further window.
        ([event("updated", 1), event("updated", 1), event("updated", 2)], [("updated", 2)]),
        # A person between them stands between them.
        (
            [event("updated", 1), event("acknowledged", 1, by="ann"), event("updated", 2)],
            [("updated", 1), ("acknowledged", 0), ("updated", 1)],
        ),
        ([event("reopened", 1), event("reopened", 2)], [("reopened", 1), ("reopened", 1)]),
        ([event("updated", 1, by="ann"), event("updated", 2, by="ann")], [("updated", 0), ("updated", 0)]),
        # A kind that a later version wrote is kept as it is.
        ([event("teleported", 1)], [("teleported", 1)]),
    ],
)
def test_updates_in_a_row_are_one_entry(events: list[IncidentEvent], shown: list[tuple[str, int]]) -> None:
    assert [(one.kind, one.n_windows) for one in fold_events(events)] == shown


def test_a_row_spans_its_windows_and_its_time() -> None:
    (entry,) = fold_events([event("updated", 5), event("updated", 2), event("updated", 9)])
    assert entry.span == Window(start=window(2).start, end=window(9).end)
    assert (entry.at, entry.last_at) == (T0 + timedelta(hours=5), T0 + timedelta(hours=9))


def test_a_window_that_cannot_be_read_is_counted_and_spans_nothing() -> None:
    (entry,) = fold_events([event("updated", 1), event("updated", 2, window_id="not a window")])
    assert entry.n_windows == 2
    assert entry.span == window(1)
    (alone,) = fold_events([event("updated", 2, window_id="not a window")])
    assert (alone.n_windows, alone.span) == (1, None)


@given(st.lists(st.tuples(st.sampled_from(["opened", "updated", "resolved"]), st.sampled_from([None, "ann"]))))
def test_nothing_is_lost_and_order_is_kept(made: list[tuple[str, str | None]]) -> None:
    events = [event(kind, number, by=by) for number, (kind, by) in enumerate(made)]
    entries = fold_events(events)
    assert [one.at for one in entries] == sorted(one.at for one in entries)
    assert sum(1 for one in entries if one.by) == sum(1 for _, by in made if by)
    assert sum(one.n_windows for one in entries) == sum(1 for _, by in made if by is None)

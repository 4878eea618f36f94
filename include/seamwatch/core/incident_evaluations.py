"""What one detector says of one window, as far as it decides on incidents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass

from seamwatch.core.finding import Finding
from seamwatch.core.incident_life import Incident
from seamwatch.core.results import Attribution, Verdict, Window
from seamwatch.core.separate_faults import may_go_on, separate_faults
from seamwatch.core.watch.results import WatchReport
from seamwatch.vocabulary import Responsibility, Watch


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What one detector says of one window, as far as it decides on incidents."""

    pipeline: str
    window: Window
    findings: tuple[Finding, ...]
    watch: Watch | None = None
    """The detector; None: attribution, or a check of a knowledge base."""
    n_judged: int | None = None
    """Records of the window that could show a finding; None where a watch does not count them."""
    is_over: Callable[[Incident], bool]
    """Whether it says that an incident of the detector is over that none of its findings shows."""
    stays: frozenset[str] = frozenset()
    """Ids of incidents that stay as they are while open: another detector says more of them."""
    keys: tuple[Collection[str], ...] = ()
    """By finding, the records that it affects; empty where findings name some of theirs only."""
    is_repeatable: bool = False
    """Whether a window is run again after a repair, and replaces what it counted before; looks of watches overlap."""
    shows_wrong_answers: bool = False
    """Whether its findings are causes of wrong answers; else answers may be right all the same."""


def evaluate_attribution(attribution: Attribution) -> Evaluation:
    """Return what a window's attribution says.

    An open incident is over with a later window that has judged records and no longer shows the cause as a change,
    unless the window is too small to say that it is over (`Attribution.lingering`; of a fault beside another one at its
    place, `may_go_on`), or so many of its records are undetermined that the cause may be among them. One whose fields
    the window names with others is not over either: too few records tell them apart. So it is with its last window
    when that is run again after the repair, if half as many of its records are judged as then. A window before an
    incident's last one ends nothing.
    """
    n_judged = attribution.n_observed - attribution.n_pending
    by_cause: dict[tuple[Responsibility, str | None], list[Verdict]] = defaultdict(list)
    for verdict in attribution.verdicts:
        by_cause[verdict.responsibility, verdict.stage].append(verdict)
    faults = [
        fault
        for cause in attribution.causes
        for fault in separate_faults(cause, by_cause[cause.responsibility, cause.stage], n_judged=n_judged)
    ]
    shown = [one.finding for one in faults if one.finding.is_change]
    # Answers that could not be had, as with a spent budget, are no sign of a repair.
    n_unknown = sum(
        cause.n_records
        for cause in attribution.causes
        if cause.is_change and cause.responsibility is Responsibility.UNDETERMINED
    )

    def is_hidden(incident: Incident) -> bool:
        place = (incident.responsibility, incident.stage)
        is_beside = any((one.responsibility, one.stage) == place for one in shown)
        return is_beside and may_go_on(incident, by_cause[place], n_judged=n_judged, window=attribution.window)

    def is_over(incident: Incident) -> bool:
        is_later = incident.last_window.end <= attribution.window.start
        is_again = incident.last_window == attribution.window and 2 * n_judged >= (incident.n_judged or 0)
        return (
            n_judged > 0
            and (is_later or is_again)
            and 2 * n_unknown < max(incident.n_records, 1)
            and (incident.responsibility, incident.stage) not in attribution.lingering
            and not any(_is_within(incident, finding) for finding in shown)
            and not is_hidden(incident)
        )

    return Evaluation(
        pipeline=attribution.pipeline,
        window=attribution.window,
        findings=tuple(one.finding for one in faults),
        n_judged=n_judged,
        is_over=is_over,
        keys=tuple(one.keys for one in faults),
        is_repeatable=True,
        shows_wrong_answers=True,
    )


def _is_within(incident: Incident, finding: Finding) -> bool:
    """Return whether a finding names a field of an incident at its place, among others that lead it."""
    is_there = (incident.responsibility, incident.stage) == (finding.responsibility, finding.stage)
    return is_there and not set(incident.fields).isdisjoint(finding.fields) and len(finding.fields) > 1


def evaluate_watch(report: WatchReport) -> Evaluation:
    """Return what a look of a watch, or at the error budgets, says.

    Looks overlap, so an incident is over with the first later look that no longer shows it, unless too few records
    came since to say so (`WatchReport.still`).
    """
    return Evaluation(
        pipeline=report.pipeline,
        window=report.window,
        findings=report.findings,
        watch=report.watch,
        is_over=lambda incident: incident.last_window.end < report.window.end and incident.kind not in report.still,
    )


def evaluate_seams(report: WatchReport) -> Evaluation:
    """Return what the seams of a window say.

    An incident is over with a later window, or with its own when that is run again after the repair, that compared
    records of the stage and does not show its fields as changed; of stages, or fields, in `WatchReport.still` that
    cannot be said.
    """

    def is_open(incident: Incident) -> bool:
        places = {f"{incident.stage}.{name}" for name in incident.fields}
        shown = (one for one in report.findings if one.stage == incident.stage)
        is_shown = any(not set(one.fields).isdisjoint(incident.fields) for one in shown)
        return is_shown or incident.stage in report.still or not places.isdisjoint(report.still)

    return Evaluation(
        pipeline=report.pipeline,
        window=report.window,
        findings=report.findings,
        watch=Watch.SEAM,
        is_over=lambda incident: (
            (incident.last_window.end <= report.window.start or incident.last_window == report.window)
            and not is_open(incident)
        ),
        is_repeatable=True,
    )

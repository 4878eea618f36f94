"""Turn an incident report into a message of neutral blocks: which parts, in which order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from seamwatch.core.incident_life import ChangeKind, Incident
from seamwatch.report import numbers
from seamwatch.report.blocks import (
    Block,
    Bullets,
    Buttons,
    Emphasis,
    Heading,
    Link,
    Mention,
    Message,
    Paragraph,
    Run,
    Small,
    code,
    plain,
    strong,
)
from seamwatch.report.buttons import form_menu, incident_buttons, report_link
from seamwatch.report.diff import Pieces
from seamwatch.report.evidence import Comparison, RecordFacts
from seamwatch.report.facts import BUDGET_LABEL, IncidentReport
from seamwatch.report.runbook_message import action_lines, runbook_note, waiting_blocks
from seamwatch.report.stages import StageMark
from seamwatch.report.text import first_sentence
from seamwatch.report.watches import WatchFacts, alert_lines
from seamwatch.vocabulary import AlertSeverity, IncidentState, Responsibility

_SHOWN_FACTS = 3
_SHOWN_FIELDS = 4
_SHOWN_SIGHTINGS = 2
_VALUE_CHARS = 160
_AFFECTED = ("Failing records", "Answers affected")
"""Labels of the fact that says what an incident does to how many records."""

REPEAT = "Possibly repeated: no answer came when this was sent first, and the app may not read the channel's history."
_NOTES = {
    ChangeKind.UPDATED: "Seen again",
    ChangeKind.RESOLVED: "Resolved",
    ChangeKind.REOPENED: "Back again",
    ChangeKind.ALERTED: "An error budget burns by this",
    ChangeKind.ACKNOWLEDGED: "Acknowledged",
    ChangeKind.MUTED: "Muted",
    ChangeKind.UNMUTED: "No longer muted",
    ChangeKind.MITIGATED: "A fix was applied",
    ChangeKind.MERGED: "Merged into another incident",
    ChangeKind.SPLIT: "An incident of its own again",
    ChangeKind.VOIDED: "Voided",
    ChangeKind.CALLED_WRONG: "Its verdict was called wrong",
    ChangeKind.CALLED_RIGHT: "Its verdict was called right",
    ChangeKind.VERDICT_DRAWN: "Is this verdict right?",
    ChangeKind.SEVERITY_RAISED: "More severe than before",
    ChangeKind.SEVERITY_LOWERED: "Less severe than before",
    ChangeKind.ESCALATED: "Nobody took this on in time",
    ChangeKind.RUNBOOK_STEP: "The runbook goes on",
    ChangeKind.STEP_FAILED: "A step of the runbook failed",
    ChangeKind.OWNER_TOLD: "What the runbook found",
    ChangeKind.STAKEHOLDERS_TOLD: "What it costs",
    ChangeKind.ACTION_PROPOSED: "Waits for a person",
    ChangeKind.ACTION_ANSWERED: "Answered",
    ChangeKind.ACTION_WITHDRAWN: "Nothing was changed",
    ChangeKind.ACTION_BEGUN: "Being carried out",
    ChangeKind.ACTION_DONE: "Carried out",
    ChangeKind.ACTION_HELPED: "It helped",
    ChangeKind.ACTION_UNDONE: "Undone",
    ChangeKind.ACTION_ESCALATED: "A person must look at an action",
    ChangeKind.ROOT_CAUSE_TOLD: "Root cause",
}
_BY_RUNBOOK = frozenset(
    {
        ChangeKind.STEP_FAILED,
        ChangeKind.OWNER_TOLD,
        ChangeKind.STAKEHOLDERS_TOLD,
        ChangeKind.ACTION_PROPOSED,
        ChangeKind.ACTION_UNDONE,
        ChangeKind.ACTION_ESCALATED,
        ChangeKind.ROOT_CAUSE_TOLD,
    }
)
"""What a runbook says in the thread by itself; `report/runbook_message.py` has the words."""


def incident_message(
    report: IncidentReport, changes: Sequence[ChangeKind] = (ChangeKind.OPENED,), *, is_repeat: bool = False
) -> Message:
    """Return the head of the incident as it is now, and what `changes` add to its thread.

    What decides goes to the thread when the incident opens; else the thread gets a note of two lines.

    Args:
        report: The incident.
        changes: What happened to it, oldest first.
        is_repeat: The channel may hold the same message already, and cannot be asked.
    """
    has_news = ChangeKind.OPENED in changes
    notes = [block for change in changes if change is not ChangeKind.OPENED for block in _note(report, change)]
    mark = (Small(REPEAT),) if is_repeat else ()
    return Message(
        head=(*_head(report), *mark),
        thread=(*mark, *notes, *(_evidence(report) if has_news else ())),
        fallback=f"{report.pipeline}: {_title(report)}",
        thread_fallback=_thread_fallback(report, changes[-1]),
    )


def bare_message(incident: Incident, reason: str) -> Message:
    """Return what can be said of an incident whose report cannot be made; `reason` says why it cannot."""
    title = f"Resolved: {incident.headline}" if incident.state is IncidentState.RESOLVED else incident.headline
    why = Small(f"{incident.pipeline}  ·  {incident.state}  ·  its report cannot be made: {reason}")
    return Message(
        head=(Heading(title, incident.state), why),
        thread=(Paragraph((plain(title),)), why),
        fallback=f"{incident.pipeline}: {title}",
        thread_fallback=f"{incident.pipeline}: {title}",
    )


def _thread_fallback(report: IncidentReport, change: ChangeKind) -> str:
    if change is ChangeKind.OPENED:
        return f"Evidence for: {report.headline}"
    alerts = alert_lines(report.budgets) if change is ChangeKind.ALERTED else ()
    return f"{_NOTES[change]}: {'; '.join(alerts) or report.headline}"


def _title(report: IncidentReport) -> str:
    return f"Resolved: {report.headline}" if report.state is IncidentState.RESOLVED else report.headline


def _head(report: IncidentReport) -> tuple[Block, ...]:
    """Return what fits one screen: whose fault, what it does to whom, who acts, the next step."""
    blocks: list[Block] = [
        Heading(f"{report.severity.upper()}: {_title(report)}" if report.severity else _title(report), report.state),
        Paragraph((strong(_whose(report)), plain(first_sentence(report.verdict)))),
        *_impact(report),
    ]
    if report.budgets:
        blocks.append(Paragraph((strong(f"{BUDGET_LABEL}: "), plain(report.budgets[0].sentence))))
    if report.state.is_open:
        role = report.owner.role.replace("_", " ")
        lead = f"To act: {role} owner" if report.owner.mention else "No owner is named in the pipeline file."
        blocks.append(Mention(lead, report.owner.mention))
        waiting = waiting_blocks(report)
        steps = () if waiting else report.next_steps[:1]
        blocks += [Paragraph((strong("Next step: "), plain(step))) for step in steps]
        blocks += waiting
    onset = f"  ·  onset {report.onset_text}" if report.onset else ""
    blocks += [
        *(() if report.reliability else (Small("Unowned: nobody is named under owners.reliability."),)),
        *(Small(f"Also seen as {line}") for line in report.also_seen[:_SHOWN_SIGHTINGS]),
        Small(f"{report.pipeline}  ·  {report.window_text}{onset}  ·  {report.state_text}"),
        *((Small(report.last_action),) if report.last_action else ()),
        *(Small(line) for line in action_lines(report)),
        *(Small(line) for line in report.silence),
        _buttons(report),
    ]
    return tuple(blocks)


def _whose(report: IncidentReport) -> str:
    """Return whose fault it is and how sure that is, as the beginning of a sentence."""
    known = {fact.label: fact for fact in report.facts}
    sure = known.get("Confidence")
    is_known = sure is not None and report.responsibility is not Responsibility.UNDETERMINED
    is_corrected = report.confidence_corrected is not None
    stated = f", stated {numbers.percent(report.confidence)}" if is_corrected else ""
    how_sure = f" ({sure.value} sure{stated})" if sure is not None and is_known else ""
    return f"{known['Responsibility'].value}{how_sure}: " if "Responsibility" in known else ""


def _impact(report: IncidentReport) -> Iterable[Block]:
    """Yield what it does to how many records, and how severe that is; of a watch, its first figure."""
    shown = [(fact.label, fact.value, fact.note) for fact in report.facts if fact.label in _AFFECTED]
    if report.watch is not None:
        shown = list(report.watch.facts[:1])
    elif report.severity_text:
        shown = []  # the harm stands with the severity
    for label, value, note in shown[:1]:
        yield Paragraph((strong(f"{label}: "), plain(f"{value} ({note})" if note else value)))
    if report.severity_text:
        yield Paragraph((strong("Severity: "), plain(report.severity_text)))


def _buttons(report: IncidentReport) -> Buttons:
    """Return what a person may do with the incident; where buttons are switched off, what there is to read."""
    if not report.actions:
        is_primary = report.state is not IncidentState.RESOLVED
        return Buttons(
            (report_link(report.links.report, is_primary=is_primary), Link("Incidents", report.links.incidents))
        )
    own = incident_buttons(
        report.incident_id, report.state, report.responsibility, report.actions, asks_verdict=report.asks_verdict
    )
    link = report_link(report.links.report, is_primary=False)
    return Buttons((*own, link, *form_menu(report.incident_id, report.actions)))


def _note(report: IncidentReport, change: ChangeKind) -> tuple[Block, ...]:
    if change is ChangeKind.ALERTED:
        lines = alert_lines(report.budgets) or tuple(one.sentence for one in report.budgets[:1])
        items = tuple((plain(line),) for line in lines)
        is_page = any(AlertSeverity.PAGE in one.alerts for one in report.budgets)
        lead = (Mention("To act now", report.owner.mention),) if is_page else ()
        return (Paragraph((strong(_NOTES[change]),)), Bullets(items), *lead)
    if change is ChangeKind.ESCALATED:
        return _escalation(report)
    if change in _BY_RUNBOOK:
        return runbook_note(report, change, _NOTES[change])
    if change is ChangeKind.SEVERITY_RAISED:
        return (Paragraph((strong(_NOTES[change]), plain(f": {report.severity_text}."))),)
    where = "" if change is ChangeKind.RESOLVED else f" in the window {report.window_text}"
    said = first_sentence(report.verdict)
    if change is ChangeKind.RESOLVED and any(cause.is_this for cause in report.causes):
        said = f"What it was: {said}"  # the window that is shown is the last one with the cause
    is_by_person = report.last_action.startswith(change.value.capitalize())
    second = report.last_action if is_by_person else report.history
    return (Paragraph((strong(_NOTES[change]), plain(f"{where}. {said}"))), Small(second))


def _escalation(report: IncidentReport) -> tuple[Block, ...]:
    """Return who decides now, since nobody took the incident on."""
    to = "Reliability owner, to decide who acts" if report.reliability else "No reliability owner is named to decide."
    harm = f". {report.severity_text}." if report.severity_text else "."
    return (Paragraph((strong(_NOTES[ChangeKind.ESCALATED]), plain(harm))), Mention(to, report.reliability))


def _evidence(report: IncidentReport) -> tuple[Block, ...]:
    """Return the facts that decide, what weakens them, and the way to all the rest."""
    facts = tuple(_watched(report.watch) if report.watch is not None else _deciding(report))[:_SHOWN_FACTS]
    n_more = len(report.caveats) - 1
    weakens = tuple(
        Small(f"Weakens it: {line}" + (f" And {n_more} more in the report." if n_more > 0 else ""))
        for line in report.caveats[:1]
    )
    return (
        *((Paragraph((strong("What decides"),)), Bullets(facts)) if facts else ()),
        *weakens,
        Small(f"{'Look again' if report.watch is not None else 'Reproduce'}: {report.command}"),
        Buttons((report_link(report.links.report, is_primary=False),)),
    )


def _deciding(report: IncidentReport) -> Iterable[tuple[Run, ...]]:
    """Yield facts, those that decide most first: what was served, a record, the model alone, what changed then."""
    for one in report.documents[:1]:
        yield (
            code(one.document),
            plain(f"  {one.reason}; answers {one.answers}; changed {one.changed}, indexed {one.indexed}"),
        )
    for record in report.records[:1]:
        for line in islice(_record_lines(record), 1):
            yield (strong(record.key), plain("  "), *line)
    if report.isolation.accuracy is not None or report.responsibility is Responsibility.MODEL:
        yield (plain(report.isolation.sentence),)
    for change in report.changes[:1]:
        yield (plain(change),)
    for basis in report.confidence_basis[:1]:
        yield (plain(basis),)
    for stage in report.stages:
        if stage.mark in (StageMark.CAUSE, StageMark.FINDING):
            what = "; ".join(stage.findings) or stage.finding or "no finding of its own"
            yield (code(stage.name), plain(f"  {stage.mark_text}: {what}"))


def _watched(watch: WatchFacts) -> Iterable[tuple[Run, ...]]:
    """Yield what else was found, and the figures that it rests on."""
    for headline in watch.found[1:2]:
        yield (plain(headline),)
    for label, value, note in watch.facts[1:]:
        yield (strong(f"{label}: "), plain(f"{value} ({note})" if note else value))


def _record_lines(record: RecordFacts) -> Iterable[tuple[Run, ...]]:
    differing = [row for row in record.payload if not row.is_format_only]
    for row in differing[:_SHOWN_FIELDS]:
        yield (code(f"{row.place}.{row.label}" if row.place else row.label), plain("  "), *_turned(row))
    if record.answer is not None:
        yield (plain("model, in the pipeline and alone on the clean request:  "), *_turned(record.answer))
    for row in record.outcome[:_SHOWN_FIELDS]:
        yield (plain("outcome and truth of "), code(row.label), plain("  "), *_turned(row))


def _turned(row: Comparison) -> tuple[Run, ...]:
    return (*_runs(row.recorded, Emphasis.REMOVED), plain("  \u2192  "), *_runs(row.expected, Emphasis.STRONG))


def _runs(pieces: Pieces | None, emphasis: Emphasis) -> tuple[Run, ...]:
    if pieces is None:
        return (Run(text="no value"),)
    if not any(piece.text.strip() for piece in pieces):
        return (Run(text="empty"),)
    left = _VALUE_CHARS
    runs: list[Run] = []
    for piece in pieces:
        text = piece.text if len(piece.text) <= left else f"{piece.text[:left]}…"
        runs.append(Run(text=text, emphasis=emphasis if piece.differs else Emphasis.NONE))
        left -= len(piece.text)
        if left <= 0:
            break
    return tuple(runs)

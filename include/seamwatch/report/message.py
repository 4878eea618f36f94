"""Turn an incident report into a message of neutral blocks: which parts, in which order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from seamwatch.core.incident_life import ChangeKind, Incident
from seamwatch.report.blocks import (
    Block,
    Bullets,
    Buttons,
    Divider,
    Emphasis,
    Facts,
    Heading,
    Link,
    Mention,
    Message,
    Paragraph,
    Preformatted,
    Run,
    Small,
    code,
    plain,
    strong,
)
from seamwatch.report.buttons import incident_buttons, report_link
from seamwatch.report.diff import Pieces
from seamwatch.report.evidence import Comparison, RecordFacts
from seamwatch.report.facts import BUDGET_LABEL, IncidentReport
from seamwatch.report.stages import StageMark
from seamwatch.report.watches import WatchFacts, alert_lines
from seamwatch.vocabulary import AlertSeverity, IncidentState

_SHOWN_RECORDS = 2
_SHOWN_FIELDS = 4
_SHOWN_CAUSES = 5
_SHOWN_DOCUMENTS = 8
_SHOWN_CHANGES = 2
_SHOWN_SIGHTINGS = 2
_SHOWN_ROWS = 8
_VALUE_CHARS = 160

_REPEAT = "Possibly repeated: no answer came when this was sent first, and the app may not read the channel's history."
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
    ChangeKind.SEVERITY_RAISED: "More severe than before",
    ChangeKind.SEVERITY_LOWERED: "Less severe than before",
    ChangeKind.ESCALATED: "Nobody took this on in time",
}


def incident_message(
    report: IncidentReport, changes: Sequence[ChangeKind] = (ChangeKind.OPENED,), *, is_repeat: bool = False
) -> Message:
    """Return the head of the incident as it is now, and what `changes` add to its thread.

    The evidence goes to the thread when the incident opens or comes back; else the thread gets a note of two lines.

    Args:
        report: The incident.
        changes: What happened to it, oldest first.
        is_repeat: The channel may hold the same message already, and cannot be asked.
    """
    has_news = any(change in (ChangeKind.OPENED, ChangeKind.REOPENED) for change in changes)
    notes = [block for change in changes if change is not ChangeKind.OPENED for block in _note(report, change)]
    mark = (Small(_REPEAT),) if is_repeat else ()
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
    blocks: list[Block] = [
        Heading(_title(report), report.state),
        Paragraph((plain(report.verdict),)),
        Facts(
            tuple(
                (fact.label, f"{fact.value} ({fact.note})" if fact.note else fact.value)
                for fact in report.facts
                if fact.label != BUDGET_LABEL
            )
        ),
    ]
    if report.budgets:
        blocks.append(Paragraph((strong(f"{BUDGET_LABEL}: "), plain(report.budgets[0].sentence))))
    if report.changes:
        blocks.append(Paragraph((strong("What changed then: "), plain(" ".join(report.changes[:_SHOWN_CHANGES])))))
    if report.state is not IncidentState.RESOLVED:
        role = report.owner.role.replace("_", " ")
        lead = f"To act: {role} owner" if report.owner.mention else "No owner is named in the pipeline file."
        blocks.append(Mention(lead, report.owner.mention))
    onset = f"  ·  onset {report.onset_text}" if report.onset else ""
    blocks += [
        *((Small(report.severity_text),) if report.severity_text else ()),
        *(Small(f"Also seen as {line}") for line in report.also_seen[:_SHOWN_SIGHTINGS]),
        Small(f"{report.pipeline}  ·  {report.window_text}{onset}  ·  {report.state_text}"),
        *((Small(report.last_action),) if report.last_action else ()),
        *(Small(line) for line in report.silence),
        _buttons(report),
    ]
    return tuple(blocks)


def _buttons(report: IncidentReport) -> Buttons:
    """Return what a person may do with the incident; where buttons are switched off, what there is to read."""
    if not report.actions:
        is_primary = report.state is not IncidentState.RESOLVED
        return Buttons(
            (report_link(report.links.report, is_primary=is_primary), Link("Incidents", report.links.incidents))
        )
    own = incident_buttons(report.incident_id, report.state, report.responsibility, report.actions)
    return Buttons((*own, report_link(report.links.report, is_primary=False)))


def _note(report: IncidentReport, change: ChangeKind) -> tuple[Block, ...]:
    if change is ChangeKind.ALERTED:
        lines = alert_lines(report.budgets) or tuple(one.sentence for one in report.budgets[:1])
        items = tuple((plain(line),) for line in lines)
        is_page = any(AlertSeverity.PAGE in one.alerts for one in report.budgets)
        lead = (Mention("To act now", report.owner.mention),) if is_page else ()
        return (Paragraph((strong(_NOTES[change]),)), Bullets(items), *lead)
    if change is ChangeKind.ESCALATED:
        return _escalation(report)
    if change is ChangeKind.SEVERITY_RAISED:
        return (Paragraph((strong(_NOTES[change]), plain(f": {report.severity_text}. {report.verdict}"))),)
    where = "" if change is ChangeKind.RESOLVED else f" in the window {report.window_text}"
    return (
        Paragraph((strong(_NOTES[change]), plain(f"{where}. {report.verdict}"))),
        Small(report.history),
    )


def _escalation(report: IncidentReport) -> tuple[Block, ...]:
    """Return who decides now, since nobody took the incident on."""
    to = "Reliability owner, to decide who acts" if report.reliability else "No reliability owner is named to decide."
    harm = f". {report.severity_text}." if report.severity_text else "."
    return (Paragraph((strong(_NOTES[ChangeKind.ESCALATED]), plain(harm))), Mention(to, report.reliability))


def _evidence(report: IncidentReport) -> tuple[Block, ...]:
    """Return the parts in order of need: a renderer that has to cut, cuts at the end."""
    if report.watch is not None:
        return (
            *_section("What was found", _watched(report.watch)),
            *_section("What to do next", (Bullets(tuple((plain(step),) for step in report.next_steps), ordered=True),)),
            *_section("Error budgets", _budgets(report)),
            *_section("Look again", (Preformatted(report.command),)),
            *_section("What weakens this", _caveats(report)),
        )
    return (
        *_section("Evidence", _records(report)),
        *_section("Model in isolation", (Paragraph((plain(report.isolation.sentence),)),)),
        *_section("What to do next", (Bullets(tuple((plain(step),) for step in report.next_steps), ordered=True),)),
        *_section("Reproduce", (Preformatted(report.command),)),
        *_section("Where it broke", _stages(report)),
        *_section("Documents", _documents(report)),
        *_section("Error budgets", _budgets(report)),
        *_section("All causes", _causes(report)),
        *_section("What weakens this verdict", _caveats(report)),
    )


def _section(title: str, blocks: Iterable[Block]) -> tuple[Block, ...]:
    found = tuple(blocks)
    return (Paragraph((strong(title),)), *found) if found else ()


def _watched(watch: WatchFacts) -> Iterable[Block]:
    if len(watch.found) > 1:
        yield Bullets(tuple((plain(one),) for one in watch.found[:_SHOWN_CAUSES]))
    table = watch.main
    if table is None:
        return
    yield Paragraph((plain(table.title),))
    yield Bullets(
        tuple(
            (
                strong(row[0]),
                plain(
                    "  " + "  ·  ".join(f"{name} {cell}" for name, cell in zip(table.columns[1:], row[1:], strict=True))
                ),
            )
            for row in table.rows[:_SHOWN_ROWS]
        )
    )
    if table.note:
        yield Small(table.note)


def _budgets(report: IncidentReport) -> tuple[Block, ...]:
    return (Bullets(tuple((plain(one.sentence),) for one in report.budgets)),) if report.budgets else ()


def _records(report: IncidentReport) -> Iterable[Block]:
    shown = report.records[:_SHOWN_RECORDS]
    for record in shown:
        yield Paragraph((strong(record.key), plain(f"  {record.explanation}")))
        if items := tuple(_record_lines(record)):
            yield Bullets(items)
    n_more = report.n_more_records + len(report.records) - len(shown)
    if shown and n_more > 0:
        yield Small(f"{n_more:,} more in the report and its verdicts.")
    if shown:
        yield Divider()


def _record_lines(record: RecordFacts) -> Iterable[tuple[Run, ...]]:
    for row in record.payload[:_SHOWN_FIELDS]:
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


def _stages(report: IncidentReport) -> tuple[Block, ...]:
    items = []
    for stage in report.stages:
        if stage.mark in (StageMark.CAUSE, StageMark.FINDING):
            what = "; ".join(stage.findings) or stage.finding or "no finding of its own"
            items.append((code(stage.name), plain(f"  {stage.mark_text}: {what}")))
    return (Bullets(tuple(items)),) if items else ()


def _documents(report: IncidentReport) -> tuple[Block, ...]:
    items = tuple(
        (
            code(one.document),
            plain(f"  {one.reason}; {one.answers} answers; changed {one.changed}, indexed {one.indexed}"),
        )
        for one in report.documents[:_SHOWN_DOCUMENTS]
    )
    return (Bullets(items),) if items else ()


def _causes(report: IncidentReport) -> tuple[Block, ...]:
    items = tuple(
        (strong(cause.share), plain(f"  {cause.headline} {cause.records} failing, {cause.reading}."))
        for cause in report.causes[:_SHOWN_CAUSES]
    )
    return (Bullets(items),) if items else ()


def _caveats(report: IncidentReport) -> tuple[Block, ...]:
    return (Bullets(tuple((plain(line),) for line in report.caveats)),) if report.caveats else ()

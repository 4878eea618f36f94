"""What a message of an incident says of its runbook: what waits for a person, what was changed, what was found."""

from __future__ import annotations

from collections.abc import Iterable

from seamwatch.core.incident_life import ChangeKind
from seamwatch.report.blocks import Block, Bullets, Buttons, Link, Mention, Paragraph, Small, plain, strong
from seamwatch.report.buttons import approval_buttons
from seamwatch.report.facts import IncidentReport
from seamwatch.report.runbook import ActionFacts, finding_lines
from seamwatch.vocabulary import ActionState, Responsibility, StepState

_SHOWN_ACTIONS = 2
_SHOWN_FINDINGS = 3
_SETTLED = frozenset({ActionState.IMPOSSIBLE, ActionState.WAITING})
"""What the head's small lines leave out: nothing was changed by it, or it stands above with its buttons."""

_NOT_THE_MODEL = frozenset(Responsibility) - {Responsibility.MODEL, Responsibility.UNDETERMINED}


def waiting_blocks(report: IncidentReport) -> tuple[Block, ...]:
    """Return what a person has to answer, with the way to Airflow's form, the head's next step while it waits."""
    blocks: list[Block] = []
    for one in () if report.runbook is None else report.runbook.waiting[:_SHOWN_ACTIONS]:
        blocks += [Paragraph((strong("Waits for approval: "), plain(one.does))), Small(_terms(one))]
        own = approval_buttons(one.id, one.does) if report.actions else ()
        in_airflow = () if one.task_url is None else (Link("Answer in Airflow", f"{one.task_url}/required_actions"),)
        blocks += [Buttons((*own, *in_airflow))] if own or in_airflow else []
    return tuple(blocks)


def action_lines(report: IncidentReport) -> tuple[str, ...]:
    """Return how far the last actions are, and who answered."""
    actions = () if report.runbook is None else report.runbook.actions
    told = [one for one in actions if one.state not in _SETTLED][-_SHOWN_ACTIONS:]
    return tuple(f"{one.title}: {one.sentence}{f' ({_answered(one)})' if one.answered else ''}" for one in told)


def runbook_note(report: IncidentReport, change: ChangeKind, lead: str) -> tuple[Block, ...]:
    """Return what a runbook adds to the thread."""
    head = Paragraph((strong(lead),))
    if change in (ChangeKind.OWNER_TOLD, ChangeKind.STAKEHOLDERS_TOLD):
        items = tuple((plain(line),) for line in _found(report))
        findings = (Bullets(items),) if items else ()
        if change is ChangeKind.OWNER_TOLD:
            return (
                head,
                *findings,
                Mention(f"For the {report.owner.role.replace('_', ' ')} owner", report.owner.mention),
            )
        return (head, *findings, *(Mention("For your knowledge", one) for one in report.stakeholders))
    if change is ChangeKind.ROOT_CAUSE_TOLD:
        return _root_cause(report, lead)
    if change is ChangeKind.STEP_FAILED:
        failed = (
            [] if report.runbook is None else [one for one in report.runbook.steps if one.state is StepState.FAILED]
        )
        return (head, Bullets(tuple((plain(line),) for line in finding_lines(failed, most=_SHOWN_FINDINGS))))
    lines = [f"{one.title}: {one.sentence}" for one in _concerned(report, change)]
    to = (Mention("Reliability owner", report.reliability),) if change is ChangeKind.ACTION_ESCALATED else ()
    where = (Small("The answer is given in the message above, or in Airflow."),)
    bullets = (Bullets(tuple((plain(line),) for line in lines)),) if lines else ()
    return (head, *bullets, *to, *(where if change is ChangeKind.ACTION_PROPOSED and lines else ()))


def _root_cause(report: IncidentReport, lead: str) -> tuple[Block, ...]:
    """Return whose fault it was, what proved it, and that the model was not, where it was not."""
    proofs = (
        [] if report.runbook is None else [one for one in report.runbook.actions if one.state is ActionState.HELPED]
    )
    is_said = report.responsibility not in _NOT_THE_MODEL or "not at fault" in report.headline
    not_the_model = () if is_said else (Paragraph((plain("The model was not at fault."),)),)
    proved = tuple(Small(f"Proved by: {one.sentence}") for one in proofs[-1:])
    return (Paragraph((strong(f"{lead}: "), plain(report.headline))), *not_the_model, *proved)


def _concerned(report: IncidentReport, change: ChangeKind) -> Iterable[ActionFacts]:
    actions = () if report.runbook is None else report.runbook.actions
    if change is ChangeKind.ACTION_PROPOSED:
        return [one for one in actions if one.state in (ActionState.WAITING, ActionState.BLOCKED)]
    wanted = ActionState.UNDONE if change is ChangeKind.ACTION_UNDONE else ActionState.ESCALATED
    states = (wanted, ActionState.EXPIRED) if wanted is ActionState.ESCALATED else (wanted,)
    return [one for one in actions if one.state in states][-1:]


def _found(report: IncidentReport) -> tuple[str, ...]:
    return () if report.runbook is None else finding_lines(report.runbook.found, most=_SHOWN_FINDINGS)


def _terms(one: ActionFacts) -> str:
    return f"Way back: {one.way_back}  ·  until {one.answer_by}; without an answer nothing is changed"


def _answered(one: ActionFacts) -> str:
    word = "rejected" if one.state is ActionState.REJECTED else "approved"
    return f"{word} by {one.answered}"

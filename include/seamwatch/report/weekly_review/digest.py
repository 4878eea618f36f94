"""A weekly review as one message that fits one screen: what changed since last week stands first."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from seamwatch.core.agreed_actions import AgreedState, Recurrence
from seamwatch.core.weekly_review.attention import needs_look
from seamwatch.core.weekly_review.changes import changes_since
from seamwatch.core.weekly_review.facts import AgreedWeek, PipelineWeek, WeeklyReview
from seamwatch.report import numbers
from seamwatch.report.blocks import (
    AgreeButton,
    Block,
    Bullets,
    Buttons,
    Heading,
    Link,
    Mention,
    Message,
    Paragraph,
    Small,
    plain,
    strong,
)
from seamwatch.report.buttons import agreed_menu
from seamwatch.report.links import WeeklyLinks
from seamwatch.report.weekly_review import change_texts, sentences
from seamwatch.report.weekly_review.sections import Line
from seamwatch.report.weekly_review.sentences import name

_MOST_CHANGES = 4
_MOST_DUE = 3
_MOST_OWNERS = 4
"""Mentions in one message; of more it says how many."""
_HEADLINE_CHARS = 80


def weekly_digest(
    review: WeeklyReview, pipelines: Sequence[str], links: WeeklyLinks, *, has_form: bool = False
) -> Message:
    """Return the message, which has no thread.

    Args:
        review: The week; of it, what is of these pipelines alone is told.
        pipelines: Those that tell in the channel.
        links: Addresses with a host.
        has_form: Whether an action can be agreed on in the channel; else its button leads to the page.
    """
    own = [one for one in review.pipelines if one.pipeline in pipelines]
    title = f"Weekly review: {sentences.week_title(review.week)}"
    blocks = [
        Heading(title, None),
        *_blocks(review, own, set(pipelines), links, has_form=has_form),
        *_owners(own),
        _buttons(review, links, has_form=has_form),
    ]
    return Message(head=tuple(blocks), thread=(), fallback=_fallback(review, own, title), thread_fallback=title)


def _blocks(
    review: WeeklyReview, own: Sequence[PipelineWeek], names: Collection[str], links: WeeklyLinks, *, has_form: bool
) -> Iterator[Block]:
    changes = [one for one in changes_since(review) if one.pipeline in names or not one.pipeline]
    yield _title("What changed since last week")
    if changes:
        yield Bullets(tuple(change_texts.change(one, links) for one in changes[:_MOST_CHANGES]))
    else:
        yield Paragraph((plain("Nothing changed much, as far as both weeks are known."),))
    yield Paragraph((plain(_suspicion(own)),))
    fixes = [one for one in review.fix_first if one.pipeline in names]
    if fixes:
        yield _title("Fix first")
        lines = (sentences.fix_first(one, links, most_chars=_HEADLINE_CHARS, with_mention=False) for one in fixes[:3])
        yield Bullets(tuple(lines), ordered=True)
    due = agreed_in_digest(review, names)
    if due:
        yield _title("Agreed, and due")
        yield Bullets(_at_most(tuple(map(sentences.agreed, due)), _MOST_DUE))
    if has_form and (menu := agreed_menu([one.action for one in due])):
        yield Buttons(menu)
    yield Small(sentences.grade_line(review.grades))


def agreed_in_digest(review: WeeklyReview, names: Collection[str]) -> list[AgreedWeek]:
    """Return the agreed actions of which a digest tells, open ones first.

    They are for the channel to hear of: open, ended since the week was told, or done while their cause came back.

    Args:
        review: The week; its agreed actions may be as they stand by now.
        names: Pipelines that tell in the channel.
    """
    due = [
        one
        for one in review.agreed
        if (one.action.pipeline is None or one.action.pipeline in names) and _is_due(one, review)
    ]
    return sorted(due, key=lambda one: (one.action.state is not AgreedState.OPEN, one.action.due_on))


def _title(text: str) -> Paragraph:
    return Paragraph((strong(text),))


def _suspicion(own: Sequence[PipelineWeek]) -> str:
    """Return how many incidents looked like an AI failure and were not, over the pipelines of the channel."""
    n = sum(one.incidents.n_looked_like_ai for one in own)
    n_not = sum(one.incidents.n_not_ai for one in own)
    if not n:
        return "No incident looked like an AI failure."
    return f"{numbers.count(n_not)} of {numbers.plural(n, 'incident')} that first looked like an AI failure were not."


def _is_due(one: AgreedWeek, review: WeeklyReview) -> bool:
    ended_at = one.action.ended_at
    return ended_at is None or ended_at >= review.made_at or one.recurrence is Recurrence.CAME_BACK


def _at_most(lines: tuple[Line, ...], most: int) -> tuple[Line, ...]:
    if len(lines) <= most:
        return lines
    return (*lines[: most - 1], (plain(f"and {numbers.count(len(lines) - most + 1)} more"),))


def _owners(own: Sequence[PipelineWeek]) -> Iterator[Block]:
    """Yield a mention of each reliability owner, of pipelines that need a look first, and who has none."""
    ordered = sorted(own, key=lambda one: not needs_look(one))
    owners = list(dict.fromkeys(one.owner for one in ordered if one.owner is not None))
    for owner in owners[:_MOST_OWNERS]:
        theirs = [name(one.pipeline) for one in ordered if one.owner == owner]
        rest = f" and {numbers.count(len(theirs) - 3)} more" if len(theirs) > 3 else ""
        yield Mention(f"{', '.join(theirs[:3])}{rest}:", owner)
    unowned = [name(one.pipeline) for one in ordered if one.owner is None]
    said = []
    if len(owners) > _MOST_OWNERS:
        said.append(f"{numbers.plural(len(owners) - _MOST_OWNERS, 'more owner')} not mentioned here")
    if unowned:
        rest = f" and {numbers.count(len(unowned) - 3)} more" if len(unowned) > 3 else ""
        said.append(f"nobody is named as reliability owner of {', '.join(unowned[:3])}{rest}")
    if said:
        text = "; ".join(said)
        yield Small(f"{text[0].upper()}{text[1:]}.")


def _buttons(review: WeeklyReview, links: WeeklyLinks, *, has_form: bool) -> Buttons:
    week, name = links.week(review.week.name), "Agree on an action"
    agree = AgreeButton(text=name, week=review.week.name) if has_form else Link(name, f"{week}#agreed")
    return Buttons((Link("Open the review", week, is_primary=True), agree))


def _fallback(review: WeeklyReview, own: Sequence[PipelineWeek], title: str) -> str:
    fixes = sum(one.pipeline in {each.pipeline for each in own} for one in review.fix_first)
    return f"{title}: {numbers.plural(fixes, 'thing')} to fix first. {_suspicion(own)}"

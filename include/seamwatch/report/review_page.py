"""The review pages: one answer to judge with one key, and how far the review of each pipeline is."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256

from seamwatch.core.review.items import Label, ReviewItem, Role, ShownText
from seamwatch.core.review.queue import Queue
from seamwatch.core.review.spans import ReviewDraw
from seamwatch.report import numbers
from seamwatch.report.html import environment
from seamwatch.report.links import review_address
from seamwatch.report.review import ROLES, reason_text
from seamwatch.report.text import shortened, visible, visible_lines
from seamwatch.vocabulary import LabelKind

LABELS: Mapping[LabelKind, tuple[str, str]] = {
    LabelKind.RIGHT: ("1", "Right"),
    LabelKind.WRONG: ("2", "Wrong"),
    LabelKind.CANNOT_TELL: ("3", "Cannot tell"),
}
"""Key and words of each label, in the order of the buttons."""
_SHORT_CHARS = 90
"""A text of one line up to this length stands beside its name, a longer one below."""

_JUST_NOW = timedelta(seconds=10)


@dataclass(frozen=True, kw_only=True)
class TextFacts:
    """One text of an answer, fit to be shown."""

    title: str
    passages: tuple[str, ...]
    """The text; a list of retrieved texts is shown text by text."""
    is_short: bool
    is_code: bool
    """Whether it is an object of fields, line by line."""
    rest: str
    """What is said of what is not shown; empty where all is."""


@dataclass(frozen=True, kw_only=True)
class JudgedField:
    """One final field, for which the right value may be given."""

    name: str
    is_long: bool
    typed: str = ""
    """What stood in its field when nothing was kept, so that nobody types it again."""


@dataclass(frozen=True, kw_only=True)
class ReviewQueueFacts:
    """How far the review is, in words."""

    left: str
    """How many wait for this person."""
    detail: str
    """What else waits, and why not for them."""
    this_week: str


@dataclass(frozen=True, kw_only=True)
class LastLabelFacts:
    """What the person said last."""

    id: int
    text: str


@dataclass(frozen=True, kw_only=True)
class Typed:
    """What a person had typed when nothing was kept."""

    corrected: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class ReviewPage:
    """What stands on the page of one pipeline's review."""

    pipeline: str
    base: str
    """Path of all pages."""
    queue: ReviewQueueFacts
    can_label: bool
    n_left_by_them: int = 0
    """Answers that wait and this person left to others."""
    item: ReviewItem | None = None
    judged: Sequence[str] = ()
    """Final fields whose right values may be given."""
    last: LastLabelFacts | None = None
    next_steps: tuple[str, ...] = ()
    """What comes next where nothing is left."""
    outcome: str = ""
    is_refused: bool = False
    typed: Typed = field(default_factory=Typed)
    longest_text: int


@dataclass(frozen=True, kw_only=True)
class ReviewRow:
    """One pipeline in the list of reviews."""

    pipeline: str
    description: str
    address: str
    waiting: str
    this_week: str
    oldest: str


def render_review_page(page: ReviewPage) -> str:
    """Return the page as HTML with one script, of which `script_source` is the hash; all works without it."""
    item = page.item
    texts = {} if item is None else {role: _texts(item, role) for role in ROLES}
    return (
        environment()
        .get_template("review.html.j2")
        .render(
            page=page,
            address=review_address(page.base, page.pipeline),
            texts=texts,
            titles=ROLES,
            fields=[] if item is None else _judged_fields(item, page.judged, page.typed),
            reason="" if item is None else reason_text(item),
            at="" if item is None else numbers.moment(item.record_at),
            record="" if item is None else shortened(visible(item.record), 80),
            labels=[(kind.value, key, text) for kind, (key, text) in LABELS.items()],
            graph={"width": 0},
        )
    )


def render_review_list(rows: Sequence[ReviewRow], *, base: str, without: Sequence[str]) -> str:
    """Return the page of all reviews.

    Args:
        rows: One a pipeline with a review, what waits longest first.
        base: Path of all pages.
        without: Pipelines of which nobody reviews answers.
    """
    template = environment().get_template("reviews.html.j2")
    return template.render(rows=rows, base=base, without=without, graph={"width": 0})


def render_review_setup(pipeline: str, *, base: str, has_outcome: bool) -> str:
    """Return the page of a pipeline of which nobody reviews answers: how to begin.

    Args:
        pipeline: Its name.
        base: Path of all pages.
        has_outcome: Whether its file says when an answer is right.
    """
    template = environment().get_template("review_setup.html.j2")
    return template.render(pipeline=pipeline, base=base, has_outcome=has_outcome, graph={"width": 0})


def script_source() -> str:
    """Return what a content security policy calls the one script of the page."""
    return f"'sha256-{b64encode(sha256(_script().encode()).digest()).decode()}'"


def last_label_facts(label: Label | None, *, now: datetime) -> LastLabelFacts | None:
    """Return what a person said last, in words; None where there is nothing to take back."""
    if label is None:
        return None
    since = now - label.at
    ago = f"{numbers.duration(since)} ago" if since >= _JUST_NOW else "just now"
    text = f"{LABELS[label.kind][1]} on {shortened(visible(label.record), 40)}, {ago}"
    return LastLabelFacts(id=label.id, text=text)


def queue_facts(queue: Queue, *, n_this_week: int) -> ReviewQueueFacts:
    """Return how far a review is, for one person, in words.

    Args:
        queue: What waits, as it is for them.
        n_this_week: Labels of all people since Monday.
    """
    others = [
        (queue.n_with_others, "before somebody else now"),
        (queue.n_skipped, "left by you to others"),
        (queue.n_judged, "for a second person than you"),
    ]
    return ReviewQueueFacts(
        left=f"{numbers.count(len(queue.theirs))} left",
        detail=", ".join(f"{numbers.count(n)} {text}" for n, text in others if n),
        this_week=f"{numbers.plural(n_this_week, 'label')} this week",
    )


def draw_sentences(draw: ReviewDraw | None, *, next_at: datetime | None, schedule: str, dag: str) -> tuple[str, ...]:
    """Return when answers were drawn, and when they are again.

    Args:
        draw: The last one; None: there was none.
        next_at: When the schedule comes next; None: it cannot be told.
        schedule: As the pipeline file has it.
        dag: What draws.
    """
    when = f" at {numbers.moment(next_at)}" if next_at is not None else ""
    coming = f"The DAG {dag} draws the next ones{when} ({schedule}), where it is not paused."
    if draw is None:
        return "No answers were drawn yet.", coming
    n_answers = sum(one.answers for one in draw.answers)
    last = (
        f"The last draw, {numbers.moment(draw.drawn_at)}, took {numbers.count(draw.n_drawn)} of "
        f"{numbers.plural(n_answers, 'answer')}."
    )
    return last, coming


def _texts(item: ReviewItem, role: Role | str) -> tuple[TextFacts, ...]:
    return tuple(_text(shown) for shown in item.shown if shown.role == role)


def _text(shown: ShownText) -> TextFacts:
    # An answer stands as it was given; of what led to it only the meaning counts.
    texts, is_code = ([shown.text], False) if shown.role == "answer" else _passages(shown.text)
    passages = tuple(visible_lines(one) for one in texts)
    is_short = len(passages) == 1 and len(passages[0]) <= _SHORT_CHARS and "\n" not in passages[0]
    rest = f"{numbers.plural(shown.n_cut, 'more character')} not shown" if shown.n_cut else ""
    return TextFacts(
        title=visible(shown.title), passages=passages, is_short=is_short and not rest, is_code=is_code, rest=rest
    )


def _passages(text: str) -> tuple[list[str], bool]:
    """Return the texts of a JSON list of texts, other JSON line by line, and any other text as it is.

    The second value says whether it is JSON of the second kind.
    """
    if not text.lstrip().startswith(("[", "{")):
        return [text], False
    try:
        found = json.loads(text)
        if isinstance(found, list) and found and all(isinstance(one, str) for one in found):
            return found, False
        return [json.dumps(found, ensure_ascii=False, indent=2)], True
    except (ValueError, RecursionError):
        return [text], False


def _judged_fields(item: ReviewItem, judged: Iterable[str], typed: Typed) -> list[JudgedField]:
    answers = {shown.title.partition(".")[2]: shown.text for shown in item.shown if shown.role == "answer"}
    return [
        JudgedField(
            name=name,
            is_long=len(answers.get(name, "")) > _SHORT_CHARS or "\n" in answers.get(name, ""),
            typed=typed.corrected.get(name, ""),
        )
        for name in judged
    ]


@cache
def _script() -> str:
    return environment().get_template("review.js").render()

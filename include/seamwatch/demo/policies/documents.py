"""The company's policies: Markdown documents of a few plain facts each, and the questions that people ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class FactKind:
    """What a policy can say."""

    name: str
    section: str
    sentence: str
    """With `{subject}` and `{value}`."""
    values: tuple[str, ...]
    questions: tuple[str, ...]
    """With `{subject}`."""


KINDS = (
    FactKind(
        name="deadline",
        section="Deadlines",
        sentence="{Subject} must be requested within {value} of the event that gives rise to it.",
        values=("7 days", "10 days", "14 days", "21 days", "30 days", "45 days", "60 days"),
        questions=(
            "Within how many days must {subject} be requested?",
            "How many days do I have to request {subject}?",
            "What is the deadline for requesting {subject}?",
        ),
    ),
    FactKind(
        name="processing",
        section="Deadlines",
        sentence="The office decides on {subject} in {value} once all papers are there.",
        values=("2 working days", "3 working days", "5 working days", "8 working days", "12 working days"),
        questions=(
            "How many working days until the office decides on {subject}?",
            "How long does a decision on {subject} take?",
            "When will the office decide on {subject}, in working days?",
        ),
    ),
    FactKind(
        name="limit",
        section="Amounts and approval",
        sentence="Without an approval {subject} may cost at most {value}.",
        values=("50 euros", "120 euros", "250 euros", "400 euros", "750 euros", "1500 euros"),
        questions=(
            "How many euros may {subject} cost at most without an approval?",
            "What is the highest amount in euros for {subject} without approval?",
            "Up to what amount needs {subject} no approval?",
        ),
    ),
    FactKind(
        name="approver",
        section="Amounts and approval",
        sentence="Beyond that amount {subject} is approved by {value}.",
        values=("the team lead", "the head of department", "the finance desk", "the works council", "the data officer"),
        questions=(
            "Who approves {subject} beyond the amount?",
            "By whom is {subject} approved?",
            "Whose approval does {subject} need?",
        ),
    ),
    FactKind(
        name="papers",
        section="Papers and contact",
        sentence="Papers on {subject} are kept for {value} and then destroyed.",
        values=("6 months", "12 months", "18 months", "24 months", "36 months", "84 months"),
        questions=(
            "For how many months are papers on {subject} kept?",
            "How many months until papers on {subject} are destroyed?",
            "How long do we keep papers on {subject}?",
        ),
    ),
    FactKind(
        name="contact",
        section="Papers and contact",
        sentence="Questions on {subject} are answered by {value}.",
        values=("help@policies.example", "desk@policies.example", "people@policies.example", "money@policies.example"),
        questions=(
            "Which address answers questions on {subject}?",
            "Where do I write with questions on {subject}?",
            "What is the mail address for {subject}?",
        ),
    ),
)
_KINDS = {kind.name: kind for kind in KINDS}

SUBJECTS: Mapping[str, str] = {
    "returns.md": "product returns",
    "refunds.md": "goodwill refunds",
    "shipping.md": "express shipping",
    "warranty.md": "warranty repairs",
    "travel.md": "business trips",
    "expenses.md": "client dinners",
    "parental_leave.md": "parental leave",
    "remote_work.md": "remote work abroad",
    "laptops.md": "laptop replacements",
    "badges.md": "security badges",
    "visitors.md": "visitor passes",
    "vendors.md": "vendor onboarding",
    "purchases.md": "purchase orders",
    "cards.md": "corporate cards",
    "cars.md": "pool cars",
    "training.md": "training courses",
    "overtime.md": "overtime payouts",
    "sick_leave.md": "sick notes",
    "data_deletion.md": "data deletion",
    "gifts.md": "gifts from suppliers",
    "relocation.md": "relocation grants",
    "parking.md": "parking spaces",
    "archive.md": "archive searches",
    "sponsoring.md": "event sponsoring",
}
"""By document, what it is about."""
POPULAR = "returns.md"
"""Most questions are about this one."""
FORGOTTEN = "sponsoring.md"
"""Nobody asks about this one."""

Facts = Mapping[str, str]
"""By kind of fact, its value."""
Policies = Mapping[str, Facts]
"""By document, what it says."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What somebody asks, and which fact answers it."""

    document: str
    kind: str
    text: str


def make_policies(rng: np.random.Generator) -> dict[str, dict[str, str]]:
    """Return every document's facts, drawn."""
    return {name: {kind.name: str(rng.choice(kind.values)) for kind in KINDS} for name in SUBJECTS}


def change_facts(facts: Facts, kinds: Sequence[str], rng: np.random.Generator) -> dict[str, str]:
    """Return a document's facts with new values of some kinds."""
    changed = {
        name: str(rng.choice([value for value in _KINDS[name].values if value != facts[name]])) for name in kinds
    }
    return {**facts, **changed}


def render(name: str, facts: Facts, *, review_by: str) -> str:
    """Return the document as Markdown with front matter."""
    subject = SUBJECTS[name]
    title = subject[0].upper() + subject[1:]
    lines = ["---", f"title: {title}", f"review_by: {review_by}", "---", "", f"# {title}"]
    for section in dict.fromkeys(kind.section for kind in KINDS):
        sentences = [
            kind.sentence.format(subject=subject, Subject=title, value=facts[kind.name])
            for kind in KINDS
            if kind.section == section
        ]
        lines += ["", f"## {section}", "", " ".join(sentences)]
    return "\n".join(lines) + "\n"


def make_questions(n: int, rng: np.random.Generator) -> list[Question]:
    """Return what people ask in a day: a few documents are asked about often, one never."""
    names = [name for name in SUBJECTS if name != FORGOTTEN]
    weights = np.array([1.0 / (rank + 3) for rank in range(len(names))])
    drawn = rng.choice(len(names), size=n, p=weights / weights.sum())
    found = []
    for number in drawn:
        name = names[int(number)]
        kind = KINDS[int(rng.integers(len(KINDS)))]
        text = str(rng.choice(kind.questions)).format(subject=SUBJECTS[name])
        found.append(Question(document=name, kind=kind.name, text=_as_typed(text, rng)))
    return found


def _as_typed(text: str, rng: np.random.Generator) -> str:
    """Return a question as somebody in a hurry types it: a greeting, letters swapped, blanks too many."""
    if rng.random() < 0.3:
        text = f"{rng.choice(['Hi,', 'Hello team,', 'Quick question:', 'Sorry to bother you:'])} {text}"
    if rng.random() < 0.25:
        words = text.split(" ")
        at = int(rng.integers(len(words)))
        if len(words[at]) > 4:
            place = int(rng.integers(1, len(words[at]) - 2))
            word = words[at]
            words[at] = word[:place] + word[place + 1] + word[place] + word[place + 2 :]
        text = " ".join(words)
    return text.replace(" ", "  ", 1) if rng.random() < 0.2 else text

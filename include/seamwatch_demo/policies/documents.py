"""The company's policies as Markdown documents: written, read and changed sentence by sentence.

What they say is data (`policies.yaml`). A fact is a sentence that holds one of a few values; which one is found again
in the document's text, so that the documents in git are all that the demo knows of the policies in force.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import yaml

POPULAR = "returns.md"
"""Most questions are about this one."""
FORGOTTEN = "fleet.md"
"""Nobody asks about this one."""
DOMAIN = "brightwater.example"
Facts = Mapping[str, str]
"""Values of a document's facts by the fact's id."""
_CHOICE = re.compile(r"\{([^}]+)\}")
_ABOUT = "About this policy"
_REVIEWED = "It is reviewed every {6|9|12|24 months}."
_ASKED = "Whoever is in doubt asks the owner, who answers within {1|2|3|4 working days}."


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A sentence of a policy that holds one of several values."""

    id: str
    """`document#number`, counted through the document from 1."""
    document: str
    before: str
    """The sentence up to the value."""
    values: tuple[str, ...]
    after: str
    """The sentence behind the value."""
    asks: tuple[str, ...] = ()
    """Ways to ask for the value; none: nobody does."""

    def sentence(self, value: str) -> str:
        """Return the sentence with this value."""
        return f"{self.before}{value}{self.after}"


@dataclass(frozen=True, kw_only=True)
class Section:
    """What stands under one heading."""

    heading: str
    items: tuple[Fact | str, ...]


@dataclass(frozen=True, kw_only=True)
class Policy:
    """One document."""

    document: str
    """Its path in the repository, as `returns.md`."""
    title: str
    keywords: str
    """Words under which people look for it, for search."""
    owner: str
    area: str
    """Code of the product area under which the help desk files questions about it."""
    asked: float
    """How often people ask about it, in parts."""
    sections: tuple[Section, ...]

    @property
    def facts(self) -> tuple[Fact, ...]:
        """Return all its facts in their order."""
        return tuple(item for section in self.sections for item in section.items if isinstance(item, Fact))


@cache
def load_policies() -> tuple[Policy, ...]:
    """Return all policies, in the order of the data."""
    data = yaml.safe_load(Path(__file__).with_name("policies.yaml").read_text(encoding="utf-8"))
    return tuple(_as_policy(one) for one in data)


@cache
def policies_by_document() -> Mapping[str, Policy]:
    """Return the policies by their path."""
    return {policy.document: policy for policy in load_policies()}


@cache
def facts_by_id() -> Mapping[str, Fact]:
    """Return the facts of all policies by their id."""
    return {fact.id: fact for policy in load_policies() for fact in policy.facts}


def draw_facts(policy: Policy, rng: np.random.Generator) -> dict[str, str]:
    """Return a value for each fact of a policy, by the fact's id."""
    return {fact.id: fact.values[int(rng.integers(len(fact.values)))] for fact in policy.facts}


def render(document: str, facts: Facts, *, review_by: date | str) -> str:
    """Return a policy as Markdown with front matter, a sentence a line, so that a diff shows the sentence that changed.

    Args:
        document: Its path.
        facts: Their values by id.
        review_by: Day from which the document is out of date itself.
    """
    policy = policies_by_document()[document]
    about = {"title": policy.title, "keywords": policy.keywords, "owner": policy.owner, "review_by": review_by}
    parts = ["\n".join(["---", *(f"{name}: {value}" for name, value in about.items()), "---\n"]), f"# {policy.title}\n"]
    for section in policy.sections:
        lines = (item if isinstance(item, str) else item.sentence(facts[item.id]) for item in section.items)
        parts.append(f"## {section.heading}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def read_facts(document: str, text: str) -> dict[str, str]:
    """Return the values that a document holds, by the fact's id; ValueError as `read_value`."""
    return {fact.id: read_value(text, fact) for fact in policies_by_document()[document].facts}


def change_facts(facts: Facts, ids: Iterable[str], rng: np.random.Generator) -> dict[str, str]:
    """Return a document's values with other ones for some facts."""
    return {**facts, **{one: other_value(facts_by_id()[one], facts[one], rng) for one in ids}}


def read_value(text: str, fact: Fact) -> str:
    """Return the value that a document holds of a fact; ValueError where the sentence is not there, or twice."""
    return _find(text, fact)[1]


def change_fact(text: str, fact: Fact, value: str, *, note: str | None = None) -> str:
    """Return a document with another value of a fact.

    Args:
        text: The document.
        fact: One of its facts.
        value: The new value.
        note: Sentence that is put behind the fact's own on the same line; an earlier note goes.

    Raises:
        ValueError: If the sentence is not there, or twice.
    """
    found = _find(text, fact)
    line_end = text.find("\n", found.end())
    new = fact.sentence(value) + (f" {note}" if note else "")
    return text[: found.start()] + new + text[line_end:]


def renew_review(text: str, review_by: date) -> str:
    """Return a document with another day of its next review."""
    return re.sub(r"(?m)^review_by: .*$", f"review_by: {review_by.isoformat()}", text, count=1)


def former_value_note(value: str, until: date) -> str:
    """Return the sentence that tells readers what a fact was before; a trap for whoever reads in a hurry."""
    return f"Before {until.day} {until:%B %Y} it was {value}."


def other_value(fact: Fact, value: str, rng: np.random.Generator) -> str:
    """Return a value of a fact that it does not hold now."""
    others = [one for one in fact.values if one != value]
    return others[int(rng.integers(len(others)))]


def next_review(day: date, rng: np.random.Generator) -> date:
    """Return a day of review, one to two years on."""
    return day + timedelta(days=int(rng.integers(400, 760)))


def asked_facts(policies: Sequence[Policy]) -> Iterator[Fact]:
    """Yield the facts that people ask for."""
    for policy in policies:
        yield from (fact for fact in policy.facts if fact.asks)


def _find(text: str, fact: Fact) -> re.Match[str]:
    found = list(_pattern(fact).finditer(text))
    if len(found) != 1:
        msg = f"{fact.document} holds {len(found)} sentences {fact.before!r} ... {fact.after!r}; expected one"
        raise ValueError(msg)
    return found[0]


@cache
def _pattern(fact: Fact) -> re.Pattern[str]:
    values = "|".join(re.escape(value) for value in sorted(fact.values, key=len, reverse=True))
    return re.compile(rf"(?m)^{re.escape(fact.before)}({values}){re.escape(fact.after)}")


def _as_policy(data: Mapping[str, object]) -> Policy:
    document = f"{data['id']}.md"
    found = data["sections"]
    assert isinstance(found, dict)
    number = 0
    sections = []
    for heading, items in {**found, _ABOUT: [_REVIEWED, _ASKED]}.items():
        made: list[Fact | str] = []
        for item in items:
            says, asks = next(iter(item.items())) if isinstance(item, dict) else (item, ())
            choice = _CHOICE.search(says)
            if choice is None:
                made.append(says)
                continue
            number += 1
            made.append(
                Fact(
                    id=f"{document}#{number}",
                    document=document,
                    before=says[: choice.start()],
                    values=_values(choice[1]),
                    after=says[choice.end() :],
                    asks=tuple(asks),
                )
            )
        sections.append(Section(heading=heading, items=tuple(made)))
    return Policy(
        document=document,
        title=str(data["title"]),
        keywords=str(data["keywords"]),
        owner=str(data["owner"]),
        area=str(data["area"]),
        asked=float(str(data["asked"])),
        sections=tuple(sections),
    )


def _values(choice: str) -> tuple[str, ...]:
    """Return the values of `EUR 5|10`, `14|30 days`, `08:00|09:00`, `31 March|30 April` or `refunds|claims@`."""
    parts = choice.split("|")
    if choice.endswith("@"):
        return tuple(f"{part.removesuffix('@')}@{DOMAIN}" for part in parts)
    prefix, _, first = parts[0].rpartition(" ")
    last, _, suffix = parts[-1].partition(" ")
    if " " in parts[0] and all(" " not in part for part in parts[1:]):
        return tuple(f"{prefix} {part}" for part in (first, *parts[1:]))
    if " " in parts[-1] and all(" " not in part for part in parts[:-1]):
        one = suffix.removesuffix("s")
        return tuple(f"{part} {one if part == '1' else suffix}" for part in (*parts[:-1], last))
    return tuple(parts)

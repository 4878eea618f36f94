"""A year in the life of the policies: who wrote and changed what, and when, until the demo's first day."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np

from seamwatch_demo.policies.documents import (
    DOMAIN,
    Policy,
    change_fact,
    draw_facts,
    former_value_note,
    load_policies,
    next_review,
    other_value,
    read_value,
    render,
    renew_review,
)
from seamwatch_demo.policies.repository import PolicyRepository

REPOSITORY = "policies.git"
"""Its name within the world's folder."""
TEMPLATE = "template.md"
"""How a new policy is to be written; a document of the repository that nobody should be served."""

_FIRST_DAY, _LAST_DAY = date(2025, 11, 3), date(2026, 10, 30)
_FRIDAY = 4
_PER_IMPORT, _N_EDITS, _REVIEW_SHARE, _NOTE_SHARE = 6, 70, 0.2, 0.4
_TEMPLATE_TEXT = (
    "---\ntitle: Title of the policy\nowner: team\nreview_by: 2029-12-31\n---\n\n# Title of the policy\n\n"
    "## First heading\n\nOne rule a line, with its number.\n"
)


def open_repository(path: Path, seed: int) -> PolicyRepository:
    """Return the policies' repository; its history is written if it is not there yet."""
    if not path.exists():
        # Under another name first: a history that was cut off is not taken for a whole one.
        partial = path.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        with PolicyRepository(partial) as repository:
            write_history(repository, np.random.default_rng([seed, 0]))
        partial.rename(path)
    return PolicyRepository(path)


def write_history(repository: PolicyRepository, rng: np.random.Generator) -> None:
    """Commit the first versions of all policies, some a day, and then changes of single ones over the months."""
    policies = load_policies()
    day = _FIRST_DAY
    texts = {TEMPLATE: _TEMPLATE_TEXT}
    repository.commit(texts, "Say how a policy looks", _office_hour(day, rng), author=author("legal"))
    for first in range(0, len(policies), _PER_IMPORT):
        day = _workday(day + timedelta(days=int(rng.integers(1, 4))))
        some = policies[first : first + _PER_IMPORT]
        texts |= {
            one.document: render(one.document, draw_facts(one, rng), review_by=next_review(_LAST_DAY, rng))
            for one in some
        }
        message = f"Add {', '.join(one.title.lower() for one in some)}"
        repository.commit(texts, message, _office_hour(day, rng), author=author(some[0].owner))
    later = [day + timedelta(days=number) for number in range(1, (_LAST_DAY - day).days + 1)]
    workdays = [one for one in later if _workday(one) == one]
    for number in np.sort(rng.choice(len(workdays), size=_N_EDITS, replace=False)):
        policy = policies[int(rng.integers(len(policies)))]
        at = _office_hour(workdays[number], rng)
        texts[policy.document], message = _edit(policy, texts[policy.document], at.date(), rng)
        repository.commit(texts, message, at, author=author(policy.owner))


def author(owner: str) -> str:
    """Return the name and address with which a team commits."""
    return f"{owner.replace('-', ' ').title()} <{owner}@{DOMAIN}>"


def _edit(policy: Policy, text: str, day: date, rng: np.random.Generator) -> tuple[str, str]:
    """Return a policy's next version, and what the commit says."""
    if rng.random() < _REVIEW_SHARE:
        return renew_review(text, next_review(day, rng)), f"Review {policy.title.lower()}, nothing to change"
    fact = policy.facts[int(rng.integers(len(policy.facts)))]
    old = read_value(text, fact)
    new = other_value(fact, old, rng)
    note = former_value_note(old, day) if rng.random() < _NOTE_SHARE else None
    return change_fact(text, fact, new, note=note), f"Change {policy.title.lower()}: {old} becomes {new}"


def _workday(day: date) -> date:
    """Return the day, or the Monday after it."""
    return day + timedelta(days=7 - day.weekday() if day.weekday() > _FRIDAY else 0)


def _office_hour(day: date, rng: np.random.Generator) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(
        seconds=int(rng.integers(8 * 3600, 17 * 3600))
    )

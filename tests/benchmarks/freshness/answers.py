"""The answer-weighted SLI of a base, beside a recount that knows what was planted when."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import sqlalchemy as sa

from freshness.bases import CHECKED, EDITED, FIRST, SERVED, Base
from seamwatch.core.documents import document_id
from seamwatch.spec.knowledge import DocumentIds

GRACE = timedelta(seconds=1)


def serve(base: Base, n: int, rng: np.random.Generator) -> dict[str, tuple[float, list[str]]]:
    """Record `n` answers over three weeks, and return by answer when it was given and on which documents."""
    names = [name for name in base.texts if not name.startswith("drafts/")]
    span = (CHECKED - FIRST - timedelta(days=1)).total_seconds()
    made = {}
    for number in range(n):
        at = FIRST + timedelta(hours=3, seconds=float(rng.uniform(0, span)))
        made[f"a{number}"] = (at, [str(one) for one in rng.choice(names, size=3, replace=False)])
    rows = [{"id": key, "served_at": at, "documents": json.dumps(documents)} for key, (at, documents) in made.items()]
    with base.engine.begin() as connection:
        connection.execute(sa.insert(SERVED), rows)
    return {key: (at.timestamp(), documents) for key, (at, documents) in made.items()}


def recount(base: Base, answers: dict[str, tuple[float, list[str]]], changed_at: dict[str, float]) -> int:
    """Return how many answers rested on a document after its change, one by one."""
    rules = DocumentIds()
    wrong = {document_id(name, rules): reason for name, reason in base.planted if reason in ("stale", "duplicate")}
    n = 0
    for at, documents in answers.values():
        n += any(
            (shared := document_id(name, rules)) in wrong
            and at >= changed_at[shared] + (GRACE.total_seconds() if wrong[shared] == "stale" else 0.0)
            for name in documents
        )
    return n


__all__ = ["EDITED", "recount", "serve"]

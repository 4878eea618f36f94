"""Which answers rested on which documents while something was wrong with them, and which on what nobody knows."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any, cast

import numpy as np
import pandas as pd

from seamwatch.core.freshness import moment
from seamwatch.core.freshness_results import AGAINST_ANSWERS, AnswerSli, DocumentAnswers
from seamwatch.core.records.comparison import is_null
from seamwatch.vocabulary import FreshnessReason as Reason


def rested_on(served: pd.DataFrame, findings: pd.DataFrame, *, grace: timedelta) -> pd.DataFrame:
    """Return which answers rested on which findings: columns key, served_at and those of the finding.

    Args:
        served: Columns key, document, version (content hash as served, or None), served_at (aware), and
            `current_hash` (of the source, or None); a document that an answer missed stands here too.
        findings: Columns `FINDING_COLUMNS`, open (`until` NaT) and ended.
        grace: A change may take so long to reach the index.

    A document counts from its change and the grace on, until it was indexed. One served in the very version that the
    source has is not stale, whatever the clocks say.
    """
    wanted = findings[findings["reason"].isin(list(AGAINST_ANSWERS)).to_numpy()]
    pairs = served.merge(wanted, on="document", how="inner")
    if not len(pairs):
        return pairs
    waits = pairs["reason"].isin([Reason.STALE, Reason.MISSING, Reason.GHOST]).to_numpy()
    start = pairs["since"] + pd.Series(pd.to_timedelta(waits * grace.total_seconds(), unit="s"), index=pairs.index)
    begun = (pairs["since"].isna() | (start <= pairs["served_at"])).to_numpy()
    going = (pairs["until"].isna() | (pairs["served_at"] < pairs["until"])).to_numpy()
    has_version = pairs["version"].notna() & (pairs["version"] == pairs["current_hash"])
    is_current = (has_version & (pairs["reason"] == Reason.STALE)).to_numpy()
    return pairs[begun & going & ~is_current]


def was_gone(served: pd.DataFrame, there: Collection[str], findings: pd.DataFrame) -> np.ndarray[Any, Any]:
    """Return by row of what was served whether its document was on neither side any more.

    Args:
        served: Columns document and served_at.
        there: Documents that source or index have now.
        findings: Columns `FINDING_COLUMNS`, open and ended ones: a document that left both sides has one that ended
            then, and an answer from before rested on a document that was known.
    """
    ends = findings["until"].where(findings["until"].notna(), pd.Timestamp.max.tz_localize("UTC"))
    last = ends.groupby(findings["document"].to_numpy()).max()
    until = last.reindex(served["document"])
    is_there = served["document"].isin(list(there)).to_numpy()
    result: np.ndarray[Any, Any] = ~is_there & ~(served["served_at"].to_numpy() < until.to_numpy())
    return result


def answer_sli(
    served: pd.DataFrame,
    findings: pd.DataFrame,
    *,
    n_answers: int,
    grace: timedelta,
    clocks: pd.DataFrame | None = None,
) -> AnswerSli:
    """Return the answer-weighted SLI; arguments as `rested_on`.

    Args:
        served: See there; with a column `is_unknown` also what nobody knows.
        findings: See there.
        n_answers: Answers of the span, those without recorded ids included.
        grace: See there.
        clocks: Index document; columns changed_at, indexed_at and perhaps raw, the id that people know.
    """
    pairs = rested_on(served, findings, grace=grace)
    by_reason = pairs.groupby("reason")["key"].nunique().to_dict() if len(pairs) else {}
    documents = []
    for mark, group in pairs.groupby(["document", "reason"], sort=False) if len(pairs) else ():
        document, reason = map(str, cast("tuple[object, object]", mark))
        at = clocks.loc[document] if clocks is not None and document in clocks.index else None
        documents.append(
            DocumentAnswers(
                document=document if at is None or is_null(at.get("raw")) else str(at["raw"]),
                reason=Reason(reason),
                n_answers=int(group["key"].nunique()),
                detail=str(group["detail"].iloc[0]),
                changed_at=None if at is None else moment(at["changed_at"]),
                indexed_at=None if at is None else moment(at["indexed_at"]),
                since=moment(group["since"].iloc[0]),
                last_served_at=moment(group["served_at"].max()),
            )
        )
    return AnswerSli(
        n_answers=n_answers,
        n_with_ids=int(served["key"].nunique()),
        n_affected=int(pairs["key"].nunique()) if len(pairs) else 0,
        n_unknown=_n_unknown(served, pairs),
        by_reason={str(reason): int(n) for reason, n in by_reason.items()},
        documents=tuple(sorted(documents, key=lambda one: (-one.n_answers, one.document, one.reason))),
    )


def _n_unknown(served: pd.DataFrame, pairs: pd.DataFrame) -> int:
    """Return how many answers rest on what nobody knows, and on nothing that is known to be outdated."""
    if "is_unknown" not in served.columns:
        return 0
    keys = set(served.loc[served["is_unknown"].to_numpy(dtype=bool), "key"])
    return len(keys - set(pairs["key"])) if len(pairs) else len(keys)

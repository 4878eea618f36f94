"""What a check of a knowledge base found, ready to be told and kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from seamwatch.vocabulary import FreshnessReason

AGAINST_ANSWERS = (
    FreshnessReason.STALE,
    FreshnessReason.MISSING,
    FreshnessReason.GHOST,
    FreshnessReason.DUPLICATE,
)
"""An answer that rested on such a document counts against the goal."""


@dataclass(frozen=True, kw_only=True)
class DocumentAnswers:
    """A document that answers rested on, or missed, while something was wrong with it."""

    document: str
    reason: FreshnessReason
    n_answers: int
    detail: str = ""
    changed_at: datetime | None = None
    """The source's clock."""
    indexed_at: datetime | None = None
    """The index's clock."""
    since: datetime | None = None
    last_served_at: datetime | None = None
    """The answers' clock."""


@dataclass(frozen=True, kw_only=True)
class AnswerSli:
    """Answers of a span of time that rested on documents that were not as they should be."""

    n_answers: int
    n_with_ids: int
    """Answers whose documents are recorded; only of them anything is known."""
    n_affected: int
    n_unknown: int = 0
    """Answers that rest on an id which neither source nor index knows, and on nothing that is known to be outdated:
    nothing says that they are fresh."""
    by_reason: Mapping[str, int] = field(default_factory=dict)
    documents: tuple[DocumentAnswers, ...] = ()
    """Most answers first."""

    @property
    def share_fresh(self) -> float | None:
        """Return the share of answers that rested on known documents alone, none of them outdated; None without any."""
        return 1.0 - (self.n_affected + self.n_unknown) / self.n_with_ids if self.n_with_ids else None

    @property
    def share_outdated(self) -> float | None:
        """Return the share of answers that rested on something stale, missing, ghost or duplicate; None without any."""
        return self.n_affected / self.n_with_ids if self.n_with_ids else None


@dataclass(frozen=True, kw_only=True)
class Lag:
    """How far the index is behind the source."""

    n: int = 0
    """Documents that changed within the last thirty days and were indexed since."""
    p50_s: float | None = None
    p95_s: float | None = None
    p99_s: float | None = None
    """Seconds from the change to the index."""
    oldest_unindexed_s: float | None = None
    """Age of the oldest change that has not reached the index; None if all have."""


@dataclass(frozen=True, kw_only=True)
class FreshnessCheck:
    """What one look at one knowledge base found."""

    pipeline: str
    knowledge_base: str
    stage: str | None
    """Retrieval that serves it; None where no stage does."""
    checked_at: datetime
    is_full: bool
    """Whether everything was listed, not only what changed."""
    n_source: int
    n_indexed: int
    n_changed: int
    """Documents that were looked at."""
    by_reason: Mapping[str, int]
    """Documents with each reason now."""
    documents: tuple[DocumentAnswers, ...] = ()
    """Documents with something wrong, most answers first; the first hundred."""
    answers: AnswerSli | None = None
    lag: Lag = Lag()
    goal: float = 1.0
    embedding: tuple[str | None, float | None] = (None, None)
    """Model and dimension that chunks should have, stated or usual."""
    answers_since: datetime | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_breached(self) -> bool:
        """Return whether fewer answers than the goal asks for are known to rest on up-to-date documents."""
        share = self.answers.share_fresh if self.answers is not None else None
        return share is not None and share < self.goal

    @property
    def is_outdated(self) -> bool:
        """Return whether more answers rested on documents that were not as they should be than the goal allows.

        What nobody knows is no part of it: it blames nobody.
        """
        share = self.answers.share_outdated if self.answers is not None else None
        return share is not None and 1.0 - share < self.goal

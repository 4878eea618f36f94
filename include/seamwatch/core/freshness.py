"""What is wrong with each document of a knowledge base, since when, and which answers rested on it.

Three clocks for every document: changed at the source, indexed, served in an answer. A document is stale because its
content differs from what was indexed; times alone say nothing: a file that was touched is no other file.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.documents import matches_any
from seamwatch.core.freshness_results import Lag
from seamwatch.plurals import plural
from seamwatch.vocabulary import FreshnessReason as Reason

FINDING_COLUMNS = ("document", "reason", "since", "until", "detail")
REMOVED = "removed"
"""In the place of a reason: the document left source and index alike, which is no error. Its finding ends with it, and
says that answers from before rested on what was known."""
_CLOCK_SLACK = timedelta(minutes=5)
"""A change that is told to be later than this from now has a wrong clock."""
_LAG_WITHIN = timedelta(days=30)
"""Changes of the last so long say how far the index lags behind."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a document of one knowledge base should be like."""

    skip: tuple[str, ...] = ()
    """Globs of documents that are left out of the index on purpose."""
    embedding_model: str | None = None
    dimension: float | None = None


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What is wrong with some documents."""

    found: pd.DataFrame
    """Columns `FINDING_COLUMNS`; `until` is not set."""
    doubtful: tuple[str, ...] = ()
    """Documents changed after they were indexed, as far as times tell, whose index holds no hash: only their content
    can say."""
    n_future: int = 0
    """Documents whose time of change lies in the future."""


def judge_documents(
    source: pd.DataFrame,
    index: pd.DataFrame,
    rules: Rules,
    *,
    now: datetime,
    differs: Mapping[str, bool] | None = None,
) -> Judged:
    """Return what is wrong with each document.

    Args:
        source: Index shared id; columns of a source listing (`core.documents.SOURCE_COLUMNS`).
        index: Columns of an index listing; `document` holds shared ids, `raw` the ids as recorded.
        rules: What they should be like.
        now: Aware time.
        differs: By document, whether its text differs from what the index holds, where it was compared.

    A document may have several reasons. A source that could not be read says nothing of its document: it is neither
    stale nor fresh, and is told apart by its `problem`. Of one that is said to change in the future nobody knows when
    it did: it is stale since it was indexed, and missing since now.
    """
    known = {} if differs is None else differs
    is_future = is_changed_later(source, now)
    changed = source["changed_at"].mask(is_future, pd.Timestamp(now))
    versions = index.assign(at_source=index["document"].isin(source.index))
    is_skipped = pd.Series([matches_any(one, rules.skip) for one in source.index], index=source.index, dtype=bool)
    indexed = source.index.isin(versions["document"])
    parts = [
        _findings(Reason.SKIPPED, source.index[is_skipped & ~indexed], changed),
        _findings(Reason.MISSING, source.index[~is_skipped & ~indexed], changed, "not in the index"),
        _ghosts(versions, is_skipped),
        _duplicates(versions),
        _mismatches(versions, rules),
        _partial(versions, source),
        _outdated(source, now),
    ]
    stale, doubtful = _stale(source, versions, known)
    since = source["changed_at"].mask(is_future, _last_indexed(versions).reindex(source.index))
    parts.append(_findings(Reason.STALE, stale, since, "the source changed after it was indexed"))
    kept = [part for part in parts if len(part)]
    found = pd.concat(kept, ignore_index=True) if kept else empty_findings()
    return Judged(found=found, doubtful=doubtful, n_future=int(is_future.sum()))


def is_changed_later(source: pd.DataFrame, now: datetime) -> pd.Series[bool]:
    """Return by document whether its time of change lies in the future: whoever wrote it has a wrong clock."""
    return source["changed_at"] > now + _CLOCK_SLACK


def empty_findings() -> pd.DataFrame:
    """Return a frame of findings without any."""
    frame = pd.DataFrame({name: pd.Series(dtype=object) for name in FINDING_COLUMNS})
    for name in ("since", "until"):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame


def _findings(
    reason: str, documents: Collection[Any], since: pd.Series[Any] | None, detail: str | Sequence[str] = ""
) -> pd.DataFrame:
    names = pd.Index(list(documents), dtype=object)
    times = since.reindex(names).to_numpy() if since is not None else pd.NaT
    frame = pd.DataFrame({"document": names, "reason": str(reason), "since": times, "until": pd.NaT, "detail": detail})
    for name in ("since", "until"):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame


def _stale(
    source: pd.DataFrame, versions: pd.DataFrame, differs: Mapping[str, bool]
) -> tuple[list[str], tuple[str, ...]]:
    """Return the stale documents, and those of which only the content can tell."""
    both = versions[versions["at_source"].to_numpy()]
    if not len(both):
        return [], ()
    now = source.reindex(both["document"])
    has_hash = both["content_hash"].notna().to_numpy()
    is_known = now["content_hash"].notna().to_numpy()
    same = has_hash & is_known & (both["content_hash"].to_numpy() == now["content_hash"].to_numpy())
    indexed_at, changed_at = both["indexed_at"].to_numpy(), now["changed_at"].to_numpy()
    is_before = ~(pd.notna(indexed_at) & pd.notna(changed_at)) | (indexed_at < changed_at)
    per = pd.DataFrame(
        {
            "document": both["document"].to_numpy(),
            "same": same,
            "comparable": has_hash & is_known,
            "unhashed": ~has_hash & is_known,
            "before": is_before,
        }
    ).groupby("document", sort=False)
    facts = pd.DataFrame(
        {
            "same": per["same"].any(),
            "comparable": per["comparable"].all(),
            "unhashed": per["unhashed"].any(),
            "before": per["before"].all(),
        }
    )
    by_hash = facts.index[(facts["comparable"] & ~facts["same"]).to_numpy()]
    asked = facts.index[(facts["unhashed"] & ~facts["same"] & facts["before"]).to_numpy()]
    by_content = [one for one in asked if differs.get(one)]
    return [*by_hash, *by_content], tuple(one for one in asked if one not in differs)


def _ghosts(versions: pd.DataFrame, is_skipped: pd.Series[bool]) -> pd.DataFrame:
    gone = versions.loc[~versions["at_source"].to_numpy(), "document"].drop_duplicates()
    skipped = is_skipped.index[is_skipped.to_numpy()]
    kept = versions.loc[versions["document"].isin(skipped).to_numpy(), "document"].drop_duplicates()
    parts = [
        _findings(Reason.GHOST, gone, None, "gone at the source"),
        _findings(Reason.GHOST, kept, None, "left out by rule, and still in the index"),
    ]
    return pd.concat([part for part in parts if len(part)]) if len(gone) + len(kept) else empty_findings()


def _duplicates(versions: pd.DataFrame) -> pd.DataFrame:
    """Return documents with two contents, or under two ids; since the second of them came."""
    distinct = versions.drop_duplicates(["document", "raw", "content_hash"])
    twice = distinct[distinct["document"].duplicated(keep=False).to_numpy()]
    if not len(twice):
        return empty_findings()
    groups = twice.sort_values("indexed_at").groupby("document", sort=False)
    since = groups["indexed_at"].nth(1)
    since = pd.Series(since.to_numpy(), index=twice.sort_values("indexed_at").loc[since.index, "document"])
    counts = groups.size().reindex(since.index)
    detail = [f"{plural(int(count), 'version')} in the index" for count in counts]
    return _findings(Reason.DUPLICATE, since.index, since, detail)


def _mismatches(versions: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    is_off = pd.Series(False, index=versions.index)
    if rules.embedding_model is not None:
        is_off |= versions["embedding_model"].notna() & (versions["embedding_model"] != rules.embedding_model)
    if rules.dimension is not None:
        is_off |= versions["dimension"].notna() & (versions["dimension"] != rules.dimension)
    off = versions[is_off.to_numpy()].drop_duplicates("document")
    since = pd.Series(off["indexed_at"].to_numpy(), index=off["document"])
    detail = [
        "embedded by " + (f"{model}" if model else "an unnamed model") + (f", dimension {int(d)}" if d == d else "")  # noqa: PLR0124
        for model, d in zip(off["embedding_model"], off["dimension"], strict=True)
    ]
    return _findings(Reason.EMBEDDING_MISMATCH, since.index, since, detail)


def _partial(versions: pd.DataFrame, source: pd.DataFrame) -> pd.DataFrame:
    """Return documents of which chunks are missing: of the current version, or of the newest where none is."""
    hashes = source["content_hash"].reindex(versions["document"]).to_numpy()
    ranked = versions.assign(is_current=versions["content_hash"].to_numpy() == hashes)
    # A version that was embedded in two ways has its chunks in two rows.
    parts = ranked.groupby(["document", "raw", "content_hash"], sort=False, dropna=False).agg(
        n_chunks=("n_chunks", "sum"),
        n_expected=("n_expected", "max"),
        indexed_at=("indexed_at", "max"),
        is_current=("is_current", "any"),
    )
    newest = parts.reset_index().sort_values(["is_current", "indexed_at"]).drop_duplicates("document", keep="last")
    short = newest[(newest["n_chunks"] < newest["n_expected"]).to_numpy()]
    since = pd.Series(short["indexed_at"].to_numpy(), index=short["document"])
    detail = [
        f"{int(n):,} of {plural(int(m), 'chunk')}" for n, m in zip(short["n_chunks"], short["n_expected"], strict=True)
    ]
    return _findings(Reason.PARTIAL, since.index, since, detail)


def _outdated(source: pd.DataFrame, now: datetime) -> pd.DataFrame:
    late = source[(source["expires_at"] <= now).to_numpy()]
    return _findings(Reason.SOURCE_OUTDATED, late.index, late["expires_at"], "past its own review date")


def usual_embedding(index: pd.DataFrame) -> tuple[str | None, float | None]:
    """Return the model and the dimension that most chunks have; None where none is recorded."""

    def usual(column: str) -> Any:
        known = index[index[column].notna().to_numpy()]
        return known.groupby(column)["n_chunks"].sum().idxmax() if len(known) else None

    model, dimension = usual("embedding_model"), usual("dimension")
    return (None if model is None else str(model)), (None if dimension is None else float(dimension))


@dataclass(frozen=True, kw_only=True)
class Update:
    """What a check changes of the findings that are kept."""

    opened: pd.DataFrame
    """Columns `FINDING_COLUMNS`; some already have their end."""
    closed: pd.DataFrame
    """Open findings that are over, with their `until`; columns `FINDING_COLUMNS` and what the open ones had."""


def update_findings(
    known: pd.DataFrame,
    found: pd.DataFrame,
    *,
    touched: Collection[str],
    source: pd.DataFrame,
    index: pd.DataFrame,
    before: pd.DataFrame,
    now: datetime,
    unknown: Collection[str] = (),
    removed: Collection[str] = (),
) -> Update:
    """Return which findings begin and which end.

    Args:
        known: Open findings of the touched documents.
        found: What is wrong with them now.
        touched: The documents that were looked at.
        source: As `judge_documents`, of the touched documents.
        index: As `judge_documents`, of the touched documents.
        before: The source's rows as of the last check.
        now: Aware time.
        unknown: Documents of which nobody can say now whether they are stale: what was said of them stays.
        removed: Documents that have left both sides: each has a finding that ends now, so that it is known until then.

    A finding keeps the time from which it was first seen. One of staleness ends when the current version was indexed,
    not when that was noticed; a change that was indexed between two checks leaves a finding with both ends.
    """
    keys = ["document", "reason"]
    marks = pd.MultiIndex.from_frame(found[keys]) if len(found) else pd.MultiIndex.from_tuples([], names=keys)
    old = pd.MultiIndex.from_frame(known[keys]) if len(known) else pd.MultiIndex.from_tuples([], names=keys)
    is_unknown = known["document"].isin(list(unknown)) & (known["reason"] == Reason.STALE)
    over = known[known["document"].isin(list(touched)).to_numpy() & ~old.isin(marks) & ~is_unknown.to_numpy()]
    renewed = _last_indexed(index).reindex(over["document"]).set_axis(over.index)
    by_index = over["reason"].isin([Reason.STALE, Reason.MISSING, Reason.PARTIAL, Reason.DUPLICATE]).to_numpy()
    until = renewed.where(by_index & renewed.notna() & (renewed >= over["since"]), pd.Timestamp(now))
    new = found[~marks.isin(old)] if len(found) else found
    # What was there at the first look, without a time of its own, is there since nobody knows when.
    ghosts = (new["reason"] == Reason.GHOST) & new["document"].isin(before.index) if len(new) else None
    if ghosts is not None and ghosts.any():
        new = new.assign(since=new["since"].where(~ghosts, pd.Timestamp(now)))
    # What the last check saw at the source has changed since then, whatever its clock says.
    late = source.index[is_changed_later(source, now).to_numpy()].intersection(before.index)
    is_late = ((new["reason"] == Reason.STALE) & new["document"].isin(late)).to_numpy() if len(new) else None
    if is_late is not None and is_late.any():
        new = new.assign(since=new["since"].mask(is_late, pd.Timestamp(now)))
    left = _findings(REMOVED, sorted(removed), None, "gone from source and index")
    left["until"] = pd.Series(pd.Timestamp(now), index=left.index, dtype="datetime64[ns, UTC]")
    opened = [part for part in (new, _passed(source, index, before, known, found), left) if len(part)]
    return Update(
        opened=pd.concat(opened, ignore_index=True) if opened else empty_findings(),
        closed=over.assign(until=until),
    )


def _last_indexed(index: pd.DataFrame) -> pd.Series[Any]:
    return index.groupby("document")["indexed_at"].max()


def _passed(
    source: pd.DataFrame, index: pd.DataFrame, before: pd.DataFrame, known: pd.DataFrame, found: pd.DataFrame
) -> pd.DataFrame:
    """Return the staleness that began and ended between two checks."""
    seen = {*known.loc[known["reason"] == Reason.STALE, "document"], *found["document"]}
    both = source.index.intersection(before.index)
    both = both[[one not in seen for one in both]]
    changed = both[(source.loc[both, "content_hash"].to_numpy() != before.loc[both, "content_hash"].to_numpy())]
    since, until = source["changed_at"].reindex(changed), _last_indexed(index).reindex(changed)
    is_span = ((until > since) & before["content_hash"].reindex(changed).notna()).to_numpy()
    spans = _findings(Reason.STALE, changed[is_span], source["changed_at"], "the source changed after it was indexed")
    return spans.assign(until=pd.to_datetime(until[is_span].to_numpy(), utc=True))


def moment(value: Any) -> datetime | None:
    """Return a time of a frame as a datetime, or None."""
    return None if pd.isna(value) else pd.Timestamp(value).to_pydatetime()


def index_lag(clocks: pd.DataFrame, findings: pd.DataFrame, *, now: datetime) -> Lag:
    """Return how far the index is behind.

    Args:
        clocks: Columns changed_at and indexed_at of documents that are in the index.
        findings: Open ones.
        now: Aware time.
    """
    recent = clocks[(clocks["changed_at"] >= now - _LAG_WITHIN) & (clocks["indexed_at"] >= clocks["changed_at"])]
    seconds = (recent["indexed_at"] - recent["changed_at"]).dt.total_seconds().to_numpy()
    waiting = findings[findings["reason"].isin([Reason.STALE, Reason.MISSING]).to_numpy()]["since"].dropna()
    quantiles = np.quantile(seconds, [0.5, 0.95, 0.99]) if len(seconds) else [None] * 3
    return Lag(
        n=len(seconds),
        **{
            name: None if q is None else float(q)
            for name, q in zip(("p50_s", "p95_s", "p99_s"), quantiles, strict=True)
        },
        oldest_unindexed_s=(now - waiting.min()).total_seconds() if len(waiting) else None,
    )

"""Documents with planted faults, and what is said of each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.documents import index_frame, source_frame
from seamwatch.core.freshness import (
    REMOVED,
    Rules,
    empty_findings,
    index_lag,
    judge_documents,
    update_findings,
    usual_embedding,
)
from seamwatch.core.freshness_answers import answer_sli, was_gone
from seamwatch.core.freshness_results import AnswerSli, FreshnessCheck

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
OLD, LATER = NOW - timedelta(days=9), NOW - timedelta(days=8)
NEW = NOW - timedelta(hours=3)


def source(**rows: dict[str, Any]) -> pd.DataFrame:
    return source_frame(
        {name: {"version": "v", "changed_at": OLD, "content_hash": "a", **row} for name, row in rows.items()}
    )


def index(*rows: dict[str, Any]) -> pd.DataFrame:
    whole = [{"content_hash": "a", "indexed_at": LATER, "n_chunks": 2, "n_expected": 2, **row} for row in rows]
    frame = index_frame(whole)
    return frame.assign(raw=[row.get("raw", row["document"]) for row in whole])


def reasons(found: pd.DataFrame) -> set[tuple[str, str]]:
    return set(zip(found["document"], found["reason"], strict=True))


def judge(
    at_source: pd.DataFrame, indexed: pd.DataFrame, rules: Rules | None = None, **more: Any
) -> set[tuple[str, str]]:
    return reasons(judge_documents(at_source, indexed, rules or Rules(), now=NOW, **more).found)


def test_a_document_that_is_indexed_as_it_is_has_nothing_wrong_with_it() -> None:
    assert judge(source(a={}), index({"document": "a"})) == set()


def test_every_reason_is_found_and_nothing_else() -> None:
    at_source = source(
        fresh={},
        stale={"content_hash": "b", "changed_at": NEW},
        touched={"changed_at": NEW},
        missing={"changed_at": NEW},
        twice={},
        other_model={},
        partial={},
        drafts_x={},
        drafts_kept={},
        outdated={"expires_at": NEW},
        unreadable={"content_hash": None, "problem": "no permission"},
    )
    indexed = index(
        *({"document": name} for name in ("fresh", "stale", "touched", "outdated", "unreadable", "drafts_kept")),
        {"document": "ghost"},
        {"document": "twice"},
        {"document": "twice", "content_hash": "old", "indexed_at": OLD},
        {"document": "other_model", "embedding_model": "m2", "dimension": 4},
        {"document": "partial", "n_chunks": 1},
    )
    rules = Rules(skip=("drafts_*",), embedding_model="m1", dimension=3)
    assert judge(at_source, indexed, rules) == {
        ("stale", "stale"),
        ("missing", "missing"),
        ("ghost", "ghost"),
        ("drafts_kept", "ghost"),
        ("twice", "duplicate"),
        ("other_model", "embedding_mismatch"),
        ("partial", "partial"),
        ("drafts_x", "skipped"),
        ("outdated", "source_outdated"),
    }


def test_one_document_under_two_ids_is_a_duplicate_since_the_second_came() -> None:
    found = judge_documents(
        source(a={}),
        index({"document": "a", "raw": "A.md"}, {"document": "a", "raw": "a.md", "indexed_at": NEW}),
        Rules(),
        now=NOW,
    ).found
    assert reasons(found) == {("a", "duplicate")}
    assert found["since"].iloc[0] == NEW


def test_without_a_hash_in_the_index_times_propose_and_content_decides() -> None:
    at_source = source(a={"changed_at": NEW}, b={"changed_at": NEW}, c={})
    indexed = index(*({"document": name, "content_hash": None} for name in "abc"))
    first = judge_documents(at_source, indexed, Rules(), now=NOW)
    assert (set(first.doubtful), len(first.found)) == ({"a", "b"}, 0)
    assert judge(at_source, indexed, differs={"a": True, "b": False}) == {("a", "stale")}


def test_a_chunk_count_is_that_of_the_current_version_though_it_was_embedded_in_two_ways() -> None:
    indexed = index(
        {"document": "a", "n_chunks": 1, "embedding_model": "m1"},
        {"document": "a", "n_chunks": 1, "embedding_model": "m2"},
    )
    assert judge(source(a={}), indexed, Rules(embedding_model="m1")) == {("a", "embedding_mismatch")}


def test_a_clock_in_the_future_is_counted_and_taken_for_now() -> None:
    found = judge_documents(source(a={"changed_at": NOW + timedelta(days=2)}), index(), Rules(), now=NOW)
    assert found.n_future == 1
    assert found.found["since"].tolist() == [NOW]


@pytest.mark.parametrize(("is_seen_before", "since"), [(False, OLD), (True, NOW)])
def test_a_document_that_differs_and_changes_in_the_future_is_stale_since_it_was_last_the_same(
    is_seen_before: bool, since: datetime
) -> None:
    at_source = source(a={"changed_at": NOW + timedelta(days=2), "content_hash": "h2"})
    indexed = index({"document": "a", "content_hash": "h1", "indexed_at": OLD})
    found = judge_documents(at_source, indexed, Rules(), now=NOW).found
    before = source(a={"changed_at": OLD, "content_hash": "h1"}) if is_seen_before else source()
    known = empty_findings()
    update = update_findings(known, found, touched=["a"], source=at_source, index=indexed, before=before, now=NOW)
    assert update.opened[["document", "reason", "since"]].values.tolist() == [["a", "stale", since]]


def test_what_most_chunks_were_embedded_with_is_usual() -> None:
    indexed = index(
        {"document": "a", "embedding_model": "m1", "n_chunks": 9, "dimension": 3},
        {"document": "b", "embedding_model": "m2", "n_chunks": 2, "dimension": 4},
    )
    assert usual_embedding(indexed) == ("m1", 3.0)
    assert usual_embedding(index({"document": "a"})) == (None, None)


def _update(
    known: pd.DataFrame, at_source: pd.DataFrame, indexed: pd.DataFrame, before: pd.DataFrame, **more: Any
) -> Any:
    found = judge_documents(at_source, indexed, Rules(), now=NOW).found
    touched = {*at_source.index, *indexed["document"], *before.index}
    return update_findings(
        known, found, touched=touched, source=at_source, index=indexed, before=before, now=NOW, **more
    )


def test_a_finding_begins_with_the_change_and_ends_when_it_was_indexed() -> None:
    changed = source(a={"content_hash": "b", "changed_at": NEW})
    begun = _update(empty_findings(), changed, index({"document": "a"}), source(a={}))
    assert begun.opened["since"].tolist() == [NEW]
    assert begun.opened["until"].isna().all()
    reindexed = index({"document": "a", "content_hash": "b", "indexed_at": NEW + timedelta(hours=1)})
    ended = _update(begun.opened, changed, reindexed, changed)
    assert (len(ended.opened), ended.closed["until"].tolist()) == (0, [NEW + timedelta(hours=1)])
    again = _update(begun.opened, changed, index({"document": "a"}), changed)
    assert (len(again.opened), len(again.closed)) == (0, 0)


def test_a_change_that_was_indexed_between_two_checks_leaves_a_span() -> None:
    changed = source(a={"content_hash": "b", "changed_at": NEW})
    reindexed = index({"document": "a", "content_hash": "b", "indexed_at": NEW + timedelta(hours=1)})
    spans = _update(empty_findings(), changed, reindexed, source(a={})).opened
    assert spans[["document", "since", "until"]].values.tolist() == [["a", NEW, NEW + timedelta(hours=1)]]


def test_a_ghost_that_was_a_document_before_is_one_since_it_was_seen_gone() -> None:
    gone = _update(empty_findings(), source(), index({"document": "a"}), source(a={})).opened
    assert gone["since"].tolist() == [NOW]
    never = _update(empty_findings(), source(), index({"document": "a"}), source()).opened
    assert never["since"].isna().all()


def _served(*rows: tuple[str, str, datetime, str | None]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["key", "document", "served_at", "version"]).assign(current_hash="b")
    return frame.assign(served_at=pd.to_datetime(frame["served_at"], utc=True))


def _span(document: str, since: datetime | None, until: datetime | None, reason: str = "stale") -> dict[str, Any]:
    return {"document": document, "reason": reason, "since": since, "until": until, "detail": ""}


def _spans(*rows: dict[str, Any]) -> pd.DataFrame:
    frame = pd.DataFrame(list(rows), columns=list(empty_findings().columns))
    return frame.assign(**{name: pd.to_datetime(frame[name], utc=True) for name in ("since", "until")})


def test_an_answer_counts_from_the_change_and_the_grace_on_until_it_is_indexed() -> None:
    spans = _spans(_span("a", NEW, NEW + timedelta(hours=2)), _span("b", None, None, "skipped"))
    at = {"early": -1, "in_grace": 10, "stale": 60, "after": 121}
    served = _served(*((key, "a", NEW + timedelta(minutes=m), None) for key, m in at.items()), ("x", "b", NEW, None))
    sli = answer_sli(served, spans, n_answers=7, grace=timedelta(minutes=15))
    assert (sli.n_affected, sli.n_with_ids, sli.n_answers, sli.by_reason) == (1, 5, 7, {"stale": 1})
    assert sli.share_fresh == 0.8


def test_an_answer_that_was_served_the_current_version_rested_on_nothing_stale() -> None:
    served = _served(("1", "a", NEW + timedelta(hours=1), "b"), ("2", "a", NEW + timedelta(hours=1), "a"))
    sli = answer_sli(served, _spans(_span("a", NEW, None)), n_answers=2, grace=timedelta(0))
    assert [(one.document, one.n_answers) for one in sli.documents] == [("a", 1)]


_MINUTES = st.integers(-300, 300)


@given(
    served=st.lists(st.tuples(st.integers(0, 9), st.sampled_from("abcd"), _MINUTES), max_size=30),
    spans=st.lists(
        st.tuples(
            st.sampled_from("abcd"),
            st.sampled_from(["stale", "missing", "ghost", "duplicate", "partial"]),
            st.none() | _MINUTES,
            st.none() | _MINUTES,
        ),
        max_size=8,
    ),
    grace=st.integers(0, 60),
)
def test_the_answer_weighted_sli_equals_a_brute_force_recount(served: Any, spans: Any, grace: int) -> None:
    def at(minutes: int | None) -> datetime | None:
        return None if minutes is None else NOW + timedelta(minutes=minutes)

    frame = _served(*((str(key), document, at(m), None) for key, document, m in served))
    findings = _spans(*(_span(document, at(since), at(until), reason) for document, reason, since, until in spans))
    sli = answer_sli(frame, findings, n_answers=99, grace=timedelta(minutes=grace))

    def rests(document: str, minute: int) -> set[str]:
        return {
            reason
            for of, reason, since, until in spans
            if of == document
            and reason != "partial"
            and (since is None or minute >= since + (0 if reason == "duplicate" else grace))
            and (until is None or minute < until)
        }

    hits = {(key, reason) for key, document, m in served for reason in rests(document, m)}
    assert sli.n_affected == len({key for key, _ in hits})
    assert sli.by_reason == {reason: sum(one == reason for _, one in hits) for reason in {reason for _, reason in hits}}


def test_the_lag_is_from_the_change_to_the_index_and_the_oldest_change_waits() -> None:
    clocks = pd.DataFrame(
        {
            "changed_at": [NEW, NEW, OLD - timedelta(days=90)],
            "indexed_at": [NEW + timedelta(minutes=m) for m in (10, 20, 9)],
        }
    )
    lag = index_lag(clocks, _spans(_span("a", NEW, None), _span("b", OLD, None, "missing")), now=NOW)
    assert (lag.n, lag.p50_s, lag.oldest_unindexed_s) == (2, 900.0, 9 * 86400.0)


def test_a_document_that_can_no_longer_be_read_stays_what_it_was() -> None:
    changed = source(a={"content_hash": "b", "changed_at": NEW})
    begun = _update(empty_findings(), changed, index({"document": "a"}), source(a={}))
    lost = source(a={"content_hash": None, "problem": "no permission", "changed_at": NEW})
    found = judge_documents(lost, index({"document": "a"}), Rules(), now=NOW).found
    after = update_findings(
        begun.opened,
        found,
        touched={"a"},
        source=lost,
        index=index({"document": "a"}),
        before=changed,
        now=NOW,
        unknown={"a"},
    )
    assert (len(after.opened), len(after.closed)) == (0, 0)


def test_answers_that_rest_on_what_nobody_knows_are_not_fresh_and_no_document_is_outdated() -> None:
    served = _served(("1", "a", NOW, None), ("2", "c1", NOW, None), ("3", "c1", NOW, None), ("3", "b", NOW, None))
    served = served.assign(is_unknown=[False, True, True, False])
    sli = answer_sli(served, _spans(_span("b", OLD, None)), n_answers=4, grace=timedelta(0))
    assert (sli.n_with_ids, sli.n_affected, sli.n_unknown) == (3, 1, 1)
    assert sli.share_fresh == pytest.approx(1 / 3)
    assert sli.share_outdated == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("affected", "unknown", "is_breached", "is_outdated"),
    [(0, 0, False, False), (0, 5, True, False), (5, 0, True, True), (1, 0, False, False), (1, 5, True, False)],
)
def test_what_nobody_knows_breaks_the_goal_and_blames_nobody(
    affected: int, unknown: int, is_breached: bool, is_outdated: bool
) -> None:
    check = FreshnessCheck(
        pipeline="p",
        knowledge_base="kb",
        stage="lookup",
        checked_at=NOW,
        is_full=True,
        n_source=1,
        n_indexed=1,
        n_changed=1,
        by_reason={},
        answers=AnswerSli(n_answers=10, n_with_ids=10, n_affected=affected, n_unknown=unknown),
        goal=0.9,
    )
    assert (check.is_breached, check.is_outdated) == (is_breached, is_outdated)


def test_a_document_that_left_both_sides_was_known_until_then() -> None:
    update = _update(empty_findings(), source(b={}), index({"document": "b"}), source(a={}), removed={"a"})
    (removed,) = update.opened.to_dict("records")
    assert (removed["document"], removed["reason"], removed["until"]) == ("a", REMOVED, NOW)
    served = _served(("1", "a", NEW, None), ("2", "a", NOW, None), ("3", "b", NOW, None), ("4", "c", NOW, None))
    assert was_gone(served, {"b"}, update.opened).tolist() == [False, True, False, True]
    assert was_gone(served, set(), empty_findings()).tolist() == [True] * 4
    assert was_gone(served.head(0), set(), update.opened).tolist() == []
    assert was_gone(served.head(1), set(), _spans(_span("a", OLD, None, "ghost"))).tolist() == [False]
    sli = answer_sli(served, update.opened, n_answers=4, grace=timedelta(0))
    assert sli.n_affected == 0

"""Checks of knowledge bases by the whole engine: folders and tables, SQLite and PostgreSQL, one after the other."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from freshness.bases import CHECKED, CHUNKS, EDITED, FIRST, HARMLESS, KINDS, SERVED, Base, make_base, plant, plant_one

from seamwatch.core.documents import document_id
from seamwatch.core.incidents import decide
from seamwatch.core.staleness import evaluate_check
from seamwatch.engine.freshness import check_knowledge_base
from seamwatch.errors import DataContractError, KnowledgeError
from seamwatch.report.freshness_texts import signals
from seamwatch.spec.knowledge import DocumentIds
from seamwatch.store.repo import Store

pytestmark = pytest.mark.integration


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'other.db'}"
    make: Callable[[], str] = request.getfixturevalue("postgres_database")
    return make()


@pytest.fixture
def base(tmp_path: Path) -> Iterator[Base]:
    made = make_base(tmp_path, "files", 60, np.random.default_rng(5))
    yield made
    made.close()


def open_findings(base: Base) -> set[tuple[str, str]]:
    found = base.deps.store.document_findings("bench", "base")
    return set(zip(found["document"], found["reason"], strict=True))


def planted(base: Base) -> set[tuple[str, str]]:
    return {(document_id(name, DocumentIds()), reason) for name, reason in base.planted}


def test_every_reason_is_found_whatever_database_keeps_it(base: Base, store_url: str) -> None:
    base.deps.store.close()
    base.deps = replace(base.deps, store=Store.open(store_url, migrate_first=True))
    check_knowledge_base(base.deps, base.pipeline, "base", now=FIRST + timedelta(days=1))
    assert open_findings(base) == planted(base)
    plant(base, 2, np.random.default_rng(6))
    check = check_knowledge_base(base.deps, base.pipeline, "base", now=CHECKED)
    assert check.is_full
    assert open_findings(base) == planted(base)
    assert set(check.by_reason) == {reason for _, reason in base.planted}
    again = check_knowledge_base(base.deps, base.pipeline, "base", now=CHECKED + timedelta(minutes=1))
    assert (again.is_full, again.by_reason) == (False, check.by_reason)
    assert open_findings(base) == planted(base)


# What a watermark can tell: a document that left the index without a trace is for the full sweep.
_TOLD_BY_TIME = st.lists(
    st.sampled_from(["stale", "reindexed", "source_outdated", "skipped", "touched", "ghost", "embedding_mismatch"]),
    min_size=1,
    max_size=6,
)


@given(rounds=st.lists(_TOLD_BY_TIME, min_size=1, max_size=3), seed=st.integers(0, 99))
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_looking_at_what_changed_finds_what_looking_at_everything_finds(
    tmp_path_factory: pytest.TempPathFactory, rounds: list[list[str]], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    base = make_base(tmp_path_factory.mktemp("base"), ("files", "git")[seed % 2], 60, rng)
    try:
        now = FIRST + timedelta(days=20, hours=12)
        check_knowledge_base(base.deps, base.pipeline, "base", now=now)
        names = iter([name for name in base.texts if not name.startswith("drafts/")])
        for number, kinds in enumerate(rounds, start=1):
            for kind in kinds:
                plant_one(base, kind, next(names), rng, EDITED + timedelta(hours=2 * number))
            now += timedelta(hours=2)
            check = check_knowledge_base(base.deps, base.pipeline, "base", now=now)
            assert not check.is_full
            assert open_findings(base) == planted(base)
        check_knowledge_base(base.deps, base.pipeline, "base", is_full=True, now=now + timedelta(minutes=1))
        assert open_findings(base) == planted(base)
    finally:
        base.close()


def test_a_finding_ends_when_the_change_was_indexed(base: Base) -> None:
    check_knowledge_base(base.deps, base.pipeline, "base", now=FIRST + timedelta(days=20))
    name = next(name for name in base.texts if not name.startswith("drafts/"))
    plant_one(base, "stale", name, np.random.default_rng(1), EDITED)
    check_knowledge_base(base.deps, base.pipeline, "base", now=EDITED + timedelta(hours=2))
    base.index([name], EDITED + timedelta(hours=3))
    after = check_knowledge_base(base.deps, base.pipeline, "base", now=EDITED + timedelta(hours=4))
    assert "stale" not in after.by_reason
    ended = base.deps.store.document_findings("bench", "base", since=EDITED)
    ended = ended[ended["reason"] == "stale"]
    assert ended["until"].tolist() == [EDITED + timedelta(hours=3)]
    assert after.lag.n == 57
    assert after.lag.oldest_unindexed_s is None


def test_a_source_that_lists_nothing_says_nothing_of_any_document(base: Base) -> None:
    for path in base.source.rglob("*.md"):
        path.unlink()
    with pytest.raises(KnowledgeError, match=r"lists no document, while the index holds 57; check its path"):
        check_knowledge_base(base.deps, base.pipeline, "base", now=CHECKED)
    assert open_findings(base) == set()


def test_an_empty_index_is_said(base: Base) -> None:
    with base.engine.begin() as connection:
        connection.execute(sa.delete(CHUNKS))
    check = check_knowledge_base(base.deps, base.pipeline, "base", now=CHECKED)
    assert any("the index is empty" in note for note in check.notes)
    assert check.by_reason == {"missing": 57, "skipped": 3}


def test_answers_without_ids_are_told(base: Base) -> None:
    rows = [
        {"id": "1", "served_at": CHECKED - timedelta(hours=2), "documents": None},
        {"id": "2", "served_at": CHECKED - timedelta(hours=2), "documents": "[]"},
        {"id": "3", "served_at": CHECKED - timedelta(hours=2), "documents": '["area1/page-0001.md"]'},
    ]
    with base.engine.begin() as connection:
        connection.execute(sa.insert(SERVED), rows)
    check = check_knowledge_base(base.deps, base.pipeline, "base", now=CHECKED)
    assert check.answers is not None
    assert (check.answers.n_answers, check.answers.n_with_ids, check.answers.share_fresh) == (3, 1, 1.0)
    assert any("2 of 3 answers have no document id recorded at lookup" in note for note in check.notes)


def _serve(base: Base, *documents: Any, at: datetime = CHECKED - timedelta(hours=2)) -> None:
    rows = [
        {"id": f"{at:%d%H%M}-{n}", "served_at": at, "documents": one if isinstance(one, str) else json.dumps(one)}
        for n, one in enumerate(documents)
    ]
    with base.engine.begin() as connection:
        connection.execute(sa.insert(SERVED), rows)


def test_answers_that_rest_on_ids_that_nobody_knows_are_not_fresh_and_are_told(base: Base) -> None:
    _serve(base, ["area1/page-0001.md"], ["3f1c9a"], ["area1/page-0001.md", "c2"], ["area1/gone.md"], ["3f1c9a"])
    check = check_knowledge_base(base.deps, base.pipeline, "base", now=CHECKED)
    assert check.answers is not None
    assert (check.answers.n_with_ids, check.answers.n_unknown, check.answers.n_affected) == (5, 4, 0)
    assert check.answers.share_fresh == pytest.approx(0.2)
    assert (check.is_breached, check.is_outdated) == (True, False)
    (note,) = [note for note in check.notes if "nobody knows" in note]
    assert note.startswith("4 of 5 answers rest on ids that nobody knows, as '3f1c9a', ")
    assert "check what lookup.documents holds" in note
    assert evaluate_check(check).findings == ()
    assert decide([], evaluate_check(check), now=CHECKED) == []
    (signal,) = [one for one in signals(check) if one.kind == "unknown_document"]
    assert signal.n_records == 4


@pytest.mark.parametrize(
    "served",
    [
        ["area1/page-0001.md#top"],
        ["/data/documents/area1/page-0001.md"],
        "area1/page-0001.md, area2/page-0002.md",
        [{"id": "3f1c9a", "page_content": "x", "metadata": {"source": "area1/page-0001.md"}}],
        {"ids": [["c1"]], "documents": [["x"]], "metadatas": [[{"source": "area1/page-0001.md"}]]},
        {"retrieval.documents.0.document.id": "area1/page-0001.md"},
        [{"node": {"id_": "n1", "metadata": {"file_path": "/data/documents/area1/page-0001.md"}}, "score": 1}],
    ],
)
def test_documents_are_found_behind_what_was_recorded(base: Base, served: Any) -> None:
    name = "area1/Page-0001.md"
    check_knowledge_base(base.deps, base.pipeline, "base", now=EDITED - timedelta(hours=1))
    _serve(base, served, at=EDITED - timedelta(hours=2))
    _serve(base, served)
    base.texts[name] += "\n\nA new paragraph."
    base.write(EDITED, [name])
    check = check_knowledge_base(base.deps, base.pipeline, "base", now=CHECKED)
    assert check.answers is not None
    assert (check.answers.n_affected, check.answers.n_unknown, check.answers.n_with_ids) == (1, 0, 2)
    assert [(one.document, one.reason, one.n_answers) for one in check.answers.documents] == [(name, "stale", 1)]


def test_an_answer_from_before_a_document_left_both_sides_rested_on_what_was_known(base: Base) -> None:
    name = "area1/Page-0001.md"
    check_knowledge_base(base.deps, base.pipeline, "base", now=EDITED)
    base.remove(name, EDITED + timedelta(hours=1))
    with base.engine.begin() as connection:
        connection.execute(sa.delete(CHUNKS).where(CHUNKS.c.document == name))
    _serve(base, [name], at=EDITED + timedelta(minutes=30))
    _serve(base, [name], at=EDITED + timedelta(hours=5))
    check_knowledge_base(base.deps, base.pipeline, "base", is_full=True, now=EDITED + timedelta(hours=2))
    check = check_knowledge_base(base.deps, base.pipeline, "base", is_full=True, now=EDITED + timedelta(hours=6))
    assert check.answers is not None
    assert (check.answers.n_with_ids, check.answers.n_unknown, check.answers.n_affected) == (2, 1, 0)
    assert "removed" not in check.by_reason
    assert not check.documents


def test_without_hashes_a_section_that_was_added_is_found_and_a_touched_file_is_not(tmp_path: Path) -> None:
    base = make_base(tmp_path, "files", 60, np.random.default_rng(5), has_hash=False)
    try:
        check_knowledge_base(base.deps, base.pipeline, "base", now=FIRST + timedelta(days=1))
        names = [name for name in base.texts if not name.startswith("drafts/")][:3]
        base.texts[names[0]] += "\n\n## Exceptions\n\nSince November there are none."
        with base.engine.begin() as connection:  # a loader that puts the title of its page before every chunk
            title = sa.literal("Handbook, page one\n\n") + CHUNKS.c.text
            connection.execute(sa.update(CHUNKS).where(CHUNKS.c.document == names[2]).values(text=title))
        base.write(EDITED, names)
        check = check_knowledge_base(base.deps, base.pipeline, "base", now=CHECKED)
    finally:
        base.close()
    assert [(one.document, one.reason) for one in check.documents] == [(names[0], "stale")]


def test_two_documents_that_would_be_one_are_refused(base: Base) -> None:
    base.texts["AREA1/other.md"] = base.texts["area1/OTHER.md"] = "text"
    base.write(EDITED, ["AREA1/other.md", "area1/OTHER.md"])
    with pytest.raises(DataContractError, match=r"would both be document 'area1/other\.md'; set ids\.case to exact"):
        check_knowledge_base(base.deps, base.pipeline, "base", now=CHECKED)


def test_a_document_that_cannot_be_read_and_a_clock_in_the_future_are_told(base: Base) -> None:
    names = [name for name in base.texts if not name.startswith("drafts/")]
    base.texts[names[0]] = "---\nreview_by: never\n---\ntext"
    base.write(EDITED, [names[0]])
    base.write(CHECKED + timedelta(days=3), [names[1]])
    check = check_knowledge_base(base.deps, base.pipeline, "base", now=CHECKED)
    assert any("1 document could not be read" in note and "review_by is no date" in note for note in check.notes)
    assert any("the time of change of 1 document lies in the future" in note for note in check.notes)


def test_the_kinds_that_are_planted_are_all_the_reasons_there_are() -> None:
    from seamwatch.vocabulary import FreshnessReason

    assert set(KINDS) == {reason.value for reason in FreshnessReason}
    assert not set(HARMLESS) & set(KINDS)


def test_of_many_outdated_documents_those_outdated_in_answers_are_told(tmp_path: Path) -> None:
    base = make_base(tmp_path, "files", 200, np.random.default_rng(5))
    try:
        check_knowledge_base(base.deps, base.pipeline, "base", now=FIRST + timedelta(days=20))
        names = [name for name in base.texts if not name.startswith("drafts/")]
        for name in names:
            base.texts[name] += "\n\nAnother line."
        base.write(EDITED, names)
        served = f'["{names[-1]}"]'
        with base.engine.begin() as connection:
            row = {"id": "1", "served_at": EDITED + timedelta(hours=1), "documents": served}
            connection.execute(sa.insert(SERVED), [row])
        check = check_knowledge_base(base.deps, base.pipeline, "base", now=EDITED + timedelta(hours=2))
    finally:
        base.close()
    assert check.by_reason["stale"] == len(names) > 100
    assert len(check.documents) == 100
    assert (check.documents[0].document, check.documents[0].n_answers) == (names[-1], 1)

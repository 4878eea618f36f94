"""Knowledge bases with planted faults: real git, index and retriever, a model over HTTP, the whole attribution."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.core.documents import content_hash
from seamwatch.core.freshness_results import DocumentAnswers
from seamwatch.core.incident_life import ChangeKind
from seamwatch.core.results import Attribution, Window
from seamwatch.engine.actions import answer, carry_out, check, propose
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.bundle import record, replay
from seamwatch.engine.check import check_pipeline
from seamwatch.engine.deps import Deps
from seamwatch.engine.freshness import check_knowledge_base
from seamwatch.engine.incidents import decide_incidents, decide_on_freshness, report_of
from seamwatch.engine.runbook_steps import STEP_FUNCTIONS
from seamwatch.errors import KnowledgeError, ProblemLevel
from seamwatch.report.machine import attribution_json
from seamwatch.report.markdown import render_markdown
from seamwatch.spec.load import load_project
from seamwatch.store.repo import Store
from seamwatch.vocabulary import ActionState, Door, FreshnessReason, IncidentState, Responsibility, StepState
from seamwatch_demo.policies.documents import FORGOTTEN, POPULAR, change_facts, render
from seamwatch_demo.policies.index import chunk_rows
from seamwatch_demo.policies.tables import METADATA
from seamwatch_demo.policies.world import PolicyWorld

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]
DAY = date(2026, 11, 3)
START = datetime(2026, 11, 3, tzinfo=UTC)
WINDOW = Window(start=START, end=START + timedelta(days=1))
NOTE = ProblemLevel.NOTE
CHUNKS = METADATA.tables["policy_chunks"]


class Assistant:
    """The policy assistant's world, with Seamwatch's own store beside it."""

    def __init__(self, folder: Path) -> None:
        url = f"sqlite:///{folder / 'dw.db'}"
        self.world = PolicyWorld(folder / "world", warehouse_url=url)
        self.engine = sa.create_engine(url)
        self.now = WINDOW.end + timedelta(hours=2)
        env = self.world.connections() | {
            "AIRFLOW_CONN_SUPPORT_DW": json.dumps({"conn_type": "sqlite", "host": str(folder / "dw.db")})
        }
        project = load_project(ROOT)
        self.pipeline = project.pipelines["policy_assistant"]
        self.deps = Deps(
            project=project,
            connections=EnvironmentConnections(env),
            store=Store.open(f"sqlite:///{folder / 'store.db'}", migrate_first=True),
            data_dir=folder / "data",
            ui_url="http://airflow.example",
            clock=lambda: self.now,
            notifier=lambda _: pytest.fail("nothing is sent"),
        )

    def live(self, fault: str = "healthy", plant: Callable[[sa.Connection], None] | None = None) -> None:
        """Live the day; what is planted into the index stands there before the first question."""
        if plant is not None:
            reindex = self.world.reindex

            def with_plant(at: datetime) -> list[str]:
                changed = reindex(at)
                with self.engine.begin() as connection:
                    plant(connection)
                return changed

            self.world.reindex = with_plant  # type: ignore[method-assign]
        self.world.live_day(DAY, fault)

    def attribute(self) -> Attribution:
        return attribute_window(self.deps, self.pipeline, WINDOW)

    def close(self) -> None:
        self.deps.store.close()
        self.engine.dispose()
        self.world.stop()


@pytest.fixture
def assistant(tmp_path: Path) -> Iterator[Assistant]:
    made = Assistant(tmp_path)
    yield made
    made.close()


def _other_version(world: PolicyWorld, name: str) -> dict[str, bytes]:
    """Return the popular policy with other values in every fact, under a name."""
    import numpy as np

    facts = world.policies[POPULAR]
    changed = change_facts(facts, list(facts), np.random.default_rng(1))
    return {name: render(POPULAR, changed, review_by="2027-12-31").encode()}


def _add(rows: list[dict[str, object]]) -> Callable[[sa.Connection], None]:
    return lambda connection: connection.execute(sa.insert(CHUNKS), rows)


def test_a_stale_policy_is_blamed_by_name_with_both_versions_side_by_side(assistant: Assistant) -> None:
    assistant.live("stale_policy")
    found = assistant.attribute()
    assert found.leading is not None
    assert (found.leading.responsibility, found.leading.stage) == (Responsibility.KNOWLEDGE_BASE, "kb_lookup")
    assert (found.leading.fields, found.leading.kind) == ((POPULAR,), "stale")
    assert "The model is not at fault." in found.leading.headline
    changes = decide_incidents(assistant.deps, assistant.pipeline, WINDOW)
    assert [change.kind for change in changes] == [ChangeKind.OPENED]
    shown = next(one for one in found.evidence if one.verdict.responsibility is Responsibility.KNOWLEDGE_BASE)
    row = next(row for row in shown.rows if row.field == POPULAR)
    assert row.recorded != row.expected
    old, new = shown.recorded_outcome["answer"], shown.true_outcome["answer"]
    assert str(old) in str(row.recorded)
    assert str(new) in str(row.expected)
    assert [one.document for one in found.documents] == [POPULAR]
    assert found.documents[0].changed_at == START + timedelta(hours=9)
    text = render_markdown(report_of(assistant.deps, assistant.pipeline, changes[0].incident))
    assert f"| {POPULAR.replace('.', chr(92) + '.')} | stale" in text or f"| {POPULAR} | stale" in text


def test_a_stale_policy_that_nobody_asks_about_blames_nobody(assistant: Assistant) -> None:
    assistant.live("stale_policy_unread")
    found = assistant.attribute()
    assert found.leading is None
    assert all(v.responsibility is not Responsibility.KNOWLEDGE_BASE for v in found.verdicts)
    check = check_knowledge_base(assistant.deps, assistant.pipeline, "policies", now=WINDOW.end)
    assert check.by_reason == {"stale": 1, "skipped": 1}
    assert check.answers is not None
    # It was served to a few questions about something else, beside what answered them.
    assert check.answers.n_affected < 5
    assert not check.is_breached


def test_a_healthy_day_is_quiet_and_its_errors_are_the_models(assistant: Assistant) -> None:
    assistant.live()
    found = assistant.attribute()
    assert found.leading is None
    assert {v.responsibility for v in found.verdicts} <= {Responsibility.MODEL}


def test_a_policy_that_is_missing_from_the_index_is_blamed(assistant: Assistant) -> None:
    assistant.live(plant=lambda c: c.execute(sa.delete(CHUNKS).where(CHUNKS.c.document == POPULAR)))
    found = assistant.attribute()
    assert found.leading is not None
    assert (found.leading.responsibility, found.leading.fields) == (Responsibility.KNOWLEDGE_BASE, (POPULAR,))
    assert found.leading.kind == FreshnessReason.MISSING


def test_a_policy_that_is_gone_at_the_source_and_still_served_is_blamed(assistant: Assistant) -> None:
    ghost = chunk_rows(_other_version(assistant.world, "returns_2024.md"), START, assistant.world.embedder)
    assistant.live(plant=_add(ghost))
    found = assistant.attribute()
    assert found.leading is not None
    assert (found.leading.responsibility, found.leading.fields) == (
        Responsibility.KNOWLEDGE_BASE,
        ("returns_2024.md",),
    )
    assert found.leading.kind == FreshnessReason.GHOST


def test_a_policy_served_in_two_versions_is_blamed(assistant: Assistant) -> None:
    twice = chunk_rows(_other_version(assistant.world, POPULAR.upper()), START, assistant.world.embedder)
    assistant.live(plant=_add(twice))
    found = assistant.attribute()
    assert found.leading is not None
    assert (found.leading.responsibility, found.leading.fields) == (Responsibility.KNOWLEDGE_BASE, (POPULAR,))
    assert found.leading.kind in (FreshnessReason.DUPLICATE, FreshnessReason.STALE)


def test_an_outdated_policy_that_is_not_the_reason_is_acquitted(assistant: Assistant) -> None:
    assistant.live()
    # The labels are wrong for another reason: no version of the document would have made the answers right.
    with assistant.engine.begin() as connection:
        connection.execute(sa.text("UPDATE policy_answers SET answer = 'elsewhere'"))
    world = assistant.world
    at = START + timedelta(hours=3)
    world.change_policy(POPULAR, [f"{POPULAR}#7"], "Review it more often", at)
    found = assistant.attribute()
    assert all(v.responsibility is not Responsibility.KNOWLEDGE_BASE for v in found.verdicts)
    acquitted = [
        v for v in found.verdicts if "with the documents as they are at the source it is wrong too" in v.explanation
    ]
    assert acquitted


def test_a_bundle_gives_the_same_verdicts_without_repository_and_index(assistant: Assistant, tmp_path: Path) -> None:
    assistant.live("stale_policy")
    path = tmp_path / "incident.zip"
    first = record(assistant.deps, assistant.pipeline, WINDOW, path)
    assistant.world.model_server.stop()
    assert attribution_json(replay(path)) == attribution_json(first)
    assert first.leading is not None
    assert first.leading.responsibility is Responsibility.KNOWLEDGE_BASE


def test_the_incident_of_a_check_opens_is_one_with_the_attributed_one_and_ends_with_the_reindexing(
    assistant: Assistant,
) -> None:
    deps, pipeline = assistant.deps, assistant.pipeline
    assistant.live("stale_policy")
    noon = START + timedelta(hours=15)
    early = check_knowledge_base(deps, pipeline, "policies", now=noon)
    opened = decide_on_freshness(deps, pipeline, early)
    assert [change.kind for change in opened] == [ChangeKind.OPENED]
    assert "answers rested on" in render_markdown(report_of(deps, pipeline, opened[0].incident))
    again = check_knowledge_base(deps, pipeline, "policies", now=noon + timedelta(hours=1))
    assert [change.kind for change in decide_on_freshness(deps, pipeline, again)] == [ChangeKind.UPDATED]
    assistant.attribute()
    told = decide_incidents(deps, pipeline, WINDOW)
    assert [change.incident.id for change in told] == [opened[0].incident.id]
    assistant.world.reindex(WINDOW.end + timedelta(minutes=30))
    after = check_knowledge_base(deps, pipeline, "policies", now=WINDOW.end + timedelta(hours=1))
    ended = decide_on_freshness(deps, pipeline, after)
    assert [change.kind for change in ended] == [ChangeKind.RESOLVED]
    assert deps.store.incidents("policy_assistant")[0].state is IncidentState.RESOLVED
    # The day's answers still count against the goal; the documents are as they should be.
    assert after.is_breached
    assert after.by_reason == {"skipped": 1}


def test_re_indexing_hands_over_what_was_approved_and_leaves_what_is_outdated_since(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    deps, pipeline, world = assistant.deps, assistant.pipeline, assistant.world
    for name, value in world.connections().items():
        monkeypatch.setenv(name, value)
    assistant.live("stale_policy")
    early = check_knowledge_base(deps, pipeline, "policies", now=START + timedelta(hours=15))
    (opened,) = decide_on_freshness(deps, pipeline, early)
    action = propose(deps, pipeline, opened.incident, "reindex", run="run")
    assert action.plan is not None
    assert action.plan.does == f"Rebuilds the index of 1 outdated document of policies: {POPULAR}"
    answer(deps, action.id, approves=True, by="ann", door=Door.COMMAND_LINE)

    world.change_policy(FORGOTTEN, [f"{FORGOTTEN}#1"], "Change it too", WINDOW.end)
    later = DocumentAnswers(document=FORGOTTEN, reason=FreshnessReason.STALE, n_answers=3)
    deps.store.rewrite_check(replace(early, documents=(*early.documents, later)))
    done = carry_out(deps, action.id)
    helped = check(deps, action.id)

    source = world.repository.documents()
    indexed = {row["document"]: row["content_hash"] for row in world.index()}
    is_current = {name: indexed[name] == content_hash(source[name]) for name in (POPULAR, FORGOTTEN)}
    assert is_current == {POPULAR: True, FORGOTTEN: False}
    assert f"left for the next time, outdated since the approval: 1 document ({FORGOTTEN})" in done.why
    assert (done.state, helped.state) == (ActionState.DONE, ActionState.HELPED)


def test_a_source_that_does_not_answer_is_never_all_missing(assistant: Assistant) -> None:
    assistant.live("stale_policy")
    check_knowledge_base(assistant.deps, assistant.pipeline, "policies", now=WINDOW.end)
    before = assistant.deps.store.document_findings("policy_assistant", "policies")
    repository = assistant.world.repository.folder
    repository.rename(repository.with_name("moved"))
    with pytest.raises(KnowledgeError, match="no git repository"):
        check_knowledge_base(assistant.deps, assistant.pipeline, "policies", now=WINDOW.end + timedelta(hours=1))
    assert assistant.deps.store.document_findings("policy_assistant", "policies").equals(before)


def test_attribution_goes_on_without_a_knowledge_base_and_says_so(assistant: Assistant) -> None:
    assistant.live("stale_policy")
    repository = assistant.world.repository.folder
    repository.rename(repository.with_name("moved"))
    found = assistant.attribute()
    assert any("knowledge base policies could not be checked" in note for note in found.notes)
    assert all(v.responsibility is not Responsibility.KNOWLEDGE_BASE for v in found.verdicts)


def test_check_tells_what_is_wrong_with_a_knowledge_base(assistant: Assistant) -> None:
    deps, pipeline = assistant.deps, assistant.pipeline.model_copy(update={"slack": None})
    assistant.live()
    assert [p for p in check_pipeline(deps.project, pipeline, deps.connections) if p.level is not NOTE] == []
    known = pipeline.knowledge_bases["policies"]
    broken = known.model_copy(
        update={
            "source": known.source.model_copy(update={"connection": "nowhere"}),
            "index": known.index.model_copy(update={"content_hash": "sha"}),
        }
    )
    wrong = pipeline.model_copy(update={"knowledge_bases": {"policies": broken}})
    problems = check_pipeline(deps.project, wrong, deps.connections)
    found = {one.path: one.text for one in problems if one.level is not NOTE}
    assert set(found) == {"knowledge_bases.policies.source", "knowledge_bases.policies.index"}
    assert "AIRFLOW_CONN_NOWHERE is not set" in found["knowledge_bases.policies.source"]
    assert "'sha'" in found["knowledge_bases.policies.index"]


def test_the_runbook_names_the_outdated_document_by_answers(assistant: Assistant) -> None:
    assistant.live("stale_policy")
    assistant.attribute()
    (change,) = decide_incidents(assistant.deps, assistant.pipeline, WINDOW)
    documents, affected = (
        STEP_FUNCTIONS[name](assistant.deps, assistant.pipeline, change.incident)
        for name in ("outdated_documents", "affected_records")
    )
    assert documents.state is StepState.FOUND
    assert documents.text == (
        "40 answers rested on 1 document of policies not as at the source, since 2026-11-03 09:00 UTC."
    )
    assert documents.details[0].startswith(f"{POPULAR}: stale, ")
    assert affected.text == ("22 of 260 judged records (8.5%) have this cause, since 2026-11-03 09:24 UTC.")

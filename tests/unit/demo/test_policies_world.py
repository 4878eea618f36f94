"""Days lived in the policy assistant's world, up to date and stale, looked at as Seamwatch looks at them."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from dulwich.objects import Blob, Commit, Tree
from dulwich.repo import Repo
from sqlalchemy.exc import IntegrityError

from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.core.documents import content_hash
from seamwatch.core.records.reconciliation import Reconciliation, reconcile
from seamwatch.core.results import Window
from seamwatch.core.retrieved_documents import current_passage, without_front_matter
from seamwatch.engine.check import check_pipeline
from seamwatch.engine.reading import StageReader
from seamwatch.engine.references import load_function, load_references
from seamwatch.engine.window import WindowData, WindowReader
from seamwatch.errors import ProblemLevel
from seamwatch.spec.load import load_project
from seamwatch.validation.run import validate_query
from seamwatch.validation.suites import load_suite
from seamwatch.vocabulary import CheckStatus, Responsibility, Severity
from seamwatch_demo.policies.documents import FORGOTTEN, POPULAR, facts_by_id, policies_by_document, read_facts
from seamwatch_demo.policies.history import REPOSITORY, TEMPLATE
from seamwatch_demo.policies.training import load_assistant
from seamwatch_demo.policies.world import FAULTS, PolicyWorld

ROOT = Path(__file__).parents[3]
DAY = date(2026, 11, 9)
MIDNIGHT = datetime(2026, 11, 9, tzinfo=UTC)
WINDOW = Window(start=MIDNIGHT, end=MIDNIGHT + timedelta(days=1))
PROJECT = load_project(ROOT)
PIPELINE = PROJECT.pipelines["policy_assistant"]


@dataclass(frozen=True)
class Lived:
    """One day, as its tables hold it and as Seamwatch reads it."""

    url: sa.URL
    replies: pd.DataFrame
    """Index question; asked_at, request, documents, answer, right (the answer by the policy in force)."""
    current: Mapping[str, bytes]
    index: Mapping[str, str]
    """By document, the content hash that the index holds at the end of the day."""
    data: WindowData
    reconciled: Mapping[str, Reconciliation]

    @property
    def is_right(self) -> pd.Series[bool]:
        return self.replies["answer"] == self.replies["right"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("assistant")
    load_assistant(folder)
    return folder


def open_world(folder: Path, trained: Path, *, seed: int = 7) -> PolicyWorld:
    folder.mkdir(parents=True, exist_ok=True)
    for path in trained.glob("*.joblib"):
        shutil.copy(path, folder)
    return PolicyWorld(folder, warehouse_url=f"sqlite:///{folder / 'dw.db'}", seed=seed)


def environment(world: PolicyWorld) -> dict[str, str]:
    database = {"conn_type": "sqlite", "host": world.url.database}
    return {**world.connections(), "AIRFLOW_CONN_SUPPORT_DW": json.dumps(database)}


def read_replies(url: sa.URL) -> pd.DataFrame:
    link = sqlite3.connect(str(url.database))
    frame = pd.read_sql_query(
        "SELECT q.question_id, q.asked_at, a.labelled_at, c.request, x.documents, r.answer, r.source, a.answer AS right"
        " FROM policy_questions q JOIN policy_calls c USING (question_id) JOIN policy_context x USING (question_id)"
        " JOIN policy_replies r USING (question_id) JOIN policy_answers a USING (question_id) ORDER BY q.question_id",
        link,
        index_col="question_id",
    )
    link.close()
    for name in ("asked_at", "labelled_at"):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame


def live(folder: Path, trained: Path, fault: str) -> Lived:
    with open_world(folder, trained) as world:
        world.live_day(DAY, fault)
        reader = StageReader(PIPELINE, EnvironmentConnections(environment(world)))
        data = WindowReader(reader, WINDOW).read()
        reader.close()
        current = world.repository.documents()
        index = {row["document"]: row["content_hash"] for row in world.index()}
    references = load_references(PROJECT, PIPELINE)
    reconciled = {
        stage.name: reconcile(
            stage, data.payloads[stage.name], {n: data.payloads[n] for n in stage.input}, references[stage.name]
        )
        for stage in PIPELINE.stages
        if stage.reference is not None
    }
    return Lived(world.url, read_replies(world.url), current, index, data, reconciled)


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory, trained: Path) -> dict[str, Lived]:
    return {name: live(tmp_path_factory.mktemp(name), trained, name) for name in FAULTS}


@pytest.fixture
def world(tmp_path: Path, trained: Path) -> Iterator[PolicyWorld]:
    with open_world(tmp_path, trained) as world:
        yield world


def stale_documents(day: Lived) -> set[str]:
    """Return the documents whose indexed content is not the newest commit's."""
    return {name for name, mark in day.index.items() if content_hash(day.current[name]) != mark}


def test_the_repository_is_git_and_its_history_says_who_changed_what_and_when(world: PolicyWorld) -> None:
    repo = Repo(str(world.repository.folder))
    walked = [entry.commit for entry in repo.get_walker()]
    assert len(walked) == len(world.repository.history()) > 60
    times = [commit.commit_time for commit in walked]
    assert times == sorted(times, reverse=True)
    assert datetime.fromtimestamp(times[-1], UTC).year == 2025
    assert len({commit.author for commit in walked}) > 10
    assert all(commit.message.strip() for commit in walked)
    head = repo[repo.head()]
    assert isinstance(head, Commit)
    tree = repo[head.tree]
    assert isinstance(tree, Tree)
    assert {entry.path.decode() for entry in tree.iteritems()} == {*policies_by_document(), TEMPLATE}
    for entry in tree.iteritems():
        blob = repo[entry.sha]
        assert isinstance(blob, Blob)
        assert blob.data == world.repository.documents()[entry.path.decode()]
    repo.close()


def test_documents_are_told_as_of_a_moment(world: PolicyWorld) -> None:
    history = world.repository.history()
    assert world.repository.documents(history[0].at - timedelta(seconds=1)) == {}
    assert set(world.repository.documents(history[0].at)) == {TEMPLATE}
    before = world.policies[POPULAR]
    at = history[-1].at + timedelta(days=3)
    world.change_policy(POPULAR, [f"{POPULAR}#1"], "Change it", at)
    old = world.repository.text(POPULAR, at - timedelta(seconds=1))
    assert read_facts(POPULAR, old) == before
    differing = {one for one, value in world.policies[POPULAR].items() if value != before[one]}
    assert differing == {f"{POPULAR}#1"}
    assert world.repository.changed_at()[POPULAR] == at
    assert world.repository.changed_at()[FORGOTTEN] < at


def test_the_first_index_holds_the_newest_commit_and_was_written_after_each_change(world: PolicyWorld) -> None:
    rows, changed_at = pd.DataFrame(world.index()), world.repository.changed_at()
    assert set(rows["document"]) == set(policies_by_document())
    documents = world.repository.documents()
    for name, chunks in rows.groupby("document"):
        assert set(chunks["content_hash"]) == {content_hash(documents[str(name)])}
        assert list(chunks["chunk"]) == list(range(1, len(chunks) + 1))
        assert set(chunks["chunks"]) == {len(chunks)}
        assert all(text in documents[str(name)].decode() for text in chunks["text"])
        lag = pd.to_datetime(chunks["indexed_at"], utc=True) - pd.Timestamp(changed_at[str(name)])
        assert set(lag) == {pd.Timedelta(minutes=5)}
    norms = rows["vector"].map(lambda vector: float(np.linalg.norm(list(json.loads(vector).values()))))
    assert norms.between(0.999, 1.001).all()


def test_the_index_differs_from_the_repository_in_the_changed_document_alone(days: dict[str, Lived]) -> None:
    assert stale_documents(days["healthy"]) == set()
    assert stale_documents(days["stale_policy"]) == {POPULAR}
    assert stale_documents(days["stale_policy_unread"]) == {FORGOTTEN}


@pytest.mark.parametrize("name", list(FAULTS))
def test_every_seam_is_what_its_reference_makes(days: dict[str, Lived], name: str) -> None:
    assert set(days[name].reconciled) == {"question_mapping", "prompt", "answer_mapping"}
    for stage, found in days[name].reconciled.items():
        assert found.n_input == len(days[name].replies), stage
        assert found.discrepancies.empty, stage
        assert not found.reference_errors, stage
        assert not len(found.lost), stage


def test_the_reference_rebuilds_the_request_byte_for_byte(days: dict[str, Lived]) -> None:
    to_prompt = load_function(PROJECT, "policy_assistant:to_prompt")
    payloads = days["stale_policy"].data.payloads
    questions, served = (payloads[name].to_dict("index") for name in ("question_mapping", "kb_lookup"))
    for key, recorded in payloads["prompt"]["request"].items():
        assert json.dumps(to_prompt(questions[key], served[key])) == recorded


def test_a_stale_policy_turns_answers_wrong_from_its_onset_on_and_an_unread_one_none(days: dict[str, Lived]) -> None:
    healthy, stale = days["healthy"], days["stale_policy"]
    onset = MIDNIGHT + timedelta(hours=FAULTS["stale_policy"].onset_hour)
    turned = healthy.is_right & ~stale.is_right
    assert 0.05 <= turned.mean() <= 0.2
    assert stale.replies.loc[turned, "asked_at"].min() >= onset
    assert set(stale.replies.loc[turned, "source"]) == {POPULAR}
    assert days["stale_policy_unread"].is_right.equals(healthy.is_right)
    # The old answers are still given: only what is right has changed.
    assert stale.replies["answer"].equals(healthy.replies["answer"])


def test_with_current_passages_the_model_is_right_again(days: dict[str, Lived], trained: Path, tmp_path: Path) -> None:
    stale = days["stale_policy"]
    turned = days["healthy"].is_right & ~stale.is_right
    to_prompt = load_function(PROJECT, "policy_assistant:to_prompt")
    current = stale.current[POPULAR].decode()
    right = []
    recorded = {str(key): row for key, row in stale.replies.to_dict("index").items()}
    questions = {str(key): row for key, row in stale.data.payloads["question_mapping"].to_dict("index").items()}
    with open_world(tmp_path, trained) as world, httpx.Client(base_url=world.model_server.url) as client:
        headers = {"Authorization": f"Bearer {world.model_server.token}", "X-Seamwatch-Replay": "1"}

        def ask(body: str | dict[str, object]) -> str:
            content = body if isinstance(body, str) else json.dumps(body)
            answer = client.post("/v1/chat/completions", content=content, headers=headers).raise_for_status().json()
            return str(json.loads(answer["choices"][0]["message"]["content"])["answer"])

        for key in map(str, turned.index[turned]):
            row = recorded[key]
            served = json.loads(row["documents"])
            assert ask(row["request"]) == row["answer"]
            repaired = [
                {**one, "text": current_passage(one["text"], current)} if one["id"] == POPULAR else one
                for one in served
            ]
            whole = [{"id": POPULAR, "chunk": None, "text": without_front_matter(current)}]
            for documents in (repaired, whole):
                said = ask(to_prompt(questions[key], {"documents": documents}))
                right.append(said == row["right"])
    assert len(right) >= 20
    assert np.mean(right) >= 0.95


def test_the_answer_that_is_right_is_that_of_the_policy_in_force_when_it_was_asked(
    days: dict[str, Lived], trained: Path, tmp_path: Path
) -> None:
    with open_world(tmp_path, trained) as world:
        world.live_day(DAY, "stale_policy")
        replies, onset = read_replies(world.url), pd.Timestamp(MIDNIGHT + timedelta(hours=9))
        before = set(read_facts(POPULAR, world.repository.text(POPULAR, onset - timedelta(seconds=1))).values())
        after = set(read_facts(POPULAR, world.repository.text(POPULAR)).values())
    assert replies["right"].equals(days["stale_policy"].replies["right"])
    gone, new = before - after, after - before
    asked = replies[replies["source"] == POPULAR]
    assert set(asked.loc[asked["asked_at"] < onset, "right"]) & gone
    assert not set(asked.loc[asked["asked_at"] >= onset, "right"]) & gone
    assert set(asked.loc[asked["asked_at"] >= onset, "right"]) & new
    delay = replies["labelled_at"] - replies["asked_at"]
    assert delay.between(pd.Timedelta(minutes=3), pd.Timedelta(hours=1)).all()


def test_the_nightly_job_indexes_what_was_forgotten(world: PolicyWorld) -> None:
    world.live_day(DAY, "stale_policy", n_questions=20)
    assert world.reindex(MIDNIGHT + timedelta(days=1)) == [POPULAR]
    assert world.reindex(MIDNIGHT + timedelta(days=1, hours=1)) == []
    rows = {row["document"]: row for row in world.index()}
    assert rows[POPULAR]["content_hash"] == content_hash(world.repository.documents()[POPULAR])


def test_the_reindex_command_rebuilds_the_documents_it_is_told_of(world: PolicyWorld) -> None:
    world.change_policy(POPULAR, [f"{POPULAR}#1"], "Change it", MIDNIGHT)
    world.change_policy(FORGOTTEN, [f"{FORGOTTEN}#1"], "Change it too", MIDNIGHT + timedelta(minutes=1))
    command = [sys.executable, *PIPELINE.knowledge_bases["policies"].reindex.command[1:]]  # type: ignore[union-attr]

    def run(env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, check=False)

    done = run({**world.connections(), "SEAMWATCH_DOCUMENTS": json.dumps([POPULAR])})
    assert (done.returncode, done.stdout) == (0, f"reindexed: {POPULAR}\n")
    documents = world.repository.documents()
    indexed = {row["document"]: row["content_hash"] for row in world.index()}
    assert indexed[POPULAR] == content_hash(documents[POPULAR])
    assert indexed[FORGOTTEN] != content_hash(documents[FORGOTTEN])
    assert run(world.connections()).stdout == f"reindexed: {FORGOTTEN}\n"
    lost = run({})
    assert lost.returncode == 1
    assert "SEAMWATCH_DEMO_POLICIES" in lost.stderr


def test_a_day_cannot_be_lived_twice_nor_with_an_unknown_fault(world: PolicyWorld) -> None:
    world.live_day(DAY, n_questions=5)
    with pytest.raises(IntegrityError):
        world.live_day(DAY, n_questions=5)
    with pytest.raises(KeyError):
        world.live_day(DAY, "gremlins")


def test_a_world_opened_again_keeps_repository_index_and_tables(tmp_path: Path, trained: Path) -> None:
    with open_world(tmp_path, trained) as world:
        world.live_day(DAY, "stale_policy", n_questions=5)
        history, index = world.repository.history(), world.index()
    with open_world(tmp_path, trained) as again:
        assert (again.repository.folder.name, again.repository.history(), again.index()) == (
            REPOSITORY,
            history,
            index,
        )
        assert len(read_replies(again.url)) == 5


def test_what_is_injected_is_told_in_the_words_of_the_pipeline_file() -> None:
    injected = FAULTS["stale_policy"].injected
    assert injected is not None
    assert injected.responsibility is Responsibility.KNOWLEDGE_BASE
    assert PIPELINE.stage(injected.stage).knowledge_base == "policies"
    assert injected.fields == (POPULAR,)
    assert FAULTS["healthy"].injected is None
    assert FAULTS["stale_policy_unread"].injected is None
    assert not any(
        facts_by_id()[fact.id].asks and policies_by_document()[FORGOTTEN].asked
        for fact in policies_by_document()[FORGOTTEN].facts
    )


def test_the_pipeline_file_fits_the_world(world: PolicyWorld) -> None:
    slack = json.dumps({"conn_type": "slack", "password": "x", "extra": {"signing_secret": "s"}})
    connections = EnvironmentConnections({**environment(world), "AIRFLOW_CONN_SLACK_API_DEFAULT": slack})
    found = check_pipeline(PROJECT, PIPELINE, connections)
    assert [problem.text for problem in found if problem.level is not ProblemLevel.NOTE] == []


@pytest.mark.parametrize("name", list(FAULTS))
def test_no_check_of_a_single_stage_sees_a_stale_document(days: dict[str, Lived], name: str) -> None:
    n_suites = 0
    for stage in PIPELINE.stages:
        path = PROJECT.suite_path(PIPELINE, stage.name)
        if not path.is_file():
            continue
        n_suites += 1
        outcome = validate_query(
            days[name].url,
            f"SELECT * FROM {stage.table}",
            suite=load_suite(path),
            key_column="question_id",
            stage=stage.name,
            label=f"policy_assistant.{stage.name}",
        )
        bad = [check for check in outcome.checks if check.status is not CheckStatus.PASSED]
        assert all(check.severity is Severity.INFO and check.status is CheckStatus.FAILED for check in bad), bad
    assert n_suites == 5

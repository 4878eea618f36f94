"""The policy assistant's world: a repository, an index, a model behind HTTP, and the tables that they leave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import sqlalchemy as sa

from seamwatch.vocabulary import Responsibility
from seamwatch_demo.faults import Fault, Injected
from seamwatch_demo.model_server import ModelServer
from seamwatch_demo.model_service import ModelService
from seamwatch_demo.operations import CALL_PATH, USD_PER_MTOK
from seamwatch_demo.policies.assistant import MODEL_NAME, build_prompt, map_answer, map_question
from seamwatch_demo.policies.calls import call_all
from seamwatch_demo.policies.chat import live_chat_week
from seamwatch_demo.policies.documents import (
    FORGOTTEN,
    POPULAR,
    change_fact,
    change_facts,
    facts_by_id,
    policies_by_document,
    read_facts,
)
from seamwatch_demo.policies.history import REPOSITORY, author, open_repository
from seamwatch_demo.policies.questions import Question, make_questions
from seamwatch_demo.policies.reader import READER
from seamwatch_demo.policies.reindex import CHUNKS, reindex
from seamwatch_demo.policies.retriever import Retriever
from seamwatch_demo.policies.tables import METADATA
from seamwatch_demo.policies.training import load_assistant
from seamwatch_demo.policies.weak_judge import JUDGE, WordOverlapJudge

QUESTIONS_PER_DAY = 260
_HOOK_DELAY = timedelta(minutes=5)
"""How long after a commit the index of its documents is rebuilt, where nothing goes wrong."""
_INDEXED_AT = timedelta(minutes=20)
"""After midnight, when the nightly job rebuilds the index of what changed."""
_LABEL_DELAY_MIN = (3, 60)

_STALE = Fault(
    name="stale_policy",
    description=f"at nine o'clock {POPULAR} is changed in git, and its index is not rebuilt",
    injected=Injected(responsibility=Responsibility.KNOWLEDGE_BASE, stage="kb_lookup", fields=(POPULAR,)),
    onset_hour=9,
)
_FORGOTTEN = Fault(
    name="stale_policy_unread",
    description=f"at nine o'clock {FORGOTTEN}, which nobody asks about, is changed in git and not indexed",
    onset_hour=9,
)
FAULTS = {
    "healthy": Fault(name="healthy", description="nothing goes wrong"),
    _STALE.name: _STALE,
    _FORGOTTEN.name: _FORGOTTEN,
}
_CHANGED = {
    _STALE.name: tuple(f"{POPULAR}#{number}" for number in (1, 2, 3, 5)),
    _FORGOTTEN.name: tuple(f"{FORGOTTEN}#{number}" for number in (1, 2, 3, 4)),
}
"""By fault, the facts that get other values."""


class PolicyWorld:
    """An assistant that answers employees' questions from the policies. Live days in it; stop it in the end."""

    def __init__(self, folder: Path, *, warehouse_url: str, seed: int = 7, model_port: int = 0) -> None:
        """Make the repository with its history, the index and the tables where they are not there, and start the model.

        Args:
            folder: Holds the repository and the trained assistant.
            warehouse_url: SQLAlchemy URL of the database for the tables.
            seed: Of everything that chance decides. The same seed, days and faults give the same questions and answers.
            model_port: Port of the model server; 0 takes a free one.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._seed = seed
        self._engine = sa.create_engine(warehouse_url)
        METADATA.create_all(self._engine)
        self.url = sa.make_url(warehouse_url)
        assistant = load_assistant(folder)
        self.embedder = assistant.embedder
        self.repository = open_repository(folder / REPOSITORY, seed)
        if not self.index():
            changed_at = self.repository.changed_at()
            hooked_at = {name: at + _HOOK_DELAY for name, at in changed_at.items()}
            reindex(self.repository, self._engine, self.embedder, hooked_at)
        service = ModelService(models={READER: assistant.reader}, serving=READER)
        self.model_server = ModelServer(service, port=model_port, model_name=MODEL_NAME).start()
        judging = ModelService(models={JUDGE: WordOverlapJudge()}, serving=JUDGE)
        self.judge_server = ModelServer(judging, model_name=JUDGE).start()

    @property
    def policies(self) -> dict[str, dict[str, str]]:
        """Return what the policies in force say: by document, the value of each fact by its id."""
        documents = self.repository.documents()
        return {name: read_facts(name, documents[name].decode()) for name in policies_by_document()}

    def live_day(self, day: date, fault_name: str = "healthy", *, n_questions: int = QUESTIONS_PER_DAY) -> Fault:
        """Append a day's questions and answers, with a fault from its hour of onset on, and return that fault.

        Raises:
            KeyError: If there is no such fault.
            IntegrityError: If the day was lived before.
        """
        fault = FAULTS[fault_name]
        rng = np.random.default_rng([self._seed, 2, day.toordinal()])
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        self.reindex(midnight + _INDEXED_AT)
        asked = make_questions(day, n_questions, rng)
        changed = _CHANGED.get(fault.name)
        onset = midnight + timedelta(hours=fault.onset_hour)
        before = [one for one in asked if changed is None or one["asked_at"] < onset]
        self._answer(before, rng)
        if changed is not None:
            document = facts_by_id()[changed[0]].document
            self.change_policy(document, changed, f"Revise {document}", onset)
            self._answer(asked[len(before) :], rng)
        return fault

    def live_chat_week(self, monday: date) -> dict[str, str]:
        """Append a week of the staff chat with a current index, and return the right answer of each question."""
        self.reindex(datetime(monday.year, monday.month, monday.day, tzinfo=UTC))
        retriever = Retriever(self.index(), self.embedder)
        address = self.model_server.url, self.model_server.token
        return live_chat_week(self._engine, retriever, self.policies, monday, address=address, seed=self._seed)

    def reindex(self, at: datetime) -> list[str]:
        """Write the chunks of every document whose content is not the one in the index, and return which."""
        return reindex(self.repository, self._engine, self.embedder, at)

    def index(self) -> list[dict[str, Any]]:
        """Return the rows of the index, in the order of documents and chunks."""
        query = sa.select(CHUNKS).order_by(CHUNKS.c.document, CHUNKS.c.chunk)
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def change_policy(self, document: str, facts: Iterable[str], message: str, at: datetime) -> None:
        """Commit a document with other values of some facts, named by their ids; the index does not know of it."""
        rng = np.random.default_rng([self._seed, 4, int(at.timestamp())])
        texts = {name: content.decode() for name, content in self.repository.documents().items()}
        before = read_facts(document, texts[document])
        after = change_facts(before, facts, rng)
        for one, value in after.items():
            if value != before[one]:
                texts[document] = change_fact(texts[document], facts_by_id()[one], value)
        who = author(policies_by_document()[document].owner)
        self.repository.commit(texts, message, at, author=who)

    def connections(self) -> dict[str, str]:
        """Return the environment that names the world's connections: `AIRFLOW_CONN_*` as JSON."""
        repository = {"conn_type": "fs", "extra": {"path": str(self.repository.folder.absolute())}}
        return {
            "AIRFLOW_CONN_POLICY_MODEL": json.dumps(_connection(self.model_server)),
            "AIRFLOW_CONN_POLICY_JUDGE": json.dumps(_connection(self.judge_server)),
            "AIRFLOW_CONN_POLICY_REPO": json.dumps(repository),
            "SEAMWATCH_DEMO_WAREHOUSE": self.url.render_as_string(hide_password=False),
            "SEAMWATCH_DEMO_POLICIES": str(self.repository.folder.parent.absolute()),
        }

    def stop(self) -> None:
        """Stop the model server, and close repository and database."""
        self.model_server.stop()
        self.judge_server.stop()
        self.repository.close()
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _answer(self, asked: Sequence[Question], rng: np.random.Generator) -> None:
        """Let the assistant answer, and write what every system keeps of it, the right answers included."""
        if not asked:
            return
        in_force, retriever = self.policies, Retriever(self.index(), self.embedder)
        rows: dict[str, list[dict[str, Any]]] = {name: [] for name in METADATA.tables}
        requests = {}
        for question in asked:
            key, at = question["question_id"], question["asked_at"]
            request = map_question(question)
            served = retriever.search(request["question"])
            requests[key] = json.dumps(build_prompt(request, served))
            rows["policy_questions"].append({name: value for name, value in question.items() if name != "fact"})
            rows["policy_requests"].append({"question_id": key, "mapped_at": at + _after(1), **request})
            rows["policy_context"].append(
                {"question_id": key, "served_at": at + _after(2), "documents": json.dumps(served)}
            )
            right = in_force[facts_by_id()[question["fact"]].document][question["fact"]]
            labelled_at = at + timedelta(minutes=float(rng.uniform(*_LABEL_DELAY_MIN)))
            rows["policy_answers"].append({"question_id": key, "labelled_at": labelled_at, "answer": right})
        calls = asyncio.run(call_all(requests, self.model_server.url, self.model_server.token))
        for question in asked:
            key, at = question["question_id"], question["asked_at"]
            call = calls[key]
            result = map_answer(call["answer"])
            rows["policy_calls"].append(
                {"question_id": key, "called_at": at + _after(3), **{k: v for k, v in call.items() if k != "answer"}}
            )
            rows["policy_results"].append({"question_id": key, "answered_at": at + _after(4), **result})
            rows["policy_replies"].append({"question_id": key, "sent_at": at + _after(5), **result})
        with self._engine.begin() as connection:
            for name, some in rows.items():
                if some:
                    connection.execute(sa.insert(METADATA.tables[name]), some)


def _after(seconds: int) -> timedelta:
    return timedelta(seconds=seconds)


def _connection(server: ModelServer) -> dict[str, Any]:
    return {
        "conn_type": "http",
        "host": "127.0.0.1",
        "port": server.port,
        "schema": "http",
        "password": server.token,
        "extra": {"path": CALL_PATH, "protocol": "openai_chat", "prices": {server.model_name: USD_PER_MTOK}},
    }

"""The policy assistant's world: a repository, an index, a model behind HTTP, and the tables that they leave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Any, Self

import httpx
import numpy as np
import sqlalchemy as sa

from seamwatch.demo.faults import Fault, Injected
from seamwatch.demo.model_server import ModelServer
from seamwatch.demo.model_service import ModelService
from seamwatch.demo.operations import CALL_PATH, USD_PER_MTOK
from seamwatch.demo.policies.documents import (
    FORGOTTEN,
    KINDS,
    POPULAR,
    Question,
    change_facts,
    make_policies,
    make_questions,
    render,
)
from seamwatch.demo.policies.index import Retriever
from seamwatch.demo.policies.reader import READER, READER_NAME, train_reader
from seamwatch.demo.policies.reindex import reindex
from seamwatch.demo.policies.repository import PolicyRepository
from seamwatch.demo.policies.tables import METADATA
from seamwatch.vocabulary import Responsibility

QUESTIONS_PER_DAY = 260
_FIRST_COMMIT = datetime(2026, 3, 2, 9, tzinfo=UTC)
_HISTORY = 14
"""Commits before the first day."""
_REVIEW_BY = "2027-12-31"
_AT_ONCE = 8
_INDEXED_AT = timedelta(minutes=20)
"""After midnight, when the nightly job rebuilds the index of what changed."""

SYSTEM_PROMPT = (
    "You answer questions of employees from the company's policies. Use the passages only. Answer with JSON only: "
    '{"answer": the value asked for, "document": the passage it stands in}.'
)

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
_CHANGED = {_STALE.name: POPULAR, _FORGOTTEN.name: FORGOTTEN}


class PolicyWorld:
    """An assistant that answers employees' questions from the policies. Live days in it; stop it in the end."""

    def __init__(self, folder: Path, *, warehouse_url: str, seed: int = 7, model_port: int = 0) -> None:
        """Make the repository with its history, the index and the tables where they are not there, and start the model.

        Args:
            folder: Holds the repository `policies`.
            warehouse_url: SQLAlchemy URL of the database for the tables.
            seed: Of everything that chance decides.
            model_port: Port of the model server; 0 takes a free one.
        """
        self._seed = seed
        self._engine = sa.create_engine(warehouse_url)
        METADATA.create_all(self._engine)
        self.url = sa.make_url(warehouse_url)
        self.policies: dict[str, dict[str, str]] = make_policies(np.random.default_rng([seed, 1]))
        is_new = not (folder / "policies" / ".git").is_dir()
        self.repository = PolicyRepository(folder / "policies")
        self._build_history(is_new=is_new)
        if is_new:
            self.reindex(_FIRST_COMMIT + timedelta(days=_HISTORY * 14))
        reader = train_reader([content.decode() for content in self.repository.documents().values()])
        service = ModelService(models={READER: reader}, serving=READER)
        self.model_server = ModelServer(service, port=model_port, model_name=READER_NAME).start()

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
        seconds = np.sort(rng.integers(6 * 3600, 22 * 3600, n_questions))
        questions = make_questions(n_questions, rng)
        asked = [
            (f"Q{day:%y%m%d}-{number:04d}", midnight + timedelta(seconds=int(second)), question)
            for number, (second, question) in enumerate(zip(seconds, questions, strict=True))
        ]
        onset = midnight + timedelta(hours=fault.onset_hour)
        before = [one for one in asked if one[1] < onset or fault.name not in _CHANGED]
        self._answer(before, rng)
        if fault.name in _CHANGED:
            name = _CHANGED[fault.name]
            self.change_policy(name, [kind.name for kind in KINDS], f"Revise {name}", onset)
            self._answer(asked[len(before) :], rng)
        return fault

    def reindex(self, at: datetime) -> list[str]:
        """Write the chunks of every document whose content is not the one in the index, and return which."""
        return reindex(self.repository, self._engine, at)

    def connections(self) -> dict[str, str]:
        """Return the environment that names the world's connections: `AIRFLOW_CONN_*` as JSON."""
        model = {
            "conn_type": "http",
            "host": "127.0.0.1",
            "port": self.model_server.port,
            "schema": "http",
            "password": self.model_server.token,
            "extra": {"path": CALL_PATH, "protocol": "openai_chat", "prices": {READER_NAME: USD_PER_MTOK}},
        }
        repository = {"conn_type": "fs", "extra": {"path": str(self.repository.folder.absolute())}}
        return {
            "AIRFLOW_CONN_POLICY_MODEL": json.dumps(model),
            "AIRFLOW_CONN_POLICY_REPO": json.dumps(repository),
            "SEAMWATCH_DEMO_WAREHOUSE": self.url.render_as_string(hide_password=False),
            "SEAMWATCH_DEMO_POLICIES": str(self.repository.folder.parent.absolute()),
        }

    def stop(self) -> None:
        """Stop the model server, and close repository and database."""
        self.model_server.stop()
        self.repository.close()
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _build_history(self, *, is_new: bool) -> None:
        """Commit the first version of every document, and a change every two weeks since."""
        rng = np.random.default_rng([self._seed, 3])
        at = _FIRST_COMMIT
        if is_new:
            self._commit("Write down the company's policies", at)
        names = list(self.policies)
        for _ in range(_HISTORY):
            at += timedelta(days=14)
            name = str(rng.choice(names))
            kind = str(rng.choice([kind.name for kind in KINDS]))
            self.policies[name] = change_facts(self.policies[name], [kind], rng)
            if is_new:
                self._commit(f"Change the {kind} in {name}", at)

    def change_policy(self, name: str, kinds: list[str], message: str, at: datetime) -> None:
        """Commit a document with new values of some of its facts; the index does not know of it."""
        rng = np.random.default_rng([self._seed, 4, int(at.timestamp())])
        self.policies[name] = change_facts(self.policies[name], kinds, rng)
        self._commit(message, at)

    def _commit(self, message: str, at: datetime) -> None:
        texts = {name: render(name, facts, review_by=_REVIEW_BY) for name, facts in self.policies.items()}
        self.repository.commit(texts, message, at)

    def _answer(self, asked: list[tuple[str, datetime, Question]], rng: np.random.Generator) -> None:
        """Let the assistant answer, and write what every system keeps of it, the right answers included."""
        if not asked:
            return
        table = METADATA.tables["policy_chunks"]
        with self._engine.connect() as connection:
            order = (table.c.document, table.c.chunk)
            chunks = [dict(row) for row in connection.execute(sa.select(table).order_by(*order)).mappings()]
        retriever = Retriever(chunks)
        rows: dict[str, list[dict[str, Any]]] = {name: [] for name in METADATA.tables}
        requests = {}
        for key, at, question in asked:
            text = " ".join(question.text.split())
            served = retriever.serve(text)
            requests[key] = json.dumps(build_prompt(text, served))
            channel = str(rng.choice(["chat", "mail", "portal"]))
            rows["policy_questions"].append(
                {"question_id": key, "asked_at": at, "channel": channel, "text": question.text}
            )
            rows["policy_requests"].append({"question_id": key, "mapped_at": at + _after(1), "question": text})
            rows["policy_context"].append(
                {"question_id": key, "served_at": at + _after(2), "documents": json.dumps(served)}
            )
            right = self.policies[question.document][question.kind]
            labelled_at = at + timedelta(minutes=float(rng.lognormal(np.log(30), 0.6)))
            rows["policy_answers"].append({"question_id": key, "labelled_at": labelled_at, "answer": right})
        calls = asyncio.run(_call_all(requests, self.model_server.url, self.model_server.token))
        for key, at, _ in asked:
            call = calls[key]
            result = parse_answer(call["answer"])
            rows["policy_calls"].append(
                {"question_id": key, "called_at": at + _after(3), **{k: v for k, v in call.items() if k != "answer"}}
            )
            rows["policy_results"].append({"question_id": key, "answered_at": at + _after(4), **result})
            rows["policy_replies"].append({"question_id": key, "sent_at": at + _after(5), **result})
        with self._engine.begin() as connection:
            for name, some in rows.items():
                if some:
                    connection.execute(sa.insert(METADATA.tables[name]), some)


def build_prompt(question: str, served: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the request body of a question and the passages that were served to it."""
    passages = "\n\n".join(f"[{one['id']}]\n{one['text']}" for one in served)
    return {
        "model": READER_NAME,
        "messages": [
            {"role": "system", "content": SYSTEM_PROMPT},
            {"role": "user", "content": f"{passages}\n\nQuestion: {question}"},
        ],
        "temperature": 0,
        "max_tokens": 64,
    }


def parse_answer(text: str | None) -> dict[str, str | None]:
    """Return what the help desk writes of the model's answer."""
    try:
        found = json.loads(text or "")
    except ValueError:
        found = {}
    return {"answer": found.get("answer") or "not found", "source": found.get("document")}


def _after(seconds: int) -> timedelta:
    return timedelta(seconds=seconds)


async def _call_all(requests: Mapping[str, str], url: str, token: str) -> dict[str, dict[str, Any]]:
    limit = asyncio.Semaphore(_AT_ONCE)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=10) as client:

        async def call(body: str) -> dict[str, Any]:
            async with limit:
                started = perf_counter()
                response = await client.post(CALL_PATH, content=body)
            document = response.raise_for_status().json()
            usage = document["usage"]
            price = (
                usage["prompt_tokens"] * USD_PER_MTOK["input_per_mtok"]
                + usage["completion_tokens"] * USD_PER_MTOK["output_per_mtok"]
            )
            return {
                "request": body,
                "response": response.text,
                "status": str(response.status_code),
                "finish_reason": document["choices"][0]["finish_reason"],
                "model": document["model"],
                "latency_ms": round((perf_counter() - started) * 1000, 2),
                "input_tokens": usage["prompt_tokens"],
                "output_tokens": usage["completion_tokens"],
                "cost_usd": price / 1_000_000,
                "answer": document["choices"][0]["message"]["content"],
            }

        answers = await asyncio.gather(*(call(body) for body in requests.values()))
    return dict(zip(requests, answers, strict=True))

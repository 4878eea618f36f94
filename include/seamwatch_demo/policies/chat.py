"""The assistant in the staff chat: a week of questions, each answered by one of two releases of its prompt."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa

from seamwatch_demo.policies.assistant import MODEL_NAME, map_answer
from seamwatch_demo.policies.calls import call_all
from seamwatch_demo.policies.documents import Fact, asked_facts, load_policies, policies_by_document
from seamwatch_demo.policies.retriever import Retriever

RELEASES = ("whole-excerpts", "short-excerpts")
"""The second was made to save tokens: it shows the model only the beginning of each excerpt."""
QUESTIONS_PER_WEEK = 700
METADATA = sa.MetaData()
_SYSTEM = """\
You answer questions of staff about our policies.
Read the {read} below the question, and nothing else.
Answer with JSON only: {{"answer": the value asked for as it stands there, or null, "document": the document that it \
stands in, or null, "confidence": 0 to 1}}."""
_READS = {"whole-excerpts": ("excerpts", None), "short-excerpts": ("beginnings of excerpts", 140)}
"""By release, what the prompt calls the excerpts, and how many characters of each it shows."""
_MAX_TOKENS = 80


def _table(name: str, time: str, *columns: sa.Column[Any]) -> sa.Table:
    return sa.Table(
        name,
        METADATA,
        sa.Column("question_id", sa.String, primary_key=True),
        sa.Column(time, sa.DateTime(timezone=True), nullable=False, index=True),
        *columns,
    )


QUESTIONS = _table("chat_questions", "asked_at", sa.Column("area", sa.String), sa.Column("text", sa.Text))
CONTEXT = _table("chat_context", "served_at", sa.Column("documents", sa.Text))
CALLS = _table(
    "chat_calls",
    "called_at",
    sa.Column("release", sa.String),
    *(sa.Column(name, sa.Text) for name in ("request", "response")),
    *(sa.Column(name, sa.String) for name in ("status", "finish_reason", "model")),
    sa.Column("latency_ms", sa.Float),
    *(sa.Column(name, sa.Integer) for name in ("input_tokens", "output_tokens")),
    sa.Column("cost_usd", sa.Float),
)
REPLIES = _table("chat_replies", "sent_at", sa.Column("answer", sa.String), sa.Column("source", sa.String))


def build_chat_prompt(text: str, served: Sequence[Mapping[str, Any]], release: str) -> dict[str, Any]:
    """Return the body of the chat request, as a release of the prompt makes it."""
    read, most = _READS[release]
    excerpts = "\n\n".join(f"[{one['id']}, part {one['chunk']}]\n{one['text'][:most]}" for one in served)
    user = f"Question: {text}\nArea: any\nLocale: en-GB\n\nExcerpts:\n\n{excerpts}"
    messages = [{"role": "system", "content": _SYSTEM.format(read=read)}, {"role": "user", "content": user}]
    return {"model": MODEL_NAME, "messages": messages, "temperature": 0, "max_tokens": _MAX_TOKENS}


def live_chat_week(
    engine: sa.Engine,
    retriever: Retriever,
    policies: Mapping[str, Mapping[str, str]],
    monday: date,
    *,
    address: tuple[str, str],
    seed: int,
) -> dict[str, str]:
    """Append a week's questions and answers, and return the right answer of each question by its id.

    Args:
        engine: Of the warehouse.
        retriever: Finds excerpts.
        policies: What they say, by document and fact.
        monday: First day.
        address: URL and token of the model server.
        seed: Of everything that chance decides.
    """
    METADATA.create_all(engine)
    rng = np.random.default_rng([seed, 5, monday.toordinal()])
    asked = _ask(monday, rng)
    rows: dict[sa.Table, list[dict[str, Any]]] = {table: [] for table in (QUESTIONS, CONTEXT, CALLS, REPLIES)}
    requests, releases, right = {}, {}, {}
    for key, at, fact, text in asked:
        served = retriever.search(text)
        releases[key] = RELEASES[int(rng.integers(2))]
        requests[key] = json.dumps(build_chat_prompt(text, served, releases[key]))
        right[key] = policies[fact.document][fact.id]
        area = policies_by_document()[fact.document].area
        rows[QUESTIONS].append({"question_id": key, "asked_at": at, "area": area, "text": text})
        context = {"question_id": key, "served_at": at + _seconds(1), "documents": json.dumps(served)}
        rows[CONTEXT].append(context)
    url, token = address
    calls = asyncio.run(call_all(requests, url, token))
    for key, at, _, _ in asked:
        call = calls[key]
        kept = {name: value for name, value in call.items() if name != "answer"}
        rows[CALLS].append({"question_id": key, "called_at": at + _seconds(2), "release": releases[key], **kept})
        reply = map_answer(call["answer"])
        rows[REPLIES].append({"question_id": key, "sent_at": at + _seconds(3), **reply})
    with engine.begin() as connection:
        for table, some in rows.items():
            connection.execute(sa.insert(table), some)
    return right


def _ask(monday: date, rng: np.random.Generator) -> list[tuple[str, datetime, Fact, str]]:
    """Return the week's questions in the order of their time, each a suggestion that somebody pressed in the chat."""
    midnight = datetime(monday.year, monday.month, monday.day, tzinfo=UTC)
    facts = list(asked_facts(load_policies()))
    seconds = np.sort(rng.integers(0, 7 * 86_400, size=QUESTIONS_PER_WEEK))
    found = []
    for number, second in enumerate(seconds):
        fact = facts[int(rng.integers(len(facts)))]
        at = midnight + timedelta(seconds=int(second))
        found.append((f"C{monday:%y%m%d}-{number:04d}", at, fact, fact.asks[int(rng.integers(min(len(fact.asks), 2)))]))
    return found


def _seconds(n: int) -> timedelta:
    return timedelta(seconds=n)

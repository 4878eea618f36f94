"""A small pipeline of two prompt versions: a desk that answers questions, of which some are asked again and again.

The model is a rule. Whether it answers a topic wrongly follows from a line of the prompt and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from seamwatch.core.results import Window

START = datetime(2026, 3, 2, tzinfo=UTC)
WINDOW = Window(start=START, end=START + timedelta(days=14))
TOPICS = ("delivery", "invoice", "returns")

PIPELINE = """\
pipeline: returns_desk
database: desk_db
key: id
owners: {reliability: "@U0REL", integration: "!subteam^S0INT", model: "@U0MOD", knowledge_base: "@U0DOC"}
stages:
  - {name: questions, kind: source, table: questions, time: asked_at}
  - {name: articles, kind: retrieval, table: articles, input: questions, documents: documents}
  - name: prompt
    kind: prompt
    table: calls
    input: [questions, articles]
    request: body
    reference: "returns_desk:to_prompt"
  - {name: llm, kind: model, table: calls, request: body, response: answer, status: status, endpoint: ENDPOINT}
  - {name: reply, kind: mapping, table: replies, reference: "returns_desk:to_reply"}
outcome: {truth: labels, compare: {action: action}}
segments: [questions.topic]
"""

FUNCTIONS = """\
import json

SYSTEM = "You answer questions of customers.\\nBe brief.\\nLINE"


def to_prompt(questions: dict, articles: dict) -> dict:
    system = SYSTEM
    user = f"Question: {questions['question']}"
    messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
    return {"model": "desk-1", "messages": messages, "temperature": 0}


def model(body):
    system, user = (message["content"] for message in body["messages"])
    topic = user.split()[1]
    action = {"delivery": "track", "invoice": "send", "returns": "refund"}[topic]
    if topic == "returns" and "Never promise money" in system:
        action = "refuse"
    return json.dumps({"action": action})


def to_reply(llm: dict) -> dict:
    return {"action": json.loads(llm["answer"])["action"]}
"""

LINES = {"v1": "Say what the customer can do.", "v2": "Never promise money."}
"""The third line of the system text, by version of the prompt."""
RIGHT = {"delivery": "track", "invoice": "send", "returns": "refund"}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One record."""

    topic: str
    number: int
    """Two records of one topic and number ask the same."""
    version: str | None
    at: datetime
    is_right: bool | None = True
    """None: no label."""
    temperature: float = 0
    documents: tuple[str, ...] = ("help-1",)
    sent: str | None = None
    """Version of the request that was sent; None: its own."""
    attempts: tuple[str | None, ...] = ()
    """Versions of attempts before, that failed."""


def asked(n: int, version: str, *, first_day: float, days: float = 7, wrong: Iterable[str] = ()) -> list[Answer]:
    """Return the answers of a version to `n` different questions, evenly over some days, wrong on some topics."""
    return [
        Answer(
            topic=TOPICS[number % len(TOPICS)],
            number=number,
            version=version,
            at=START + timedelta(days=first_day + days * number / n),
            is_right=TOPICS[number % len(TOPICS)] not in wrong,
        )
        for number in range(n)
    ]


def body_of(answer: Answer) -> str:
    """Return the request as it was sent."""
    line = LINES.get(answer.sent or answer.version or "", "Say nothing.")
    system = f"You answer questions of customers.\nBe brief.\n{line}"
    user = f"Question: {answer.topic} {answer.number}"
    messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
    return json.dumps({"model": "desk-1", "messages": messages, "temperature": answer.temperature})


TABLES = {
    "questions": "id INTEGER, topic TEXT, question TEXT, asked_at {time}",
    "articles": "id INTEGER, documents TEXT, served_at {time}",
    "calls": "id INTEGER, body TEXT, answer TEXT, status TEXT, version TEXT, called_at {time}",
    "replies": "id INTEGER, action TEXT, sent_at {time}",
    "labels": "id INTEGER, action TEXT",
}


def fill_database(url: str, answers: Iterable[Answer]) -> None:
    """Create the tables at a database; ids count up in the order of the answers."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    engine = sa.create_engine(url)
    is_sqlite = engine.dialect.name == "sqlite"
    for key, one in enumerate(answers):
        at: Any = f"{one.at:%Y-%m-%dT%H:%M:%S.%f}" if is_sqlite else one.at
        action = RIGHT[one.topic] if one.is_right is not False else "refuse"
        question = f"{one.topic} {one.number}"
        rows["questions"].append({"id": key, "topic": one.topic, "question": question, "asked_at": at})
        documents = json.dumps([{"id": name} for name in one.documents])
        rows["articles"].append({"id": key, "documents": documents, "served_at": at})
        call = {"id": key, "body": body_of(one), "called_at": at}
        rows["calls"] += [{**call, "answer": None, "status": "503", "version": version} for version in one.attempts]
        rows["calls"].append(
            {**call, "answer": json.dumps({"action": action}), "status": "200", "version": one.version}
        )
        rows["replies"].append({"id": key, "action": action, "sent_at": at})
        if one.is_right is not None:
            rows["labels"].append({"id": key, "action": RIGHT[one.topic]})
    with engine.begin() as connection:
        for name, columns in TABLES.items():
            form = columns.format(time="TEXT" if is_sqlite else "TIMESTAMPTZ")
            connection.execute(sa.text(f"CREATE TABLE {name} ({form})"))
            if rows[name]:
                names, places = ", ".join(rows[name][0]), ", ".join(f":{column}" for column in rows[name][0])
                connection.execute(sa.text(f"INSERT INTO {name} ({names}) VALUES ({places})"), rows[name])
    engine.dispose()


def write_project(root: Path, *, template: str = "v2", pipeline: str = PIPELINE) -> None:
    """Write the pipeline file and its references; the prompt's reference makes requests of one version."""
    for folder in ("include/pipelines", "include/mappings"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    text = pipeline.replace("ENDPOINT", '"python:returns_desk:model"')
    (root / "include/pipelines/returns_desk.yaml").write_text(text)
    (root / "include/mappings/returns_desk.py").write_text(FUNCTIONS.replace("LINE", LINES[template]))

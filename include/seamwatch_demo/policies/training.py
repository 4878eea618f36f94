"""Train the policy assistant's embedder and reader on policies and questions of their own, never on the demo's."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path

import joblib  # type: ignore[import-untyped]
import numpy as np

from seamwatch_demo.policies import assistant, documents, index, questions, reader, retriever
from seamwatch_demo.policies.assistant import build_prompt, map_question
from seamwatch_demo.policies.documents import draw_facts, facts_by_id, load_policies, read_value, render
from seamwatch_demo.policies.index import Embedder, chunk_rows, cut, fit_embedder
from seamwatch_demo.policies.questions import make_questions
from seamwatch_demo.policies.reader import READER, Answered, Reader, fit_memory, fit_reader
from seamwatch_demo.policies.retriever import Retriever

_SEEDS = (20_260_901, 20_260_911, 20_260_921)
_N_LOG, _N_WEIGHED, _DAY = 400, 400, date(2025, 6, 2)
_NOON = datetime(2025, 6, 2, 12, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Assistant:
    """What stands behind the policy assistant."""

    embedder: Embedder
    reader: Reader


def load_assistant(folder: Path) -> Assistant:
    """Return the assistant from its cache in a folder, or trained, which is then kept there."""
    path = folder / f"policy-assistant-{code_version()}.joblib"
    if path.is_file():
        cached: Assistant = joblib.load(path)
        return cached
    trained = train_assistant()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    joblib.dump(trained, partial)
    partial.replace(path)
    return trained


@cache
def train_assistant() -> Assistant:
    """Return the assistant, fitted; some seconds."""
    known = [_make_documents(np.random.default_rng([seed, 0])) for seed in _SEEDS]
    chunks = [chunk for texts in known for name, text in texts.items() for chunk in cut(name, text)]
    embedder = fit_embedder([part for chunk in chunks for part in (chunk.about, chunk.text)])
    # What the questions mean is learnt from some, how far to trust each sign from others: a part that is asked about
    # its own training questions is surer than it will ever be again.
    log = [entry for seed, texts in zip(_SEEDS, known, strict=True) for entry in _make_log(texts, seed, _N_LOG)]
    memory = fit_memory([line for chunk in chunks for line in chunk.text.splitlines()], log)
    texts = known[0]
    rows = chunk_rows({name: text.encode() for name, text in texts.items()}, _NOON, embedder)
    retriever = Retriever(rows, embedder)
    asked = []
    for entry in _make_log(texts, _SEEDS[0] + 1, _N_WEIGHED):
        body = build_prompt(entry.request, retriever.search(entry.request["question"]))
        asked.append((body["messages"][1]["content"], entry.document, entry.value))
    return Assistant(embedder=embedder, reader=fit_reader(memory, asked, version=READER))


def _make_documents(rng: np.random.Generator) -> dict[str, str]:
    return {
        one.document: render(one.document, draw_facts(one, rng), review_by=date(2027, 1, 1)) for one in load_policies()
    }


def _make_log(texts: Mapping[str, str], seed: int, n: int) -> list[Answered]:
    """Return questions with the sentences that answered them, as a help desk keeps them."""
    log = []
    for question in make_questions(_DAY, n, np.random.default_rng([seed, 1])):
        fact = facts_by_id()[question["fact"]]
        value = read_value(texts[fact.document], fact)
        log.append(
            Answered(request=map_question(question), document=fact.document, sentence=fact.sentence(value), value=value)
        )
    return log


def code_version() -> str:
    """Return a mark that changes with any code or data that the assistant depends on, the library included."""
    digest = hashlib.sha256(version("scikit-learn").encode())
    for module in (assistant, documents, index, questions, reader, retriever):
        digest.update(Path(str(module.__file__)).read_bytes())
    digest.update(Path(__file__).with_name("policies.yaml").read_bytes())
    digest.update(Path(__file__).read_bytes())
    return digest.hexdigest()[:12]

"""What differs between the records of two releases, and who owns it."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from seamwatch.core.release_changes import ChangedPart, ReleaseChange, find_release_changes
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import Responsibility

PIPELINE = Pipeline.model_validate(
    {
        "pipeline": "desk",
        "database": "dw",
        "key": "id",
        "stages": [
            {"name": "asked", "kind": "source", "table": "t"},
            {"name": "mapped", "kind": "mapping", "table": "m", "reference": "desk:to_request"},
            {"name": "found", "kind": "retrieval", "table": "k", "input": "mapped", "documents": "documents"},
            {"name": "prompt", "kind": "prompt", "table": "c", "input": ["mapped", "found"], "request": "body"},
            {"name": "llm", "kind": "model", "table": "c", "request": "body", "response": "answer", "endpoint": "e"},
            {"name": "sink", "kind": "sink", "table": "s"},
        ],
    }
)
N = 10
OWNERS = {
    "mapped": Responsibility.INTEGRATION,
    "found": Responsibility.KNOWLEDGE_BASE,
    "llm": Responsibility.MODEL,
    "asked": Responsibility.SOURCE_DATA,
}


def _recorded(**columns: list[Any]) -> dict[str, pd.DataFrame]:
    """Return what ten records of the first release and the same ten of the second hold; `stage__column` sets one."""
    keys = range(2 * N)
    texts = [f"question {key % N}" for key in keys]
    body = [json.dumps({"model": "m-1", "prompt": f"Answer.\n{text}"}) for text in texts]
    frames = {
        "asked": {"text": texts},
        "mapped": {"text": texts, "request_id": [f"r-{key}" for key in keys]},
        "found": {"documents": [json.dumps([{"id": "a", "score": key / 100}]) for key in keys]},
        "prompt": {"body": body},
        "llm": {"body": body, "answer": [f"{key}" for key in keys], "_model": ["m-1"] * 2 * N},
        "sink": {"action": [f"{key}" for key in keys]},
    }
    for place, values in columns.items():
        stage, _, column = place.partition("__")
        frames[stage][column] = values
    return {name: pd.DataFrame(frame, index=list(keys)) for name, frame in frames.items()}


def _found(
    recorded: dict[str, pd.DataFrame], *, is_paired: bool = True, without: str = "llm.version", n: int = N
) -> tuple[ReleaseChange, ...]:
    keys = list(range(n)), list(range(N, N + n))
    made = {"mapped": {"text"}}
    return find_release_changes(PIPELINE, recorded, keys, is_paired=is_paired, made=made, without=without)


def test_the_same_records_do_not_differ_whatever_names_them() -> None:
    assert _found(_recorded()) == ()
    assert _found(_recorded(), is_paired=False) == ()


def _then(first: Any, second: Any) -> list[Any]:
    return [first] * N + [second] * N


CASES: dict[str, tuple[dict[str, list[Any]], list[tuple[Any, ...]]]] = {
    "a version of the mapping": (
        {"mapped__mapping_version": _then(12, 13)},
        [(ChangedPart.FIELD, "mapped", "mapping_version", "12", "13", None)],
    ),
    "the model that answered": (
        {"llm___model": _then("m-1", "m-2")},
        [(ChangedPart.MODEL, "llm", "model", "m-1", "m-2", None)],
    ),
    "what the mapping made of the same input": (
        {"mapped__text": [f"question {key % N}" if key < 13 else f"QUESTION {key % N}" for key in range(2 * N)]},
        [(ChangedPart.FIELD, "mapped", "text", None, None, 7)],
    ),
    "what was retrieved, scores aside": (
        {"found__documents": [json.dumps([{"id": "b" if key > 16 else "a", "score": key}]) for key in range(2 * N)]},
        [(ChangedPart.DOCUMENTS, "found", "documents", None, None, 3)],
    ),
    "nothing behind the model": ({"sink__code_version": _then(1, 2)}, []),
    "nothing that is not known": ({"mapped__text": [None] * 2 * N}, []),
    "not the release itself": ({"llm__version": _then("v1", "v2")}, []),
}


@pytest.mark.parametrize(("columns", "expected"), CASES.values(), ids=CASES)
def test_stages(columns: dict[str, list[Any]], expected: list[tuple[Any, ...]]) -> None:
    found = _found(_recorded(**columns))
    assert [(one.part, one.stage, one.name, one.before, one.after, one.n_changed) for one in found] == expected
    assert all(one.responsibility is OWNERS[one.stage] for one in found)


def test_a_text_around_the_input_that_changed_is_found_on_pairs_only() -> None:
    body = [
        json.dumps({"model": "m-1", "prompt": f"Answer.\n{'Question' if key < N else 'Query'}: {key % N}"})
        for key in range(2 * N)
    ]
    recorded = _recorded(prompt__body=body, llm__body=body)
    (found,) = _found(recorded)
    assert (found.part, found.stage, found.n_changed, found.n_pairs) == (ChangedPart.PROMPT_TEXT, "prompt", N, N)
    assert _found(recorded, is_paired=False) == ()


def test_few_requests_have_no_template_as_all_their_content_may_be_alike() -> None:
    body = [json.dumps({"model": "m-1", "prompt": "one\n" if key < N else "other\n"}) for key in range(2 * N)]
    recorded = _recorded(prompt__body=body, llm__body=body)
    assert len(_found(recorded)) == 1
    assert _found(recorded, n=4) == ()


def test_a_release_that_is_the_model_s_name_is_not_told_as_its_own_change() -> None:
    recorded = _recorded(llm___model=_then("m-1", "m-2"))
    assert _found(recorded, without="llm.model") == ()

"""What a retrieval recorded, in the shapes that libraries write, and where its parts can be written again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.retrieved_entries import is_plain_list, read_entries, value_at, with_value

TEXT = "Refunds are possible within 14 days."
NODE = {"id_": "n1", "metadata": {"file_name": "refunds.md", "file_path": "/data/refunds.md"}, "text": TEXT}
SHAPES: dict[str, tuple[Any, list[str], str | None]] = {
    "ids": (["refunds.md"], ["refunds.md"], None),
    "id_alone": ("refunds.md", ["refunds.md"], None),
    "number": ([17], ["17"], None),
    "bytes": (b'["refunds.md"]', ["refunds.md"], None),
    "json_within_json": ('"[\\"refunds.md\\"]"', ["refunds.md"], None),
    "python_list": ("['refunds.md']", ["refunds.md"], None),
    "objects": ([{"id": "refunds.md", "text": TEXT, "score": 0.8}], ["refunds.md"], TEXT),
    "objects_as_text": ([json.dumps({"id": "refunds.md", "text": TEXT})], ["refunds.md"], TEXT),
    "langchain": (
        [{"id": "3f1c9a", "page_content": TEXT, "metadata": {"source": "refunds.md"}}],
        ["3f1c9a", "refunds.md"],
        TEXT,
    ),
    "langchain_serialised": (
        {
            "lc": 1,
            "type": "constructor",
            "id": ["langchain", "schema", "document", "Document"],
            "kwargs": {"page_content": TEXT, "metadata": {"source": "refunds.md"}},
        },
        ["refunds.md"],
        TEXT,
    ),
    "langchain_with_scores": (
        [[{"page_content": TEXT, "metadata": {"source": "refunds.md"}}, 0.83]],
        ["refunds.md"],
        TEXT,
    ),
    "langchain_repr": (
        f"[Document(id='3f1c9a', metadata={{'source': 'refunds.md'}}, page_content='{TEXT}')]",
        ["3f1c9a", "refunds.md"],
        TEXT,
    ),
    "langchain_answer": (
        {
            "query": "q",
            "result": "a",
            "source_documents": [{"page_content": TEXT, "metadata": {"source": "refunds.md"}}],
        },
        ["refunds.md"],
        TEXT,
    ),
    "llamaindex_node": ([{**NODE, "ref_doc_id": "d1"}], ["d1", "n1", "/data/refunds.md", "refunds.md"], TEXT),
    "llamaindex_with_score": (
        {"source_nodes": [{"node": NODE, "score": 0.9}]},
        ["n1", "/data/refunds.md", "refunds.md"],
        TEXT,
    ),
    "llamaindex_relation": (
        [{"id_": "n1", "relationships": {"1": {"node_id": "refunds.md"}}, "text": TEXT}],
        ["n1", "refunds.md"],
        TEXT,
    ),
    "haystack": (
        {"documents": [{"id": "9e", "content": TEXT, "meta": {"file_path": "refunds.md"}, "score": 0.7}]},
        ["9e", "refunds.md"],
        TEXT,
    ),
    "chroma_query": (
        {"ids": [["c1"]], "documents": [[TEXT]], "metadatas": [[{"source": "refunds.md"}]], "distances": [[0.1]]},
        ["c1", "refunds.md"],
        TEXT,
    ),
    "chroma_get": (
        {"ids": ["c1"], "documents": None, "metadatas": [{"source": "refunds.md"}]},
        ["c1", "refunds.md"],
        None,
    ),
    "qdrant": (
        {"result": {"points": [{"id": 4, "payload": {"source": "refunds.md", "text": TEXT}}]}},
        ["4", "refunds.md"],
        TEXT,
    ),
    "pinecone": (
        {"matches": [{"id": "v4", "score": 0.9, "metadata": {"source": "refunds.md", "text": TEXT}}]},
        ["v4", "refunds.md"],
        TEXT,
    ),
    "milvus": (
        [{"id": 4, "distance": 0.2, "entity": {"source": "refunds.md", "text": TEXT}}],
        ["4", "refunds.md"],
        TEXT,
    ),
    "elasticsearch": (
        {"hits": {"total": {"value": 1}, "hits": [{"_id": "e4", "_source": {"path": "refunds.md", "content": TEXT}}]}},
        ["e4", "refunds.md"],
        TEXT,
    ),
    "bedrock": (
        {"retrievalResults": [{"content": {"text": TEXT}, "location": {"s3Location": {"uri": "s3://b/refunds.md"}}}]},
        ["s3://b/refunds.md"],
        TEXT,
    ),
    "openinference_flat": (
        {
            "retrieval.documents.0.document.id": "c1",
            "retrieval.documents.0.document.content": TEXT,
            "retrieval.documents.0.document.metadata": '{"source": "refunds.md"}',
        },
        ["c1", "refunds.md"],
        TEXT,
    ),
    "openinference_nested": (
        {"retrieval": {"documents": [{"document.id": "refunds.md", "document.content": TEXT}]}},
        ["refunds.md"],
        TEXT,
    ),
    "openinference_objects": (
        {"retrieval": {"documents": [{"document": {"id": "refunds.md", "content": TEXT}}]}},
        ["refunds.md"],
        TEXT,
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("is_text", [False, True])
def test_an_entry_is_opened_in_every_shape(shape: str, is_text: bool) -> None:
    recorded, names, text = SHAPES[shape]
    if is_text and not isinstance(recorded, str | bytes):
        recorded = json.dumps(recorded)
    (entry,) = read_entries(recorded)
    assert set(entry.names) == set(names)
    assert entry.text == text


@pytest.mark.parametrize("shape", SHAPES)
def test_the_likeliest_name_of_an_entry_is_its_own_id(shape: str) -> None:
    recorded, names, _ = SHAPES[shape]
    (entry,) = read_entries(recorded)
    assert entry.names[0] == names[0]


def test_chroma_results_of_several_hits_keep_their_parts_together() -> None:
    recorded = {"ids": [["a", "b"]], "documents": [["x", None]], "metadatas": [[None, {"source": "b.md"}]]}
    assert [(one.names, one.text) for one in read_entries(recorded)] == [(("a",), "x"), (("b", "b.md"), None)]


def test_attributes_are_in_the_order_of_their_numbers() -> None:
    recorded = {f"retrieval.documents.{n}.document.id": f"{n}.md" for n in (10, 2, 0)}
    assert [one.names for one in read_entries(recorded)] == [("0.md",), ("2.md",), ("10.md",)]


@pytest.mark.parametrize("recorded", [None, "", "null", [], "[]", float("nan")])
def test_nothing_recorded_is_no_entry(recorded: Any) -> None:
    assert read_entries(recorded) == []


def test_an_entry_that_names_nothing_has_no_name() -> None:
    assert [one.names for one in read_entries([{"score": 0.5}, None, "", True, {"id": None, "source": {}}])] == [
        (),
        (),
        (),
        ("True",),
        (),
    ]


def test_text_of_no_known_shape_is_one_name() -> None:
    assert [one.names for one in read_entries("refunds.md#exception")] == [("refunds.md#exception",)]
    assert [one.names for one in read_entries("Sorry, nothing found")] == [("Sorry, nothing found",)]


@pytest.mark.parametrize("shape", ["objects", "langchain", "llamaindex_node", "haystack"])
def test_a_text_can_be_written_where_it_stood(shape: str) -> None:
    recorded, _, text = SHAPES[shape]
    (entry,) = read_entries(recorded)
    assert entry.places.text is not None
    assert value_at(entry.whole, entry.places.text) == text
    changed = with_value(entry.whole, entry.places.text, "new")
    (again,) = read_entries([changed])
    assert (again.text, again.names) == ("new", entry.names)
    assert entry.text == text  # the recorded entry is as it was


def test_a_text_within_json_text_is_written_within_it() -> None:
    whole = {"document.metadata": '{"source":"a.md","text":"old"}'}
    (entry,) = read_entries([whole])
    assert entry.text == "old"
    assert entry.places.text is not None
    assert with_value(whole, entry.places.text, "new") == {"document.metadata": '{"source":"a.md","text":"new"}'}


def test_only_lists_of_ids_and_objects_can_be_written_again() -> None:
    plain = {name for name, (recorded, *_) in SHAPES.items() if is_plain_list(recorded)}
    assert plain >= {"ids", "objects", "langchain", "haystack", "milvus", "llamaindex_node"}
    assert not plain & {"chroma_query", "openinference_flat", "qdrant", "langchain_with_scores", "langchain_repr"}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "ids", "documents", "document", "metadata", "node", "text", "value"]), inner
        )
    ),
    max_leaves=15,
)


@given(recorded=_JSON)
def test_any_document_is_read_without_an_error(recorded: Any) -> None:
    for entry in read_entries(recorded):
        assert all(isinstance(name, str) and name for name in entry.names)

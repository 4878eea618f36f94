"""Policies as documents: written, read back and changed; cut into chunks; and how well they are answered from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.retrieved_documents import without_front_matter
from seamwatch_demo.policies.assistant import build_prompt, map_answer, map_question
from seamwatch_demo.policies.documents import (
    FORGOTTEN,
    POPULAR,
    change_fact,
    change_facts,
    draw_facts,
    facts_by_id,
    former_value_note,
    load_policies,
    other_value,
    policies_by_document,
    read_facts,
    read_value,
    render,
)
from seamwatch_demo.policies.index import chunk_rows, cut
from seamwatch_demo.policies.questions import make_questions
from seamwatch_demo.policies.reader import kind_of, read_prompt
from seamwatch_demo.policies.retriever import N_SERVED, Retriever
from seamwatch_demo.policies.training import Assistant, train_assistant

NAMES = sorted(policies_by_document())
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEEDS = st.integers(0, 2**32 - 1)


def make_documents(seed: int) -> dict[str, str]:
    rng = np.random.default_rng(seed)
    return {one.document: render(one.document, draw_facts(one, rng), review_by="2027-01-01") for one in load_policies()}


def test_there_are_about_forty_policies_of_several_facts_each() -> None:
    policies = load_policies()
    assert 38 <= len(policies) <= 45
    assert all(4 <= len(policy.facts) <= 9 for policy in policies)
    assert len({policy.document for policy in policies}) == len(policies)
    assert all(len(set(fact.values)) == len(fact.values) >= 2 for policy in policies for fact in policy.facts)
    assert max(policies, key=lambda one: one.asked).document == POPULAR
    assert [one.document for one in policies if not one.asked] == [FORGOTTEN]


@given(st.sampled_from(NAMES), SEEDS)
def test_what_is_written_is_read_back(name: str, seed: int) -> None:
    facts = draw_facts(policies_by_document()[name], np.random.default_rng(seed))
    assert read_facts(name, render(name, facts, review_by="2027-01-01")) == facts


@given(st.sampled_from(sorted(facts_by_id())), SEEDS, st.booleans())
def test_a_changed_fact_is_the_only_difference_whatever_its_note_says(one: str, seed: int, has_note: bool) -> None:
    fact, rng = facts_by_id()[one], np.random.default_rng(seed)
    facts = draw_facts(policies_by_document()[fact.document], rng)
    text = render(fact.document, facts, review_by="2027-01-01")
    new = other_value(fact, facts[one], rng)
    note = former_value_note(facts[one], date(2026, 3, 1)) if has_note else None
    changed = change_fact(text, fact, new, note=note)
    assert new != facts[one]
    assert read_facts(fact.document, changed) == {**facts, one: new}
    differing = [pair for pair in zip(text.splitlines(), changed.splitlines(), strict=True) if pair[0] != pair[1]]
    assert len(differing) == 1
    # Without a note the way back leads to the very same document.
    assert change_fact(changed, fact, facts[one]) == text


@given(st.sampled_from(NAMES), SEEDS)
def test_changed_facts_differ_and_the_others_stay(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    facts = draw_facts(policies_by_document()[name], rng)
    some = [one for one in facts if rng.random() < 0.5]
    changed = change_facts(facts, some, rng)
    assert {one for one in facts if changed[one] != facts[one]} == set(some)


def test_a_sentence_that_is_not_there_is_said() -> None:
    fact = facts_by_id()[f"{POPULAR}#1"]
    with pytest.raises(ValueError, match=r"returns\.md holds 0 sentences"):
        read_value("nothing", fact)
    twice = f"{fact.sentence(fact.values[0])}\n{fact.sentence(fact.values[1])}\n"
    with pytest.raises(ValueError, match="holds 2 sentences"):
        read_value(twice, fact)


@given(st.sampled_from(NAMES), SEEDS)
def test_chunks_hold_every_sentence_and_stand_in_the_document_as_they_are(name: str, seed: int) -> None:
    policy = policies_by_document()[name]
    facts = draw_facts(policy, np.random.default_rng(seed))
    text = render(name, facts, review_by="2027-01-01")
    chunks = cut(name, text)
    assert [chunk.number for chunk in chunks] == list(range(1, len(policy.sections) + 1))
    assert all(chunk.text in text for chunk in chunks)
    for fact in policy.facts:
        assert sum(fact.sentence(facts[fact.id]) in chunk.text for chunk in chunks) == 1


def test_the_reader_finds_every_value_of_a_policy_that_people_ask_for() -> None:
    for fact in facts_by_id().values():
        if not fact.asks:
            continue
        for value in fact.values:
            assert kind_of(value)
            body = build_prompt(
                {"question": "What?", "product_area": "people", "locale": "en-GB"},
                [{"id": fact.document, "chunk": 1, "text": f"## A heading\n\n{fact.sentence(value)}"}],
            )
            question, found = read_prompt(body["messages"][1]["content"])
            assert question == "What?"
            assert value in [one.value for one in found], fact.sentence(value)
            assert {one.document for one in found} == {fact.document}


@given(st.text(max_size=300))
def test_any_prompt_is_answered(text: str) -> None:
    question, found = read_prompt(text)
    assert isinstance(question, str)
    assert all(one.value in text for one in found)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (None, "ask a person"),
        ("", "ask a person"),
        ('{"answer": "30 da', "ask a person"),
        ("[]", "ask a person"),
        ('{"answer": null, "document": null, "confidence": 0.0}', "ask a person"),
        ('{"answer": " 30 days ", "document": "returns.md", "confidence": 0.9}', "30 days"),
    ],
)
def test_no_answer_or_half_of_one_goes_to_a_person(said: str | None, told: str) -> None:
    assert map_answer(said)["answer"] == told


@pytest.fixture(scope="module")
def assistant() -> Assistant:
    return train_assistant()


def open_retriever(assistant: Assistant, texts: dict[str, str]) -> Retriever:
    rows = chunk_rows({name: text.encode() for name, text in texts.items()}, NOON, assistant.embedder)
    return Retriever(rows, assistant.embedder)


def ask(
    assistant: Assistant, request: dict[str, str], served: Sequence[Mapping[str, object]], temperature: float = 0
) -> str:
    prompt = build_prompt(request, served)["messages"][1]["content"]
    return assistant.reader.answer(prompt, temperature=temperature, seed=1).text


def test_healthy_questions_are_answered_right_about_95_times_in_a_hundred(assistant: Assistant) -> None:
    accuracies, served_right = [], []
    for number in range(8):  # policies and questions that no part of the assistant has seen
        texts = make_documents(5000 + number)
        retriever = open_retriever(assistant, texts)
        right = []
        for question in make_questions(
            date(2026, 1, 5) + timedelta(days=31 * number), 150, np.random.default_rng(number)
        ):
            fact, request = facts_by_id()[question["fact"]], map_question(question)
            value, served = read_value(texts[fact.document], fact), retriever.search(request["question"])
            assert len(served) == N_SERVED
            served_right.append(any(fact.sentence(value) in one["text"] for one in served))
            right.append(json.loads(ask(assistant, request, served))["answer"] == value)
        accuracies.append(float(np.mean(right)))
    assert 0.92 <= np.mean(accuracies) <= 0.97
    assert min(accuracies) >= 0.87
    assert max(accuracies) < 1.0
    assert 0.95 <= np.mean(served_right) < 1.0


def test_the_reader_follows_the_excerpts_and_not_its_memory(assistant: Assistant) -> None:
    fact = facts_by_id()[f"{POPULAR}#1"]
    request = {"question": fact.asks[0], "product_area": "orders and delivery", "locale": "en-GB"}
    for value in (*fact.values, "3 days", "97 days"):
        text = f"## Time to send something back\n\n{fact.sentence(value)}\nCall 4 days before."
        said = json.loads(ask(assistant, request, [{"id": POPULAR, "chunk": 1, "text": text}]))
        assert (said["answer"], said["document"]) == (value, POPULAR)
    assert json.loads(ask(assistant, request, []))["answer"] is None


def test_a_whole_document_in_the_place_of_a_chunk_is_read_as_well(assistant: Assistant) -> None:
    right = []
    texts = make_documents(77)
    retriever = open_retriever(assistant, texts)
    for question in make_questions(date(2026, 2, 2), 150, np.random.default_rng(77)):
        fact, request = facts_by_id()[question["fact"]], map_question(question)
        rest = [one for one in retriever.search(request["question"]) if one["id"] != fact.document]
        whole: dict[str, object] = {
            "id": fact.document,
            "chunk": None,
            "text": without_front_matter(texts[fact.document]).strip(),
        }
        said = json.loads(ask(assistant, request, [whole, *rest]))
        right.append(said["answer"] == read_value(texts[fact.document], fact))
    assert np.mean(right) >= 0.94


def test_the_reader_says_the_same_to_the_same_and_draws_when_it_is_told_to(assistant: Assistant) -> None:
    retriever = open_retriever(assistant, make_documents(3))
    drawn = set()
    for question in make_questions(date(2026, 2, 3), 40, np.random.default_rng(3)):
        request = map_question(question)
        served = retriever.search(request["question"])
        assert ask(assistant, request, served) == ask(assistant, request, served)
        drawn.add(ask(assistant, request, served, temperature=2) == ask(assistant, request, served))
    assert drawn == {True, False}


def test_the_same_training_gives_the_same_assistant(assistant: Assistant) -> None:
    again = train_assistant.__wrapped__()
    assert np.array_equal(again.reader.weights, assistant.reader.weights)
    assert again.reader.offset == assistant.reader.offset

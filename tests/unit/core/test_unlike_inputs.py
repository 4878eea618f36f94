"""A model that is as good as ever on inputs unlike any before is not convicted; a worse one, or an ever bad one, is."""

from __future__ import annotations

import json
import random
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import pytest

import desk_world as desk
from seamwatch.core.attribution.accusing_marks import RightRecords
from seamwatch.core.attribution.evidence import gather
from seamwatch.core.attribution.odd_inputs import KnownInputs
from seamwatch.core.attribution.records import attribute_records
from seamwatch.core.attribution.unlike_inputs import review_model_verdicts
from seamwatch.core.results import IsolationResult, Verdict
from seamwatch.report.verdict_texts import explain
from seamwatch.spec.pipeline import Isolation
from seamwatch.vocabulary import BenchmarkStanding, Gap, OutcomeState, Responsibility

N, ONSET = 300, 120
OPENINGS = ("Since Monday I have a question about the", "Bitte prüfen Sie für mich die", "We wait for news on the")
CLOSINGS = ("of our branch office.", "that nobody has answered.", "as your page says.")
Say = Callable[[Mapping[str, Any]], str]
Damage = Callable[[desk.Row, random.Random], desk.Row]


def tickets(n: int, seed: int) -> list[desk.Row]:
    rng = random.Random(seed)
    return [
        {
            "text": f"{rng.choice(OPENINGS)} {rng.choice(desk.TOPICS)} {rng.choice(CLOSINGS)} {rng.randrange(10**6)}.",
            "priority": rng.choice(("P1", "P2")),
            "channel": rng.choice(("mail", "chat", "phone")),
        }
        for _ in range(n)
    ]


def usual(body: Mapping[str, Any]) -> str:
    """Return what the model says: right but for a fixed 6 % of texts."""
    said = desk.answer(body)
    return said.replace("bill", "line") if zlib.crc32(str(body["text"]).encode()) % 16 == 0 else said


def review(
    damage: Damage,
    *,
    say: Say = usual,
    share: float = 0.6,
    onset: int = ONSET,
    known: tuple[KnownInputs, ...] = (),
    alone: tuple[int, int] | None = (94, 100),
    standing: BenchmarkStanding = BenchmarkStanding.AS_BEFORE,
    accuracy: float | None = 0.94,
) -> tuple[dict[str, Verdict], set[str]]:
    """Return the reviewed verdicts by key, and the keys of the records that were damaged.

    Args:
        damage: Of the source's payload, before the pipeline reads it; the labels are of the ticket as it was.
        say: The model.
        share: Of the records since the onset that are damaged.
        onset: First record that may be.
        known: Inputs of before.
        alone: Right benchmark inputs, of how many; None: not measured.
        finding: What the benchmark says.
        accuracy: Accepted; None: unknown.
    """
    given = tickets(N, 1)
    struck = {n for n in range(onset, N) if random.Random(n).random() < share}
    chance = random.Random(5)

    def change(number: int, stage: str, row: desk.Row) -> desk.Row:
        return damage(row, chance) if stage == "tickets" and number in struck else row

    world = desk.make_world(given, change=change, say=say)
    outcomes = desk.outcomes_of(world)
    evidence = gather(world, desk.failing_of(world), {}, n_judged=N, accuracy=accuracy)
    verdicts = attribute_records(evidence, desk.asking(say), Isolation(mode="exhaustive")).verdicts
    assert {verdict.responsibility for verdict in verdicts} == {Responsibility.MODEL}
    measured = IsolationResult(
        stage="model",
        model=None,
        calls=0,
        cost_usd=None,
        n_benchmark=alone[1] if alone else 0,
        n_right=alone[0] if alone else 0,
        accuracy=alone[0] / alone[1] if alone else None,
        baseline_accuracy=accuracy,
        standing=standing if alone else None,
    )
    reviewed = review_model_verdicts(evidence, verdicts, outcomes, known, measured)
    assert [verdict.key for verdict in reviewed] == [verdict.key for verdict in verdicts]
    return {verdict.key: verdict for verdict in reviewed}, {str(n) for n in struck}


def said_of(verdicts: Mapping[str, Verdict], keys: set[str]) -> Counter[Responsibility]:
    return Counter(verdict.responsibility for key, verdict in verdicts.items() if key in keys)


def before(
    n: int = 150, change: Callable[[desk.Row, int], desk.Row] = lambda row, _: row, wrong: float = 0.06
) -> KnownInputs:
    """Return inputs of earlier windows, and how they ended."""
    rows = [change(row, number) for number, row in enumerate(tickets(n, 77))]
    frame = pd.DataFrame(rows, index=[f"old{number}" for number in range(n)], dtype=object)
    rng = random.Random(3)
    return KnownInputs(payloads={"tickets": frame}, is_wrong={key: rng.random() < wrong for key in frame.index})


def garbled(row: desk.Row, _: random.Random) -> desk.Row:
    return {**row, "text": "".join(c if c == " " else "\ufffd" for c in row["text"])}


def mojibake(row: desk.Row, _: random.Random) -> desk.Row:
    """Only texts with an umlaut change; the desk's topics are read all the same."""
    return {**row, "text": row["text"].encode().decode("cp1252")}


def reads_umlauts(body: Mapping[str, Any]) -> str:
    """Return the answer of a model that takes the topic only from a text whose verb it can read."""
    return json.dumps({"queue": "other", "urgency": "low"}) if "Ã" in body["text"] else usual(body)


DAMAGES: dict[str, tuple[Damage, str]] = {
    "replaced characters": (garbled, "encoding"),
    "nothing": (lambda row, _: {**row, "text": None}, "missing"),
    "blank": (lambda row, _: {**row, "text": "  "}, "missing"),
    "one text": (lambda row, _: {**row, "text": "lorem ipsum dolor"}, "default"),
    "a placeholder": (lambda row, _: {**row, "text": "N/A"}, "default"),
    "a number": (lambda row, rng: {**row, "text": str(rng.randrange(10**6))}, "other_kind"),
    "shifted columns": (lambda row, _: {**row, "text": row["channel"], "channel": row["priority"]}, "other_field"),
    "cut short": (lambda row, _: {**row, "text": row["text"][:14]}, "truncated"),
    "a number for a level": (lambda row, _: {**row, "priority": "17"}, "other_kind"),
}


@pytest.mark.parametrize("name", DAMAGES)
@pytest.mark.parametrize("alone", [(94, 100), None], ids=["benchmark", "no benchmark"])
@pytest.mark.parametrize("share", [0.3, 1.0])
def test_a_damaged_source_is_named(name: str, alone: tuple[int, int] | None, share: float) -> None:
    damage, kind = DAMAGES[name]
    verdicts, struck = review(damage, share=share, alone=alone)
    mine = [verdict for key, verdict in verdicts.items() if key in struck]
    assert len(mine) >= 10
    assert {verdict.responsibility for verdict in mine} == {Responsibility.SOURCE_DATA}
    assert {verdict.stage for verdict in mine} == {"tickets"}
    assert Counter(verdict.pattern for verdict in mine).most_common(1)[0][0] == kind
    assert min(verdict.confidence for verdict in mine) > 0.6
    assert set(said_of(verdicts, set(verdicts) - struck)) <= {Responsibility.MODEL}
    assert "earlier inputs looked so" in explain(mine[0])


def test_a_damage_that_leaves_many_records_right_is_named_where_records_fail_with_it() -> None:
    def worse(body: Mapping[str, Any]) -> str:
        is_unread = "Ã" in body["text"] and "bill" not in body["text"]
        return json.dumps({"queue": "other", "urgency": "low"}) if is_unread else usual(body)

    verdicts, struck = review(mojibake, say=worse, share=0.9)
    mine = {key: verdict for key, verdict in verdicts.items() if key in struck}
    assert said_of(mine, struck)[Responsibility.SOURCE_DATA] > 0.8 * len(mine)
    assert {v.pattern for v in mine.values() if v.responsibility is Responsibility.SOURCE_DATA} == {"encoding"}


NOVELTIES: dict[str, Damage] = {
    "a new level": lambda row, _: {**row, "priority": "P0"},
    "longer than ever": lambda row, rng: {
        **row,
        "text": f"{' '.join(rng.choice(OPENINGS) for _ in range(9))} matter {rng.random()}",
    },
    "another language": lambda row, rng: {
        **row,
        "text": f"Je voudrais vous demander une chose pour la facture {rng.random()}",
    },
}


@pytest.mark.parametrize("name", NOVELTIES)
def test_honest_inputs_unlike_any_before_leave_it_open(name: str) -> None:
    verdicts, struck = review(NOVELTIES[name], known=(before(),))
    mine = [verdict for key, verdict in verdicts.items() if key in struck]
    assert len(mine) >= 10
    marked = [verdict for verdict in mine if verdict.gap is Gap.INPUTS_UNLIKE_ANY_BEFORE]
    assert len(marked) > 0.9 * len(mine)
    assert {verdict.responsibility for verdict in marked} == {Responsibility.UNDETERMINED}


@pytest.mark.parametrize("name", NOVELTIES)
def test_a_model_that_is_worse_by_itself_stays_blamed_for_novelties(name: str) -> None:
    verdicts, struck = review(NOVELTIES[name], known=(before(),), alone=(60, 100), standing=BenchmarkStanding.DEGRADED)
    assert set(said_of(verdicts, struck)) == {Responsibility.MODEL}


@pytest.mark.parametrize(("share", "expected"), [(1.0, Responsibility.MODEL), (0.7, Responsibility.UNDETERMINED)])
def test_without_a_benchmark_a_novelty_counts_only_beside_usual_inputs_of_its_time(
    share: float, expected: Responsibility
) -> None:
    """Where all inputs are new since the failures began, nothing tells whether the model still does well on others."""
    verdicts, struck = review(NOVELTIES["longer than ever"], share=share, known=(before(),), alone=None)
    assert said_of(verdicts, struck).most_common(1)[0][0] is expected


def _bad_at(is_hard: Callable[[Mapping[str, Any]], bool]) -> Say:
    def say(body: Mapping[str, Any]) -> str:
        return json.dumps({"queue": "other", "urgency": "low"}) if is_hard(body) else usual(body)

    return say


def _share_of(text: str) -> float:
    return zlib.crc32(text.encode()) % 1000 / 1000


NEAR_MISSES: dict[str, Say] = {
    "errors anywhere": _bad_at(lambda body: _share_of(body["text"]) < 0.4),
    "errors at one priority": _bad_at(lambda body: body["priority"] == "P1"),
    "errors at one topic": _bad_at(lambda body: "fraud" in body["text"]),
    "errors with umlauts": _bad_at(lambda body: "ü" in body["text"]),
    "longer texts are harder": _bad_at(lambda body: len(body["text"]) > 75 and _share_of(body["text"]) < 0.7),
    "all wrong": _bad_at(lambda _: True),
}


@pytest.mark.parametrize("name", NEAR_MISSES)
@pytest.mark.parametrize("alone", [(60, 100), None], ids=["benchmark", "no benchmark"])
def test_a_worse_model_on_inputs_as_ever_stays_blamed(name: str, alone: tuple[int, int] | None) -> None:
    verdicts, _ = review(lambda row, _: row, say=NEAR_MISSES[name], alone=alone, standing=BenchmarkStanding.DEGRADED)
    assert set(said_of(verdicts, set(verdicts))) == {Responsibility.MODEL}


def test_a_damage_that_does_no_harm_blames_nobody() -> None:
    """The channel is broken, which no request holds; the errors are the model's."""

    def harmless(row: desk.Row, _: random.Random) -> desk.Row:
        return {**row, "channel": "\ufffd\ufffd"}

    verdicts, _ = review(
        harmless, say=NEAR_MISSES["errors anywhere"], alone=(60, 100), standing=BenchmarkStanding.DEGRADED
    )
    assert set(said_of(verdicts, set(verdicts))) == {Responsibility.MODEL}


def test_a_model_that_was_always_bad_at_such_inputs_is_blamed_and_the_rate_is_said() -> None:
    """Every fifth input of before had no text either, and nearly all of those were wrong."""

    def emptied(row: desk.Row, number: int) -> desk.Row:
        return {**row, "text": None} if number % 5 == 0 else row

    known = before(200, emptied)
    ended = {key: number % 5 == 0 and number % 50 != 0 for number, key in enumerate(known.is_wrong)}
    known = KnownInputs(payloads=known.payloads, is_wrong=ended)
    verdicts, struck = review(DAMAGES["nothing"][0], known=(known,), alone=None)
    assert set(said_of(verdicts, struck)) == {Responsibility.MODEL}
    assert all("36 of 40 came out wrong" in explain(verdict) for key, verdict in verdicts.items() if key in struck)


def test_more_of_the_inputs_that_a_model_was_always_bad_at_leave_it_blamed() -> None:
    """Chats were wrong half the time before, too; now nearly all tickets are chats."""
    say = _bad_at(lambda body: _share_of(body["text"]) < 0.5)
    verdicts: dict[bool, set[Responsibility]] = {}
    for is_weak in (True, False):
        known = before(300)
        frame = known.payloads["tickets"]
        chats = frame.index[frame["channel"] == "chat"]
        ended = {key: is_weak and key in chats and number % 2 == 0 for number, key in enumerate(known.is_wrong)}
        known = KnownInputs(payloads=known.payloads, is_wrong=ended)
        found, _ = review(lambda row, _: {**row, "channel": "chat"}, say=say, onset=0, share=0.95, known=(known,))
        verdicts[is_weak] = set(said_of(found, set(found)))
    assert verdicts == {True: {Responsibility.MODEL}, False: {Responsibility.UNDETERMINED}}


def test_too_few_damaged_records_to_be_tested_do_not_convict_the_model() -> None:
    def first_three(row: desk.Row, rng: random.Random) -> desk.Row:
        return garbled(row, rng)

    verdicts, struck = review(first_three, onset=N - 2, share=1.0)
    assert struck == {str(N - 2), str(N - 1)}
    assert {verdicts[key].responsibility for key in struck} == {Responsibility.UNDETERMINED}


@pytest.mark.parametrize(
    ("share_broken", "blamed"),
    [(0.0, Responsibility.UNDETERMINED), (0.5, Responsibility.UNDETERMINED), (1.0, Responsibility.SOURCE_DATA)],
)
def test_a_model_at_its_baseline_that_fails_far_more_often_in_the_window_is_not_blamed(
    share_broken: float, blamed: Responsibility
) -> None:
    """Half the labels are of other records: no input looks odd, and the model alone is as good as ever.

    A critical expectation that right and wrong records break alike is to blame only where hardly any keeps it.
    """
    given = tickets(N, 1)
    world = desk.make_world(given, say=usual)
    labels = pd.DataFrame([desk.truth_of(given[(n + (n > ONSET)) % N]) for n in range(N)])
    final = world.recorded["crm"]
    is_wrong = (final["queue"] != labels["queue"]) | (final["urgency"] != labels["urgency"])
    outcomes = pd.DataFrame({"state": is_wrong.map({True: OutcomeState.WRONG, False: OutcomeState.RIGHT})})
    failing = final.index[is_wrong.to_numpy()]
    right = RightRecords(world=world, keys=final.index[~is_wrong.to_numpy()])
    broken = {key: "a_check" for key in final.index if key % 10 < 10 * share_broken}
    evidence = gather(world, failing, {"tickets": broken}, right=right, n_judged=N, accuracy=0.94)
    verdicts = [
        Verdict(key=str(key), responsibility=Responsibility.MODEL, stage="model", confidence=0.97) for key in failing
    ]
    for n_right, expected in ((94, blamed), (60, Responsibility.MODEL)):
        alone = IsolationResult(
            stage="model",
            model=None,
            calls=0,
            cost_usd=None,
            n_benchmark=100,
            n_right=n_right,
            baseline_accuracy=0.94,
            p_degraded=0.5 if n_right == 94 else 1e-9,
        )
        reviewed = review_model_verdicts(evidence, verdicts, outcomes, (before(),), alone)
        assert {verdict.responsibility for verdict in reviewed} == {expected}
        gaps = {verdict.gap for verdict in reviewed}
        assert gaps == ({Gap.MODEL_AT_BASELINE} if expected is Responsibility.UNDETERMINED else {None})


@pytest.mark.parametrize(("every", "is_blamed"), [(5, True), (60, False)])
def test_a_broken_expectation_that_most_right_records_break_too_is_blamed_by_how_much_more_often_they_fail(
    every: int, is_blamed: bool
) -> None:
    """Seven in ten records break it; the model is wrong on every fifth of them, or no more often than elsewhere."""
    given = tickets(N, 1)
    broken = [n for n in range(N) if n % 10 < 7]
    missed = {given[n]["text"] for n in [*broken[::every], *range(9, N, 60)]}

    def say(body: Mapping[str, Any]) -> str:
        return json.dumps({**json.loads(desk.answer(body)), **({"queue": "other"} if body["text"] in missed else {})})

    world = desk.make_world(given, say=say)
    outcomes = desk.outcomes_of(world)
    right = RightRecords(world=world, keys=outcomes.index[(outcomes["state"] == OutcomeState.RIGHT).to_numpy()])
    evidence = gather(
        world, desk.failing_of(world), {"tickets": dict.fromkeys(broken, "a_check")}, right=right, n_judged=N
    )
    verdicts = attribute_records(evidence, desk.asking(say), Isolation(mode="exhaustive")).verdicts
    said = {verdict.responsibility for verdict in verdicts if int(verdict.key) in broken}
    assert said == {Responsibility.SOURCE_DATA if is_blamed else Responsibility.MODEL}
    assert {v.responsibility for v in verdicts if int(v.key) not in broken} == {Responsibility.MODEL}
    assert all(0.5 < v.confidence < 0.85 for v in verdicts if v.responsibility is Responsibility.SOURCE_DATA)


def test_the_usual_errors_of_a_model_stay_its_own_where_another_fault_leaves_few_right_records() -> None:
    """Nine of ten requests have another priority, which spoils what the model would have had right."""

    def change(number: int, stage: str, row: desk.Row) -> desk.Row:
        is_struck = stage == "request" and number % 10
        return {**row, "priority": "P2" if row["priority"] == "P1" else "P1"} if is_struck else row

    def say(body: Mapping[str, Any]) -> str:
        is_missed = zlib.crc32(str(body["text"]).encode()) % 5 == 0
        return json.dumps({**json.loads(desk.answer(body)), **({"queue": "other"} if is_missed else {})})

    world = desk.make_world(tickets(N, 1), change=change, say=say)
    evidence = gather(world, desk.failing_of(world), {}, n_judged=N, accuracy=0.8)
    verdicts = attribute_records(evidence, desk.asking(say), Isolation(mode="exhaustive")).verdicts
    said = Counter(verdict.responsibility for verdict in verdicts)
    assert 0.15 * N < said[Responsibility.MODEL] < 0.25 * N
    assert said[Responsibility.INTEGRATION] == len(verdicts) - said[Responsibility.MODEL] > 0.6 * N
    alone = IsolationResult(
        stage="model",
        model=None,
        calls=0,
        cost_usd=None,
        n_benchmark=100,
        n_right=80,
        baseline_accuracy=0.8,
        standing=BenchmarkStanding.AS_BEFORE,
    )
    reviewed = review_model_verdicts(evidence, verdicts, desk.outcomes_of(world), (before(),), alone)
    assert {v.key for v in reviewed if v.gap is Gap.MODEL_AT_BASELINE} == set()
    assert Counter(verdict.responsibility for verdict in reviewed) == said


def test_errors_by_chance_of_the_past_are_not_reviewed() -> None:
    world = desk.make_world(tickets(60, 1), say=usual)
    failing = desk.failing_of(world)
    verdicts = tuple(
        Verdict(
            key=str(key),
            responsibility=Responsibility.MODEL,
            stage="model",
            confidence=0.9,
            pattern="not_reproduced",
        )
        for key in failing
    )
    alone = IsolationResult(stage="model", model=None, calls=0, cost_usd=None)
    evidence = gather(world, failing, {}, n_judged=60)
    assert review_model_verdicts(evidence, verdicts, desk.outcomes_of(world), (), alone) == verdicts

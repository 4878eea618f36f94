"""Records on their way through a pipeline with faults, as they were recorded and as the law of chance has them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from attribution.model import PERFECT, Context, Fault, Law, Payload, Shape, Stage, read_facts, share_of
from seamwatch.core.records.comparison import values_equal

Payloads = dict[str, Payload | None]
"""By stage; None where the record did not arrive."""


def request_text(body: Mapping[str, Any]) -> str:
    """Return what a model reads in a request, of any protocol."""
    if "messages" in body:
        return str(body["messages"][-1]["content"])
    return str(body.get("input", ""))


@dataclass(frozen=True, kw_only=True)
class Trip:
    """One record with everything that decides what becomes of it."""

    number: int
    sources: Mapping[str, Payload]
    """Clean."""
    truth: Payload
    """The right labels, before any mislabelling."""
    struck: tuple[Fault, ...]
    """The faults that strike it, those of the model's law among them."""


@dataclass(frozen=True, kw_only=True)
class Stream:
    """All records of a window, and the laws and faults they meet."""

    shape: Shape
    seed: int
    laws: Mapping[str, Law]
    """By model stage, before any fault."""
    trips: Sequence[Trip]
    clean: Sequence[Payloads] = field(default_factory=list)
    """By record, what a pipeline without faults makes of it."""

    def recorded(self, number: int) -> Payloads:
        """Return the record's payloads as its window holds them: one draw of chance, and every fault."""
        trip = self.trips[number]
        return self._flow(trip, trip.struck, frozenset(), is_drawn=True)[0][0]

    def risk(self, number: int, faults: Iterable[Fault], perfect: Iterable[str] = ()) -> float:
        """Return the probability that the record ends wrong under some of its faults and with some perfect models."""
        trip = self.trips[number]
        ends = self._flow(trip, tuple(faults), frozenset(perfect), is_drawn=False)
        return sum(share for payloads, share in ends if self.is_wrong(payloads[self.shape.final], trip.truth))

    def is_wrong_with_recorded_answers(self, number: int, faults: Iterable[Fault]) -> bool:
        """Return whether the record ends wrong under some of its faults, every model having said what it said."""
        trip = self.trips[number]
        recorded = self.recorded(number)
        held = {stage.name: recorded[stage.name] for stage in self.shape.models}
        ends = self._flow(trip, tuple(faults), frozenset(), is_drawn=True, held=held)
        return self.is_wrong(ends[0][0][self.shape.final], trip.truth)

    def is_wrong(self, final: Payload | None, truth: Payload) -> bool:
        """Return whether a final payload differs from the labels by the pipeline's own comparison."""
        if final is None:
            return True
        return not all(
            values_equal(
                final.get(name), truth[how["column"]], how=how.get("how", "auto"), tolerance=how.get("tolerance", 0.0)
            )
            for name, how in self.shape.compare.items()
        )

    def law_of(self, stage: str, faults: Iterable[Fault]) -> Law:
        """Return the law of a model stage under some faults."""
        law = self.laws[stage]
        for fault in faults:
            if fault.kind.stage == stage and fault.kind.law is not None:
                law = fault.kind.law(law, fault.severity)
        return law

    def _flow(
        self,
        trip: Trip,
        faults: Sequence[Fault],
        perfect: frozenset[str],
        *,
        is_drawn: bool,
        held: Payloads | None = None,
    ) -> list[tuple[Payloads, float]]:
        branches: list[tuple[Payloads, float]] = [({}, 1.0)]
        for stage in self.shape.stages:
            if held is not None and stage.name in held:
                branches = [({**payloads, stage.name: held[stage.name]}, share) for payloads, share in branches]
                continue
            grown: list[tuple[Payloads, float]] = []
            for payloads, share in branches:
                for made, part in self._make(stage, trip, payloads, faults, perfect, is_drawn=is_drawn):
                    grown.append(({**payloads, stage.name: made}, share * part))
            branches = grown
        return branches

    def _make(
        self,
        stage: Stage,
        trip: Trip,
        payloads: Payloads,
        faults: Sequence[Fault],
        perfect: frozenset[str],
        *,
        is_drawn: bool,
    ) -> list[tuple[Payload | None, float]]:
        if any(payloads[name] is None for name in stage.inputs):
            return [(None, 1.0)]
        if stage.kind == "source":
            made: list[tuple[Payload | None, float]] = [(dict(trip.sources[stage.name]), 1.0)]
        elif stage.kind == "model":
            law = PERFECT if stage.name in perfect else self.law_of(stage.name, faults)
            made = self._answers(stage, law, trip, payloads, is_drawn=is_drawn)
        else:
            assert stage.make is not None
            made = [(stage.make(*(payloads[name] for name in stage.inputs)), 1.0)]
        mine = [fault for fault in faults if fault.kind.stage == stage.name and fault.kind.damage is not None]
        return [(self._damaged(payload, mine, trip, stage), share) for payload, share in made] if mine else made

    def _answers(
        self, stage: Stage, law: Law, trip: Trip, payloads: Payloads, *, is_drawn: bool
    ) -> list[tuple[Payload | None, float]]:
        assert stage.task is not None
        prompt = payloads[stage.inputs[0]]
        assert prompt is not None
        facts = read_facts(request_text(prompt["body"]))
        if is_drawn:
            chance = share_of(self.seed, "draw", stage.name, trip.number)
            answers = [(law.draw(stage.task, facts, chance), 1.0)]
        else:
            answers = law.answers(stage.task, facts)
        return [
            ({"answer": json.dumps(answer), "status": "200", "finish": "stop", "model": law.name}, share)
            for answer, share in answers
        ]

    def _damaged(self, payload: Payload | None, faults: Sequence[Fault], trip: Trip, stage: Stage) -> Payload | None:
        for fault in faults:
            if payload is None:
                return None
            assert fault.kind.damage is not None
            other = self.clean[(trip.number + 1) % len(self.clean)][stage.name] if self.clean else payload
            cached = self.clean[0][stage.name] if self.clean else payload
            context = Context(
                number=trip.number,
                chance=share_of(self.seed, "damage", trip.number),
                other=other or payload,
                cached=cached or payload,
                sources=trip.sources,
            )
            payload = fault.kind.damage(payload, context)
        return payload


def make_stream(shape: Shape, *, n: int, seed: int, laws: Mapping[str, Law], faults: Sequence[Fault]) -> Stream:
    """Return `n` records of a shape with the faults that strike each."""
    rng = random.Random(f"{seed}/{shape.name}")
    drawn = [shape.draw(rng) for _ in range(n)]
    truths = [shape.truth(sources) for sources in drawn]
    bare = [Trip(number=k, sources=drawn[k], truth=truths[k], struck=()) for k in range(n)]
    healthy = Stream(shape=shape, seed=seed, laws=laws, trips=bare)
    # Only faults that hand a record the payload of another one look at the clean records.
    clean = [healthy.recorded(k) for k in range(n)] if faults else []
    trips = [
        Trip(
            number=k,
            sources=drawn[k],
            truth=truths[k],
            struck=tuple(fault for fault in faults if fault.strikes(k, n, seed)),
        )
        for k in range(n)
    ]
    return Stream(shape=shape, seed=seed, laws=laws, trips=trips, clean=clean)


def law_accuracy(shape: Shape, laws: Mapping[str, Law], *, seed: int, n: int = 500) -> float:
    """Return how often a healthy pipeline is right: what a person measures and accepts as the baseline."""
    stream = make_stream(shape, n=n, seed=seed, laws=laws, faults=())
    return 1.0 - sum(stream.risk(k, ()) for k in range(n)) / n

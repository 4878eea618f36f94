"""Which incidents are made: the grid of faults, severities, models and noise, by seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from attribution.incident import Injected, Plan
from attribution.model import FaultKind, Stage
from attribution.shapes import SHAPES, TRAIN

SMALL_PAIR = "small_pair"
"""Two faults in a window of few records, attributed in the default mode alone: so many that their causes can be counted
to some hundredths."""
ACCURACIES = (0.70, 0.80, 0.88, 0.92, 0.95, 0.98)
SEVERITIES = (0.05, 0.1, 0.2, 0.35, 0.6, 1.0)
FLIP_RATES = (0.02, 0.05, 0.1, 0.2, 0.3)


@dataclass(frozen=True, kw_only=True)
class Amount:
    """How many incidents of each family; by shape, where nothing else is said."""

    with_chance: float
    """Share of the fault kinds that are injected once more, with a stochastic model and mislabelled truths."""
    pairs: int
    small_pairs: int
    """In the default mode alone."""
    harmless: int
    removed: int
    healthy: int
    """Over all shapes."""
    large: int
    """Over all shapes; with so many failing records that exhaustive replay needs 8,000 calls, where it needs any."""
    large_n: int = 12_000
    """Records of a large one."""
    kinds: int | None = None
    """Fault kinds that are injected, drawn by chance; None: all."""


FULL = Amount(with_chance=0.4, pairs=8, small_pairs=50, harmless=2, removed=5, healthy=1000, large=4)
SHORT = Amount(
    with_chance=1 / 3, pairs=1, small_pairs=0, harmless=1, removed=2, healthy=60, large=1, large_n=1800, kinds=3
)


def make_plans(split: str, *, base_seed: int, amount: Amount = FULL) -> list[Plan]:
    """Return the incidents of a split.

    `train` has even seeds and the shapes that may be tuned on; `test` has odd seeds and all shapes.
    """
    names = [name for name in SHAPES if split == "test" or name in TRAIN]
    parity = 0 if split == "train" else 1
    plans: list[Plan] = []
    rng = random.Random(f"{base_seed}/{split}")

    def seed() -> int:
        return 2 * rng.randrange(10**6) + parity

    for name in names:
        kinds = [kind for kind in SHAPES[name].faults if not kind.is_harmless]
        chosen = kinds if amount.kinds is None else rng.sample(kinds, amount.kinds)
        plans += [_single(rng, name, kind, seed(), is_stochastic=False) for kind in chosen]
        again = rng.sample(chosen, round(amount.with_chance * len(chosen)))
        plans += [_single(rng, name, kind, seed(), is_stochastic=True) for kind in again]
        plans += [_pair(rng, name, kinds, seed(), is_stochastic=k % 3 == 2) for k in range(amount.pairs)]
        plans += [_harmless(rng, name, seed()) for _ in range(amount.harmless)]
        plans += _removed(rng, name, kinds, [seed() for _ in range(amount.removed)])
    plans += [_healthy(rng, names[k % len(names)], seed()) for k in range(amount.healthy)]
    plans += [_large(rng, names[k % len(names)], seed(), k, amount.large_n) for k in range(amount.large)]
    for name in names:
        kinds = [kind for kind in SHAPES[name].faults if not kind.is_harmless]
        plans += [_small_pair(rng, name, kinds, seed(), k) for k in range(amount.small_pairs)]
    return plans


def _small_pair(rng: random.Random, shape: str, kinds: Sequence[FaultKind], seed: int, number: int) -> Plan:
    pair = _pair(rng, shape, kinds, seed, is_stochastic=number % 3 == 2)
    return replace(pair, family=SMALL_PAIR, n=rng.choice((150, 200, 300)))


def _healthy(rng: random.Random, shape: str, seed: int) -> Plan:
    return Plan(
        family="healthy",
        shape=shape,
        seed=seed,
        n=rng.choice((150, 200, 300)),
        accuracy=rng.choice(ACCURACIES),
        flip_rate=rng.choice((0.0, *FLIP_RATES)),
        mislabelled=rng.choice((0.0, 0.0, 0.01, 0.02, 0.03)),
        late=rng.choice((0.0, 0.05, 0.15, 0.3)),
    )


def _large(rng: random.Random, shape: str, seed: int, number: int, n: int) -> Plan:
    """Return an incident of many failing records: before, in and behind the model, and at the provider."""
    wanted = ("model_changed", "crossed", "sink_overwrites", "provider_5xx", "field_missing", "default_value")
    endings = wanted[number % len(wanted) :] + wanted[: number % len(wanted)]
    names = [kind.name for kind in SHAPES[shape].faults]
    kind = next(name for ending in endings for name in names if name.endswith(ending))
    return Plan(
        family="large",
        shape=shape,
        seed=seed,
        n=n,
        faults=(Injected(name=kind, onset=0.0, severity=1.0),),
        accuracy=rng.choice((0.8, 0.92)),
        flip_rate=rng.choice((0.0, 0.05)),
    )


def _size(rng: random.Random) -> int:
    return rng.choice((150, 200, 300, 400, 600, 900))


def _single(rng: random.Random, shape: str, kind: FaultKind, seed: int, *, is_stochastic: bool) -> Plan:
    fault = Injected(name=kind.name, onset=rng.choice((0.0, 0.3, 0.5)), severity=rng.choice(SEVERITIES))
    return Plan(
        family="single",
        shape=shape,
        seed=seed,
        n=_size(rng),
        faults=(fault,),
        accuracy=rng.choice(ACCURACIES),
        flip_rate=rng.choice(FLIP_RATES) if is_stochastic else 0.0,
        mislabelled=rng.choice((0.01, 0.02, 0.03)) if is_stochastic else 0.0,
        late=rng.choice((0.0, 0.05, 0.15, 0.3)),
    )


def _pair(rng: random.Random, shape: str, kinds: Sequence[FaultKind], seed: int, *, is_stochastic: bool) -> Plan:
    first, second = rng.sample(list(kinds), 2)
    while first.stage == second.stage:
        first, second = rng.sample(list(kinds), 2)
    salts = ("", "") if rng.random() < 0.5 else ("", "other")
    faults = tuple(
        Injected(name=kind.name, onset=rng.choice((0.0, 0.3)), severity=rng.choice((0.2, 0.35, 0.6)), salt=salt)
        for kind, salt in zip((first, second), salts, strict=True)
    )
    return Plan(
        family="pair",
        shape=shape,
        seed=seed,
        n=_size(rng),
        faults=faults,
        accuracy=rng.choice(ACCURACIES[2:]),
        flip_rate=rng.choice(FLIP_RATES) if is_stochastic else 0.0,
        mislabelled=rng.choice((0.01, 0.02, 0.03)) if is_stochastic else 0.0,
    )


def _harmless(rng: random.Random, shape: str, seed: int) -> Plan:
    kinds = [kind for kind in SHAPES[shape].faults if kind.is_harmless]
    faults = (
        Injected(name=rng.choice(kinds).name, onset=0.0, severity=rng.choice((0.35, 1.0))),
        Injected(name=f"{_prefix(shape)}model_changed", onset=0.3, severity=rng.choice((0.35, 1.0)), salt="other"),
    )
    return Plan(family="harmless", shape=shape, seed=seed, n=_size(rng), faults=faults, accuracy=rng.choice(ACCURACIES))


def _prefix(shape: str) -> str:
    names = [kind.name for kind in SHAPES[shape].faults]
    return next(name.removesuffix("model_changed") for name in names if name.endswith("model_changed"))


def _is_told_by_reference(stage: Stage) -> bool:
    """Return whether a stage is watched by its own reference alone; a sink without one is taken as a copy."""
    return stage.reference is not None and stage.kind != "sink"


def _removed(rng: random.Random, shape: str, kinds: Sequence[FaultKind], seeds: Sequence[int]) -> list[Plan]:
    stages = {stage.name: stage for stage in SHAPES[shape].stages}
    seams = [kind for kind in kinds if kind.responsibility == "integration" and not kind.is_preempting]
    referenced = [kind for kind in seams if _is_told_by_reference(stages[kind.stage]) and kind.fields]
    before = [kind for kind in referenced if kind.where == "before"]
    prompts = [kind for kind in referenced if kind.where == "prompt"]
    plans = []
    for number, seed in enumerate(seeds):
        how = ("reference", "endpoint", "request", "reference", "endpoint", "reference", "behind")[number % 7]
        group = {"reference": referenced, "endpoint": before, "request": prompts}.get(how, referenced)
        kind = rng.choice(list(group) or referenced)
        if how == "behind":
            kind = rng.choice([kind for kind in referenced if kind.where == "behind"])
        removed = f"reference:{kind.stage}" if how == "reference" else "endpoint" if how == "behind" else how
        plans.append(
            Plan(
                family="removed",
                shape=shape,
                seed=seed,
                n=rng.choice((150, 300)),
                faults=(Injected(name=kind.name, onset=0.2, severity=rng.choice((0.35, 1.0))),),
                accuracy=rng.choice(ACCURACIES[2:]),
                removed=removed,
            )
        )
    return plans

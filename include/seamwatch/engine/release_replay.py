"""Replay inputs of one release with the request of the other: the model alone, asked both ways now.

Nobody's template is guessed. The prompt's reference makes the requests of one of the two releases exactly as they were
recorded, or there is no replay. The record's own request is asked again as well: what the provider changed since is
then on both sides, and no part of the difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from seamwatch.core.interventions import EVERYTHING, World, run_trial
from seamwatch.core.release_comparison import UNKNOWN_INPUT, ReplayedPairs
from seamwatch.core.results import Window
from seamwatch.engine.deps import Deps
from seamwatch.engine.isolate import Models
from seamwatch.report import numbers
from seamwatch.spec.graph import ancestors
from seamwatch.spec.pipeline import Stage
from seamwatch.vocabulary import Gap, OutcomeState, StageKind

PURPOSE = "compare"
"""Tag of the calls."""
_MADE = 0.95
"""Share of a release's requests that the reference must make as they were recorded."""
_FEWEST = 5
"""Requests below which that says little."""
_KNOWN = (OutcomeState.RIGHT, OutcomeState.WRONG)


@dataclass(frozen=True, kw_only=True)
class _Template:
    """The stage whose reference makes the request of one of two releases."""

    prompt: str
    release: str
    other: str


def replay_pairs(
    deps: Deps,
    world: World,
    window: Window,
    answers: pd.DataFrame,
    releases: tuple[str, str],
    *,
    paired: frozenset[int],
    most: int,
) -> ReplayedPairs:
    """Return pairs of answers to inputs of one release: to its request, and to the other's, both asked now.

    Args:
        deps: What it needs; the pipeline's isolation budget holds.
        world: What was recorded, and the references.
        window: The span of time.
        answers: As of `compare_answers`.
        releases: Those that are compared.
        paired: Inputs that a recorded pair has.
        most: Inputs to replay at most.
    """
    template = _find_template(world, answers["release"], releases)
    if isinstance(template, str):
        return ReplayedPairs(obstacle=template)
    unmade = _unmade_behind(world, template.prompt)
    if unmade:
        return ReplayedPairs(obstacle=f"no reference says what {', '.join(unmade)} would make of another answer")
    asked_again = [stage.name for stage in world.order if stage.kind is StageKind.MODEL]
    models = Models(deps, world.pipeline, window)
    models.open_reserve()
    n_allowed = models.calls_left(is_asked=True) // (2 * max(len(asked_again), 1))
    keys = _chosen(answers, template.other, paired, min(most, n_allowed))
    if not len(keys):
        spent = "the isolation budget is spent"
        return ReplayedPairs(obstacle=f"no other judged input of {template.other} is known" if n_allowed else spent)
    trials = [
        run_trial(world, keys, repairs, models.ask, fresh=asked_again, purpose=PURPOSE).outcomes
        for repairs in ({}, {template.prompt: EVERYTHING})
    ]
    states = dict(zip((template.other, template.release), (trial["state"] for trial in trials), strict=True))
    known = keys[(states[releases[0]].isin(_KNOWN) & states[releases[1]].isin(_KNOWN)).to_numpy()]
    pairs = pd.DataFrame({"input": answers["input"].loc[known].to_numpy()})
    for side, release in zip(("first", "second"), releases, strict=True):
        pairs[side] = pd.Series(known.to_numpy(dtype=object), dtype=object)
        pairs[f"{side}_right"] = (states[release].loc[known] == OutcomeState.RIGHT).to_numpy(dtype=bool)
    gaps = pd.concat([trial["gap"] for trial in trials]).dropna()
    return ReplayedPairs(
        pairs=pairs,
        inputs_of=template.other,
        template_of=template.release,
        n_asked=len(keys),
        n_wanted=most,
        gaps=tuple((Gap(gap), int(n)) for gap, n in gaps.value_counts().items()),
        calls=models.calls,
        cost_usd=models.cost_usd,
        notes=tuple(models.notes),
    )


def _find_template(world: World, of_record: pd.Series[Any], releases: tuple[str, str]) -> _Template | str:
    """Return whose request a prompt's reference makes; or why none can be had."""
    prompts = [
        stage for stage in world.order if stage.kind is StageKind.PROMPT and world.reconciled[stage.name].is_checked
    ]
    if not prompts:
        return "no prompt stage has a reference that could build the request of the other release"
    said: list[str] = []
    for prompt in prompts:
        shares = [_made_share(world, prompt, of_record.index[(of_record == one).to_numpy()]) for one in releases]
        made = [share is not None and share >= _MADE for share in shares]
        if sum(made) == 1:
            mine, other = releases if made[0] else releases[::-1]
            return _Template(prompt=prompt.name, release=mine, other=other)
        said.append(_why_no_template(prompt, shares, releases))
    return "; ".join(said)


def _why_no_template(prompt: Stage, shares: list[float | None], releases: tuple[str, str]) -> str:
    if all(share is not None and share >= _MADE for share in shares):
        return (
            f"the reference of {prompt.name} makes the requests of both as recorded: they do not differ in the request"
        )
    made = " and ".join(f"{numbers.percent(share)} of {one}" for share, one in zip(shares, releases, strict=True))
    return (
        f"the reference of {prompt.name} makes {made} as recorded: it can build the request of neither, which takes "
        f"{numbers.percent(_MADE)} of one"
    )


def _made_share(world: World, prompt: Stage, keys: pd.Index[Any]) -> float | None:
    """Return the share of recorded requests that the reference makes alike; None where there are too few."""
    reconciled = world.reconciled[prompt.name]
    there = keys[keys.isin(world.recorded[prompt.name].index)]
    if len(there) < _FEWEST:
        return None
    differs = {*reconciled.discrepancies["key"], *reconciled.unreadable["key"], *reconciled.reference_errors}
    alike = there.isin(reconciled.expected.index) & ~there.isin(list(differs))
    return float(alike.mean())


def _unmade_behind(world: World, prompt: str) -> list[str]:
    """Return the stages behind a prompt, up to the judged one, of which nobody knows what they would make."""
    inputs = {stage.name: stage.input for stage in world.pipeline.stages}
    return [
        stage.name
        for stage in world.order
        if stage.kind is not StageKind.MODEL
        and prompt in ancestors(inputs, stage.name)
        and stage.name not in world.references
    ]


def _chosen(answers: pd.DataFrame, release: str, paired: frozenset[int], n: int) -> pd.Index[Any]:
    """Return records of a release to replay, one for each judged input that no pair has, evenly over time."""
    mine = answers[(answers["release"] == release).to_numpy() & answers["state"].isin(_KNOWN).to_numpy()]
    mine = mine[(mine["input"] != UNKNOWN_INPUT).to_numpy() & ~mine["input"].isin(list(paired)).to_numpy()]
    mine = mine.sort_values("time", kind="stable").drop_duplicates("input")
    if n <= 0:
        return mine.index[:0]
    places = sorted({round(at * (len(mine) - 1) / max(min(n, len(mine)) - 1, 1)) for at in range(min(n, len(mine)))})
    return mine.index[places]

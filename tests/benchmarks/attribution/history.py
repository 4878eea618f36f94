"""An incident judged once more, by what the windows before it would have taught."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pandas as pd

from attribution.incident import Incident, make_incident
from attribution.project import WINDOW
from attribution.truth import TRUTH
from seamwatch.core.attribution.causes import BaseRates, find_causes
from seamwatch.core.detection.recent_change import count_parts, part_of
from seamwatch.core.detection.window_change import Budget, WindowCount
from seamwatch.core.finding import Finding
from seamwatch.core.results import Verdict, Window
from seamwatch.engine.causes import BESIDE_STAGES
from seamwatch.vocabulary import Responsibility

N_WINDOWS = 10
_LENGTH = WINDOW.end - WINDOW.start


def causes_of(
    incident: Incident,
    verdicts: Sequence[Verdict],
    *,
    window: Window = WINDOW,
    history: Sequence[WindowCount] = (),
) -> tuple[Finding, ...]:
    """Return the causes of a window from the verdicts of its failing records, as the engine asks for them."""
    n_judged = len(_judged(incident))
    return find_causes(
        verdicts,
        _times(incident, window),
        n_judged=n_judged,
        base=BaseRates(accuracy=round(incident.baseline_accuracy, 3), history=history),
        budget=Budget(n_candidates=len(incident.shape.stages) + BESIDE_STAGES, share_judged=n_judged / incident.plan.n),
        window=window,
    )


def healthy_history(incident: Incident) -> tuple[WindowCount, ...]:
    """Return what is kept of ten healthy windows of the incident's pipeline, oldest first.

    Each has as many records of the same models, with as many wrong labels, all of which have arrived. To save the
    replays, every failing record has its true cause as verdict: the model, or nobody where the label is wrong. What
    is a change among them is for the product's own test to say, window after window.
    """
    found: list[WindowCount] = []
    for number in range(N_WINDOWS):
        before = timedelta(days=1) * (N_WINDOWS - number)
        window = Window(start=WINDOW.start - before, end=WINDOW.end - before)
        plan = replace(
            incident.plan, faults=(), removed="", late=0.0, seed=incident.plan.seed + 1_000_003 * (number + 1)
        )
        healthy = make_incident(plan, like=incident)
        causes = causes_of(healthy, true_verdicts(healthy), window=window, history=found)
        spans = part_of(_times(healthy, window), window.start, window.end)
        found.append(
            WindowCount(
                start=window.start,
                end=window.end,
                n_judged=len(_judged(healthy)),
                counts={(cause.responsibility, cause.stage): cause.n_records for cause in causes},
                changes={
                    (cause.responsibility, cause.stage): (frozenset(cause.fields), cause.kind)
                    for cause in causes
                    if cause.is_change
                },
                judged_by_part=tuple(map(int, count_parts(spans))),
                counts_by_part={
                    (cause.responsibility, cause.stage): cause.rate.n_by_part for cause in causes if cause.rate
                },
            )
        )
    return tuple(found)


def true_verdicts(incident: Incident) -> list[Verdict]:
    """Return for every failing record the verdict that is right; of a wrong label, nobody."""
    return [
        Verdict(
            key=str(number),
            responsibility=Responsibility.UNDETERMINED if cause.primary == TRUTH else Responsibility(cause.primary[0]),
            stage=cause.primary[1],
            confidence=0.9,
        )
        for number, cause in incident.causes.items()
    ]


def _judged(incident: Incident) -> list[int]:
    """Return the records that have a label, or were lost, in their order."""
    return sorted({*incident.labels, *incident.causes})


def _times(incident: Incident, window: Window) -> pd.Series[Any]:
    judged = _judged(incident)
    return pd.Series([window.start + _LENGTH * k / incident.plan.n for k in judged], index=[str(k) for k in judged])

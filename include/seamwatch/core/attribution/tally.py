"""How often replays came out as recorded, and how far a clean request can be trusted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from seamwatch.core.attribution import confidence
from seamwatch.core.attribution.evidence import Evidence
from seamwatch.core.interventions import Trial
from seamwatch.vocabulary import OutcomeState, StageKind


@dataclass
class Tally:
    """Replays of requests as they were recorded."""

    n_replayed: int = 0
    n_flipped: int = 0

    def add(self, trial: Trial, keys: Iterable[Any]) -> None:
        """Count the replays of a trial; one that could not be judged does not count."""
        states = trial.outcomes["state"].reindex(list(keys))
        self.n_replayed += int((states != OutcomeState.PENDING).sum())
        self.n_flipped += int((states == OutcomeState.RIGHT).sum())

    @property
    def flip_rate(self) -> float:
        """Return the chance that a replay of the same request ends differently."""
        return confidence.flip_rate(self.n_flipped, self.n_replayed)


def trust_in_clean_request(evidence: Evidence, stages: Iterable[str]) -> float:
    """Return the trust in what a clean request rests on: its references, and the context that was kept."""
    world = evidence.world
    chosen = set(stages)
    kept = any(
        stage.kind is StageKind.RETRIEVAL and stage.name not in world.references and chosen & set(stage.input)
        for stage in world.order
    )
    return confidence.reference_confidence(world, chosen) * (confidence.KEPT_CONTEXT if kept else 1.0)

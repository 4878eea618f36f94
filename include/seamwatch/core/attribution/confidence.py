"""How sure a verdict may be, from what it rests on.

The numbers are prior beliefs about how often evidence of a kind misleads; each stands here once, with its reason.
No verdict is surer than the reference that it rests on.
"""

from __future__ import annotations

from collections.abc import Iterable

from seamwatch.core.attribution.evidence import Evidence
from seamwatch.core.interventions import World
from seamwatch.spec.pipeline import Stage
from seamwatch.vocabulary import StageKind

SUREST = 0.99
"""No verdict is surer."""
LOST_OR_CROSSED = 0.99
"""Keys and whole payloads do not vanish or swap by chance."""
REPAIRED_AFTER_MODEL = 0.99
"""The recorded answer and the reference alone gave the right outcome; no chance is involved."""
MODEL_REPRODUCED = 0.97
"""Clean request, wrong again; less a doubt that the truth label itself is wrong."""
PROVIDER_RECORDED = 0.98
"""The provider's own words, as recorded."""
SOURCE_CORRECTED = 0.97
"""Right with the payload as the source corrected it later."""
SOURCE_SUSPECT = 0.85
"""Fails a critical expectation and nothing further on helps; the expectation need not be the reason."""
SOURCE_BROKEN_EVERYWHERE = 0.75
"""Nearly all records fail a critical expectation, and the model alone is as good as ever; what else is new in the
window is not known."""
SOURCE_DAMAGED = 0.9
"""Records fail with a damage at the source that inputs of before do not have; no experiment has taken it away."""
NEUTRALISED = 0.97
"""Right once the instruction-like span is gone; less a doubt that any other change of the text had done the same."""
CURRENT_DOCUMENT = 0.97
"""Right with the documents as they are at the source; less a doubt that the passage put in is the one it had found."""
NOT_REPRODUCED = 0.97
"""Usually right on the recorded request: the model answered otherwise then, by chance or as another version."""
UNCHECKED_FIELD = 0.5
"""The model, where a field that no reference makes reaches its request: the fault may as well lie there."""
NOT_SEPARABLE = 0.5
"""One of several models, and no label between them tells which."""
KEPT_CONTEXT = 0.9
"""Factor where a retrieval lies behind a repaired stage: its context was kept, and might have changed too."""
OTHER_MODEL = 0.7
"""Factor where the endpoint answers by another model's name than was recorded: the replay is not of that model."""
COPY_ASSUMED = 0.9
"""Trust in the rule that a sink without a reference copies its input."""


def reference_confidence(world: World, stages: Iterable[str]) -> float:
    """Return the trust in the least trusted reference among the stages; 1.0 where none has one."""
    known = {stage.name: stage for stage in world.pipeline.stages}
    return min((_trust(known[name]) for name in stages if name in world.references), default=1.0)


def written_confidence(world: World) -> float:
    """Return the trust in the least trusted of the references that a person wrote.

    A sink that is taken as a copy is left out: where it is blamed, its own trust counts; else it did copy.
    """
    return min((s.reference_confidence for s in world.pipeline.stages if s.reference is not None), default=1.0)


def _trust(stage: Stage) -> float:
    return stage.reference_confidence * (1.0 if stage.reference else COPY_ASSUMED)


def trust_in_clean_request(evidence: Evidence, stages: Iterable[str]) -> float:
    """Return the trust in what a clean request rests on: its references, and the context that was kept."""
    world = evidence.world
    chosen = set(stages)
    kept = any(
        stage.kind is StageKind.RETRIEVAL and stage.name not in world.references and chosen & set(stage.input)
        for stage in world.order
    )
    return reference_confidence(world, chosen) * (KEPT_CONTEXT if kept else 1.0)

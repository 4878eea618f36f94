"""Chains of several models: what the labels between them can tell apart."""

from __future__ import annotations

from seamwatch.core.attribution.evidence import Evidence


def accused_by_label(evidence: Evidence) -> dict[str, str]:
    """Return by labelled stage between models the model just before it, in the order of the graph.

    The first of these stages that is off its label, or whose label turns the outcome right, convicts that model.
    """
    position = _positions(evidence)
    accused = {}
    for stage in _labelled(evidence):
        before = [model for model in evidence.models if position[model] < position[stage]]
        if before:
            accused[stage] = before[-1]
    return accused


def models_behind_labels(evidence: Evidence) -> dict[str, tuple[str, ...]]:
    """Return by labelled stage between models the models that a repair by its label asks."""
    position = _positions(evidence)
    return {
        stage: tuple(model for model in evidence.models if position[model] > position[stage])
        for stage in accused_by_label(evidence)
    }


def unlabelled_models(evidence: Evidence) -> list[str]:
    """Return the models but the last that no labelled stage follows: they cannot be told from the ones after them."""
    position, labelled = _positions(evidence), _labelled(evidence)
    return [m for m in evidence.models[:-1] if not any(position[m] < position[s] for s in labelled)]


def _positions(evidence: Evidence) -> dict[str, int]:
    return {stage.name: number for number, stage in enumerate(evidence.world.order)}


def _labelled(evidence: Evidence) -> list[str]:
    """Return the labelled stages that have a model after them, in the order of the graph."""
    order = [stage.name for stage in evidence.world.order]
    return [name for name in order if name in evidence.world.truths and name in evidence.before_model]

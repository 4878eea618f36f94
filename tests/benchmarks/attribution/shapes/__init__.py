"""The pipelines that faults are injected into."""

from __future__ import annotations

from attribution.model import Shape
from attribution.shapes import claims, invoices, register, repairs, triage

_ALL = (triage.SHAPE, claims.SHAPE, register.SHAPE, invoices.SHAPE, repairs.SHAPE)
SHAPES: dict[str, Shape] = {shape.name: shape for shape in _ALL}
TRAIN = ("triage", "claims", "register")
"""Shapes that may be tuned on; the others are seen in the test split only."""

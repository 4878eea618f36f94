"""One incident of the benchmark: what is injected, into what, and its tables made from that."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from attribution.flow import Payloads, Stream, law_accuracy, make_stream
from attribution.model import Fault, Law, Payload, Shape, share_of
from attribution.project import benchmark_rows, write_project, write_tables
from attribution.shapes import SHAPES
from attribution.truth import TRUTH, UNDETERMINED, Blame, Cause, cause_of


@dataclass(frozen=True, kw_only=True)
class Injected:
    """A fault by its name, so that a plan can be told, sorted and sent to another process."""

    name: str
    onset: float
    severity: float
    salt: str = ""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that decides an incident."""

    family: str
    """`single`, `pair`, `small_pair`, `healthy`, `noisy`, `removed`, `large`."""
    shape: str
    seed: int
    n: int
    faults: tuple[Injected, ...] = ()
    accuracy: float = 0.92
    flip_rate: float = 0.0
    mislabelled: float = 0.0
    late: float = 0.0
    removed: str = ""
    """`reference:<stage>`, `endpoint` or `request`."""

    @property
    def name(self) -> str:
        what = "+".join(f"{fault.name}@{fault.severity:g}" for fault in self.faults) or "none"
        return f"{self.family}/{self.shape}/{what}/{self.removed or '-'}/{self.seed}"


@dataclass(frozen=True, kw_only=True)
class Incident:
    """A window with faults, and what is true of it."""

    plan: Plan
    shape: Shape
    stream: Stream
    recorded: tuple[Payloads, ...]
    labels: Mapping[int, Payload]
    mislabelled: frozenset[int]
    causes: Mapping[int, Cause]
    """By failing record that has a label, or was lost."""
    baseline_accuracy: float
    changed: Mapping[str, int] = field(default_factory=dict)
    """By fault, how many failing records it caused."""

    @property
    def n_changed(self) -> int:
        """Return how many failing records any fault caused."""
        return sum(bool(cause.faults) for cause in self.causes.values())

    @property
    def laws_today(self) -> dict[str, Law]:
        """Return the laws that the endpoints follow when they are asked again."""
        faults = (
            [fault for fault in self.stream.trips[-1].struck if fault.kind.law is not None] if self.recorded else []
        )
        return {stage.name: self.stream.law_of(stage.name, faults) for stage in self.shape.models}


def make_incident(plan: Plan, *, like: Incident | None = None) -> Incident:
    """Return the incident of a plan; the same plan gives the same incident.

    Args:
        plan: Of the incident.
        like: Another window of the same pipeline: its models and accepted accuracy are taken.
    """
    shape = SHAPES[plan.shape]
    laws = {
        stage.name: Law(seed=plan.seed * 10 + k, accuracy=plan.accuracy, flip_rate=plan.flip_rate)
        for k, stage in enumerate(shape.models)
    }
    if like is not None:
        laws = dict(like.stream.laws)
    faults = [
        Fault(kind=shape.fault(given.name), onset=given.onset, severity=given.severity, salt=given.salt)
        for given in plan.faults
    ]
    stream = make_stream(shape, n=plan.n, seed=plan.seed, laws=laws, faults=faults)
    recorded = tuple(stream.recorded(k) for k in range(plan.n))
    flipped = {k for k in range(plan.n) if share_of(plan.seed, "label", k) < plan.mislabelled}
    labels = {
        k: _wrong_label(stream, k) if k in flipped else stream.trips[k].truth
        for k in range(plan.n)
        if share_of(plan.seed, "late", k) >= plan.late
    }
    lost = {k for k in range(plan.n) if recorded[k][shape.final] is None}
    failing = [
        k for k in range(plan.n) if k in lost or (k in labels and stream.is_wrong(recorded[k][shape.final], labels[k]))
    ]
    causes = {k: _with_removal(plan, shape, _cause(stream, k, k in flipped and k in labels)) for k in failing}
    changed = {fault.kind.name: sum(fault.kind.name in cause.faults for cause in causes.values()) for fault in faults}
    return Incident(
        plan=plan,
        shape=shape,
        stream=stream,
        recorded=recorded,
        labels=labels,
        mislabelled=frozenset(flipped & set(labels)),
        causes=causes,
        baseline_accuracy=law_accuracy(shape, laws, seed=plan.seed + 7) if like is None else like.baseline_accuracy,
        changed=changed,
    )


def _wrong_label(stream: Stream, number: int) -> Payload:
    """Return the labels of another record that differ: the slip of a person who labels by hand."""
    own = stream.trips[number].truth
    n = len(stream.trips)
    for step in range(1, n):
        other = stream.trips[(number + step) % n].truth
        if stream.is_wrong(_as_final(stream, other), own):
            return other
    return own


def _as_final(stream: Stream, truth: Payload) -> Payload:
    return {name: truth[how["column"]] for name, how in stream.shape.compare.items()}


def _cause(stream: Stream, number: int, is_mislabelled: bool) -> Cause:
    if not is_mislabelled:
        return cause_of(stream, number)
    accepted = {TRUTH, UNDETERMINED}
    final = stream.recorded(number)[stream.shape.final]
    if stream.is_wrong(final, stream.trips[number].truth):
        accepted |= cause_of(stream, number).accepted
    return Cause(primary=TRUTH, accepted=frozenset(accepted))


def _with_removal(plan: Plan, shape: Shape, cause: Cause) -> Cause:
    """Return what may be said of a record once some evidence is missing."""
    if not plan.removed or cause.primary == TRUTH:
        return cause
    what, _, stage = plan.removed.partition(":")
    names = [s.name for s in shape.stages]
    first_model, last_model = (names.index(shape.models[k].name) for k in (0, -1))
    responsibility, where = cause.primary
    is_behind = where is not None and names.index(where) > last_model
    unknowable, either = False, False
    if what == "reference":
        unknowable = responsibility == "model" or where == stage
        either = not unknowable
    elif what == "endpoint":
        # With every part but the model checked, a wrong answer on a clean request is the model's without any call.
        unknowable = responsibility == "integration" and names.index(where or names[0]) < first_model
        either = responsibility in ("model", "source_data", "adversarial_input", "provider")
    elif what == "request":
        unknowable = responsibility == "integration" and shape.stage(where or names[0]).kind == "prompt"
        either = not is_behind
    if cause.faults & {kind.name for kind in shape.faults if kind.name.endswith(("_lost", "_crossed", "_stale"))}:
        # A record that is not there, or is another one, needs no further evidence where the seam itself is checked.
        unknowable, either = False, True
    if unknowable:
        return replace(cause, accepted=frozenset([UNDETERMINED]), fields=frozenset())
    return replace(cause, accepted=cause.accepted | {UNDETERMINED}) if either else cause


def write_incident(incident: Incident, root: Path) -> None:
    """Write the incident's project and database below `root`."""
    plan, shape = incident.plan, incident.shape
    what, _, stage = plan.removed.partition(":")
    write_project(
        root,
        shape,
        baseline_accuracy=incident.baseline_accuracy,
        without_reference=[stage] if what == "reference" else [],
    )
    corrections: dict[str, dict[int, Payload]] = {}
    for k, trip in enumerate(incident.stream.trips):
        for fault in trip.struck:
            if fault.kind.is_corrected and incident.recorded[k][fault.kind.stage] != trip.sources[fault.kind.stage]:
                corrections.setdefault(fault.kind.stage, {})[k] = dict(trip.sources[fault.kind.stage])
    write_tables(
        root / "data.db",
        shape,
        incident.recorded,
        clean=(incident.stream.clean or incident.recorded)[0],
        labels=incident.labels,
        corrections=corrections,
        benchmark=benchmark_rows(shape, random.Random(plan.seed + 1)),
        keeps_requests=plan.removed != "request",
    )


def expected_incident(incident: Incident) -> frozenset[Blame]:
    """Return the causes whose records the faults changed; empty in a healthy window."""
    kinds = {kind.name: kind for kind in incident.shape.faults}
    return frozenset((kinds[name].responsibility, kinds[name].stage) for name, n in incident.changed.items() if n > 0)

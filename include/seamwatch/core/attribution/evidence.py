"""What is known of each failing record before any model is called: its discrepancies, and the facts that need none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from seamwatch.core.attribution.accusing_marks import (
    MarkWeight,
    RightRecords,
    attributable_share,
    common_marks,
    provider_marks,
    weigh_mark,
)
from seamwatch.core.attribution.reference_doubt import EVERYWHERE, contradicted, doubted_references
from seamwatch.core.interventions import World, records_not_made
from seamwatch.core.reasons import CallFailure
from seamwatch.core.records.comparison import is_null, loose_text, strict_text
from seamwatch.core.results import ReferenceDoubt
from seamwatch.spec.graph import descendants
from seamwatch.spec.pipeline import Stage
from seamwatch.vocabulary import DiscrepancyKind, FreshnessReason, StageKind

Signature = tuple[tuple[str, str, str], ...]
"""Sorted `(stage, field, kind)` of a record's discrepancies."""

_EVERYWHERE = 0.95
"""Share of a window's records from which on too few are without a mark to tell whether it matters."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The failing records of a window, and all that is known of them without a model call."""

    world: World
    failing: pd.Index[Any]
    signatures: Mapping[Any, Signature]
    """Discrepancies by record; a record without one is missing here."""
    lost_at: Mapping[Any, str]
    """First stage that the record did not reach."""
    crossed_at: Mapping[Any, tuple[str, Any]]
    """First stage at which it carries another record's payload, and whose."""
    provider: Mapping[Any, tuple[str, CallFailure]]
    """Model stage and recorded failure of the provider."""
    provider_unproven: Mapping[Any, tuple[str, CallFailure]] = field(default_factory=dict)
    """Model stage and what may be a failure of the provider, and cannot be told from chance."""
    status_unread: Mapping[Any, tuple[str, str]] = field(default_factory=dict)
    """Model stage and a recorded status of unknown meaning that right records do not have."""
    suspect_source: Mapping[Any, tuple[str, str]]
    """Source stage and the critical expectation that its payload fails."""
    suspect_share: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """By the same, where right records break it as well: share of the failing ones that it likely made fail."""
    broken_everywhere: Mapping[Any, tuple[str, str]] = field(default_factory=dict)
    """The same, where all but a few records of the window fail it: nothing in the window tells whether it matters."""
    unreferenced: tuple[str, ...]
    """Mappings and prompts on the way to the outcome that have no reference."""
    before_model: frozenset[str]
    """Stages with a model after them."""
    models: tuple[str, ...]
    after_model: frozenset[str] = frozenset()
    """Stages with a model before them."""
    swapped: Mapping[tuple[Any, str], Mapping[str, str]] = field(default_factory=dict)
    """By record and stage, fields that hold each other's value: field to its partner."""
    not_made_at: Mapping[Any, tuple[str, ...]] = field(default_factory=dict)
    """Stages whose reference raised on the record, or made nothing of it, in the order of the graph."""
    after_all_models: tuple[str, ...] = ()
    """Stages after all models."""
    doubts: Mapping[str, ReferenceDoubt] = field(default_factory=dict)
    """By stage, references that contradict right records about as much as wrong ones."""
    common_contradictions: frozenset[str] = frozenset()
    """Stages before a model whose reference contradicts right records about as often as wrong ones."""
    right: RightRecords | None = None
    """What the failing records were compared with."""
    instructed: Mapping[Any, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    """First source or retrieval whose text holds what looks like instructions to the model, and its fields."""
    outdated: Mapping[Any, tuple[str, Mapping[str, FreshnessReason]]] = field(default_factory=dict)
    """First retrieval that served documents which were not as they should be, or missed some, and those documents."""
    off_truth: Mapping[Any, tuple[str, ...]] = field(default_factory=dict)
    """Stages within the pipeline whose recorded payload differs from its own label."""
    answered_rightly: Mapping[Any, bool] = field(default_factory=dict)
    """Whether the model had a record's clean request right when it was asked for another one; only where it was."""
    suspect_truth: Mapping[Any, float] = field(default_factory=dict)
    """Probability that the record's label is wrong, where it is likely; only of records without a discrepancy."""
    n_judged: int | None = None
    """Records of the window whose outcome is right or wrong; None if unknown."""
    n_healthy_errors: float = 0.0
    """Errors that the model makes in a healthy window of this size."""

    def stages_of(self, key: Any) -> frozenset[str]:
        """Return the stages at which the record has a discrepancy."""
        return frozenset(stage for stage, _, _ in self.signatures.get(key, ()))

    def contradicted_at(self, key: Any) -> frozenset[str]:
        """Return the stages at which a value of the record differs from its reference's."""
        return frozenset(at for at, _, kind in self.signatures.get(key, ()) if kind != DiscrepancyKind.FORMAT)

    def doubted_at(self, key: Any) -> str | None:
        """Return the first stage after the models whose doubted reference the record's verdict would rest on."""
        for stage in self.after_all_models:
            doubt = self.doubts.get(stage)
            if doubt is not None and (
                doubt.n_spoiled >= EVERYWHERE * doubt.n_right
                or stage in self.not_made_at.get(key, ())
                or stage in self.contradicted_at(key)
            ):
                return stage
        return None

    def not_made_after_model(self, key: Any) -> str | None:
        """Return the first stage with a model before it whose reference made nothing of the record; None if all did."""
        return next((stage for stage in self.not_made_at.get(key, ()) if stage in self.after_model), None)

    def recorded_model(self, key: Any) -> str | None:
        """Return the name of the last model that answered for the record; None if it was not recorded."""
        if not self.models or key not in self.world.recorded[self.models[-1]].index:
            return None
        name = self.world.recorded[self.models[-1]].at[key, "_model"]
        return None if is_null(name) else str(name)

    def with_partners(self, key: Any, stage: str, fields: tuple[str, ...]) -> tuple[str, ...]:
        """Return the fields and those that they were swapped with: a swap is one damage, named whole.

        Repairing one half may turn the outcome right, when the model cares for that field only.
        """
        partners = self.swapped.get((key, stage), {})
        return tuple(dict.fromkeys(name for field in fields for name in (field, partners.get(field, field))))

    def is_swap(self, key: Any, stage: str, fields: tuple[str, ...]) -> bool:
        """Return whether the fields were swapped with each other."""
        partners = self.swapped.get((key, stage), {})
        return bool(fields) and all(name in partners for name in fields)

    def fields_of(self, key: Any, stage: str) -> tuple[str, ...]:
        """Return the discrepant fields at a stage; only those whose value differs, where there is such a one."""
        mine = [(name, kind) for at, name, kind in self.signatures.get(key, ()) if at == stage]
        differing = tuple(name for name, kind in mine if kind != DiscrepancyKind.FORMAT)
        return differing or tuple(name for name, _ in mine)


def gather(
    world: World,
    failing: pd.Index[Any],
    source_findings: Mapping[str, Mapping[Any, str]],
    *,
    right: RightRecords | None = None,
    doubted_labels: Mapping[Any, float] | None = None,
    n_judged: int | None = None,
    accuracy: float | None = None,
) -> Evidence:
    """Return the evidence on the failing records.

    Args:
        world: The window.
        failing: Keys of records whose outcome is wrong.
        source_findings: By source stage, key to the critical expectation that it fails; of right records too.
        right: Right records to compare the failing ones with; None where there are none.
        doubted_labels: Probability that the label is wrong, of those that likely are.
        n_judged: Records of the window whose outcome is right or wrong.
        accuracy: Of the healthy model; None if unknown.
    """
    order = world.order
    graph = {stage.name: stage.input for stage in world.pipeline.stages}
    models = tuple(stage.name for stage in order if stage.kind is StageKind.MODEL)
    before = frozenset(stage.name for stage in order if any(m in descendants(graph, stage.name) for m in models))
    wanted = set(failing)
    compared = right or RightRecords(world=world, keys=failing[:0])
    lost, crossed = _seam_breaks(world, order, failing, compared)
    after = frozenset(name for model in models for name in descendants(graph, model))
    ends = before.union(models)
    after_all = tuple(stage.name for stage in order if stage.input and stage.name not in ends)
    failed: dict[Any, tuple[str, ...]] = {}
    for stage in order:
        for key in records_not_made(world, stage.name, failing):
            failed[key] = (*failed.get(key, ()), stage.name)
    signatures = _signatures(world, order, failing)
    provider = provider_marks(world, failing, compared)
    suspects, shares = _suspect_sources(source_findings, failing, compared, is_same_window=compared.world is world)
    return Evidence(
        world=world,
        failing=failing,
        signatures=signatures,
        lost_at=lost,
        crossed_at=crossed,
        provider=provider.failures,
        provider_unproven=provider.unproven,
        status_unread=provider.unread,
        suspect_source=suspects,
        suspect_share=shares,
        broken_everywhere=_broken_everywhere(source_findings, failing, compared) if compared.world is world else {},
        unreferenced=tuple(
            stage.name
            for stage in order
            if stage.kind in (StageKind.MAPPING, StageKind.PROMPT, StageKind.SINK)
            and stage.name not in world.references
        ),
        before_model=before,
        models=models,
        after_model=after,
        after_all_models=after_all,
        doubts=doubted_references(world, failing, compared, after_all),
        common_contradictions=_common_contradictions(world, failing, compared, before),
        right=right,
        swapped=_swaps(world, order, failing),
        not_made_at=failed,
        instructed=_instructed(world, order, failing),
        outdated=_outdated(world, order, failing),
        off_truth=_off_truth(world, order, failing),
        suspect_truth={
            key: chance
            for key, chance in (doubted_labels or {}).items()
            if key in wanted and not _differs(signatures.get(key, ()))
        },
        n_judged=n_judged,
        n_healthy_errors=0.0 if n_judged is None or accuracy is None else n_judged * (1.0 - accuracy),
    )


def _seam_breaks(
    world: World, order: list[Stage], failing: pd.Index[Any], right: RightRecords
) -> tuple[dict[Any, str], dict[Any, tuple[str, Any]]]:
    """Return by record the first stage it did not reach, and the first at which it carries another one's payload.

    A stage that right records do not reach either, as often as wrong ones, loses nothing that matters.
    """
    lost: dict[Any, str] = {}
    crossed: dict[Any, tuple[str, Any]] = {}
    for stage in order:
        reconciled, usual = world.reconciled.get(stage.name), right.world.reconciled.get(stage.name)
        if reconciled is None:
            continue
        missing = reconciled.lost[reconciled.lost.isin(failing)]
        mixed = {key: other for key, other in reconciled.crossed.items() if key in failing}
        usually_missing = 0 if usual is None else int(usual.lost.isin(right.keys).sum())
        usually_mixed = 0 if usual is None else sum(key in right.keys for key in usual.crossed)
        if len(missing) and not _is_common(len(missing), len(failing), usually_missing, len(right.keys)):
            for key in missing:
                lost.setdefault(key, stage.name)
        if mixed and not _is_common(len(mixed), len(failing), usually_mixed, len(right.keys)):
            for key, other in mixed.items():
                crossed.setdefault(key, (stage.name, other))
    return lost, crossed


def _is_common(n_wrong_with: int, n_wrong: int, n_right_with: int, n_right: int) -> bool:
    return weigh_mark(n_wrong_with, n_wrong, n_right_with, n_right) is MarkWeight.COMMON


def _common_contradictions(
    world: World, failing: pd.Index[Any], right: RightRecords, before: frozenset[str]
) -> frozenset[str]:
    found = set()
    for stage in before & set(world.references):
        mine = contradicted(world, stage, failing)
        usual = contradicted(right.world, stage, right.keys)
        if len(mine) and _is_common(len(mine), len(failing), len(usual), len(right.keys)):
            found.add(stage)
    return frozenset(found)


def _suspect_sources(
    findings: Mapping[str, Mapping[Any, str]], failing: pd.Index[Any], right: RightRecords, *, is_same_window: bool
) -> tuple[dict[Any, tuple[str, str]], dict[tuple[str, str], float]]:
    """Return the critical expectations that failing records break at a source, and right ones mostly keep.

    With them those that right ones break as often, where the ones that break it fail far more often than others: by
    source and expectation the share of failing records that it explains.
    """
    found: dict[Any, tuple[str, str]] = {}
    shares: dict[tuple[str, str], float] = {}
    for stage, broken in findings.items():
        wrong = {key: what for key, what in broken.items() if key in failing}
        usual = Counter(what for key, what in broken.items() if key in right.keys) if is_same_window else Counter()
        n_right = len(right.keys) if is_same_window else 0
        common = common_marks(wrong.values(), len(failing), usual.elements(), n_right)
        n_wrong = Counter(wrong.values())
        for what in common:
            share = attributable_share(n_wrong[what], len(failing), usual[what], n_right)
            if share is not None:
                shares[stage, what] = share
        found.update(
            {key: (stage, what) for key, what in wrong.items() if what not in common or (stage, what) in shares}
        )
    return found, shares


def _broken_everywhere(
    findings: Mapping[str, Mapping[Any, str]], failing: pd.Index[Any], right: RightRecords
) -> dict[Any, tuple[str, str]]:
    """Return the critical expectations that failing records break at a source, and nearly all others with them."""
    found: dict[Any, tuple[str, str]] = {}
    known = failing.union(right.keys)
    for stage, broken in findings.items():
        counts = Counter(what for key, what in broken.items() if key in known)
        everywhere = {what for what, n in counts.items() if n >= _EVERYWHERE * len(known)}
        for key in failing:
            if broken.get(key) in everywhere:
                found.setdefault(key, (stage, broken[key]))
    return found


def _swaps(world: World, order: list[Stage], failing: pd.Index[Any]) -> dict[tuple[Any, str], dict[str, str]]:
    """Return the fields of a record that hold each other's expected value."""
    found: dict[tuple[Any, str], dict[str, str]] = {}
    for stage in order:
        if stage.name not in world.reconciled:
            continue
        rows = world.reconciled[stage.name].discrepancies
        rows = rows[rows["key"].isin(failing) & (rows["kind"] == DiscrepancyKind.VALUE).to_numpy()]
        rows = rows[rows["key"].duplicated(keep=False).to_numpy()]
        mine: dict[Any, dict[tuple[str | None, str | None], str]] = {}
        for key, was, wanted, name in zip(rows["key"], rows["recorded"], rows["expected"], rows["field"], strict=True):
            mine.setdefault(key, {})[loose_text(was), loose_text(wanted)] = name
        for key, held in mine.items():
            pairs = {name: held[(e, r)] for (r, e), name in held.items() if (e, r) in held}
            if pairs:
                found[(key, stage.name)] = pairs
    return found


def _off_truth(world: World, order: list[Stage], failing: pd.Index[Any]) -> dict[Any, tuple[str, ...]]:
    found: dict[Any, tuple[str, ...]] = {}
    for stage in order:
        labels = world.truths.get(stage.name)
        if labels is None:
            continue
        labels = labels.loc[labels.index.isin(failing)]
        recorded = world.recorded[stage.name].reindex(labels.index)
        is_off = pd.Series(False, index=labels.index)
        for name in labels.columns:
            is_off |= recorded[name].map(loose_text).fillna("") != labels[name].map(loose_text).fillna("")
        for key in labels.index[is_off.to_numpy()]:
            found[key] = (*found.get(key, ()), stage.name)
    return found


def _differs(signature: Signature) -> bool:
    return any(kind != DiscrepancyKind.FORMAT for _, _, kind in signature)


def _instructed(world: World, order: list[Stage], failing: pd.Index[Any]) -> dict[Any, tuple[str, tuple[str, ...]]]:
    found: dict[Any, tuple[str, tuple[str, ...]]] = {}
    for stage in order:
        neutral = world.neutral.get(stage.name)
        if neutral is None:
            continue
        recorded = world.recorded[stage.name].loc[neutral.index].to_dict("records")
        for key, then, now in zip(neutral.index, recorded, neutral.to_dict("records"), strict=True):
            fields = tuple(str(name) for name in now if strict_text(then[name]) != strict_text(now[name]))
            found.setdefault(key, (stage.name, fields))
    return found


def _outdated(
    world: World, order: list[Stage], failing: pd.Index[Any]
) -> dict[Any, tuple[str, Mapping[str, FreshnessReason]]]:
    found: dict[Any, tuple[str, Mapping[str, FreshnessReason]]] = {}
    for stage in order:
        context = world.knowledge.get(stage.name)
        for key, suspects in context.suspects.items() if context is not None else ():
            if key in failing:
                found.setdefault(key, (stage.name, suspects))
    return found


def _signatures(world: World, order: list[Stage], failing: pd.Index[Any]) -> dict[Any, Signature]:
    frames = [world.reconciled[s.name].discrepancies for s in order if s.name in world.reconciled]
    frames = [frame[frame["key"].isin(failing)] for frame in frames if len(frame)]
    found: dict[Any, list[tuple[str, str, str]]] = {}
    for frame in frames:
        for key, stage, name, kind in zip(frame["key"], frame["stage"], frame["field"], frame["kind"], strict=True):
            found.setdefault(key, []).append((stage, name, str(kind)))
    return {key: tuple(sorted(marks)) for key, marks in found.items()}

"""Trial: every reference on the sample: does it raise, and does it agree with anything that was recorded?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pandas as pd

from seamwatch.core.records.coverage import misplaced_outputs
from seamwatch.core.records.outcomes import judge_by_evaluator
from seamwatch.core.records.reconciliation import Reconciliation, reconcile
from seamwatch.engine.check.places import in_pipeline
from seamwatch.engine.check.sample import Sample
from seamwatch.engine.references import load_function
from seamwatch.errors import DataContractError, Problem, ProblemLevel, SpecError
from seamwatch.plurals import plural
from seamwatch.report.seam_texts import describe_misplaced, describe_unmade
from seamwatch.spec.pipeline import Stage
from seamwatch.vocabulary import DiscrepancyKind, StageKind

_NEARLY_ALL = 0.95
_MANY = 0.5
"""From this share on it is said, though it may be a fault of these days that Seamwatch is there to find."""
_FEWEST = 5
"""With fewer records, all of them may differ by chance."""
_UNSHOWN = (StageKind.PROMPT, StageKind.RETRIEVAL, StageKind.MODEL)
"""Their payloads hold prompts and document texts, which enter no message."""


def check_references(sample: Sample) -> Iterator[Problem]:
    """Yield what is wrong with references, as the sample's records show it."""
    for stage, data in sample.stages():
        inputs, reference = sample.inputs(stage), sample.references.get(stage.name)
        if inputs is None or not len(data.payload):
            continue
        try:
            found = reconcile(stage, data.payload, inputs, reference)
        except DataContractError as error:
            yield sample.at_reference(stage, str(error))
            continue
        yield from _raised(sample, stage, found)
        yield from _misplaced(sample, stage, found)
        yield from _unreadable(sample, stage, found)
        yield from _differing(sample, stage, data.payload, found)
    yield from _evaluator(sample)


def _raised(sample: Sample, stage: Stage, found: Reconciliation) -> Iterator[Problem]:
    errors = found.reference_errors
    if not errors:
        return
    what, _ = Counter(errors.values()).most_common(1)[0]
    n_tried = len(errors) + len(found.expected)
    is_all = len(errors) >= _NEARLY_ALL * n_tried
    text = f"raises on {len(errors):,} of {plural(n_tried, 'record')} of {stage.name}: {what}"
    text += "; correct it: nothing is checked where it raises" if is_all else "; such records are not checked"
    yield sample.at_reference(stage, text, level=ProblemLevel.ERROR if is_all else ProblemLevel.WARNING)


def _misplaced(sample: Sample, stage: Stage, found: Reconciliation) -> Iterator[Problem]:
    """Yield outputs that are no column, and columns that no reference makes."""
    fields = {*sample.reader.columns(stage), *stage.fields}
    # The payload may be a part of the table (`fields`, a prompt, all but its time): the table tells what it has.
    for one in misplaced_outputs(map(str, found.expected.columns), fields, missing=found.unmade):
        yield sample.at_reference(stage, describe_misplaced(one, where=stage.relation), field=one.output)
    if found.unmade:
        text = describe_unmade(found.unmade)
        yield in_pipeline(sample.pipeline, f"stages.{stage.name}", text, ProblemLevel.NOTE)


def _unreadable(sample: Sample, stage: Stage, found: Reconciliation) -> Iterator[Problem]:
    """Yield fields of which the recorded or the expected value cannot be read, so that nobody can compare them."""
    for field, rows in found.unreadable.groupby("field", sort=False):
        n_unread = rows["key"].nunique()
        reason = rows["reason"].mode().iloc[0]
        shown = ""
        if stage.kind not in _UNSHOWN:
            texts = dict.fromkeys(sample.shown(stage, str(field), text) for text in rows["sample"].head(20))
            shown = f", e.g. {', '.join(list(texts)[:2])}"
        n_tried = len(found.expected)
        text = (
            f"{stage.name}.{field} cannot be compared on {n_unread:,} of {plural(n_tried, 'record')} ({reason}){shown}"
        )
        level = ProblemLevel.ERROR if n_unread >= _NEARLY_ALL * n_tried else ProblemLevel.WARNING
        yield sample.at_reference(stage, text, field=_column(found, field), level=level)


def _column(found: Reconciliation, field: object) -> str:
    """Return the output of the reference that a field, perhaps a path into it, belongs to."""
    name = str(field)
    return next((str(c) for c in found.expected.columns if name == c or name.startswith(f"{c}.")), name)


def _differing(sample: Sample, stage: Stage, payload: pd.DataFrame, found: Reconciliation) -> Iterator[Problem]:
    n_compared = int(found.expected.index.isin(payload.index).sum())
    real = found.discrepancies[(found.discrepancies["kind"] != DiscrepancyKind.FORMAT).to_numpy()]
    for field, rows in real.groupby("field", sort=False):
        n_differ = rows["key"].nunique()
        if n_compared < _FEWEST or n_differ < _MANY * n_compared:
            continue
        first = rows.iloc[0]
        example = ""
        if stage.kind not in _UNSHOWN:
            recorded, expected = (sample.shown(stage, str(field), first[side]) for side in ("recorded", "expected"))
            example = f", e.g. record {first['key']}: recorded {recorded}, expected {expected}"
        is_all = n_differ >= _NEARLY_ALL * n_compared
        text = (
            f"{stage.name}.{field} differs from the reference on {n_differ:,} of "
            f"{plural(n_compared, 'record')}{example}; "
            "correct the reference if what is recorded is right, else the stage gets it "
            f"wrong{' everywhere' if is_all else ''}"
        )
        level = ProblemLevel.ERROR if is_all else ProblemLevel.WARNING
        yield sample.at_reference(stage, text, field=_column(found, field), level=level)


def _evaluator(sample: Sample) -> Iterator[Problem]:
    """Run the evaluator on the sample's final payloads."""
    outcome, final = sample.pipeline.outcome, sample.pipeline.final_stage
    if outcome is None or outcome.evaluator is None or final.name not in sample.data.stages:
        return
    payload = sample.data.stages[final.name].payload
    if not len(payload):
        return
    try:
        function = load_function(sample.project, outcome.evaluator)
        judge_by_evaluator(payload, function, name=outcome.evaluator)
    except SpecError:
        return  # reported by check_files
    except DataContractError as error:
        yield in_pipeline(sample.pipeline, "outcome.evaluator", str(error))

"""What a judgement on drift means: whose it is, in which segment, whether it hurts, and the words for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from scipy import stats

from seamwatch.core.finding import Finding
from seamwatch.core.results import Window
from seamwatch.core.watch.drift import Drift, Judgement, Period, State
from seamwatch.core.watch.drift_scores import LEAST_RECORDS, Bools, RowScores, Telling, level_counts, score_rows
from seamwatch.core.watch.features import ENDING
from seamwatch.core.watch.results import Cell, Chart, Column, Fact, Line, Table, Unit, WatchReport
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import Responsibility, StageKind, Watch

_MAIN_ROWS = 6
_LINES = 4
_KEYS = 10
_HURT_PERIODS = 7
"""Most periods whose outcomes are looked at."""
_HURTS = 0.01
_ALWAYS_HARD = 0.8
"""Records that look so were always wrong if they were wrong so much of the time now."""
_ALONE = 3.0
"""A segment drifts alone if its effect is so many times that of the others."""
_OWNERS = {
    StageKind.SOURCE: Responsibility.SOURCE_DATA,
    StageKind.MAPPING: Responsibility.INTEGRATION,
    StageKind.PROMPT: Responsibility.INTEGRATION,
    StageKind.SINK: Responsibility.INTEGRATION,
    StageKind.RETRIEVAL: Responsibility.KNOWLEDGE_BASE,
    StageKind.MODEL: Responsibility.MODEL,
}
_PATTERNS = {
    StageKind.SOURCE: "input_drift",
    StageKind.RETRIEVAL: "retrieval_drift",
    StageKind.MODEL: "output_drift",
}
"""Of any other stage it is `mapping_drift`."""
_EXACT = {"null": "missing_values", "new": "new_category", "language": "language", "new_words": "new_vocabulary"}
_FIRST = ("null", ENDING, "new", "language", "new_words", "value", "number")
"""Of several measures of one column that drift, the first of these names the kind."""
_WORDS = {
    "missing_values": "Values missing in",
    "new_category": "New values in",
    "new_vocabulary": "New words in",
    "language": "Another language in",
    "label_mix": "Another mix of answers in",
    "refusals": "More refusals in",
    "failures": "More answers cut off or empty in",
    "shift": "Shift of",
}
_OUTCOME_WORDS = {True: "and it hurts", False: "it does not hurt so far", None: "outcomes not known yet"}
_SPEAKING = {
    "words": "words per text",
    "length": "length in characters",
    "non_ascii": "share of letters beyond ASCII",
    "digits": "share of digits",
    "new_words": "share of words not seen before",
    "new": "values not seen before",
    "null": "missing",
    "classifier": "all columns together",
}
_STEPS = {
    Responsibility.SOURCE_DATA: (
        "Ask the owner of {stage} what changed there since {onset}: a release, a new customer group, a new form",
        "If the change is meant to stay, tell the model team: it was built on other inputs",
    ),
    Responsibility.INTEGRATION: (
        "Compare the code and configuration of {stage} before and after {onset}: its inputs did not change",
        "Roll {stage} back, or correct it, and run the records since {onset} again",
    ),
    Responsibility.KNOWLEDGE_BASE: (
        "Look at what was indexed since {onset}, and at the settings of the retrieval {stage}",
        "Run the knowledge base's freshness check",
    ),
    Responsibility.MODEL: (
        "Check the model's version, temperature and system prompt since {onset}: its inputs did not change",
        "Measure the model on its benchmark set, and compare with the accepted accuracy",
    ),
    Responsibility.PROVIDER: (
        "Read some of the refused or broken answers of {stage} and the provider's notices since {onset}",
        "Switch to the second provider or the model version before, if there is one",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Hurt:
    """Outcomes of the records that look new, and of the others."""

    hurts: bool | None
    """None where too few outcomes are known."""
    p_value: float | None
    rows: tuple[tuple[str, int, int], ...]
    """What records, how many are judged, how many of them are wrong."""
    n_new: int
    """Records that look new, of all and not of the sample only."""
    keys: tuple[str, ...]

    @property
    def rates(self) -> dict[str, float]:
        """Return the shares of wrong outcomes by kind of record, where any is judged."""
        return {name: wrong / judged for name, judged, wrong in self.rows if judged}


@dataclass(frozen=True, kw_only=True)
class Lean:
    """How far the leading column drifted within one value of a segment."""

    segment: str
    value: str
    n: int
    effect: float
    is_alone: bool


def report(
    pipeline: Pipeline, judgement: Judgement, periods: Sequence[Period], *, every: timedelta, notes: Sequence[str] = ()
) -> tuple[WatchReport, State]:
    """Return what is told of the last period, and the state for the next look with the kinds that were told."""
    last = periods[-1]
    found, tables, charts = [], [], []
    patterns: dict[str, str] = {}
    n_hurting = 0
    for stage, drifts in judgement.roots.items():
        lead = _lead(drifts)
        pattern = judgement.state.patterns.get(stage) or _pattern(pipeline, lead)
        patterns[stage] = pattern
        hurt = _hurt(lead, periods, judgement.tellings.get(stage))
        leans = _leans(pipeline, lead, periods)
        n_hurting += hurt.n_new if hurt.hurts else 0
        one = _found(pipeline, judgement, lead, drifts, periods, hurt, leans, pattern)
        found.append((not hurt.hurts, lead.p_value, one))
        tables += [*_segment_table(leans, lead), _hurt_table(hurt, lead)]
        charts.append(_effect_chart(drifts, periods))
    charts += [one for one in [_mix_chart(pipeline, periods)] if one is not None]
    found.sort(key=lambda one: one[:2])
    is_known = judgement.is_judged
    told = WatchReport(
        watch=Watch.DRIFT,
        pipeline=pipeline.pipeline,
        window=Window(start=last.start, end=last.start + every),
        compared=Window(start=periods[0].start, end=last.start) if is_known else None,
        n_records=_n_records(pipeline, last),
        findings=tuple(one for *_, one in found),
        still=() if is_known else tuple(dict.fromkeys(judgement.state.patterns.values())),
        facts=_facts(judgement, n_hurting),
        tables=(*_column_table(judgement, periods), *tables),
        charts=tuple(charts),
        notes=(*notes, *_notes(judgement)),
    )
    return told, replace(judgement.state, patterns=patterns if is_known else judgement.state.patterns)


def _n_records(pipeline: Pipeline, period: Period) -> int:
    sample = period.stages.get(pipeline.first_stage.name)
    return sample.n if sample is not None else 0


def _lead(drifts: Sequence[Drift]) -> Drift:
    """Return the drift that says most: of the surest column, the measure that names the kind best."""
    columns = [one for one in drifts if one.place.measure != "classifier"]
    if not columns:
        return drifts[0]
    endings = [one for one in columns if one.place.measure == ENDING and one.effect > 0]
    if endings:  # an answer that was refused lacks all that an answer has
        return endings[0]
    surest = columns[0].place.column
    mine = [one for one in columns if one.place.column == surest]
    order = {measure: rank for rank, measure in enumerate(_FIRST)}

    def rank(one: Drift) -> tuple[bool, int, bool, float]:
        measure = one.place.measure
        is_fewer = measure in _EXACT and one.effect < 0
        return is_fewer, order.get(measure, len(order)), one.place.part == "spread", one.p_value

    return min(mine, key=rank)


def _pattern(pipeline: Pipeline, lead: Drift) -> str:
    kind, place = pipeline.stage(lead.place.stage).kind, lead.place
    broad = _PATTERNS.get(kind, "mapping_drift")
    if place.measure == ENDING:
        is_refused = place.part == "level:refused"
        is_more = lead.effect > 0 and place.part != "level:answered"
        return "refusals" if is_refused and is_more else "failures" if is_more or lead.effect < 0 else broad
    if place.measure in _EXACT:
        return _EXACT[place.measure] if lead.effect > 0 or place.measure == "language" else broad
    if place.measure == "value" and kind is StageKind.MODEL:
        return "label_mix"
    return "shift" if place.part in ("location", "spread") else broad


def _responsibility(pipeline: Pipeline, stage: str, pattern: str) -> Responsibility:
    """Return whose a drift is; refusals and broken answers are the provider's, as in the attribution of records."""
    if pattern in ("refusals", "failures"):
        return Responsibility.PROVIDER
    return _OWNERS[pipeline.stage(stage).kind]


def _rows(lead: Drift, periods: Sequence[Period]) -> RowScores:
    return score_rows(lead.place, [one.stages.get(lead.place.stage) for one in periods])


def _looks_new(lead: Drift, rows: RowScores, telling: Telling | None) -> Bools:
    """Return the records that look as few did before the drift."""
    if lead.place.measure == "classifier":
        return np.isin(rows.keys, telling.keys if telling is not None else ())
    if rows.is_share:
        return np.asarray(rows.score == (1.0 if lead.effect > 0 else 0.0))
    past = rows.score[(rows.period < lead.since) & ~np.isnan(rows.score)]
    if not len(past):
        return np.zeros(len(rows.score), dtype=bool)
    if lead.effect > 0:
        return np.asarray(rows.score > np.quantile(past, 0.9))
    return np.asarray(rows.score < np.quantile(past, 0.1))


def _hurt(lead: Drift, periods: Sequence[Period], telling: Telling | None) -> Hurt:
    """Return whether records that look new are wrong more often than the others, by Fisher's exact test."""
    rows = _rows(lead, periods)
    is_new = _looks_new(lead, rows, telling)
    right = pd.concat([one.records["right"] for one in periods]) if periods else pd.Series(dtype=float)
    right = right[~right.index.duplicated(keep="last")]
    outcome = right.reindex(rows.keys).to_numpy(dtype=float)
    is_now = (rows.period >= lead.since) & (rows.period >= len(periods) - _HURT_PERIODS)
    is_past = rows.period < lead.since
    parts = {"look new": is_now & is_new, "the others": is_now & ~is_new, "before": is_past,
             "looked so before": is_past & is_new}  # fmt: skip
    counted = {
        name: (int((~np.isnan(outcome[mask])).sum()), int((outcome[mask] == 0.0).sum())) for name, mask in parts.items()
    }
    total = sum(
        period.stages[lead.place.stage].n for period in periods[lead.since :] if lead.place.stage in period.stages
    )
    in_sample = max(int((rows.period >= lead.since).sum()), 1)
    n_new = round(total * int((is_new & (rows.period >= lead.since)).sum()) / in_sample)
    hurts, p_value = _compare(counted)
    return Hurt(
        hurts=hurts,
        p_value=p_value,
        rows=tuple((name, *counted[name]) for name in counted),
        n_new=max(n_new, 1),
        keys=tuple(str(key) for key in rows.keys[is_now & is_new & (rows.period == len(periods) - 1)][:_KEYS]),
    )


def _compare(counted: Mapping[str, tuple[int, int]]) -> tuple[bool | None, float | None]:
    (n, wrong), others, before = counted["look new"], counted["the others"], counted["before"]
    n_other, wrong_other = others if others[0] >= LEAST_RECORDS else before
    if n < 5 or n_other < LEAST_RECORDS:
        return None, None
    table = [[wrong, n - wrong], [wrong_other, n_other - wrong_other]]
    p_value = float(stats.fisher_exact(table, alternative="greater").pvalue)
    n_like, wrong_like = counted["looked so before"]
    was_hard = n_like >= LEAST_RECORDS and wrong_like / n_like >= _ALWAYS_HARD * wrong / n
    return p_value < _HURTS and not was_hard, p_value


def _leans(pipeline: Pipeline, lead: Drift, periods: Sequence[Period]) -> list[Lean]:
    """Return how far the leading column drifted within each value of each segment."""
    if lead.place.measure == "classifier":
        return []
    rows = _rows(lead, periods)
    records = pd.concat([one.records for one in periods])
    records = records[~records.index.duplicated(keep="last")]
    is_now = rows.period >= lead.since
    spread = float(np.nanstd(rows.score[~is_now])) or 1.0
    found = []
    for segment in pipeline.segments:
        if segment not in records.columns:
            continue
        values = records[segment].reindex(rows.keys).to_numpy(dtype=object)
        mine = []
        for value in pd.Series(values[is_now]).dropna().value_counts().index[:8]:
            now, past = rows.score[is_now & (values == value)], rows.score[~is_now & (values == value)]
            now, past = now[~np.isnan(now)], past[~np.isnan(past)]
            if min(len(now), len(past)) >= LEAST_RECORDS:
                mine.append((str(value), len(now), float(now.mean() - past.mean()) / spread))
        found += _with_alone(segment, mine, lead)
    return found


def _with_alone(segment: str, mine: Sequence[tuple[str, int, float]], lead: Drift) -> list[Lean]:
    order = sorted(mine, key=lambda one: -one[2] * np.sign(lead.effect))
    rest = [abs(effect) for _, _, effect in order[1:]]
    noise = [_ALONE / np.sqrt(n) for _, n, _ in order[1:]]
    is_alone = bool(rest) and all(
        abs(order[0][2]) > max(_ALONE * effect, error) for effect, error in zip(rest, noise, strict=True)
    )
    return [
        Lean(segment=segment, value=value, n=n, effect=effect, is_alone=is_alone and rank == 0)
        for rank, (value, n, effect) in enumerate(order)
    ]


def _found(
    pipeline: Pipeline,
    judgement: Judgement,
    lead: Drift,
    drifts: Sequence[Drift],
    periods: Sequence[Period],
    hurt: Hurt,
    leans: Sequence[Lean],
    pattern: str,
) -> Finding:
    stage, onset = lead.place.stage, periods[lead.since].start
    fields = tuple(dict.fromkeys(one.place.column for one in (lead, *drifts) if one.place.column))[:3]
    telling = judgement.tellings.get(stage)
    if not fields and telling is not None:
        fields = telling.columns
    owner = _responsibility(pipeline, stage, pattern)
    alone = next((one for one in leans if one.is_alone), None)
    before, now = _values(lead, periods)
    is_first = not pipeline.stage(stage).input
    confidence = 0.9 if is_first or judgement.clean.get(stage) else 0.75
    if lead.place.measure == "classifier":
        confidence -= 0.1
    return Finding(
        responsibility=owner,
        stage=stage,
        fields=fields,
        kind=pattern,
        headline=_headline(pattern, lead, _name(lead, fields) + _which(lead, periods), hurt, alone, (before, now)),
        explanation=_explanation(judgement, lead, periods, hurt, alone, (before, now)),
        n_records=hurt.n_new,
        confidence=confidence,
        onset=onset,
        keys=hurt.keys,
        steps=_steps(owner, stage, onset, hurt, fields),
    )


def _name(lead: Drift, fields: Sequence[str]) -> str:
    return ".".join(one for one in (lead.place.stage, lead.place.column or next(iter(fields), "")) if one)


def _which(lead: Drift, periods: Sequence[Period]) -> str:
    """Return the value whose share changed, or the most frequent new ones, in brackets."""
    place = lead.place
    if place.part.startswith("level:"):
        return f" ({place.part.removeprefix('level:')[:20]})"
    if place.measure != "new":
        return ""
    counts: Counter[str] = Counter()
    for one in periods[lead.since :]:
        arrays = one.stages[place.stage].arrays if place.stage in one.stages else {}
        if f"{place.column}|new" in arrays:
            counts.update(arrays[f"{place.column}|value"][arrays[f"{place.column}|new"] == 1.0])
    names = ", ".join(str(value)[:20] for value, _ in counts.most_common(2))
    return f" ({names}{', ...' if len(counts) > 2 else ''})"


def _headline(pattern: str, lead: Drift, name: str, hurt: Hurt, alone: Lean | None, values: tuple[str, str]) -> str:
    what = _WORDS.get(pattern, "Drift of")
    if lead.place.measure == "classifier":
        what = "Records look different together in"
    where = f" for {alone.segment.rpartition('.')[2]} {alone.value}" if alone is not None else ""
    size = "" if lead.place.measure == "classifier" else f": {values[0]} to {values[1]}"
    outcome = _OUTCOME_WORDS[hurt.hurts]
    rates = hurt.rates
    if hurt.hurts:
        other = rates.get("the others", rates.get("before", 0.0))
        outcome = f"{rates['look new']:.0%} of them wrong against {other:.0%}"
    full = f"{what} {name}{where}{size}; {outcome}"
    return full if len(full) <= 150 else f"{what} {name}"[: 146 - len(outcome)] + f"; {outcome}"


def _explanation(
    judgement: Judgement,
    lead: Drift,
    periods: Sequence[Period],
    hurt: Hurt,
    alone: Lean | None,
    values: tuple[str, str],
) -> str:
    stage, n = lead.place.stage, len(periods) - lead.since
    span = "The last period" if n == 1 else f"The last {n} periods"
    said = f"{span} compared with the {judgement.n_reference - n + 1} before, by how far those differ from each other: "
    if lead.place.measure == "classifier":
        auc = judgement.tellings[stage].auc if stage in judgement.tellings else float("nan")
        said += f"a classifier over all columns tells new records from old ones (AUC {auc:.2f}), no column alone does."
    else:
        said += f"{_what(lead)} of {stage}.{lead.place.column} went from {values[0]} to {values[1]} "
        said += f"({_unit(lead, lead.effect)}, p {lead.p_value:.1g})."
    if judgement.clean.get(stage):
        said += " Nothing at the stages before it drifts."
    if alone is not None:
        said += f" It holds for {alone.segment} = {alone.value} alone."
    rates = hurt.rates
    if hurt.hurts is None:
        said += " Too few outcomes are known to say whether it hurts."
    elif "look new" in rates:
        verb = "It hurts" if hurt.hurts else "It does not hurt so far"
        other = rates.get("the others", rates.get("before", 0.0))
        said += f" {verb}: {rates['look new']:.1%} of the records that look new are wrong, {other:.1%} of the others."
    return said


def _steps(owner: Responsibility, stage: str, onset: datetime, hurt: Hurt, fields: Sequence[str]) -> tuple[str, ...]:
    named = {"stage": stage, "onset": f"{onset:%Y-%m-%d %H:%M} UTC"}
    first = f"Look at the records listed, above all {', '.join(f'{stage}.{one}' for one in fields) or stage}"
    last = (
        "Until it is mended, let people check the records that look new"
        if hurt.hurts
        else f"If it is meant, name it under monitoring.drift.ignore as {stage}.{fields[0] if fields else 'COLUMN'}, "
        "or wait: what stays for half of the reference becomes the reference"
    )
    return (first, *(step.format(**named) for step in _STEPS[owner]), last)


def _what(drift: Drift) -> str:
    place = drift.place
    if place.part.startswith("level:"):
        return f"share of {place.part.removeprefix('level:')!r}"
    if place.part == "spread":
        return "spread (interquartile range)"
    if place.part == "share" and place.measure not in _SPEAKING:
        return "share of unusual values"
    return _SPEAKING.get(place.measure, "similarity" if place.measure.startswith("meaning_") else "median")


def _unit(drift: Drift, effect: float) -> str:
    is_share = drift.place.part.startswith("level:") or drift.place.part == "share"
    return f"Cohen's h {effect:+.2f}" if is_share else f"{effect:+.2f} standard deviations"


def _values(drift: Drift, periods: Sequence[Period]) -> tuple[str, str]:
    """Return what is measured, before and now, written so that it can be read beside other measures."""
    if drift.place.measure == "classifier":
        return "", ""
    rows = _rows(drift, periods)
    is_now = rows.period >= drift.since
    parts = [rows.raw[mask & ~np.isnan(rows.raw)] for mask in (~is_now, is_now)]
    if any(not len(part) for part in parts):
        return "nothing", "nothing"
    if rows.is_share or drift.place.measure in ("new_words", "non_ascii", "digits"):
        before, now = (float(part.mean()) for part in parts)
        return f"{before:.1%}", f"{now:.1%}"
    if drift.place.part == "spread":
        before, now = (float(np.subtract(*np.quantile(part, (0.75, 0.25)))) for part in parts)
    else:
        before, now = (float(np.median(part)) for part in parts)
    return f"{before:,.4g}", f"{now:,.4g}"


def _column_table(judgement: Judgement, periods: Sequence[Period]) -> list[Table]:
    if not judgement.drifts:
        return []
    first: dict[tuple[str, str], Drift] = {}
    for one in judgement.drifts:
        first.setdefault((one.place.stage, one.place.column), one)
    rows: list[tuple[Cell, ...]] = []
    for one in first.values():
        before, now = _values(one, periods)
        name = f"{one.place.stage}.{one.place.column}" if one.place.column else one.place.stage
        since = periods[one.since].start.isoformat()
        rows.append((name, _what(one), before, now, round(one.effect, 3), one.p_value, since))
    columns = (
        Column(name="column"),
        Column(name="what"),
        Column(name="before"),
        Column(name="now"),
        Column(name="effect", unit=Unit.NUMBER),
        Column(name="p", unit=Unit.P_VALUE),
        Column(name="since", unit=Unit.MOMENT),
    )
    note = "Effects are in standard deviations, of shares Cohen's h; p counts how far healthy periods differ"
    tables = [Table(title="What drifted most", columns=columns, rows=tuple(rows[:_MAIN_ROWS]), note=note, is_main=True)]
    if len(rows) > _MAIN_ROWS:
        tables.append(Table(title="Drift by column", columns=columns, rows=tuple(rows), note=note))
    return tables


def _segment_table(leans: Sequence[Lean], lead: Drift) -> list[Table]:
    if not leans:
        return []
    return [
        Table(
            title=f"Drift of {lead.place.stage}.{lead.place.column} by segment",
            columns=(
                Column(name="segment"),
                Column(name="value"),
                Column(name="records looked at", unit=Unit.COUNT),
                Column(name="effect", unit=Unit.NUMBER),
            ),
            rows=tuple((one.segment, one.value, one.n, round(one.effect, 3)) for one in leans),
            note="A drift that holds in one value only has its cause there",
        )
    ]


def _hurt_table(hurt: Hurt, lead: Drift) -> Table:
    return Table(
        title=f"Outcomes of records by how {lead.place.stage}.{lead.place.column or 'the record'} looks",
        columns=(
            Column(name="records that"),
            Column(name="judged", unit=Unit.COUNT),
            Column(name="wrong", unit=Unit.COUNT),
            Column(name="share wrong", unit=Unit.SHARE),
        ),
        rows=tuple((name, n, wrong, wrong / n if n else None) for name, n, wrong in hurt.rows),
        note="Of the sample" + ("" if hurt.p_value is None else f"; Fisher's exact p {hurt.p_value:.1g}"),
    )


def _effect_chart(drifts: Sequence[Drift], periods: Sequence[Period]) -> Chart:
    lines = []
    for one in drifts[:_LINES]:
        points = [
            (period.start, float(value))
            for period, value in zip(periods, one.series, strict=True)
            if np.isfinite(value)
        ]
        lines.append(Line(name=f"{one.place.column or 'all columns'}: {_what(one)}", points=tuple(points)))
    return Chart(
        title=f"Distance of {drifts[0].place.stage} from its reference, in standard deviations",
        unit=Unit.NUMBER,
        lines=tuple(lines),
        mark=periods[min(one.since for one in drifts)].start,
    )


def _mix_chart(pipeline: Pipeline, periods: Sequence[Period]) -> Chart | None:
    """Return the answers of the last model by period, where they are labels."""
    for stage in reversed(pipeline.stages):
        if stage.kind is not StageKind.MODEL:
            continue
        samples = [one.stages.get(stage.name) for one in periods]
        names = sorted({name for one in samples if one is not None for name in one.rows.columns
                        if name.startswith("answer") and name.endswith("|value")})  # fmt: skip
        for name in names:
            counts = level_counts(stage.name, name.removesuffix("|value"), "value", samples)
            shares = counts.div(counts.sum(axis=1).replace(0.0, np.nan), axis=0).dropna()
            if len(counts.columns) >= 2:
                lines = tuple(
                    Line(
                        name=str(level),
                        points=tuple(
                            (periods[row].start, share)
                            for row, share in zip(shares.index, shares[level].tolist(), strict=True)
                        ),
                    )
                    for level in counts.columns[:8]
                )
                title = f"Share of answers of {stage.name} ({name.removesuffix('|value')})"
                return Chart(title=title, unit=Unit.SHARE, lines=lines, is_stacked=True)
    return None


def _facts(judgement: Judgement, n_hurting: int) -> tuple[Fact, ...]:
    drifted = {(one.place.stage, one.place.column) for one in judgement.drifts if one.place.column}
    aucs = {stage: one.auc for stage, one in judgement.tellings.items()}
    worst = max(aucs, key=aucs.__getitem__) if aucs else None
    return (
        Fact(label="columns looked at", value=judgement.n_columns, unit=Unit.COUNT),
        Fact(label="columns drifted", value=len(drifted), unit=Unit.COUNT),
        Fact(label="records that look new and are wrong more often", value=n_hurting, unit=Unit.COUNT),
        Fact(
            label="classifier that tells new from old (AUC)",
            value=round(aucs[worst], 3) if worst is not None else None,
            unit=Unit.NUMBER,
            note=f"the highest of all stages: {worst}; 0.5 is chance" if worst is not None else "",
        ),
        Fact(label="periods of reference", value=judgement.n_reference, unit=Unit.COUNT),
        Fact(label="tests of this look", value=judgement.n_tests, unit=Unit.COUNT),
    )


def _notes(judgement: Judgement) -> list[str]:
    notes = []
    if not judgement.is_judged:
        few = f"{judgement.n_reference} periods of reference" if judgement.n_reference < 3 else "too few records"
        notes.append(f"not judged: {few}; three periods before and {LEAST_RECORDS} records are the least")
    for one in judgement.accepted:
        notes.append(f"{one.stage}.{one.column or 'all columns'}: changed for half of the reference, now the reference")
    for small in judgement.small:
        name = f"{small.place.stage}.{small.place.column or 'all columns'}"
        notes.append(f"{name}: drifts by {_unit(small, small.effect)}, less than least_effect, so no incident")
    return notes

"""What is said of drift: findings with their runbooks, facts, tables, charts and notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from seamwatch.core.finding import Finding
from seamwatch.core.results import Window
from seamwatch.core.watch.drift import Drift, Judgement
from seamwatch.core.watch.drift_evaluation import (
    AnswerMix,
    ColumnDrift,
    DriftEvaluation,
    Levels,
    StageDrift,
)
from seamwatch.core.watch.drift_outcomes import OutcomeComparison
from seamwatch.core.watch.drift_scores import LEAST_RECORDS
from seamwatch.core.watch.results import Cell, Chart, Fact, Line, Table, Unit, WatchReport
from seamwatch.plurals import plural
from seamwatch.report.numbers import moment
from seamwatch.report.watch.figures import table
from seamwatch.report.watch.texts import LONGEST_HEADLINE, TEXTS, headline, steps, text
from seamwatch.vocabulary import Watch

_MAIN_ROWS = 6
_LINES = 4


def drift_report(evaluation: DriftEvaluation, *, notes: Sequence[str] = ()) -> WatchReport:
    """Return an evaluation of drift in words and figures; `notes` are what was said of the columns read."""
    judgement, stages = evaluation.judgement, evaluation.stages
    tables = [one for stage in stages for one in (*_segment_table(stage), _outcome_table(stage.outcomes, stage.lead))]
    charts = [_effect_chart(stage, evaluation.starts) for stage in stages]
    if evaluation.answer_mix is not None:
        charts.append(_mix_chart(evaluation.answer_mix))
    return WatchReport(
        watch=Watch.DRIFT,
        pipeline=evaluation.pipeline,
        window=evaluation.window,
        compared=evaluation.compared,
        n_records=evaluation.n_records,
        findings=tuple(_finding(one, judgement) for one in stages),
        still=evaluation.still,
        facts=_facts(evaluation),
        tables=(*_column_tables(evaluation.columns), *tables),
        charts=tuple(charts),
        notes=(*notes, *_notes(judgement)),
    )


def first_period_report(
    pipeline: str, window: Window, *, n_records: int, ready_at: datetime | None, notes: Sequence[str]
) -> WatchReport:
    """Return the report as long as no period is over; `ready_at` is None as long as there are no records."""
    ready = moment(ready_at) if ready_at is not None else "there are records"
    said = text(Watch.DRIFT, "notes", "first_period", ready=ready)
    return WatchReport(
        watch=Watch.DRIFT,
        pipeline=pipeline,
        window=window,
        compared=None,
        n_records=n_records,
        notes=(*notes, said),
    )


def _finding(one: StageDrift, judgement: Judgement) -> Finding:
    finding = one.finding
    return replace(
        finding, headline=_headline(one), explanation=_explanation(one, judgement.n_reference), steps=_steps(one)
    )


def _is_together(drift: Drift) -> bool:
    """Return whether no column alone drifted, but all of them together."""
    return drift.place.measure == "classifier"


def _headline(one: StageDrift) -> str:
    place, alone = one.lead.place, one.alone
    name = ".".join(part for part in (place.stage, place.column or next(iter(one.finding.fields), "")) if part)
    what = f"{text(Watch.DRIFT, 'labels', 'together' if _is_together(one.lead) else str(one.finding.kind))} {name}"
    which = [place.part.removeprefix("level:")] if place.part.startswith("level:") else list(one.new_values[:2])
    what += (
        f" ({', '.join(value[:20] for value in which)}{', ...' if len(one.new_values) > 2 else ''})" if which else ""
    )
    where = f" for {alone.segment.rpartition('.')[2]} {alone.value}" if alone is not None else ""
    size = f": {' to '.join(_written(one.levels))}" if one.levels is not None else ""
    outcome = f"; {_outcome(one.outcomes)}"
    full = f"{what}{where}{size}{outcome}"
    return full if len(full) <= LONGEST_HEADLINE else headline(what, outcome)


def _outcome(outcomes: OutcomeComparison) -> str:
    rates = outcomes.new_and_other
    if outcomes.is_worse and rates is not None:
        return text(Watch.DRIFT, "outcomes", "worse", new=rates[0], other=rates[1])
    return text(Watch.DRIFT, "outcomes", "unknown" if outcomes.is_worse is None else "harmless")


def _explanation(one: StageDrift, n_reference: int) -> str:
    place, n = one.lead.place, one.n_periods
    span = "The last period" if n == 1 else f"The last {n} periods"
    sentences = f"{span} compared with the {n_reference - n + 1} before, by how far those differ from each other: "
    if one.levels is None:
        auc = float("nan") if one.auc is None else one.auc
        sentences += (
            f"a classifier over all columns tells new records from old ones (AUC {auc:.2f}), no column alone does."
        )
    else:
        before, now = _written(one.levels)
        sentences += (
            f"{_measure(one.lead)} of {place.stage}.{place.column} went from {before} to {now} "
            f"({_size(one.lead)}, p {one.lead.p_value:.1g})."
        )
    if one.is_clean_before:
        sentences += " Nothing at the stages before it drifts."
    if one.alone is not None:
        sentences += f" It holds for {one.alone.segment} = {one.alone.value} alone."
    rates = one.outcomes.new_and_other
    if one.outcomes.is_worse is None:
        sentences += " Too few outcomes are known to say whether it hurts."
    elif rates is not None:
        verb = "It hurts" if one.outcomes.is_worse else "It does not hurt so far"
        sentences += f" {verb}: {rates[0]:.1%} of the records that look new are wrong, {rates[1]:.1%} of the others."
    return sentences


def _steps(one: StageDrift) -> tuple[str, ...]:
    finding = one.finding
    fields = [f"{finding.stage}.{field}" for field in finding.fields]
    named = {
        "stage": str(finding.stage),
        "onset": moment(finding.onset),
        "fields": ", ".join(fields) or str(finding.stage),
        "field": fields[0] if fields else f"{finding.stage}.COLUMN",
    }
    last = "if_worse" if one.outcomes.is_worse else "if_meant"
    kinds = ("first", finding.responsibility.value, last)
    return tuple(step for kind in kinds for step in steps(Watch.DRIFT, kind, **named))


def _written(levels: Levels) -> tuple[str, str]:
    """Return what is measured before and now, so that it can be read beside other measures."""
    if levels.before is None or levels.now is None:
        return "nothing", "nothing"
    form = "{:.1%}" if levels.is_share else "{:,.4g}"
    return form.format(levels.before), form.format(levels.now)


def _measure(drift: Drift) -> str:
    place, measures = drift.place, TEXTS[Watch.DRIFT]["measures"]
    if place.part.startswith("level:"):
        return f"share of {place.part.removeprefix('level:')!r}"
    if place.part == "spread":
        return str(measures["spread"])
    other = "similarity" if place.measure.startswith("meaning_") else "median"
    return str(measures.get(place.measure, "share of unusual values" if place.part == "share" else other))


def _size(drift: Drift) -> str:
    is_share = drift.place.part.startswith("level:") or drift.place.part == "share"
    return f"Cohen's h {drift.effect:+.2f}" if is_share else f"{drift.effect:+.2f} standard deviations"


def _column_tables(drifted: Sequence[ColumnDrift]) -> list[Table]:
    if not drifted:
        return []
    rows: list[tuple[Cell, ...]] = []
    for one in drifted:
        place = one.drift.place
        name = f"{place.stage}.{place.column}" if place.column else place.stage
        levels = _written(one.levels) if one.levels is not None else ("", "")
        effect = round(one.drift.effect, 3)
        rows.append((name, _measure(one.drift), *levels, effect, one.drift.p_value, one.since.isoformat()))
    columns = {
        **dict.fromkeys(("column", "what", "before", "now"), Unit.TEXT),
        "effect": Unit.NUMBER,
        "p": Unit.P_VALUE,
        "since": Unit.MOMENT,
    }
    note = "Effects are in standard deviations, of shares Cohen's h; p counts how far healthy periods differ"
    tables = [table("What drifted most", columns, rows[:_MAIN_ROWS], note=note, is_main=True)]
    if len(rows) > _MAIN_ROWS:
        tables.append(table("Drift by column", columns, rows, note=note))
    return tables


def _segment_table(stage: StageDrift) -> list[Table]:
    if not stage.segments:
        return []
    return [
        table(
            f"Drift of {stage.lead.place.stage}.{stage.lead.place.column} by segment",
            {"segment": Unit.TEXT, "value": Unit.TEXT, "records looked at": Unit.COUNT, "effect": Unit.NUMBER},
            [(one.segment, one.value, one.n, round(one.effect, 3)) for one in stage.segments],
            note="A drift that holds in one value only has its cause there",
        )
    ]


def _outcome_table(outcomes: OutcomeComparison, lead: Drift) -> Table:
    return table(
        f"Outcomes of records by how {lead.place.stage}.{lead.place.column or 'the record'} looks",
        {"records that": Unit.TEXT, "judged": Unit.COUNT, "wrong": Unit.COUNT, "share wrong": Unit.SHARE},
        [
            (text(Watch.DRIFT, "groups", group), n, wrong, wrong / n if n else None)
            for group, (n, wrong) in outcomes.counts.items()
        ],
        note="Of the sample" + ("" if outcomes.p_value is None else f"; Fisher's exact p {outcomes.p_value:.1g}"),
    )


def _effect_chart(stage: StageDrift, starts: Sequence[datetime]) -> Chart:
    lines = tuple(
        Line(
            name=f"{one.place.column or 'all columns'}: {_measure(one)}",
            points=tuple(
                (at, float(value)) for at, value in zip(starts, one.series, strict=True) if np.isfinite(value)
            ),
        )
        for one in stage.drifts[:_LINES]
    )
    title = f"Distance of {stage.finding.stage} from its reference, in standard deviations"
    return Chart(title=title, unit=Unit.NUMBER, lines=tuple(lines), mark=stage.since)


def _mix_chart(mix: AnswerMix) -> Chart:
    return Chart(
        title=f"Share of answers of {mix.stage} ({mix.column})",
        unit=Unit.SHARE,
        lines=tuple(Line(name=level, points=points) for level, points in mix.shares.items()),
        is_stacked=True,
    )


def _facts(evaluation: DriftEvaluation) -> tuple[Fact, ...]:
    judgement = evaluation.judgement
    drifted = {(one.place.stage, one.place.column) for one in judgement.drifts if one.place.column}
    worse = sum(one.outcomes.n_new for one in evaluation.stages if one.outcomes.is_worse)
    aucs = {stage: one.auc for stage, one in judgement.tellings.items()}
    worst = max(aucs, key=aucs.__getitem__) if aucs else None
    return (
        Fact(label="columns looked at", value=judgement.n_columns, unit=Unit.COUNT),
        Fact(label="columns drifted", value=len(drifted), unit=Unit.COUNT),
        Fact(label="records that look new and are wrong more often", value=worse, unit=Unit.COUNT),
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
        few = (
            f"{plural(judgement.n_reference, 'period')} of reference"
            if judgement.n_reference < 3
            else "too few records"
        )
        notes.append(text(Watch.DRIFT, "notes", "not_judged", few=few, least=LEAST_RECORDS))
    for one in judgement.accepted:
        notes.append(text(Watch.DRIFT, "notes", "accepted", name=f"{one.stage}.{one.column or 'all columns'}"))
    for small in judgement.small:
        name = f"{small.place.stage}.{small.place.column or 'all columns'}"
        notes.append(text(Watch.DRIFT, "notes", "small", name=name, size=_size(small)))
    return notes

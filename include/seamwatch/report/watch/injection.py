"""What is said of injected instructions: findings with their runbooks, tables, charts. No text of an attacker acts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from seamwatch.core.finding import Finding
from seamwatch.core.watch.injection import SegmentShare, campaigns_of, segment_shares
from seamwatch.core.watch.injection_evaluation import (
    DAY,
    FieldState,
    InjectionEvaluation,
    ReachedOutput,
    RisingAttacks,
    SteeredAnswers,
)
from seamwatch.core.watch.results import Chart, Fact, Line, Table, Unit, WatchReport
from seamwatch.core.watch.untrusted import plain_name, visible
from seamwatch.report.watch.figures import table
from seamwatch.report.watch.texts import LONGEST_HEADLINE, headline, steps, text
from seamwatch.vocabulary import Watch

_EXAMPLES, _SEGMENT_ROWS, _LINES = 8, 20, 6


def injection_report(evaluation: InjectionEvaluation, *, notes: Sequence[str] = ()) -> WatchReport:
    """Return an evaluation of untrusted texts in words and figures; `notes` are what was said of what was read."""
    n, n_attacks = evaluation.n_texts, evaluation.n_attacks
    findings = tuple(_finding(one) for one in evaluation.findings)
    n_reached = len({one.key for one in evaluation.reached})
    return WatchReport(
        watch=Watch.INJECTION,
        pipeline=evaluation.pipeline,
        window=evaluation.window,
        compared=evaluation.compared,
        n_records=n,
        findings=findings,
        still=evaluation.still,
        facts=(
            Fact(label="Untrusted texts in 24 hours", value=n, unit=Unit.COUNT),
            Fact(label="Texts that look like attacks", value=n_attacks, unit=Unit.COUNT),
            Fact(label="Share of attacks", value=n_attacks / n if n else None, unit=Unit.SHARE),
            Fact(label="Answers that only an attack explains", value=n_reached, unit=Unit.COUNT),
            *(
                Fact(
                    label="Answers as the attack demands",
                    value=one.finding.n_records,
                    unit=Unit.COUNT,
                    note=f"of {one.n_demanding} at {one.place}; some could be so anyway",
                )
                for one in evaluation.findings
                if isinstance(one, SteeredAnswers)
            ),
        ),
        tables=_tables(evaluation),
        charts=_charts(evaluation.fields, findings),
        notes=(*notes, *_notes(evaluation.fields)),
    )


def _finding(one: ReachedOutput | SteeredAnswers | RisingAttacks) -> Finding:
    match one:
        case RisingAttacks():
            head, explanation, runbook = _rising_headline(one), _rising_explanation(one), _rising_steps(one)
        case SteeredAnswers():
            counts = {"place": one.place, "n": one.finding.n_records, "n_demanding": one.n_demanding}
            head = text(Watch.INJECTION, "headlines", "steered", **counts)
            explanation = text(Watch.INJECTION, "explanations", "steered", **counts)
            runbook = _reached_steps(one.finding.stage, is_marker=False)
        case ReachedOutput():
            n = one.finding.n_records
            kind = "marker" if one.place is None else "reached"
            head = text(Watch.INJECTION, "headlines", kind, place=one.place, n=n)
            marker = f"; {one.n_marker} of them hold a marker that must never be said." if one.n_marker else "."
            explanation = text(Watch.INJECTION, "explanations", kind, n=n, and_markers=marker)
            runbook = _reached_steps(one.finding.stage, is_marker=one.n_marker > 0)
    return replace(one.finding, headline=headline(head), explanation=explanation, steps=runbook)


def _rising_headline(one: RisingAttacks) -> str:
    rate, usual, source = one.rate, one.rate.usual_share or 0.0, one.source
    share = rate.attacks / rate.n if rate.n else 0.0
    usually = f"usually {usual:.1%}" if usual >= 0.001 else "usually hardly any" if usual else "usually none"
    head = text(Watch.INJECTION, "headlines", "rising", place=one.place, share=share, hours=rate.hours, usually=usually)
    name = plain_name(source.value) if source is not None else None
    longer = f"{head}, from {source.segment} {name}" if source is not None and name is not None else head
    return longer if len(longer) <= LONGEST_HEADLINE else head


def _rising_explanation(one: RisingAttacks) -> str:
    rate, source = one.rate, one.source
    texts = (
        f" {one.n_copies} of them are near-copies of one text: one source that tries again and again."
        if one.is_one_text and one.n_copies > 1
        else f" They are {one.n_texts} different texts."
        if one.n_texts > 1
        else ""
    )
    where = f" {source.attacks} come from {source.segment} = {visible(source.value, 40)}." if source else ""
    explanation = text(
        Watch.INJECTION,
        "explanations",
        "rising",
        n_attacks=rate.attacks,
        n=rate.n,
        hours=rate.hours,
        usual=rate.usual_share or 0.0,
        n_past=rate.n_past,
    )
    return f"{explanation}{texts}{where}"


def _rising_steps(one: RisingAttacks) -> tuple[str, ...]:
    who = (
        f"{one.source.segment} = {visible(one.source.value, 40)}" if one.source else "the senders of the records below"
    )
    return steps(
        Watch.INJECTION,
        "rising",
        stage=one.finding.stage,
        field=one.finding.fields[0],
        who=f"{who}, as nearly all of it is one text" if one.is_one_text else who,
    )


def _reached_steps(stage: str | None, *, is_marker: bool) -> tuple[str, ...]:
    kinds = ("reached", *(("marker",) if is_marker else ()), "reached_last")
    entered = f" at {stage}" if stage else ""
    return tuple(step for kind in kinds for step in steps(Watch.INJECTION, kind, at_stage=entered))


def _tables(evaluation: InjectionEvaluation) -> tuple[Table, ...]:
    through = {one.key for one in evaluation.reached}
    examples: list[tuple[float, tuple[str, str, float, int, str]]] = []
    rows = []
    shares: list[tuple[str, SegmentShare]] = []
    for one in evaluation.fields:
        hours = one.since(evaluation.window.end - DAY)
        n, attacks = sum(int(data["n"]) for data in hours), sum(int(data["attacks"]) for data in hours)
        rows.append((one.field, n, attacks, attacks / n if n else None, one.rate.usual_share))
        shares += [(one.field, share) for share in segment_shares(hours) if share.attacks]
        for found in campaigns_of(hours):
            rank = 2.0 * bool(through & set(found["keys"])) + float(found["score"])
            row = (str(found["keys"][0]), one.field, float(found["score"]), int(found["n"]), str(found["excerpt"]))
            examples.append((rank, row))
    examples.sort(key=lambda pair: (-pair[0], -pair[1][3], pair[1][0]))
    shares.sort(key=lambda pair: -pair[1].attacks)
    names, share, count = Unit.TEXT, Unit.SHARE, Unit.COUNT
    tables = (
        table(
            "What the flagged texts say",
            {"record": names, "field": names, "score": Unit.NUMBER, "copies": count, "excerpt": names},
            [row for _, row in examples[:_EXAMPLES]],
            note=text(Watch.INJECTION, "notes", "untrusted"),
            is_main=True,
        ),
        table(
            "Attacks of the last 24 hours by field",
            {"field": names, "texts": count, "attacks": count, "share": share, "usual share": share},
            rows,
        ),
        table(
            "Attacks of the last 24 hours by segment",
            {"field": names, "segment": names, "value": names, "texts": count, "attacks": count},
            [(name, one.segment, visible(one.value, 60), one.n, one.attacks) for name, one in shares[:_SEGMENT_ROWS]],
        ),
    )
    return tuple(one for one in tables if one.rows)


def _charts(fields: Sequence[FieldState], findings: Sequence[Finding]) -> tuple[Chart, ...]:
    lines = tuple(
        Line(
            name=one.field,
            points=tuple((at, data["attacks"] / data["n"]) for at, data in sorted(one.sums.items()) if data["n"]),
        )
        for one in fields
        if any(data["attacks"] for data in one.sums.values())
    )
    mark = min((one.onset for one in findings if one.onset is not None), default=None)
    title = "Share of texts that look like attacks, by hour"
    return (Chart(title=title, unit=Unit.SHARE, lines=lines[:_LINES], mark=mark),) if lines else ()


def _notes(fields: Sequence[FieldState]) -> list[str]:
    if not fields:
        return [text(Watch.INJECTION, "notes", "nothing_read")]
    unjudged = [one.field for one in fields if not one.rate.is_judged]
    return [text(Watch.INJECTION, "notes", "no_past", fields=", ".join(unjudged))] if unjudged else []

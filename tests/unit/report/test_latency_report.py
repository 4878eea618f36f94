"""What is said of a slower pipeline fits a message, and the parts of its tables and charts add up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from seamwatch.core.detection.hours import HOUR
from seamwatch.core.detection.sketch import Sketch
from seamwatch.core.finding import Finding
from seamwatch.core.results import Window
from seamwatch.core.watch.latency import Shift
from seamwatch.core.watch.latency_evaluation import Slowdown
from seamwatch.core.watch.latency_hours import Hour
from seamwatch.core.watch.latency_source import Carrier, Contribution, Reason, Source
from seamwatch.core.watch.stage_times import Part, Role
from seamwatch.report.watch.latency import change_table, describe_slowdown, latency_charts
from seamwatch.vocabulary import Responsibility

START = datetime(2026, 3, 2, tzinfo=UTC)
GROWN = {Part(stage="llm", role=Role.PROVIDER): 3.0, Part(stage="lookup"): 0.1, Part(stage="sink"): -0.1}
CARRIER = Carrier(
    contributions=tuple(
        Contribution(part=part, before=1.0, now=1.0 + more, low=more - 0.2, high=more + 0.2)
        for part, more in GROWN.items()
    ),
    part=Part(stage="llm", role=Role.PROVIDER),
    share=1.0,
    confidence=0.97,
)
SHIFT = Shift(
    hours=(Hour(start=START + HOUR, total=Sketch.of([6.0] * 40)),),
    before=(Hour(start=START, total=Sketch.of([3.0] * 40)),),
    p95=6.0,
    p95_before=3.0,
    n_slow=40,
    log_evidence=20.0,
)
MEANS = {f"{name}{when}": 2.0 for name in ("ttft", "input_tokens", "output_tokens") for when in ("", "_before")}


def slowdown(stage: str, reason: Reason | None = None) -> Slowdown:
    source = Source(
        responsibility=Responsibility.PROVIDER,
        stage=stage,
        pattern="provider_slow",
        reason=reason,
        evidence={**MEANS, "stage": "llm", "model": "gem-2"},
    )
    finding = Finding(
        responsibility=source.responsibility,
        stage=stage,
        kind=source.pattern,
        n_records=SHIFT.n_slow,
        confidence=CARRIER.confidence,
        onset=START + HOUR,
    )
    return Slowdown(shift=SHIFT, carrier=CARRIER, source=source, finding=finding, is_early=False)


WINDOW = Window(start=START + HOUR, end=START + HOUR + timedelta(minutes=40))


def test_a_finding_says_how_slow_who_and_what_to_do() -> None:
    finding = describe_slowdown(slowdown("llm", Reason.LATER_START), WINDOW)
    assert finding.headline == "Slow provider at llm: P95 6 s, before 3 s; it carries 100% of the change"
    assert finding.explanation == (
        "P95 of the full pipeline over 2026-03-02 01:00 to 01:40 UTC is 6 s, 3 s in comparable hours before; 40 of 40 "
        "records are slower than that, where one in twenty is usual. Slow records spend 4 s at llm, 1 s before: 100% "
        "of the change. The wait for the first token grew from 2 s to 2 s: it queues there."
    )
    assert len(finding.steps) == 4
    assert not any("{" in step for step in finding.steps)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_told_with_its_evidence(reason: Reason) -> None:
    explanation = describe_slowdown(slowdown("llm", reason), WINDOW).explanation
    assert explanation.startswith(describe_slowdown(slowdown("llm"), WINDOW).explanation)
    assert explanation.endswith(".")


def test_a_long_name_is_cut_and_the_figures_stay() -> None:
    finding = describe_slowdown(slowdown("a_stage_with_quite_a_long_name" * 6), WINDOW)
    assert len(finding.headline) <= 150
    assert finding.headline.endswith("of the change")


def test_the_parts_of_the_table_add_up_to_the_change() -> None:
    table = change_table(CARRIER)
    assert [row[0] for row in table.rows] == ["llm: provider", "lookup", "sink", "full pipeline"]
    assert table.rows[-1][3] == pytest.approx(3.0)
    many = change_table(replace(CARRIER, contributions=CARRIER.contributions * 4))
    assert len(many.rows) == 8
    assert many.rows[6][0] == "all others"
    assert sum(float(row[3] or 0) for row in many.rows[:-1]) == pytest.approx(many.rows[-1][3])


def test_stacked_means_add_up_to_the_mean_of_the_whole() -> None:
    parts = {f"s{number}|{Role.OWN}": Sketch.of([1.0 + number] * 10) for number in range(9)}
    hours = [
        Hour(start=START + place * HOUR, total=Sketch.of([sum(range(1, 10))] * 10), parts=parts) for place in (0, 1)
    ]
    quantiles, stacked = latency_charts(hours, mark=None, limit=None)
    assert len(stacked.lines) == 6
    assert stacked.lines[-1].name == "all others"
    assert sum(line.points[0][1] for line in stacked.lines) == pytest.approx(45.0)
    assert [line.name for line in quantiles.lines] == ["P50", "P95", "P99"]

"""The geometry of graph and charts."""

import itertools
from datetime import timedelta

from seamwatch.core.results import Window
from seamwatch.report.charts import accuracy_chart, time_chart
from seamwatch.report.facts import IsolationFacts, TimeBin
from seamwatch.report.graph import NODE_HEIGHT, NODE_WIDTH, lay_out
from seamwatch.report.stages import StageFacts, StageMark


def stage(name: str, *inputs: str, broken: tuple[str, ...] = ()) -> StageFacts:
    return StageFacts(
        name=name,
        kind="mapping",
        inputs=inputs,
        mark=StageMark.CLEAR,
        mark_text="",
        broken_inputs=broken,
        records="",
        finding="",
        findings=(),
        checks=(),
        reference=None,
        data_docs=None,
    )


def test_stages_stand_right_of_their_inputs_and_do_not_overlap():
    graph = lay_out(
        [stage("a"), stage("b"), stage("c", "a"), stage("d", "a", "b"), stage("e", "c", "d", "a", broken=("d",))]
    )
    places = {node.stage.name: (node.x, node.y) for node in graph.nodes}
    for node in graph.nodes:
        assert all(places[name][0] + NODE_WIDTH < node.x for name in node.stage.inputs)
        assert 0 <= node.x <= graph.width - NODE_WIDTH
        assert 0 <= node.y <= graph.height - NODE_HEIGHT
    corners = sorted(places.values())
    assert all(x1 + NODE_WIDTH <= x2 or y1 + NODE_HEIGHT <= y2 for (x1, y1), (x2, y2) in itertools.pairwise(corners))
    assert [edge.is_broken for edge in graph.edges] == [False] * 5 + [True]


def test_a_long_name_keeps_both_ends():
    (node,) = lay_out([stage("a_very_long_stage_name_indeed")]).nodes
    assert len(node.name) == 17
    assert node.name.startswith("a_very")
    assert node.name.endswith("deed")


def test_bins_without_judged_records_are_gaps_not_zeros(attribution):
    window = attribution.window
    bins = [
        TimeBin(start=window.start, n_failing=0, n_judged=0),
        TimeBin(start=window.start + timedelta(minutes=30), n_failing=5, n_judged=10),
    ]
    chart = time_chart(bins, window, window.start + timedelta(minutes=30))
    assert chart is not None
    assert [bar.height is None for bar in chart.bars] == [True, False]
    assert [bar.is_after_onset for bar in chart.bars] == [False, True]
    assert [tick.label for tick in chart.x_ticks] == ["08:00", "08:10", "08:20", "08:30", "08:40", "08:50", "09:00"]
    assert time_chart(bins[:1], window, None) is None


def test_week_is_labelled_by_days(attribution):
    window = Window(start=attribution.window.start, end=attribution.window.start + timedelta(days=7))
    chart = time_chart([TimeBin(start=window.start, n_failing=1, n_judged=2)], window, None)
    assert chart is not None
    assert [tick.label for tick in chart.x_ticks][:2] == ["Nov 24", "Nov 25"]


def isolation(accuracy: float | None, baseline: float | None = None) -> IsolationFacts:
    return IsolationFacts(
        sentence="s",
        facts=(),
        accuracy=accuracy,
        accuracy_low=accuracy,
        accuracy_high=accuracy,
        baseline=baseline,
        is_degraded=False,
    )


def test_accuracy_scale_holds_all_marks():
    for accuracy, baseline in ((0.0, 1.0), (1.0, 1.0), (0.5, None), (0.99, 0.995), (0.31, 0.94)):
        chart = accuracy_chart(isolation(accuracy, baseline))
        assert chart is not None
        marks = [chart.point_x, chart.low_x, chart.high_x, *(tick.at for tick in chart.ticks)]
        assert all(chart.left <= x <= chart.right for x in marks)
        assert chart.ticks[-1].label == "100%"
        assert 2 <= len(chart.ticks) <= 8
    assert accuracy_chart(isolation(None)) is None

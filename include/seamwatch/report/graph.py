"""Where the stages of a pipeline stand in a picture: left to right, each after its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from seamwatch.report.stages import StageFacts
from seamwatch.spec.graph import topological_order

NODE_WIDTH, NODE_HEIGHT = 134, 90
_GAP_X, _GAP_Y = 30, 26
_MARGIN = 3
_LANE = 18
_NAME_CHARS = 17
_FINDING_CHARS = 19


@dataclass(frozen=True, kw_only=True)
class Node:
    """A stage and the top left corner of its box."""

    stage: StageFacts
    name: str
    """Short enough for the box."""
    finding: str
    x: int
    y: int


@dataclass(frozen=True, kw_only=True)
class Edge:
    """A seam between two stages."""

    path: str
    """SVG path data."""
    is_broken: bool
    middle: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Graph:
    """The whole picture."""

    width: int
    height: int
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def lay_out(stages: Sequence[StageFacts]) -> Graph:
    """Return the picture; a seam that skips a column runs in a lane above the boxes."""
    columns = _columns(stages)
    most_rows = max((len(column) for column in columns), default=1)
    depth = {stage.name: n for n, column in enumerate(columns) for stage in column}
    longest_skip = max((depth[s.name] - depth[i] for s in stages for i in s.inputs), default=1) - 1
    top = _MARGIN + max(0, longest_skip) * _LANE
    places: dict[str, tuple[int, int]] = {}
    for n, column in enumerate(columns):
        shift = (most_rows - len(column)) * (NODE_HEIGHT + _GAP_Y) // 2
        for row, stage in enumerate(column):
            places[stage.name] = (_MARGIN + n * (NODE_WIDTH + _GAP_X), top + shift + row * (NODE_HEIGHT + _GAP_Y))
    edges = [
        _edge(places[name], places[stage.name], depth[stage.name] - depth[name], name in stage.broken_inputs)
        for stage in stages
        for name in stage.inputs
    ]
    return Graph(
        width=2 * _MARGIN + len(columns) * (NODE_WIDTH + _GAP_X) - _GAP_X,
        height=top + most_rows * (NODE_HEIGHT + _GAP_Y) - _GAP_Y + _MARGIN,
        nodes=tuple(
            Node(
                stage=stage,
                name=_middle_cut(stage.name, _NAME_CHARS),
                finding=_middle_cut(stage.finding, _FINDING_CHARS),
                x=places[stage.name][0],
                y=places[stage.name][1],
            )
            for stage in stages
        ),
        edges=tuple(sorted(edges, key=lambda edge: edge.is_broken)),  # broken ones are drawn over the others
    )


def _columns(stages: Sequence[StageFacts]) -> list[list[StageFacts]]:
    """Return the stages by the length of the longest way to them, each column near its inputs."""
    by_name = {stage.name: stage for stage in stages}
    depth: dict[str, int] = {}
    for name in topological_order({stage.name: stage.inputs for stage in stages}):
        depth[name] = max((depth[i] + 1 for i in by_name[name].inputs), default=0)
    columns: list[list[StageFacts]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for stage in stages:
        columns[depth[stage.name]].append(stage)
    row: dict[str, float] = {}
    for column in columns:
        column.sort(key=lambda stage: fmean([row[i] for i in stage.inputs]) if stage.inputs else 0.0)
        row |= {stage.name: n - (len(column) - 1) / 2 for n, stage in enumerate(column)}
    return columns


def _edge(start: tuple[int, int], end: tuple[int, int], span: int, is_broken: bool) -> Edge:
    if span > 1:
        x1, y1, x2, y2 = start[0] + NODE_WIDTH * 3 // 4, start[1], end[0] + NODE_WIDTH // 4, end[1]
        lane = min(y1, y2) - (span - 1) * _LANE + 4
        up, down = f"C{x1} {lane} {x1 + 12} {lane} {x1 + 26} {lane}", f"C{x2 - 12} {lane} {x2} {lane} {x2} {y2}"
        path = f"M{x1} {y1} {up} H{x2 - 26} {down}"
        return Edge(path=path, is_broken=is_broken, middle=((x1 + x2) // 2, lane))
    x1, y1 = start[0] + NODE_WIDTH, start[1] + NODE_HEIGHT // 2
    x2, y2 = end[0], end[1] + NODE_HEIGHT // 2
    bend = (x2 - x1) // 2
    path = f"M{x1} {y1} C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
    return Edge(path=path, is_broken=is_broken, middle=((x1 + x2) // 2, (y1 + y2) // 2))


def _middle_cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    tail = longest // 3
    return f"{text[: longest - tail - 1]}…{text[-tail:]}"

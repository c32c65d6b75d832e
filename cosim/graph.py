"""The graph of a scenario as a picture: engines as boxes, links as arrows, each with what is done on it and its delay.

Lengths are inches, so that text has the size that it was measured with. Links are placed one after the other: of some curves and
places for the label, each takes the one that crosses the least of what stands already.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.scenario.plan import LinkPlan, Plan
from cosim.sdk import format_ns

LOOP, CHAIN, INK, QUIET, PAPER, FILL = "#b03a2e", "#34607f", "#1c2833", "#5d6d7e", "#ffffff", "#eaf2f8"
BENDS = (0.0, 0.16, -0.16, 0.3, -0.3, 0.45, -0.45, 0.65, -0.65, 0.9, -0.9, 1.2, -1.2)
"""How far a curve leaves the straight line, in its length."""
ALONG = (0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74)
"""Where on a curve its label may stand."""
LINE, SMALL, LARGE = 0.155, 7.5, 9.5
"""Height of a line of text in inches; sizes of type in points."""

Points = NDArray[np.float64]
"""(n, 2), inches."""


@dataclass(frozen=True)
class Box:
    """A rectangle round ``x, y``."""

    x: float
    y: float
    width: float
    height: float

    def grown(self, by: float) -> Box:
        return Box(self.x, self.y, self.width + 2 * by, self.height + 2 * by)

    def holds(self, points: Points) -> NDArray[np.bool_]:
        off = np.abs(points - (self.x, self.y)) <= (self.width / 2, self.height / 2)
        return np.asarray(off.all(axis=1))

    def overlap(self, other: Box) -> float:
        across = (self.width + other.width) / 2 - abs(self.x - other.x)
        down = (self.height + other.height) / 2 - abs(self.y - other.y)
        return max(across, 0.0) * max(down, 0.0)

    @property
    def corners(self) -> Points:
        right, up = self.width / 2, self.height / 2
        return np.array([[self.x - right, self.y - up], [self.x + right, self.y + up]])


def graph_figure(plan: Plan) -> Any:
    """The whole picture, as large as it needs to be."""
    from matplotlib.figure import Figure

    boxes = _place_boxes(plan)
    routes = _place_links(plan, boxes)
    everything = np.concatenate(
        [
            *(b.grown(0.1).corners for b in boxes.values()),
            *(r.curve for r in routes),
            *(r.label.grown(0.05).corners for r in routes),
        ]
    )
    low, high = everything.min(axis=0) - 0.25, everything.max(axis=0) + 0.25
    low[1] -= 0.3  # the legend
    high[1] += 0.55  # the title
    width, height = np.maximum(high - low, (4.5, 2.0))
    figure = Figure((float(width), float(height)), facecolor=PAPER)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(low[0], low[0] + width)
    axes.set_ylim(low[1], low[1] + height)
    stuck = {wait.flow.name for dead in plan.proof.deadlocks for wait in dead.waits}
    for route in routes:
        _draw_route(axes, route, route.link.name in plan.proof.in_loop, route.link.name in stuck)
    for name, box in boxes.items():
        _draw_box(axes, box, _words(plan, name))
    _draw_frame(axes, plan, low, low + np.array([width, height]))
    return figure


# -- where things stand ------------------------------------------------------------------------------------------------


def _place_boxes(plan: Plan) -> dict[str, Box]:
    """Columns in the order in which data flow; between them room for the words of the links."""
    cells = _cells(plan)
    sizes = {name: _size_of(_words(plan, name)) for name in cells}
    columns, rows = sorted({x for x, _ in cells.values()}), sorted({y for _, y in cells.values()}, reverse=True)
    widest = max((_size(_label_lines(link))[0] for link in plan.links.values()), default=0.0)
    x, at_x = 0.0, {}
    for column in columns:
        wide = max(sizes[n][0] for n, c in cells.items() if c[0] == column)
        at_x[column] = x + wide / 2
        x += wide + widest + 0.9
    crowd = max((_parallel(plan, name) for name in cells), default=1)
    high = max(h for _, h in sizes.values())
    step = high + 0.9 + 0.3 * min(crowd, 5)
    at_y = {row: -i * step for i, row in enumerate(rows)} if all(r == int(r) for r in rows) else {row: row * step for row in rows}
    return {name: Box(at_x[cell[0]], at_y[cell[1]], sizes[name][0], sizes[name][1]) for name, cell in cells.items()}


def _parallel(plan: Plan, name: str) -> int:
    """The most links between an engine and one other."""
    others = [
        link.target if link.source == name else link.source for link in plan.links.values() if name in (link.source, link.target)
    ]
    return max((others.count(other) for other in others), default=1)


def _cells(plan: Plan) -> dict[str, tuple[int, float]]:
    """Column and row of each engine: the engines of a loop stand together, two side by side."""
    import networkx as nx

    order = list(plan.engines)
    graph = nx.DiGraph()
    graph.add_nodes_from(order)
    graph.add_edges_from((link.source, link.target) for link in plan.links.values())
    packed = nx.condensation(graph)
    generations = []
    for generation in nx.topological_generations(packed):
        blocks = [sorted(packed.nodes[g]["members"], key=order.index) for g in generation]
        generations.append(sorted(blocks, key=lambda block: order.index(block[0])))
    heights = [sum(-(-len(block) // 2) for block in blocks) for blocks in generations]
    cells: dict[str, tuple[int, float]] = {}
    column = 0
    for blocks, height in zip(generations, heights, strict=True):
        y = -(max(heights) - height) / 2  # in the middle
        for block in blocks:
            for i, name in enumerate(block):
                cells[name] = (column + i % 2, y - i // 2)
            y -= -(-len(block) // 2)
        column += 2 if any(len(block) > 1 for block in blocks) else 1
    return cells


@dataclass(frozen=True)
class Route:
    """Where a link runs, and where its words stand."""

    link: LinkPlan
    curve: Points
    label: Box


def _place_links(plan: Plan, boxes: dict[str, Box]) -> list[Route]:
    """Short links first: they have the least choice."""

    def length(link: LinkPlan) -> float:
        a, b = boxes[link.source], boxes[link.target]
        return abs(a.x - b.x) + abs(a.y - b.y)

    placed: list[Route] = []
    for link in sorted(plan.links.values(), key=lambda link: (length(link), link.name)):
        _, best = min(((_cost(route, bend, boxes, placed), route) for route, bend in _candidates(link, boxes)), key=lambda c: c[0])
        placed.append(best)
    return placed


def _candidates(link: LinkPlan, boxes: dict[str, Box]) -> Iterator[tuple[Route, float]]:
    """Curves of growing bend, each with the label at several places."""
    a, b = boxes[link.source], boxes[link.target]
    width, height = _size(_label_lines(link))
    for bend in BENDS:
        if link.source == link.target:
            up, reach = (1 if bend >= 0 else -1), 0.6 + 0.8 * abs(bend)
            edge = a.y + up * a.height / 2
            corners = [
                (a.x - 0.22, edge),
                (a.x - 0.7 * reach - 0.2, edge + up * reach),
                (a.x + 0.7 * reach + 0.2, edge + up * reach),
            ]
            curve = _bezier([*corners, (a.x + 0.22, edge)])
            top = edge + up * (0.75 * reach + height / 2 - 0.04)
            yield Route(link, curve, Box(a.x, top, width, height)), bend
            continue
        start, end = np.array([a.x, a.y]), np.array([b.x, b.y])
        across = np.array([end[1] - start[1], start[0] - end[0]])
        curve = _bezier([tuple(start), tuple((start + end) / 2 + across * bend), tuple(end)])
        outside = ~(a.grown(0.03).holds(curve) | b.grown(0.05).holds(curve))
        if not outside.any():
            continue
        curve = curve[outside]
        for along in ALONG:
            x, y = curve[int(along * (len(curve) - 1))]
            yield Route(link, curve, Box(float(x), float(y), width, height)), bend + 0.01 * abs(along - 0.5)


def _cost(route: Route, bend: float, boxes: dict[str, Box], placed: list[Route]) -> float:
    """How much of what stands already a route would cross or cover."""
    ends = (route.link.source, route.link.target)
    cost = 2.0 * abs(bend) + abs(np.abs(route.label.x - route.curve[:, 0].mean())) * 0.2
    for name, box in boxes.items():
        cost += 400 * route.label.overlap(box.grown(0.08))
        if name not in ends:
            cost += 0.4 * int(box.grown(0.12).holds(route.curve).sum())
    for other in placed:
        cost += 400 * route.label.grown(0.03).overlap(other.label)
        cost += 0.12 * int(route.label.grown(0.03).holds(other.curve).sum()) + 0.12 * int(
            other.label.grown(0.03).holds(route.curve).sum()
        )
        gaps = np.abs(route.curve[::4, None, :] - other.curve[None, ::4, :]).max(axis=2).min(axis=1)
        cost += 0.24 * int((gaps < 0.1).sum())
    return float(cost)


def _bezier(corners: list[Any]) -> Points:
    """241 points of the curve with these control points (de Casteljau)."""
    t = np.linspace(0, 1, 241)[:, None]
    points = [np.array([corner], float) for corner in corners]
    while len(points) > 1:
        points = [(1 - t) * p + t * q for p, q in itertools.pairwise(points)]
    return np.asarray(points[0])


# -- what is written ---------------------------------------------------------------------------------------------------


def _words(plan: Plan, name: str) -> list[str]:
    use = plan.scenario.file.engines[name].use
    return [name, use.rsplit("/", 1)[-1], f"window {format_ns(plan.engines[name].window_ns)}"]


def _label_lines(link: LinkPlan) -> list[str]:
    """The link's name, its translators a few to a line, its delay."""
    lines, line = [link.name], ""
    for stage in link.stages:
        name = stage.name.rsplit("/", 1)[-1]
        if line and len(line) + len(name) > 24:
            lines.append(line + " >")
            line = name
        else:
            line = f"{line} > {name}" if line else name
    delay = "no delay" if not link.delay_ns else format_ns(link.delay_ns)
    return [*lines, *([line] if line else []), delay + (", held" if link.hold else "")]


def _size(lines: list[str], size: float = SMALL) -> tuple[float, float]:
    """Width and height of lines of text, the first in bold."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    bold = FontProperties(weight="bold")
    widths = [TextPath((0, 0), words, size, prop=bold if i == 0 else None).get_extents().width for i, words in enumerate(lines)]
    return max(widths) / 72 + 0.08, LINE * len(lines)


def _size_of(lines: list[str]) -> tuple[float, float]:
    width, height = _size(lines, LARGE)
    return max(width + 0.3, 1.1), height + 0.24


def _write(axes: Any, box: Box, lines: list[str], size: float, colour: str) -> None:
    for i, words in enumerate(lines):
        y = box.y + (len(lines) - 1) * LINE / 2 - i * LINE
        style: dict[str, Any] = (
            {"fontsize": size, "color": colour, "weight": "bold"} if i == 0 else {"fontsize": size - 0.5, "color": QUIET}
        )
        axes.text(box.x, y, words, ha="center", va="center_baseline", zorder=5, parse_math=False, **style)


def _draw_box(axes: Any, box: Box, lines: list[str]) -> None:
    from matplotlib.patches import FancyBboxPatch

    corner = (box.x - box.width / 2 + 0.06, box.y - box.height / 2 + 0.06)
    style: dict[str, Any] = {"boxstyle": "round,pad=0.06,rounding_size=0.1", "fc": FILL, "ec": INK, "lw": 1.1, "zorder": 4}
    axes.add_patch(FancyBboxPatch(corner, box.width - 0.12, box.height - 0.12, **style))
    _write(axes, box, lines, LARGE, INK)


def _draw_route(axes: Any, route: Route, in_loop: bool, is_stuck: bool) -> None:
    from matplotlib.patches import FancyArrowPatch, Rectangle
    from matplotlib.path import Path

    colour = LOOP if in_loop else CHAIN
    style: Any = {"lw": 3.0 if is_stuck else 1.4, "color": colour, "ls": (0, (5, 2)) if route.link.hold else "-", "zorder": 2}
    axes.add_patch(FancyArrowPatch(path=Path(route.curve[:-9]), arrowstyle="-", shrinkA=0, shrinkB=0, **style))
    head = {
        **style,
        "ls": "-",
        "arrowstyle": "-|>",
        "mutation_scale": 13 if is_stuck else 11,
        "shrinkA": 0,
        "shrinkB": 0,
    }
    axes.add_patch(FancyArrowPatch(tuple(route.curve[-12]), tuple(route.curve[-1]), **head))
    x, y = route.label.corners[0]
    axes.add_patch(Rectangle((x, y), route.label.width, route.label.height, fc=PAPER, ec="none", zorder=3))
    _write(axes, route.label, _label_lines(route.link), SMALL, colour)


def _draw_frame(axes: Any, plan: Plan, low: Points, high: Points) -> None:
    """The title above, the legend below."""
    verdict = (
        f"cannot deadlock (by {plan.proof.method})"
        if plan.proof.is_live
        else "would deadlock: the thick links wait for one another"
    )
    middle = (low[0] + high[0]) / 2
    axes.text(middle, high[1] - 0.25, plan.name, ha="center", va="center", fontsize=12, weight="bold", color=INK, parse_math=False)
    colour = QUIET if plan.proof.is_live else LOOP
    axes.text(middle, high[1] - 0.47, verdict, ha="center", va="center", fontsize=8.5, color=colour)
    held = any(link.hold for link in plan.links.values())
    words = [(LOOP, "red: links of loops")] * bool(plan.proof.in_loop) + [
        (QUIET, "dashed: held, no wait for the window's end")
    ] * held
    for i, (shade, text) in enumerate(words):
        axes.text(low[0] + 0.2 + 1.35 * i, low[1] + 0.18, text, fontsize=7.5, color=shade, va="center")

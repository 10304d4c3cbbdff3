"""Charts as SVG shapes, worked out on the server: no script draws them, and each has its numbers in a table beside."""

from collections.abc import Sequence
from typing import Final, NamedTuple

WIDTH: Final = 600
HEIGHT: Final = 120
_GAP: Final = 2


class Bar(NamedTuple):
    """A rectangle in a drawing of `WIDTH` by `HEIGHT`, with what it stands for."""

    x: float
    y: float
    width: float
    height: float
    label: object
    value: int


class BarChart(NamedTuple):
    bars: list[Bar]
    most: int
    total: int


def bar_chart(points: Sequence[tuple[object, int]]) -> BarChart:
    """One bar a point, the highest as high as the drawing. A small value keeps a visible stroke, zero has none."""
    most = max((value for _, value in points), default=0)
    step = WIDTH / max(1, len(points))
    bars = []
    for number, (label, value) in enumerate(points):
        height = max(2.0, value / most * HEIGHT) if value else 0.0
        bars.append(Bar(number * step, HEIGHT - height, step - _GAP, height, label, value))
    return BarChart(bars, most, sum(value for _, value in points))

"""Plots as inline SVG; their colors come from the page's style sheet."""

from collections.abc import Sequence
from html import escape

import numpy as np

from megactor.metrics.statistics import Estimate

WIDTH = 400
"""Units of a plot; about a phone's pixels, so that letters are as large as the page's."""
_LABELS, _RIGHT, _TOP, _BOTTOM = 96, 14, 8, 30


def dots_with_whiskers(groups: Sequence[tuple[str, Sequence[Estimate]]], digits: int) -> str:
    """Groups from top to bottom; in each a dot for every system, in its color, with its 95 % interval if it has one.

    Args:
        groups: name and an estimate for each system.
        digits: of the axis.
    """
    known = [value for _, values in groups for value in values if value.count]
    if not known:
        return ""
    ends = [end for value in known for end in _ends(value)]
    scale = _Scale(min(ends), max(ends), _LABELS, WIDTH - _RIGHT)
    step = 13 * len(groups[0][1]) + 9
    height = _TOP + step * len(groups) + _BOTTOM
    marks = [_vertical_axis(scale, height, digits)]
    for row, (name, values) in enumerate(groups):
        middle = _TOP + step * (row + 0.5)
        shown = name if len(name) <= 15 else f"{name[:14]}…"
        marks.append(
            f'<text x="{_LABELS - 10}" y="{middle + 4:.1f}" text-anchor="end">{escape(shown)}'
            f"<title>{escape(name)}</title></text>"
        )
        for number, value in enumerate(values):
            if not value.count:
                continue
            y = middle + 13 * (number - (len(values) - 1) / 2)
            low, high = _ends(value)
            sure = f" ({low:.{digits}f} to {high:.{digits}f})" if value.has_interval else ""
            title = f"{name}: {value.mean:.{digits}f}{sure}, n={value.count}"
            marks.append(
                f'<g class="s{number}"><title>{escape(title)}</title><line x1="{scale(low):.1f}" '
                f'x2="{scale(high):.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
                f'<circle cx="{scale(value.mean):.1f}" cy="{y:.1f}" r="4"/></g>'
            )
    return _svg(height, marks)


def _ends(value: Estimate) -> tuple[float, float]:
    return (value.low, value.high) if value.has_interval else (value.mean, value.mean)


def sorted_dots(series: Sequence[Sequence[tuple[str, float]]], digits: int, height: int = 220) -> str:
    """Every clip from the lowest value of the first system to its highest, a dot for each system.

    Args:
        series: for each system, names and values of all clips in the same order; NaNs are left out.
        digits: of the axis.
        height: of the plot.
    """
    values = [value for row in series for _, value in row if np.isfinite(value)]
    if not values:
        return ""
    scale = _Scale(min(values), max(values), height - 22, _TOP)
    order = sorted(range(len(series[0])), key=lambda index: (np.isnan(series[0][index][1]), series[0][index][1]))
    left = 44
    marks = []
    for tick in scale.ticks:
        zero = ' class="zero"' if tick == 0 else ""
        marks.append(
            f'<line{zero} x1="{left}" x2="{WIDTH - _RIGHT}" y1="{scale(tick):.1f}" y2="{scale(tick):.1f}"/>'
            f'<text x="{left - 8}" y="{scale(tick) + 4:.1f}" text-anchor="end">{_number(tick, digits)}</text>'
        )
    across = (WIDTH - _RIGHT - left - 12) / max(len(order) - 1, 1)
    radius = 4 if len(order) <= 60 else 2.5
    for number in reversed(range(len(series))):  # the first system lies on top
        for place, index in enumerate(order):
            name, value = series[number][index]
            if np.isfinite(value):
                marks.append(
                    f'<g class="s{number}"><title>{escape(name)}: {value:.{digits}f}</title>'
                    f'<circle cx="{left + 6 + place * across:.1f}" cy="{scale(value):.1f}" r="{radius}"/></g>'
                )
    marks.append(f'<text x="{left}" y="{height - 4}">lowest</text>')
    marks.append(f'<text x="{WIDTH - _RIGHT}" y="{height - 4}" text-anchor="end">highest of {len(order)} clips</text>')
    return _svg(height, marks)


class _Scale:
    """Values to units of the plot, with round ticks."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        if high - low < 1e-9:
            low, high = low - 0.5, high + 0.5
        raw = (high - low) / 4
        power = 10 ** np.floor(np.log10(raw))
        step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)
        first = np.floor(low / step + 1e-9)
        last = np.ceil(high / step - 1e-9)
        self.ticks = [float(round(step * number, 10)) for number in np.arange(first, last + 1)]
        self._start, self._end = start, end

    def __call__(self, value: float) -> float:
        low, high = self.ticks[0], self.ticks[-1]
        return self._start + (value - low) / (high - low) * (self._end - self._start)


def _vertical_axis(scale: _Scale, height: int, digits: int) -> str:
    marks = []
    for tick in scale.ticks:
        zero = ' class="zero"' if tick == 0 else ""
        x = f"{scale(tick):.1f}"
        marks.append(f'<line{zero} x1="{x}" x2="{x}" y1="{_TOP}" y2="{height - _BOTTOM + 4}"/>')
        marks.append(f'<text x="{x}" y="{height - 10}" text-anchor="middle">{_number(tick, digits)}</text>')
    return "".join(marks)


def _number(tick: float, digits: int) -> str:
    text = f"{tick:.{max(digits, 1)}f}"
    return (text.rstrip("0").rstrip(".") or "0").replace("-", "\N{MINUS SIGN}")


def _svg(height: float, marks: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img">{"".join(marks)}</svg>'

"""A run as a bar chart in SVG: for every case, our time and the fastest peer's. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import log10

from benchmarks.measures import Result, Run, ratio

_LABELS, _BARS, _VALUES = 300, 400, 200
"""Widths of the three columns."""

_ROW, _BAR, _TOP, _BOTTOM = 32, 11, 44, 26

_TICKS = [step * 10.0**power for power in range(-3, 6) for step in (1, 2, 5)]

_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #333 }
.small { font-size: 11px; fill: #666 }
.title { font-size: 14px; font-weight: 600 }
.ours { fill: #2a78c8 }
.peer { fill: #b0b5bb }
.grid { stroke: #ddd }
.one { stroke: #777 }
@media (prefers-color-scheme: dark) {
  text { fill: #ddd }
  .small { fill: #aaa }
  .ours { fill: #5aa2ea }
  .peer { fill: #767c84 }
  .grid { stroke: #3a3f45 }
  .one { stroke: #aaa }
}
"""


@dataclass(frozen=True, slots=True)
class _Row:
    """A case: times as multiples of the reference's."""

    title: str
    reference: str
    ours: float
    peer: tuple[str, float] | None

    @property
    def values(self) -> list[float]:
        return [self.ours, *([self.peer[1]] if self.peer else [])]


@dataclass(frozen=True, slots=True)
class _Axis:
    """A logarithmic axis."""

    low: float
    high: float

    def place(self, value: float) -> float:
        share = log10(max(value, self.low) / self.low) / log10(self.high / self.low)
        return _LABELS + _BARS * share


def chart(run: Run) -> str:
    """Times as multiples of the reference's, on a logarithmic axis.

    Parameters
    ----------
    run : Run

    Returns
    -------
    str
        An SVG document that suits light and dark pages.
    """
    rows = [row for result in run.results if (row := _row(result))]
    values = [value for row in rows for value in row.values]
    axis = _Axis(min([0.5, *values]), max([2.0, *values]))
    width, height = _LABELS + _BARS + _VALUES, _TOP + _ROW * len(rows) + _BOTTOM
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        f"<style>{_STYLE}</style>",
        _text(8, 18, "Time as a multiple of the reference's, shorter is better", "title"),
        *_grid(axis, height),
    ]
    for index, row in enumerate(rows):
        parts += _bars(row, _TOP + _ROW * index, axis)
    return "\n".join([*parts, "</svg>", ""])


def _row(result: Result) -> _Row | None:
    ours, reference, peers = result.ours, result.reference, result.peers()
    if ours is None or reference is None:
        return None
    peer = (peers[0].name, ratio(peers[0], reference)) if peers else None
    group = result.case.name.partition("/")[0]
    return _Row(f"{group}: {result.case.title}", reference.name, ratio(ours, reference), peer)


def _grid(axis: _Axis, height: int) -> Sequence[str]:
    parts = []
    for tick in _TICKS:
        if axis.low <= tick <= axis.high:
            x = axis.place(tick)
            kind = "one" if tick == 1 else "grid"
            ends = f'x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 6}" y2="{height - _BOTTOM}"'
            parts.append(f'<line class="{kind}" {ends}/>')
            parts.append(_text(x, height - 8, f"{tick:g}", "small", "middle"))
    return parts


def _bars(row: _Row, top: int, axis: _Axis) -> Sequence[str]:
    parts = [
        _text(_LABELS - 8, top + 10, row.title, "label", "end"),
        _text(_LABELS - 8, top + 22, f"reference: {row.reference}", "small", "end"),
        *_bar(top, "ours", row.ours, "concatsplit", axis),
    ]
    if row.peer:
        name, value = row.peer
        parts += _bar(top + _BAR + 1, "peer", value, name, axis)
    return parts


def _bar(top: int, kind: str, value: float, name: str, axis: _Axis) -> Sequence[str]:
    width = max(1.0, axis.place(value) - _LABELS)
    number = f"{value:.0f}" if value >= 10 else f"{value:.1f}"
    return [
        f'<rect class="{kind}" x="{_LABELS}" y="{top}" width="{width:.1f}" height="{_BAR}"/>',
        _text(_LABELS + width + 5, top + 10, f"{number} {name}", "small"),
    ]


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'

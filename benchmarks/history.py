"""The figures of every release, and their plot: ``python -m benchmarks.history``.

It takes the results of the last whole run, ``results/results.json``, into ``history.jsonl``, which
has one line a release, and draws ``results/history.svg``. Machines differ from release to release;
so what is drawn are times as multiples of the reference's, which ran in turn on the same machine.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from html import escape
from math import exp, log, log10
from pathlib import Path
from statistics import fmean, median
from typing import Any

HERE = Path(__file__).parent
_LEFT, _WIDTH, _RIGHT, _TOP, _HEIGHT, _BOTTOM = 50, 520, 150, 40, 300, 30
_TICKS = [step * 10.0**power for power in range(-2, 4) for step in (1, 2, 5)]
_COLOURS = ("#2a78c8", "#c8592a", "#3b9a55", "#8a55c0", "#b58a1a", "#2aa3a3", "#c04585")

_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #333 }
.title { font-size: 14px; font-weight: 600 }
.grid { stroke: #ddd }
@media (prefers-color-scheme: dark) { text { fill: #ddd } .grid { stroke: #3a3f45 } }
"""

type Release = Mapping[str, Any]


def release_of(results: Mapping[str, Any]) -> Release:
    """The line of a release.

    Parameters
    ----------
    results : mapping
        What ``results.json`` holds.

    Returns
    -------
    dict
        The version, the machine, and of every case our median time in seconds, and that time as a
        multiple of the reference's, if there is one.
    """
    cases = {}
    for case in results["cases"]:
        ours = next(one for one in case["contestants"] if one["role"] == "ours")
        if ours["seconds"] and not ours["note"] and ours["equal"] is not False:
            cases[case["name"]] = {
                "seconds": round(median(ours["seconds"]), 4),
                "ratio": ours["ratio"],
            }
    machine = {key: results["machine"][key] for key in ("processor", "cores", "file system")}
    version = results["versions"]["concatsplit"]
    return {"version": version, "scale": results["scale"], "machine": machine, "cases": cases}


def with_release(lines: Sequence[Release], new: Release) -> list[Release]:
    """All releases, with a new one at the end, or in the place of the one of its version."""
    if any(line["version"] == new["version"] for line in lines):
        return [new if line["version"] == new["version"] else line for line in lines]
    return [*lines, new]


def groups_of(release: Release) -> dict[str, float]:
    """Of every group of cases, such as npy, the geometric mean of the multiples."""
    ratios: dict[str, list[float]] = {}
    for name, case in release["cases"].items():
        if case["ratio"]:
            ratios.setdefault(name.partition("/")[0], []).append(case["ratio"])
    return {group: exp(fmean(map(log, found))) for group, found in ratios.items()}


def plot(lines: Sequence[Release]) -> str:
    """The multiples of all releases as an SVG document, one line a group of cases."""
    means = [groups_of(line) for line in lines]
    values = [value for each in means for value in each.values()]
    low, high = min([0.5, *values]), max([5.0, *values])

    def y(value: float) -> float:
        return _TOP + _HEIGHT * (1 - log10(value / low) / log10(high / low))

    def x(number: int) -> float:
        return _LEFT + (number + 0.5) * _WIDTH / len(lines)

    width, height = _LEFT + _WIDTH + _RIGHT, _TOP + _HEIGHT + _BOTTOM
    title = "Time as a multiple of the reference's, release by release; lower is better"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img"><title>{escape(title)}</title>',
        f"<style>{_STYLE}</style>",
        f'<text class="title" x="8" y="18">{escape(title)}</text>',
    ]
    for tick in (tick for tick in _TICKS if low <= tick <= high):
        ends = f'x1="{_LEFT}" x2="{_LEFT + _WIDTH}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"'
        parts.append(f'<line class="grid" {ends}/>')
        parts.append(
            f'<text x="{_LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>'
        )
    for number, line in enumerate(lines):
        name = escape(str(line["version"]))
        parts.append(
            f'<text x="{x(number):.1f}" y="{height - 8}" text-anchor="middle">{name}</text>'
        )
    labels: list[tuple[float, str, str]] = []
    for index, group in enumerate(sorted({group for each in means for group in each})):
        colour = _COLOURS[index % len(_COLOURS)]
        points = [(x(n), y(each[group])) for n, each in enumerate(means) if group in each]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in points]
        labels.append((points[-1][1], group, colour))
    parts += _labels(labels)
    return "\n".join([*parts, "</svg>", ""])


def _labels(labels: Sequence[tuple[float, str, str]]) -> list[str]:
    """Names of the groups beside their last points, none over another."""
    parts, last = [], float(_TOP)
    for at, group, colour in sorted(labels):
        last = max(at + 4, last + 15)
        parts.append(_text(_LEFT + _WIDTH + 8, last, group, f'style="fill: {colour}"'))
    return parts


def _text(x: float, y: float, text: str, how: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {how}>{escape(text)}</text>'


def main(arguments: Sequence[str] | None = None) -> None:
    """Take the last results into the history, and draw it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history", description=__doc__)
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--history", type=Path, default=HERE / "history.jsonl")
    options = parser.parse_args(arguments)
    path: Path = options.history
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    results = json.loads((options.results / "results.json").read_text())
    lines = with_release(lines, release_of(results))
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    (options.results / "history.svg").write_text(plot(lines))


if __name__ == "__main__":
    main()

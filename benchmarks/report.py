"""A run as Markdown and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.measures import Measured, Result, Run, Verdict, ratio
from benchmarks.model import Role

_MIB = 1 << 20
_ARGV_SHOWN = 12


def markdown(run: Run) -> str:
    """A summary, the bounds, and all that was measured, as Markdown tables."""
    lines = [
        "# Results",
        "",
        "Made by `make bench`; [../README.md](../README.md) says how to read it.",
        "",
        f"Scale {run.scale:g}, {run.rounds} rounds. "
        + ". ".join(f"{key.capitalize()}: {value}" for key, value in run.machine.items())
        + ".",
        "",
        ", ".join(f"{name} {number}" for name, number in run.versions.items()) + ".",
        "",
        "![Time as a multiple of the reference](chart.svg)",
        "",
        "## Summary",
        "",
        *_summary(run),
        "",
        "## Bounds",
        "",
        *_bounds(run.verdicts),
        "",
        "## All contestants",
        "",
    ]
    for result in run.results:
        lines += [*_details(result, run), ""]
    return "\n".join(lines)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], right: int) -> list[str]:
    """A table, whose columns from ``right`` on are numbers."""
    rule = ["---" if index < right else "---:" for index in range(len(head))]
    return [f"| {' | '.join(row)} |" for row in (head, rule, *rows)]


def _summary(run: Run) -> list[str]:
    head = ("case", "what", "fastest peer", "time", "x reference", "x faster than peer", "MiB")
    rows = []
    for result in run.results:
        ours, reference, peers = result.ours, result.reference, result.peers()
        rows.append(
            (
                f"`{result.case.name}`",
                result.case.title,
                peers[0].name if peers else "",
                _seconds(ours.seconds) if ours else "failed",
                f"{ratio(ours, reference):.2f}" if ours and reference else "",
                f"{ratio(peers[0], ours):.2f}" if ours and peers else "",
                _mebibytes(ours, run) if ours else "",
            )
        )
    return _table(head, rows, 3)


def _bounds(verdicts: Sequence[Verdict]) -> list[str]:
    words = {True: "yes", False: "**no**", None: "not judged"}
    rows = [(f"`{one.case}`", one.bound, one.measured, words[one.met]) for one in verdicts]
    return _table(("case", "bound", "measured", "met"), rows, 4)


def _seconds(value: float) -> str:
    return f"{value:.3f} s" if value < 10 else f"{value:.1f} s"


def _details(result: Result, run: Run) -> list[str]:
    lines = [f"### `{result.case.name}`", "", f"{result.case.title}.", ""]
    head = ("contestant", "remarks", "time", "x reference", "GB/s", "MiB", "rounds")
    rows = [_row(result, one, run) for one in result.measured]
    lines += _table(head, rows, 2)
    if result.skipped:
        lines += ["", f"Not installed: {', '.join(result.skipped)}."]
    return lines


def _mebibytes(one: Measured, run: Run) -> str:
    """Resident memory; what is below that of the run's own process cannot be told."""
    if one.rss_bytes > run.own_peak_bytes:
        return f"{one.rss_bytes / _MIB:.0f}"
    return f"< {run.own_peak_bytes / _MIB:.0f}"


def _row(result: Result, one: Measured, run: Run) -> Sequence[str]:
    rounds = run.rounds * result.case.round_factor
    role, reference = one.contestant.role, result.reference
    if not one.samples:
        return (one.name, one.note, "", "", "", "", "0")
    compared = reference is not None and role is not Role.PROBE
    speed = result.case.array_bytes / one.seconds / 1e9
    return (
        f"**{one.name}**" if role is Role.OURS else one.name,
        "; ".join(_remarks(result, one)),
        _seconds(one.seconds),
        f"{ratio(one, reference):.2f}" if compared and reference else "",
        f"{speed:.2f}" if result.case.array_bytes and role is not Role.PROBE else "",
        _mebibytes(one, run),
        f"{len(one.samples)} of {rounds}" if len(one.samples) < rounds else str(rounds),
    )


def _remarks(result: Result, one: Measured) -> list[str]:
    remarks = [one.note] if one.note else []
    total = sum(one.routes.values())
    remarks += [
        f"{name} {count / total:.0%}" for name, count in one.routes.items() if total and count
    ]
    ours = result.ours
    other = ours is not None and one.storage and one.storage != ours.storage
    if one.contestant.role is Role.PEER and other:
        remarks.append(f"stored otherwise, not compared: {one.storage}")
    return remarks


def as_json(run: Run) -> dict[str, Any]:
    """A run as plain values, with every single time."""
    return {
        "scale": run.scale,
        "rounds": run.rounds,
        "machine": dict(run.machine),
        "versions": dict(run.versions),
        "own_peak_bytes": run.own_peak_bytes,
        "cases": [_case(result) for result in run.results],
        "bounds": [
            {"case": one.case, "bound": one.bound, "measured": one.measured, "met": one.met}
            for one in run.verdicts
        ],
    }


def _case(result: Result) -> dict[str, Any]:
    return {
        "name": result.case.name,
        "title": result.case.title,
        "array_bytes": result.case.array_bytes,
        "not_installed": list(result.skipped),
        "contestants": [_contestant(result, one) for one in result.measured],
    }


def _contestant(result: Result, one: Measured) -> dict[str, Any]:
    argv = list(one.contestant.argv)
    if len(argv) > _ARGV_SHOWN:
        argv = [*argv[:_ARGV_SHOWN], "..."]
    reference = result.reference
    return {
        "name": one.name,
        "role": one.contestant.role.value,
        "argv": argv,
        "seconds": [round(sample.seconds, 6) for sample in one.samples],
        "rss_bytes": [sample.rss_bytes for sample in one.samples],
        "ratio": round(ratio(one, reference), 4) if one.samples and reference else None,
        "equal": one.equal,
        "storage": one.storage,
        "routes": dict(one.routes),
        "note": one.note,
    }

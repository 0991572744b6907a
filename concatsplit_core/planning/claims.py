"""Arrays that claim far more than is stored of them: pure.

A few hundred bytes of metadata can claim any number of chunks. To look for each of them would
take hours, and find nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from concatsplit_core.array.geometry import Interval, drop
from concatsplit_core.array.inference import name_of
from concatsplit_core.array.sizes import format_size
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.errors import OverBudget
from concatsplit_core.planning.problem import Problem

ABSENT_CHUNKS, CHUNKS_A_STORED = 1 << 18, 64
"""Chunks that may be looked for in vain, and how many more for each that is stored."""

ABSENT_BYTES, BYTES_A_STORED = 16 << 30, 1024
"""Bytes of fill values that may be encoded, and how many more for each byte of stored chunks."""


def refuse_empty_claims(problem: Problem, names: Sequence[str] | None) -> None:
    """Refuse to read chunks of which next to none are stored.

    Raises
    ------
    OverBudget
        The chunks that the outputs need are far more than there are.
    """
    for index in range(len(problem.sources.segments)):
        view = problem.sources.view(index)
        if view.chunks is None or view.stored_chunks is None:
            continue
        chunks, filled = _needed(problem, index)
        stored = view.stored_chunks * prod(view.chunks) * view.memory_itemsize
        few = chunks <= ABSENT_CHUNKS + CHUNKS_A_STORED * view.stored_chunks
        small = filled <= ABSENT_BYTES + BYTES_A_STORED * stored
        if not (few and small):
            size = f" of {format_size(filled)}" if filled else ""
            raise OverBudget(
                f"{name_of(index, names)} claims {_said(chunks)} chunks{size} to go through, "
                f"and stores {view.stored_chunks} at most; split off the part that is stored, or "
                "write to .npy",
                found=view.stored_chunks,
                expected=chunks,
            )


def _said(count: int) -> str:
    return str(count) if count < 1 << 64 else f"2^{count.bit_length() - 1}"


def _needed(problem: Problem, source: int) -> tuple[int, int]:
    """Chunks of a source that are walked, and bytes of it that go into chunks as elements.

    Where chunks are decoded, those that are absent cost nothing, but for the chunks that they are
    encoded to; in shards they are walked all the same.
    """
    view, start = problem.sources.view(source), problem.sources.segments[source].interval.start
    across = prod(problem.shape) // problem.shape[problem.axis] * view.memory_itemsize
    found = filled = 0
    for target, segment in enumerate(problem.targets.segments):
        goes = problem.targets.view(target)
        for part in problem.parts(target, "encoded", "decoded"):
            if part.source != source:
                continue
            interval = part.interval
            if part.route == "encoded" or view.shards is not None:
                found += _count(view, problem.axis, interval, start)
            elif goes.write_unit is not None:
                found += _count(goes, problem.axis, interval, segment.interval.start)
            if part.route == "decoded" and goes.write_unit is not None:
                filled += interval.length * across
    return found, filled


def _count(view: ArraySpec, axis: int, interval: Interval, start: int) -> int:
    """Chunks of an array in an interval of the axis, at which the array starts."""
    chunks = view.chunks or view.write_unit or ()
    first, last = interval.start - start, interval.stop - start
    along = -(-last // chunks[axis]) - first // chunks[axis]
    section = (-(-n // c) for n, c in zip(drop(view.shape, axis), drop(chunks, axis), strict=True))
    return along * prod(section)

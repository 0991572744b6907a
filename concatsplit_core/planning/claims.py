"""Arrays that claim far more than is stored of them: pure.

A few hundred bytes of metadata can claim any number of chunks. To look for each of them would
take hours, and find nothing. Arrays whose stored chunks have not been counted are refused before
planning (`endpoints.hollow`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import prod

from concatsplit_core.array.geometry import Interval, drop
from concatsplit_core.array.inference import name_of
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.foundation.errors import OverBudget
from concatsplit_core.foundation.sizes import format_size
from concatsplit_core.planning.problem import Problem

ABSENT_CHUNKS, CHUNKS_A_STORED = 1 << 18, 64
"""Chunks that may be looked for in vain, and how many more for each that is stored."""

ABSENT_BYTES, BYTES_A_STORED = 16 << 30, 1024
"""Bytes of fill values that may be encoded, and how many more for each byte of stored chunks."""


def refuse_empty_claims(problem: Problem) -> None:
    """Refuse arrays that store next to none of the chunks that would be read.

    Raises
    ------
    OverBudget
        The chunks that the outputs need are far more than there are.
    """
    views = problem.move.sources.views()
    claiming = {i for i, view in enumerate(views) if view.stored_chunks is not None}
    for source, (chunks, filled) in _needed(problem, views, claiming).items():
        view = views[source]
        most = view.stored_chunks or 0
        stored = most * prod(view.chunks or ()) * view.memory_itemsize
        few = chunks <= ABSENT_CHUNKS + CHUNKS_A_STORED * most
        small = filled <= ABSENT_BYTES + BYTES_A_STORED * stored
        if not (few and small):
            size = f" of {format_size(filled)}" if filled else ""
            raise OverBudget(
                f"{name_of(source, problem.move.names)} claims {_rounded(chunks)} chunks{size}, "
                f"and stores {most} at most; split off the part that is stored, or write to .npy",
                found=most,
                expected=chunks,
            )


def _rounded(count: int) -> str:
    return str(count) if count < 1 << 64 else f"2^{count.bit_length() - 1}"


def _needed(
    problem: Problem, views: Sequence[ArraySpec], claiming: Collection[int]
) -> dict[int, tuple[int, int]]:
    """Chunks of sources that are walked, and bytes of them that go into chunks as elements.

    Where chunks are decoded, those that are absent cost nothing, but for the chunks that they are
    encoded to; in shards they are walked all the same.
    """
    axis, sources = problem.axis, problem.move.sources.segments
    section = prod(problem.shape) // problem.shape[axis]
    needed = dict.fromkeys(sorted(claiming), (0, 0))
    for target, goes in enumerate(problem.views) if claiming else ():
        start = problem.targets.segments[target].interval.start
        for source, interval, route, _ in problem.routing.of(target, "encoded", "decoded"):
            if source not in claiming:
                continue
            view, (found, filled) = views[source], needed[source]
            if route == "encoded" or view.shards is not None:
                found += _count(view, axis, interval, sources[source].interval.start)
            elif goes.write_unit is not None:
                found += _count(goes, axis, interval, start)
            if route == "decoded" and goes.write_unit is not None:
                filled += interval.length * section * view.memory_itemsize
            needed[source] = found, filled
    return needed


def _count(view: ArraySpec, axis: int, interval: Interval, start: int) -> int:
    """How many chunks of an array, which starts at `start`, lie in an interval of the axis."""
    chunks = view.chunks or view.write_unit or ()
    first, last = interval.start - start, interval.stop - start
    along = -(-last // chunks[axis]) - first // chunks[axis]
    section = (-(-n // c) for n, c in zip(drop(view.shape, axis), drop(chunks, axis), strict=True))
    return along * prod(section)

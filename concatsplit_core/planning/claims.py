"""Arrays that claim far more than is stored of them: pure.

A few hundred bytes of metadata can claim any number of chunks. To look for each of them would
take hours, and find nothing.
"""

from __future__ import annotations

from math import prod

from concatsplit_core.errors import OverBudget
from concatsplit_core.planning.problem import Problem
from concatsplit_core.sizes import format_size

ABSENT_CHUNKS, CHUNKS_A_STORED = 1 << 19, 64
"""Chunks that may be looked for in vain, and how many more for each that is stored."""

ABSENT_BYTES, BYTES_A_STORED = 16 << 30, 1024
"""Bytes of fill values that may be encoded, and how many more for each byte of stored chunks."""


def refuse_empty_claims(problem: Problem) -> None:
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
            raise OverBudget(
                f"input {index} claims {chunks} chunks, {format_size(filled)} of which have to be "
                f"encoded anew, but holds {view.stored_chunks} at most: next to nothing is "
                "stored of it; cut out the part that is, or write the array anew with larger "
                "chunks",
                found=view.stored_chunks,
                expected=chunks,
            )


def _needed(problem: Problem, source: int) -> tuple[int, int]:
    """Chunks of a source that are looked for, and bytes of it that go into chunks as elements."""
    view, start = problem.sources.view(source), problem.sources.segments[source].interval.start
    axis, chunks = problem.axis, view.chunks or ()
    section = prod(
        -(-n // c)
        for d, (n, c) in enumerate(zip(view.shape, chunks, strict=True))
        if d != axis
    )  # fmt: skip
    across = prod(problem.shape) // problem.shape[axis] * view.memory_itemsize
    found = filled = 0
    for target, segment in enumerate(problem.targets.segments):
        for part in problem.parts(target, "encoded", "decoded"):
            if part.source != source:
                continue
            a, b = part.interval.start - start, part.interval.stop - start
            found += (-(-b // chunks[axis]) - a // chunks[axis]) * section
            if part.route == "decoded" and segment.spec.chunks is not None:
                filled += part.interval.length * across
    return found, filled

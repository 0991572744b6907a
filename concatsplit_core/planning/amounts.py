"""How many bytes the tasks of a sweep read: whole chunks, where those have to be decoded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from math import gcd, prod

from concatsplit_core.array.edges import Edges
from concatsplit_core.array.geometry import Interval, Shape, ceil_to
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.planning.move import MoveSpec
from concatsplit_core.planning.sweep import Band, Strip, Sweep


def bytes_read(sweep: Sweep, move: MoveSpec, edges: Edges, views: list[ArraySpec]) -> int:
    """Array bytes that the tasks of a sweep read, or copy as they are stored.

    Parameters
    ----------
    sweep : Sweep
    move : MoveSpec
    edges : Edges
        Of the sources.
    views : list of ArraySpec
        Of the sources, with the axes of the logical array.
    """
    axis, segments = move.axis, move.sources.segments
    ones: Shape = (1,) * len(move.shape)
    sections: dict[Shape, int] = {}
    lengths: defaultdict[tuple[Shape, int], int] = defaultdict(int)
    copied: defaultdict[int, int] = defaultdict(int)
    for entry in sweep.bands.entries:
        for source, (at, stop) in _copies(entry):
            copied[views[source].dtype.itemsize] += stop - at
        for along, step in _reads(entry):
            for source, part in edges.overlapping(along):
                view, chunks = views[source], views[source].chunks
                if chunks is None:
                    lengths[ones, view.dtype.itemsize] += part.stop - part.start
                    continue
                start = segments[source].interval.start
                first = part.start + step - (part.start - along.start) % step
                lengths[chunks, view.dtype.itemsize] += _decoded(
                    Interval(part.start - start, part.stop - start),
                    first - start,
                    step,
                    chunks[axis],
                    view.shape[axis],
                )
    for chunks, _ in lengths:
        sections[chunks] = prod(
            _decoded(Interval(0, n), step, step, chunk, n)
            for d, (n, step, chunk) in enumerate(zip(move.shape, sweep.block, chunks, strict=True))
            if d != axis
        )
    section = prod(move.shape) // move.shape[axis]
    read = sum(length * sections[chunks] * item for (chunks, item), length in lengths.items())
    return read + sum(length * section * item for item, length in copied.items())


def _copies(entry: Band | Strip) -> tuple[tuple[int, Interval], ...]:
    if isinstance(entry, Band):
        return entry.copies
    return () if entry.source is None else ((entry.source, entry.interval),)


def _reads(entry: Band | Strip) -> Iterator[tuple[Interval, int]]:
    """The intervals that are read along the axis, and the steps in which they are read."""
    if isinstance(entry, Strip):
        if entry.source is None:
            yield entry.interval, entry.step
        return
    for along in entry.reads:
        yield along, along.length


def _decoded(part: Interval, first: int, step: int, chunk: int, size: int) -> int:
    """Length of the chunks that are decoded for a part of an array that is read in steps.

    A chunk with a cut inside is decoded once more::

        chunks    |       |       |       |    |         size
        part          [------------------------]
        cuts               ^       ^       ^             first, first + step, ...

    Parameters
    ----------
    part : Interval
    first, step : int
        The first cut behind the start of the part, and how far it is to the next one.
    chunk, size : int
        Length of a chunk, and of the array.
    """
    whole = min(ceil_to(part.stop, chunk), size) - part.start // chunk * chunk
    cuts = max(0, -(-(part.stop - first) // step))
    if chunk == 1 or not cuts:
        return whole
    rest = size // chunk * chunk
    in_rest = cuts - min(cuts, max(0, (rest - first) // step + 1))
    at_edges = _multiples(first, step, cuts, chunk)
    return whole + (cuts - at_edges - in_rest) * chunk + in_rest * (size - rest)


def _multiples(first: int, step: int, number: int, of: int) -> int:
    """How many of ``first, first + step, ...`` are multiples of a number."""
    common = gcd(step, of)
    if first % common:
        return 0
    period = of // common
    at = -(first // common) * pow(step // common, -1, period) % period
    return 0 if at >= number else (number - 1 - at) // period + 1

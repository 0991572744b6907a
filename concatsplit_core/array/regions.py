"""Rectilinear chunk grids, seen as neighbouring regions whose grids are regular: pure."""

from __future__ import annotations

from collections.abc import Iterator

from concatsplit_core.array.edges import Edges
from concatsplit_core.array.geometry import Interval, ceil_to
from concatsplit_core.array.tiling import Tiling
from concatsplit_core.foundation.records import NamedTuple


class Region(NamedTuple):
    """An interval of the axis that whole chunks of one length fill.

    Parameters
    ----------
    interval : Interval
    chunk : int
        Divides the length of the interval.
    """

    interval: Interval
    chunk: int


def regions_of(interval: Interval, usual: int, sources: Tiling) -> list[Region]:
    """The chunks of the sources below an interval, as they lie.

    ::

        source     |  4  |  4  | 2|  4  |  4  |       two inputs of 10 and 8
        interval      [---------------------]         cut out of their join
        regions       | 2|  4  | 2|  4  | 3 |

    Parameters
    ----------
    interval : Interval
        Of an output, on the logical axis.
    usual : int
        Chunk length where a source has no chunks.
    sources : Tiling
    """
    regions: list[Region] = []
    for index, part in Edges.of(sources).overlapping(interval):
        chunks = sources.view(index).chunks
        chunk = usual if chunks is None else chunks[sources.axis]
        start = sources.segments[index].interval.start
        for region in _of_one(part, chunk, start):
            last = regions[-1] if regions else None
            if last is not None and last.chunk == region.chunk:
                joined = Interval(last.interval.start, region.interval.stop)
                regions[-1] = Region(joined, region.chunk)
            else:
                regions.append(region)
    return regions


def _of_one(part: Interval, chunk: int, origin: int) -> Iterator[Region]:
    """The piece before the first whole chunk, the whole chunks, and the piece after the last."""
    first = min(part.stop, origin + ceil_to(part.start - origin, chunk))
    last = max(first, origin + (part.stop - origin) // chunk * chunk)
    for a, b, length in (
        (part.start, first, first - part.start),
        (first, last, chunk),
        (last, part.stop, part.stop - last),
    ):
        if a < b:
            yield Region(Interval(a, b), length)


def is_regular(regions: list[Region]) -> bool:
    """Whether the regions make a regular grid, whose last chunk may be shorter."""
    if len(regions) == 2:
        return (
            regions[1].chunk < regions[0].chunk and regions[1].interval.length == regions[1].chunk
        )
    return len(regions) < 2

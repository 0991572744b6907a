"""Lists the chunk files of an array with a large grid once, instead of looking each one up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import prod

from concatsplit_core.array.geometry import Box, Shape
from concatsplit_core.array.spec import FEW_BYTES, FEW_CHUNKS
from concatsplit_core.formats.grid import chunks_of
from concatsplit_core.formats.zarr.facts import Facts
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.stores.base import Location

_SPARSE = 4
"""A grid with this many times more chunks than there are files is sparse."""


class Listing(NamedTuple):
    """The chunk files of an array.

    Parameters
    ----------
    most : int
        How many chunks are stored at most.
    places : frozenset of tuple of int, optional
        The indices of those, or of the shards, that have a file; None if most of them do.
    """

    most: int
    places: frozenset[Shape] | None


def list_chunks(facts: Facts, folder: Location) -> Listing | None:
    """The chunk files of an array; None if its grid is so small that no list is needed."""
    chunks, shards = facts.chunks, facts.shards
    if chunks is None:
        return None
    grid = prod(-(-n // c) for n, c in zip(facts.shape, chunks, strict=True))
    if grid <= FEW_CHUNKS and prod(facts.shape) * facts.dtype.itemsize <= FEW_BYTES:
        return None
    files = list(folder.walk())
    count, unit = len(files), shards or chunks
    if shards is not None:
        from concatsplit_core.formats.zarr.shards import INDEX_ENTRY

        indexed = sum(map(folder.store.size, files)) // INDEX_ENTRY
        count = min(count * prod(s // c for s, c in zip(shards, chunks, strict=True)), indexed)
    if prod(-(-n // u) for n, u in zip(facts.shape, unit, strict=True)) < _SPARSE * len(files):
        return Listing(count, None)
    names = [name.removeprefix(folder.key).lstrip("/") for name in files]
    numbers = re.compile(r"\d+").findall
    places = {name: tuple(map(int, numbers(name.removeprefix("c")))) for name in names}
    rank = len(facts.shape)
    there = (at for name, at in places.items() if len(at) == rank and facts.key(at) == name)
    return Listing(count, frozenset(there))


def stored_chunks(
    listing: Listing, box: Box, chunks: Shape, shards: Shape | None, shape: Shape
) -> Iterator[tuple[Shape, Box]]:
    """As `chunks_of`, without chunks that have no file."""
    places = listing.places
    if places is None:
        yield from chunks_of(box, chunks, shape)
        return
    unit = shards or chunks
    if len(places) < _count(box, unit):
        for index in places:
            start = tuple(i * u for i, u in zip(index, unit, strict=True))
            stop = tuple(min(a + u, n) for a, u, n in zip(start, unit, shape, strict=True))
            common = Box(start, stop).intersect(box)
            if common is not None:
                yield from chunks_of(common, chunks, shape)
        return
    inner = tuple(u // c for u, c in zip(unit, chunks, strict=True))
    for index, chunk in chunks_of(box, chunks, shape):
        if tuple(i // n for i, n in zip(index, inner, strict=True)) in places:
            yield index, chunk


def _count(box: Box, chunks: Shape) -> int:
    return prod(
        -(-b // c) - a // c for a, b, c in zip(box.start, box.stop, chunks, strict=True)
    )  # fmt: skip

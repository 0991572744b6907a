"""Leaves: the pieces of an array that are hashed one by one, and the hash made of their digests.

Threads hash leaves in any order. The hash of a blob is the hash of its leaves' digests in order::

    elements   | leaf 0 | leaf 1 | leaf 2 | ... |
                   |        |        |
    digests        d0       d1       d2     ...   -> hash of the blob: digest(d0 d1 d2 ...)

`docs/manifest.md` defines it for readers of manifests.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from math import prod

import numpy as np

from concatsplit_core.array.fields import packed
from concatsplit_core.array.geometry import Box, Shape
from concatsplit_core.array.spec import STRING_BYTES
from concatsplit_core.foundation.errors import OverBudget
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.foundation.sizes import format_size

LEAF_BYTES = 1 << 20
"""The most bytes of a leaf, unless one element is larger."""

ROW_BYTES = 64 << 10
"""Rows of at most so many bytes are never cut.

A new leaf starts after every longer row. So the rows of a band of chunks, which arrive in parts,
need not be put together in memory.
"""

MOST_SECTIONS = 1024
"""The most digests of sections in a manifest, per blob; they say where a blob differs."""

DIGEST_BYTES = 16
ABSENT = (1 << 64) - 1
"""Seed of the digest of a chunk that is not stored. The seed of a stored chunk is its mask of
filters that HDF5 skipped."""


def digest(data: object, seed: int = 0) -> bytes:
    """XXH3-128 of bytes, in its canonical (big-endian) form."""
    import xxhash

    value: bytes = xxhash.xxh3_128_digest(data, seed)  # type: ignore[arg-type]
    return value


class Part(NamedTuple):
    """Consecutive units of one leaf.

    Parameters
    ----------
    leaf : int
        The number of the leaf.
    start, length : int
        Where the part starts in the leaf, and how many units it has.
    whole : int
        How many units the leaf has.
    """

    leaf: int
    start: int
    length: int
    whole: int


class LeafCut(NamedTuple):
    """How a sequence of units is cut into leaves.

    A unit is a byte. Of texts, whose bytes are not known before they are read, it is an element.

        | leaf | leaf | lea | leaf | leaf | lea | ...
        |<----- span ------>|<----- span ------>|

    Parameters
    ----------
    total : int
        The number of all units.
    span : int
        A new leaf starts after every `span` units.
    leaf : int
        Units of a leaf; the last one of a span may have fewer.
    fixed : int
        The number of axes, at the end of the shape, that no leaf cuts.
    """

    total: int
    span: int
    leaf: int
    fixed: int = 0

    @property
    def leaves(self) -> int:
        """Number of leaves."""
        return self.total // self.span * -(-self.span // self.leaf) if self.total else 0

    def part(self, start: int, length: int) -> Part:
        """The part of a run of units that lies in the leaf of its first unit."""
        turn, at = divmod(start, self.span)
        inner, within = divmod(at, self.leaf)
        whole = min(self.leaf, self.span - inner * self.leaf)
        number = turn * -(-self.span // self.leaf) + inner
        return Part(number, within, min(whole - within, length), whole)

    def parts(self, start: int, length: int) -> Iterator[Part]:
        """Cut a run of units at the ends of leaves."""
        stop = start + length
        while start < stop:
            part = self.part(start, stop - start)
            yield part
            start += part.length

    def place(self, leaf: int) -> int:
        """The first unit of a leaf."""
        each = -(-self.span // self.leaf) if self.total else 1
        return leaf // each * self.span + leaf % each * self.leaf


def unit_bytes(dtype: np.dtype) -> int:
    """The units of one element: its bytes without padding; 1 for a text."""
    return 1 if dtype.kind == "T" else packed(dtype).itemsize


def cut_elements(shape: Shape, dtype: np.dtype) -> LeafCut:
    """The leaves of an array's elements in C order."""
    scale = STRING_BYTES if dtype.kind == "T" else 1
    unit = unit_bytes(dtype) * scale
    total = prod(shape) * unit
    if not total:
        return LeafCut(0, 1, 1)
    axis = len(shape) - 1
    while axis >= 0 and unit * shape[axis] <= ROW_BYTES:
        unit *= shape[axis]
        axis -= 1
    fixed = len(shape) - 1 - axis
    if axis < 0:
        return LeafCut(total // scale, total // scale, total // scale, len(shape))
    leaf = unit * min(shape[axis], max(1, LEAF_BYTES // unit))
    return LeafCut(total // scale, unit * shape[axis] // scale, leaf // scale, fixed)


def cut_bytes(nbytes: int) -> LeafCut:
    """The leaves of bytes as they are stored."""
    return LeafCut(nbytes, max(1, nbytes), LEAF_BYTES)


def whole_rows(shape: Shape, cut: LeafCut, box: Box) -> bool:
    """Whether a box consists of whole rows, on the axes that no leaf cuts."""
    first = len(shape) - cut.fixed
    return box.start[first:] == (0,) * cut.fixed and box.stop[first:] == shape[first:]


def leaves_bytes(shape: Shape, dtype: np.dtype, chunks: Shape | None = None) -> int:
    """Bytes of memory for the digests of an array's elements, or of its chunks."""
    if chunks is None:
        return (DIGEST_BYTES + 1) * cut_elements(shape, dtype).leaves
    return (DIGEST_BYTES + 1) * prod(-(-n // max(1, c)) for n, c in zip(shape, chunks, strict=True))


def refuse_many_leaves(nbytes: int, memory: int, what: str) -> None:
    """Refuse to hash blobs whose digests need more than a quarter of the budget.

    Raises
    ------
    OverBudget
    """
    if nbytes > memory // 4:
        raise OverBudget(
            f"{what}: the hashes of all pieces need {format_size(nbytes)} of memory, more than a "
            f"quarter of --memory {format_size(memory)}; give --memory "
            f"{format_size(4 * nbytes, up=True)}",
            found=nbytes,
            expected=memory,
        )


class Leaves:
    """The digests of a blob's leaves, and which of them are known."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._digests = bytearray(DIGEST_BYTES * count)
        self._known = bytearray(count)

    def __contains__(self, leaf: int) -> bool:
        return bool(self._known[leaf])

    def put(self, leaf: int, value: bytes) -> None:
        """Set the digest of a leaf."""
        self._digests[DIGEST_BYTES * leaf : DIGEST_BYTES * (leaf + 1)] = value
        self._known[leaf] = 1

    @property
    def is_complete(self) -> bool:
        """Whether all digests are known."""
        return self._known.find(0) < 0

    def missing(self) -> list[range]:
        """Runs of leaves whose digests are not known."""
        if self.is_complete:
            return []
        numbers = np.flatnonzero(np.frombuffer(self._known, np.uint8) == 0)
        runs = groupby(enumerate(numbers.tolist()), lambda pair: pair[1] - pair[0])
        missing = ([number for _, number in run] for _, run in runs)
        return [range(run[0], run[-1] + 1) for run in missing]

    def digests(self) -> bytes:
        """All digests, one after the other."""
        return bytes(self._digests)


class Sections(NamedTuple):
    """Digests of groups of leaves, to say where a blob differs.

    Parameters
    ----------
    leaves : int
        The number of leaves in a section; the last one may have fewer.
    digests : bytes
        One per section: the digest of its leaves' digests.
    """

    leaves: int
    digests: bytes


def root(digests: bytes) -> bytes:
    """The hash of a blob, from the digests of its leaves."""
    return digest(digests)


def sections(digests: bytes) -> Sections | None:
    """The sections of a blob; None if it has fewer than two leaves."""
    count = len(digests) // DIGEST_BYTES
    if count < 2:
        return None
    leaves = 1
    while -(-count // leaves) > MOST_SECTIONS:
        leaves *= 2
    return Sections(leaves, section_digests(digests, leaves))


def section_digests(digests: bytes, leaves: int) -> bytes:
    """The digests of all sections, for a number of leaves per section."""
    step = leaves * DIGEST_BYTES
    return b"".join(digest(digests[at : at + step]) for at in range(0, len(digests), step))

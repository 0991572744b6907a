"""Leaves: the pieces of an array that are hashed one by one, and what their digests make together.

Many threads hash leaves in any order. The hash of a blob is that of its leaves' digests in order;
`docs/manifest.md` is the definition that a reader of manifests can rely on.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from math import prod
from typing import NamedTuple

import numpy as np

from concatsplit_core.array.fields import packed
from concatsplit_core.array.geometry import Box, Shape
from concatsplit_core.array.sizes import format_size
from concatsplit_core.array.spec import STRING_BYTES
from concatsplit_core.errors import OverBudget

LEAF_BYTES = 1 << 20
"""Bytes of elements that a leaf holds at most, unless one element is larger."""

ROW_BYTES = 64 << 10
"""Bytes of the longest rows that are never cut.

Leaves begin anew behind every longer row: then the rows of a band of chunks, which come in parts,
need not be put together in memory.
"""

MOST_SECTIONS = 1024
"""Digests beside its hash that a manifest holds of one blob, to say where it differs."""

DIGEST_BYTES = 16
ABSENT = (1 << 64) - 1
"""Seed of the digest of a chunk that is not stored; that of others is what HDF5 left out of it."""


def digest(data: object, seed: int = 0) -> bytes:
    """XXH3-128 of some bytes, in its canonical (big-endian) form."""
    import xxhash

    found: bytes = xxhash.xxh3_128_digest(data, seed)  # type: ignore[arg-type]
    return found


class Part(NamedTuple):
    """A run of units that lies in one leaf: the leaf, where in it, how many, and of how many."""

    leaf: int
    start: int
    length: int
    whole: int


class Cut(NamedTuple):
    """How a sequence of units is cut into leaves.

    Units are bytes; of texts, whose bytes nobody knows beforehand, they are elements.

    Parameters
    ----------
    total : int
        Units in all.
    span : int
        Units after which leaves begin anew.
    leaf : int
        Units of a leaf; the last one of a span may be shorter.
    fixed : int
        Axes at the end of the shape that every leaf holds as a whole.
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
        """The first part of a run of units that lies in one leaf."""
        turn, at = divmod(start, self.span)
        inner, within = divmod(at, self.leaf)
        whole = min(self.leaf, self.span - inner * self.leaf)
        number = turn * -(-self.span // self.leaf) + inner
        return Part(number, within, min(whole - within, length), whole)

    def parts(self, start: int, length: int) -> Iterator[Part]:
        """A run of units by the leaves that it lies in."""
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
    """Units of one element: its bytes without padding; a text is one unit."""
    return 1 if dtype.kind == "T" else packed(dtype).itemsize


def cut_elements(shape: Shape, dtype: np.dtype) -> Cut:
    """The leaves of an array's elements in C order."""
    scale = STRING_BYTES if dtype.kind == "T" else 1
    unit = unit_bytes(dtype) * scale
    total = prod(shape) * unit
    if not total:
        return Cut(0, 1, 1)
    axis = len(shape) - 1
    while axis >= 0 and unit * shape[axis] <= ROW_BYTES:
        unit *= shape[axis]
        axis -= 1
    fixed = len(shape) - 1 - axis
    if axis < 0:
        return Cut(total // scale, total // scale, total // scale, len(shape))
    leaf = unit * min(shape[axis], max(1, LEAF_BYTES // unit))
    return Cut(total // scale, unit * shape[axis] // scale, leaf // scale, fixed)


def cut_bytes(nbytes: int) -> Cut:
    """The leaves of bytes as they are stored."""
    return Cut(nbytes, max(1, nbytes), LEAF_BYTES)


def whole_rows(shape: Shape, cut: Cut, box: Box) -> bool:
    """Whether a box holds the rows that no leaf cuts."""
    first = len(shape) - cut.fixed
    return box.start[first:] == (0,) * cut.fixed and box.stop[first:] == shape[first:]


def leaves_bytes(shape: Shape, dtype: np.dtype, chunks: Shape | None = None) -> int:
    """Bytes that the digests of an array's elements, or of its chunks, take in memory."""
    if chunks is None:
        return (DIGEST_BYTES + 1) * cut_elements(shape, dtype).leaves
    return (DIGEST_BYTES + 1) * prod(-(-n // max(1, c)) for n, c in zip(shape, chunks, strict=True))


def refuse_many_leaves(nbytes: int, memory: int, what: str) -> None:
    """Refuse to hash what has more leaves than a fourth of the budget has room for digests.

    Raises
    ------
    OverBudget
    """
    if nbytes > memory // 4:
        raise OverBudget(
            f"{what}: the digests of its leaves take {format_size(nbytes)}, more than a fourth of "
            f"--memory {format_size(memory)}; give --memory {format_size(4 * nbytes, up=True)}",
            found=nbytes,
            expected=memory,
        )


class Leaves:
    """The digests of a blob's leaves, as far as they are known."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._digests = bytearray(DIGEST_BYTES * count)
        self._known = bytearray(count)

    def __contains__(self, leaf: int) -> bool:
        return bool(self._known[leaf])

    def put(self, leaf: int, found: bytes) -> None:
        """Note the digest of a leaf."""
        self._digests[DIGEST_BYTES * leaf : DIGEST_BYTES * (leaf + 1)] = found
        self._known[leaf] = 1

    @property
    def is_complete(self) -> bool:
        """Whether all are known."""
        return self._known.find(0) < 0

    def missing(self) -> list[range]:
        """Runs of leaves that are not known."""
        if self.is_complete:
            return []
        numbers = np.flatnonzero(np.frombuffer(self._known, np.uint8) == 0)
        runs = groupby(enumerate(numbers.tolist()), lambda pair: pair[1] - pair[0])
        found = ([number for _, number in run] for _, run in runs)
        return [range(run[0], run[-1] + 1) for run in found]

    def digests(self) -> bytes:
        """All digests, one behind the other."""
        return bytes(self._digests)


class Sections(NamedTuple):
    """Digests of neighbouring leaves, to say where blobs differ.

    Parameters
    ----------
    leaves : int
        How many leaves a section holds; the last one may hold fewer.
    digests : bytes
        Of every section, over the digests of its leaves.
    """

    leaves: int
    digests: bytes


def root(digests: bytes) -> bytes:
    """The hash of a blob, from the digests of its leaves."""
    return digest(digests)


def sections(digests: bytes) -> Sections | None:
    """The sections of a blob; None where it is a single leaf, which its hash says all of."""
    count = len(digests) // DIGEST_BYTES
    if count < 2:
        return None
    leaves = 1
    while -(-count // leaves) > MOST_SECTIONS:
        leaves *= 2
    return Sections(leaves, in_sections(digests, leaves))


def in_sections(digests: bytes, leaves: int) -> bytes:
    """The digests of sections of so many leaves."""
    step = leaves * DIGEST_BYTES
    return b"".join(digest(digests[at : at + step]) for at in range(0, len(digests), step))

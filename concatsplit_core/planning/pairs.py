"""Two arrays that share elements: which of their bytes can be copied as they are stored."""

from __future__ import annotations

from collections.abc import Hashable
from math import prod

from concatsplit_core.array.layouts import ArrayLayout, Chunked, Contiguous, Order, Sharded, Stream
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.foundation.records import NamedTuple


class Unit(NamedTuple):
    """What may be copied as it is stored where it is whole: a shard, or a chunk.

    Parameters
    ----------
    length : int
        Along the axis.
    is_shard : bool
    """

    length: int
    is_shard: bool


class Pair(NamedTuple):
    """How elements of one array can get to another one, wherever the two lie on the axis.

    Parameters
    ----------
    against_runs : tuple of str
        Why runs of bytes cannot be copied as they lie; empty where they can.
    index_bytes : int
        Bytes of a run of one index of the axis: of the axes that are faster than it.
    slower : int
        How many such runs follow each other in both arrays, where they have the axis in common.
    against_chunks : tuple of str
        Why chunks cannot be copied as they are stored; empty where they can.
    units : tuple of Unit
        What is copied then, the larger first.
    both_strided : bool
        Elements can be copied from strides to strides.
    """

    against_runs: tuple[str, ...]
    index_bytes: int
    slower: int
    against_chunks: tuple[str, ...]
    units: tuple[Unit, ...]
    both_strided: bool


def kind_of(spec: ArraySpec) -> Hashable:
    """All that `pair_of` needs to know about an array, except its lengths on other axes."""
    layout = spec.layout
    if type(layout) is Contiguous:
        return spec.dtype, layout.order, spec.converted
    return spec.dtype, layout, spec.converted


def pair_of(here: ArraySpec, there: ArraySpec, axis: int) -> Pair:
    """Compare two arrays, both seen with the axes of the logical array."""
    fast = fast_axes(there.order, there.ndim)
    behind = fast[: fast.index(axis)]
    slow = fast[fast.index(axis) + 1 :]
    against_chunks = _against_chunks(here, there)
    return Pair(
        _against_runs(here, there),
        there.dtype.itemsize * prod(there.shape[d] for d in behind),
        prod(there.shape[d] for d in slow),
        against_chunks,
        () if against_chunks else _units(here.layout, there.layout, axis),
        here.is_strided and there.is_strided,
    )


def fast_axes(order: Order, ndim: int) -> list[int]:
    """Axes from the one whose elements are adjacent to the slowest."""
    return list(range(ndim - 1, -1, -1)) if order == "C" else list(range(ndim))


def _against_runs(here: ArraySpec, there: ArraySpec) -> tuple[str, ...]:
    """Why no runs of bytes can be copied as they lie, however long they are."""
    why = _not_strided(here, there)
    if why:
        return why
    for side, spec in (("an input", here), ("the output", there)):
        if not spec.is_contiguous:
            return (f"{side} is in memory",)
    why = _other_values(here, there)
    if not why and here.order != there.order:
        return ("the element order changes",)
    return why


def _against_chunks(here: ArraySpec, there: ArraySpec) -> tuple[str, ...]:
    """Why no chunks can be copied as they are stored, wherever they lie."""
    if here.chunks is None or there.chunks is None:
        return _not_strided(here, there)
    why = _other_values(here, there)
    if why:
        return why
    if here.chunks != there.chunks:
        return (f"chunks of {here.chunks} become chunks of {there.chunks}",)
    if here.encoding is None or there.encoding is None:
        return ("chunks of an input or an output cannot be read or written as they are stored",)
    return () if here.encoding == there.encoding else ("the codecs differ",)


def _other_values(here: ArraySpec, there: ArraySpec) -> tuple[str, ...]:
    if here.converted:
        return ("the values of an input are converted",)
    return () if here.dtype == there.dtype else (f"{here.dtype} becomes {there.dtype}",)


def _not_strided(here: ArraySpec, there: ArraySpec) -> tuple[str, ...]:
    """Why one of two arrays, or both, is not one run of bytes."""
    why = []
    for side, spec in (("input", here), ("output", there)):
        if spec.is_string:
            why.append(f"an {side} holds variable-length strings")
        elif isinstance(spec.layout, Stream):
            why.append("the output is a stream")
        elif spec.chunks is not None:
            is_read = side == "input"
            why.append(
                "an input is stored in chunks" if is_read else "elements are encoded into chunks"
            )
        elif not spec.is_strided:
            why.append(f"an {side} does not lie in one run of bytes")
    return tuple(why)


def _units(here: ArrayLayout, there: ArrayLayout, axis: int) -> tuple[Unit, ...]:
    """Shards where both arrays pack them alike, and chunks."""
    found = []
    if isinstance(here, Sharded) and isinstance(there, Sharded):
        packing = here.packing
        if packing is not None and (packing, here.shards) == (there.packing, there.shards):
            found.append(Unit(there.shards[axis], True))
    if isinstance(there, Chunked | Sharded):
        found.append(Unit(there.chunks[axis], False))
    return tuple(found)

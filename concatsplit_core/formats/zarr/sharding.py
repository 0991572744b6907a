"""The chunks and shards of an output: as asked for, else as the inputs have them."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt, prod

from concatsplit_core.array.geometry import Shape
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.formats.chunking import check_lengths, choose_chunks
from concatsplit_core.formats.storage import Wish
from concatsplit_core.foundation.errors import UsageError

_COMFORTABLE = 32 << 20
"""Bytes that a shard should have, roughly: it is held in memory while it is written."""


def grid_of(
    spec: ArraySpec, wish: Wish, like: ArraySpec | None, zarr_format: int
) -> tuple[Shape, Shape | None]:
    """The shape of the chunks and that of the shards; None for no shards.

    Parameters
    ----------
    spec : ArraySpec
        The output.
    wish : Wish
    like : ArraySpec, optional
        Has the chunks and shards that the inputs agree on, where they do.
    zarr_format : int

    Raises
    ------
    UsageError
        A shape that was asked for does not fit the array, the other one, or the format.
    """
    chunks = wish.hint if wish.rectilinear and wish.hint else choose_chunks(spec, wish, like)
    if wish.shards is None:
        kept = like is not None and chunks == like.chunks and zarr_format == 3
        return chunks, (like.shards or None) if like is not None and kept else None
    if wish.shards == "none":
        return chunks, None
    if wish.rectilinear:
        raise UsageError("--grid rectilinear: its chunks lie in no shards; leave out --shards")
    if zarr_format == 2:
        raise UsageError("--shards: Zarr format 2 has none; give --zarr-format 3")
    if not spec.ndim:
        return chunks, None
    if wish.shards == "auto":
        return chunks, _suggested(spec, chunks)
    shards = check_lengths("shard", tuple(map(int, wish.shards)), spec)
    if wish.chunks is None or wish.chunks == "auto":
        chunks = tuple(map(largest_divisor, shards, chunks))
    elif any(shard % chunk for shard, chunk in zip(shards, chunks, strict=True)):
        raise UsageError(
            f"--shards {_listed(shards)}: is no multiple of the chunks, {_listed(chunks)}, along "
            "every axis",
            found=shards,
            expected=chunks,
        )
    return chunks, shards


def _suggested(spec: ArraySpec, chunks: Shape) -> Shape:
    """As many whole chunks as fit a shard that is easy to handle."""
    counts = [max(1, -(-n // c)) for n, c in zip(spec.shape, chunks, strict=True)]
    most = max(1, _COMFORTABLE // max(1, prod(chunks) * spec.memory_itemsize))
    while prod(counts) > most:
        longest = max(range(spec.ndim), key=lambda d: counts[d])
        counts[longest] = -(-counts[longest] // 2)
    return tuple(count * chunk for count, chunk in zip(counts, chunks, strict=True))


def largest_divisor(shard: int, chunk: int) -> int:
    """The largest length up to that of a chunk that divides the length of a shard.

    It takes at most as many steps as twice the square root of the shard: first it counts up the
    chunks of a shard, then it counts down the length of a chunk.
    """
    middle = isqrt(shard)
    for count in range(-(-shard // chunk), middle + 1):
        if shard % count == 0:
            return shard // count
    return next(n for n in range(min(middle, chunk), 0, -1) if shard % n == 0)


def _listed(shape: Sequence[int]) -> str:
    return ",".join(map(str, shape))

"""Chooses chunk shapes for outputs."""

from __future__ import annotations

from math import prod

from concatsplit_core.array.geometry import Shape
from concatsplit_core.array.layouts import Order
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.codecs.checksums import APPENDED
from concatsplit_core.formats.storage import Wish
from concatsplit_core.foundation.errors import UsageError
from concatsplit_core.foundation.sizes import counted

COMFORTABLE = 1 << 20
"""Bytes that a chunk should have, roughly: small chunks cost a request each, large ones memory."""


def choose_chunks(spec: ArraySpec, wish: Wish, like: ArraySpec | None) -> Shape:
    """The chunk shape of an output: as asked for, else that of the inputs, else about 1 MiB.

    Parameters
    ----------
    spec : ArraySpec
        The output.
    wish : Wish
    like : ArraySpec, optional
        Has the chunks that the inputs agree on, where they do.

    Raises
    ------
    UsageError
        The wished shape does not fit the array.
    """
    if isinstance(wish.chunks, tuple):
        return check_lengths("chunk", wish.chunks, spec)
    if wish.chunks is None and like is not None and like.chunks:
        return like.chunks
    return suggest_chunks(spec, wish.hint)


def refuse_checksum(wish: Wish, what: str) -> None:
    """Refuse a checksum if the output has no chunks to carry it."""
    if wish.checksum in APPENDED:
        raise UsageError(
            f"--checksum {wish.checksum}: {what} has no place for it; write to .h5 or .zarr"
        )


def refuse_chunks(wish: Wish, what: str) -> None:
    """Refuse chunks, and a checksum of chunks, for an output that has none."""
    if wish.chunks not in (None, "none", "auto"):
        raise UsageError(f"--chunks: {what} has no chunks; write to .h5 or .zarr")
    refuse_checksum(wish, what)


def refuse_chunks_and_codec(wish: Wish, what: str) -> None:
    """As `refuse_chunks`, for an output that is not compressed either."""
    refuse_chunks(wish, what)
    if wish.codec:
        raise UsageError(
            f"--codec {wish.codec}: {what} is not compressed; write to .npz, .h5 or .zarr"
        )


def check_lengths(what: str, lengths: Shape, spec: ArraySpec) -> Shape:
    """Refuse the shape of chunks or shards that does not fit the array.

    Parameters
    ----------
    what : str
        What has the shape: ``chunk`` or ``shard``.
    lengths : tuple of int
    spec : ArraySpec
        The output.

    Raises
    ------
    UsageError
        There is not one length for each axis, or one is less than 1.
    """
    option = f"--{what}s {','.join(map(str, lengths))}"
    if len(lengths) != spec.ndim:
        raise UsageError(
            f"{option} has {counted(len(lengths), 'axis', 'axes')}, the output {spec.shape} "
            f"has {spec.ndim}; give one length for each",
            found=lengths,
            expected=spec.ndim,
        )
    if any(length < 1 for length in lengths):
        raise UsageError(f"{option}: a {what} has a length of 1 or more")
    return lengths


def suggest_chunks(spec: ArraySpec, like: Shape | None = None) -> Shape:
    """A chunk shape of about 1 MiB, made by halving that of the inputs or the array's own."""
    if spec.ndim == 0:
        return ()
    most = max(1, COMFORTABLE // max(1, spec.memory_itemsize))
    chunks = [max(1, min(n, c)) for n, c in zip(spec.shape, like or spec.shape, strict=True)]
    while prod(chunks) > most:
        longest = max(range(spec.ndim), key=lambda d: chunks[d])
        chunks[longest] = -(-chunks[longest] // 2)
    return tuple(chunks)


def piece_of(spec: ArraySpec, order: Order, nbytes: int) -> Shape:
    """The shape of a piece of at most so many bytes, or of one element.

    Its elements follow each other in an array of this order, and so do the pieces.
    """
    piece, room = [1] * spec.ndim, max(1, nbytes // max(1, spec.dtype.itemsize))
    axes = range(spec.ndim)
    for d in reversed(axes) if order == "C" else axes:
        piece[d] = max(1, min(spec.shape[d], room))
        if piece[d] < spec.shape[d]:
            break
        room //= piece[d]
    return tuple(piece)

"""Chooses chunk shapes for outputs."""

from __future__ import annotations

from math import prod

from concatsplit_core.array.geometry import Shape
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.codecs.checksums import APPENDED
from concatsplit_core.formats.storage import Wish
from concatsplit_core.foundation.errors import UsageError
from concatsplit_core.foundation.sizes import counted

COMFORTABLE = 1 << 20
"""Bytes that a chunk should have, roughly: small chunks cost a request each, large ones memory."""


def choose_chunks(spec: ArraySpec, wish: Wish, like: ArraySpec | None) -> Shape:
    """The chunk shape of an output: as asked for, else that of the inputs, else a sane one.

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
        return check_chunks(spec, wish.chunks)
    if wish.chunks is None and like is not None and like.chunks:
        return like.chunks
    return suggest_chunks(spec, wish.hint)


def refuse_checksum(wish: Wish, what: str) -> None:
    """Refuse a checksum if the output has no chunks to carry it."""
    if wish.checksum in APPENDED:
        raise UsageError(
            f"--checksum {wish.checksum}: {what} has no place for it; write to .h5 or .zarr"
        )


def check_chunks(spec: ArraySpec, chunks: Shape) -> Shape:
    """Refuse a chunk shape that does not fit the array."""
    if len(chunks) != spec.ndim:
        raise UsageError(
            f"--chunks {','.join(map(str, chunks))} has {counted(len(chunks), 'axis', 'axes')}, "
            f"the output {spec.shape} has {spec.ndim}",
            found=chunks,
            expected=spec.ndim,
        )
    if any(c < 1 for c in chunks):
        raise UsageError(
            f"--chunks {','.join(map(str, chunks))}: a chunk has a length of 1 or more"
        )
    return chunks


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

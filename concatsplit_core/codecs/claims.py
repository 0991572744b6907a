"""How many bytes a chunk expands to, counted without keeping them."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any

from concatsplit_core.codecs import guards
from concatsplit_core.codecs.bounds import STEP_ROOM
from concatsplit_core.codecs.checksums import is_guarded
from concatsplit_core.codecs.chunks import decode_bounded
from concatsplit_core.codecs.pipeline import Step
from concatsplit_core.codecs.zstd_frames import content_size

ReadStart = Callable[[int], Any]

_PIECE = 1 << 20
_HEADER = 32
_LOADED = 256 << 20
"""Bytes of the largest chunk that is inflated only to be measured."""
_DENSEST = 1032
"""How many times smaller deflate can make a run of equal bytes."""


def expanded_bytes(read_start: ReadStart, size: int, steps: tuple[Step, ...], most: int) -> int:
    """Bytes that a chunk expands to: as its header says, else counted by inflating it.

    Parameters
    ----------
    read_start : callable
        Returns the first bytes of the chunk, as many as it is asked for.
    size : int
        Bytes of the chunk as stored.
    steps : tuple of Step
        In the order in which they encode.
    most : int
        Where to stop counting.

    Raises
    ------
    MalformedInput, OverBudget
        The chunk is damaged; decoding it gives the reason.
    """
    steps = tuple(step for step in steps if step.name != "shuffle")
    while is_guarded(steps):
        size, steps = max(0, size - guards.SIZE), steps[:-1]
    if not steps:
        return min(size, most)
    claim = (
        _claimed(memoryview(read_start(min(size, _HEADER))), steps[-1]) if len(steps) == 1 else None
    )
    if claim is not None:
        return min(claim, most)
    if size > _LOADED:
        return min(most, size * _DENSEST)
    data: Any = read_start(size)
    for step in steps[:0:-1]:
        data = decode_bounded(data, step, most + STEP_ROOM)
    return min(most, _counted(memoryview(data), steps[0], most))


def _claimed(view: memoryview, step: Step) -> int | None:
    """The size that the header of a compressed chunk says; None where it says none."""
    if step.name == "zstd":
        return content_size(view)
    if step.name == "blosc":
        return int.from_bytes(view[4:8], "little")
    return int.from_bytes(view[:4], "little") if step.name == "lz4" else None


def _counted(view: memoryview, step: Step, most: int) -> int:
    """Inflate piece by piece and count."""
    if step.name not in {"gzip", "zlib", "bz2", "lzma"}:
        return len(decode_bounded(view, step, most + STEP_ROOM))
    stream: Any
    if step.name == "bz2":
        stream = bz2.BZ2Decompressor()
    elif step.name == "lzma":
        stream = lzma.LZMADecompressor(step.settings[0])
    else:
        stream = zlib.decompressobj(31 if step.name == "gzip" else 15)
    total, ahead = 0, bytes(view)
    try:
        while not stream.eof and total < most:
            piece = stream.decompress(ahead, _PIECE)
            ahead = getattr(stream, "unconsumed_tail", b"")
            total += len(piece)
            if not piece and not ahead:
                break
    except (zlib.error, OSError, lzma.LZMAError, ValueError):
        return total  # decoding it gives the reason
    return total

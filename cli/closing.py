"""The last line of a run: where the output is, how large it is, how fast it was made."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from math import prod
from typing import TYPE_CHECKING

from concatsplit_core.foundation.errors import ConcatsplitError
from concatsplit_core.foundation.sizes import format_size

if TYPE_CHECKING:
    from concatsplit_core.operators import Blob, Result

_MOST_BLOBS, _MOST_CHUNKS = 64, 20_000
"""More outputs, or chunks, are not looked at again only to say what they take on the disk."""


def closing_line(result: Result) -> str:
    """What a person is told of a run that is complete.

    Outputs in chunks are looked at again: their size in the file, and how many times smaller it is.
    """
    outputs = result.outputs
    where = outputs[0].ref
    if len(outputs) > 1:
        where += f" … {outputs[-1].ref} ({len(outputs)} blobs)"
    nbytes, seconds = result.plan.bytes_written, result.seconds or 0.0
    rate = format_size(int(nbytes / max(seconds, 1e-3)))
    text = f"{where}: {format_size(nbytes)} in {seconds:.2f} s, {rate}/s"
    stored = _stored_bytes(outputs)
    if stored is not None:
        ratio = f" (ratio {nbytes / stored:.1f})" if stored else ""
        text += f", stored in {format_size(stored)}{ratio}"
    return text


def _stored_bytes(outputs: Sequence[Blob]) -> int | None:
    """Bytes of all outputs in their files; None if they are as in memory, or too many."""
    chunks = sum(map(_chunks, outputs))
    if not chunks or chunks > _MOST_CHUNKS or len(outputs) > _MOST_BLOBS:
        return None
    with suppress(ConcatsplitError, OSError):
        return sum(map(_stored, outputs))
    return None


def _chunks(blob: Blob) -> int:
    """How many pieces of an output are encoded."""
    if blob.chunks is None:
        return int(blob.codec not in (None, "none"))
    return prod(-(-n // c) for n, c in zip(blob.shape, blob.chunks, strict=True) if c)


def _stored(blob: Blob) -> int:
    if not _chunks(blob):
        return prod(blob.shape) * blob.dtype.itemsize
    from concatsplit_core.operators import info

    return sum(found.stored_bytes for found in info(blob.ref))

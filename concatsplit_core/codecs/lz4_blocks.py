"""LZ4 as HDF5's registered filter 32004 frames it: a chunk in blocks, each with its length.

The chunk starts with its size (8 bytes) and the size of a block (4 bytes), both big-endian; every
block follows its stored size (4 bytes). A block that LZ4 does not make smaller is stored as it is.
"""

from __future__ import annotations

import struct
from typing import Any

from concatsplit_core.foundation.errors import MalformedInput

_HEAD = struct.Struct(">QI")
_SIZE = struct.Struct(">I")
_LARGEST = 1 << 30
"""Bytes of a block in the filter's default setting."""


def claimed(data: Any) -> int:
    """Bytes that a chunk claims to expand to."""
    if memoryview(data).nbytes < _HEAD.size:
        raise MalformedInput("it is shorter than the header of its lz4 blocks")
    claim: int = _HEAD.unpack_from(data)[0]
    return claim


def unblocked(data: Any) -> bytearray:
    """Decode a chunk, whose claimed size has been checked."""
    from numcodecs.lz4 import decompress

    view = memoryview(data).cast("B")
    total, block = _HEAD.unpack_from(view)
    out = bytearray(total)
    at, done = _HEAD.size, 0
    while done < total:
        if not block or at + _SIZE.size > len(view):
            raise MalformedInput("its lz4 blocks are cut short")
        (stored,) = _SIZE.unpack_from(view, at)
        at += _SIZE.size
        wanted = min(block, total - done)
        if at + stored > len(view):
            raise MalformedInput("its last lz4 block is cut short")
        part = view[at : at + stored]
        if stored != wanted:
            part = memoryview(decompress(wanted.to_bytes(4, "little") + bytes(part)))
        if len(part) != wanted:
            raise MalformedInput(f"an lz4 block holds {len(part)} bytes where {wanted} belong")
        out[done : done + wanted] = part
        at, done = at + stored, done + wanted
    return out


def blocked(data: Any) -> bytes:
    """Encode a chunk."""
    from numcodecs.lz4 import compress

    view = memoryview(data).cast("B")
    block = min(_LARGEST, len(view))
    parts: list[Any] = [_HEAD.pack(len(view), block)]
    for at in range(0, len(view), max(1, block)):
        whole = view[at : at + block]
        coded = compress(whole)[4:]
        smaller = len(coded) < len(whole)
        parts += [_SIZE.pack(len(coded if smaller else whole)), coded if smaller else whole]
    return b"".join(parts)

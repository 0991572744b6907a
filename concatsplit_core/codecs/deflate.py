"""Deflate streams in zlib and gzip wrappers, by whichever library is fastest.

Measured on shuffled and plain floats, integers, labels and text, one thread: libdeflate inflates
1.7 to 2.6 times as fast as zlib. At level 4 it deflates 0.9 to 3.2 times as fast, mostly twice,
into 5 % more bytes at most and mostly fewer. At level 1, which asks for speed, ISA-L is 4 to 18
times as fast as zlib, into 4 % more bytes at most; for long runs of labels, into 50 % more.
All of them release Python's global lock while they work.
"""

from __future__ import annotations

import zlib
from typing import Any, Literal

from concatsplit_core.foundation.errors import MalformedInput, OverBudget

Bytes = Any
Wrapper = Literal["zlib", "gzip"]

_WBITS = {"zlib": 15, "gzip": 31}
_FASTEST = 2
"""ISA-L's level that is as fast as its level 1 and compresses better."""


def inflate(data: Bytes, wrapper: Wrapper, limit: int) -> Bytes:
    """Inflate a stream to at most `limit` bytes.

    Raises
    ------
    OverBudget
        It holds more.
    MalformedInput
        It is cut short.
    zlib.error
        It is damaged.
    """
    import deflate

    decompress = deflate.zlib_decompress if wrapper == "zlib" else deflate.gzip_decompress
    try:
        return decompress(data, limit)
    except deflate.DeflateError:
        return _inflate_with_reason(data, wrapper, limit)


def _inflate_with_reason(data: Bytes, wrapper: Wrapper, limit: int) -> Bytes:
    """Inflate with zlib, which says what is wrong with a stream."""
    stream = zlib.decompressobj(_WBITS[wrapper])
    out = stream.decompress(data, limit + 1)
    if len(out) > limit:
        raise OverBudget(f"it expands to more than the {limit} bytes that belong", found=len(out))
    if not stream.eof:
        raise MalformedInput("its deflate stream is cut short")
    return out


def deflated(data: Bytes, wrapper: Wrapper, level: int) -> Bytes:
    """Deflate a chunk at one of zlib's levels, 0 to 9."""
    if level == 0:
        stream = zlib.compressobj(0, zlib.DEFLATED, _WBITS[wrapper])
        return stream.compress(data) + stream.flush()
    if level == 1:
        from isal import isal_zlib

        return isal_zlib.compress(data, _FASTEST, _WBITS[wrapper])
    import deflate

    compress = deflate.zlib_compress if wrapper == "zlib" else deflate.gzip_compress
    return compress(data, level)


END_OF_PIECES = b"\x03\x00"
"""An empty block that ends a stream."""


def deflated_piece(data: Bytes, level: int) -> bytes:
    """A part of a deflate stream without a wrapper.

    A part refers to nothing before it, so each thread can make its own. Parts in order, with
    `END_OF_PIECES` after the last, are a stream. libdeflate makes only whole streams.
    """
    if level == 1:
        from isal import isal_zlib

        fast = isal_zlib.compressobj(_FASTEST, isal_zlib.DEFLATED, -zlib.MAX_WBITS)
        return bytes(fast.compress(data) + fast.flush(isal_zlib.Z_FULL_FLUSH))
    stream = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush(zlib.Z_FULL_FLUSH)

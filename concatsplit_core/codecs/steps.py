"""The steps of a codec, each undone and applied by a library that is imported when it is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from concatsplit_core.codecs.bounds import STEP_ROOM
from concatsplit_core.codecs.pipeline import BLOSC_SHUFFLES, Step
from concatsplit_core.codecs.zstd_frames import (
    compressed,
    content_size,
    decompressed,
    decompressed_into,
)
from concatsplit_core.foundation.errors import MalformedInput, OverBudget

Bytes = Any
"""Anything with the buffer protocol."""

_LZMA_MEMORY = 128 << 20
"""Bytes that a stream's dictionary may ask for; the highest preset needs half of them."""


def guards() -> Any:
    """The module of checksums, imported late as each codec is: few chunks have one."""
    from concatsplit_core.codecs import guards as found

    return found


def _claim(found: int, limit: int) -> None:
    if found > limit:
        raise OverBudget(
            f"it claims to expand to {found} bytes where {limit - STEP_ROOM} belong", found=found
        )


def _ungzip(data: Bytes, step: Step, limit: int) -> Bytes:
    from concatsplit_core.codecs.deflate import inflate

    return inflate(data, "gzip", limit)


def _unzlib(data: Bytes, step: Step, limit: int) -> Bytes:
    from concatsplit_core.codecs.deflate import inflate

    return inflate(data, "zlib", limit)


def _unzstd(data: Bytes, step: Step, limit: int) -> Bytes:
    claim = content_size(data)
    if claim is not None:
        _claim(claim, limit)
    return decompressed(data, limit)


def _unblosc(data: Bytes, step: Step, limit: int) -> Bytes:
    from numcodecs.blosc import decompress

    _check_blosc(memoryview(data).cast("B"), limit)
    return decompress(data)


def _unblosc_into(data: Bytes, step: Step, space: memoryview) -> bool:
    from numcodecs.blosc import decompress

    view = memoryview(data).cast("B")
    _check_blosc(view, len(space) + STEP_ROOM)
    if int.from_bytes(view[4:8], "little") != len(space):
        return False
    decompress(data, space)
    return True


def _check_blosc(view: memoryview, limit: int) -> None:
    """Refuse a header that c-blosc would believe."""
    if len(view) < 16:
        raise MalformedInput("it is shorter than a blosc header")
    nbytes, blocksize, stored = (int.from_bytes(view[i : i + 4], "little") for i in (4, 8, 12))
    _claim(nbytes, limit)
    if stored != len(view):
        raise MalformedInput("its blosc header claims another compressed size")
    if nbytes and (not view[3] or not 0 < blocksize <= nbytes):  # c-blosc divides by both
        raise MalformedInput("its blosc header has no sound item or block size")


def _unlz4(data: Bytes, step: Step, limit: int) -> Bytes:
    from numcodecs.lz4 import decompress

    view = memoryview(data).cast("B")
    _claim(int.from_bytes(view[:4], "little"), limit)
    return decompress(data)


def _unlz4_blocks(data: Bytes, step: Step, limit: int) -> Bytes:
    from concatsplit_core.codecs.lz4_blocks import claimed, unblocked

    _claim(claimed(data), limit)
    return unblocked(data)


def _unbz2(data: Bytes, step: Step, limit: int) -> Bytes:
    import bz2

    stream = bz2.BZ2Decompressor()
    out = stream.decompress(data, limit + 1)
    _claim(len(out), limit)
    if not stream.eof:
        raise MalformedInput("its bzip2 stream is cut short")
    return out


def _unlzma(data: Bytes, step: Step, limit: int) -> Bytes:
    import lzma

    stream = lzma.LZMADecompressor(step.settings[0], memlimit=_LZMA_MEMORY)
    try:
        out = stream.decompress(data, limit + 1)
    except lzma.LZMAError as error:
        if "limit" in str(error):
            raise OverBudget(f"its lzma dictionary takes more than {_LZMA_MEMORY} bytes") from error
        raise
    _claim(len(out), limit)
    if not stream.eof:
        raise MalformedInput("its lzma stream is cut short")
    return out


def _unshuffle(data: Bytes, step: Step, limit: int) -> Bytes:
    if step.settings[0] < 2:
        return data
    from concatsplit_core.codecs.shuffling import unshuffled

    return unshuffled(data, step.settings[0])


def _unshuffle_into(data: Bytes, step: Step, space: memoryview) -> bool:
    if step.settings[0] < 2 or memoryview(data).nbytes != len(space):
        return False
    from concatsplit_core.codecs.shuffling import unshuffled

    unshuffled(data, step.settings[0], space)
    return True


def _unshuffle_loosely(data: Bytes, step: Step, limit: int) -> Bytes:
    """As HDF5 does it: bytes after the last whole item stay where they are."""
    view = memoryview(data).cast("B")
    whole = len(view) // step.settings[0] * step.settings[0]
    return b"".join((_unshuffle(view[:whole], step, limit), view[whole:]))


def _gzip(data: Bytes, step: Step, itemsize: int) -> Bytes:
    from concatsplit_core.codecs.deflate import deflated

    return deflated(data, "gzip", step.settings[0])


def _zlib(data: Bytes, step: Step, itemsize: int) -> Bytes:
    from concatsplit_core.codecs.deflate import deflated

    return deflated(data, "zlib", step.settings[0])


def _zstd(data: Bytes, step: Step, itemsize: int) -> Bytes:
    level, *checksum = step.settings
    return compressed(data, level, checksum == [True])


def _blosc(data: Bytes, step: Step, itemsize: int) -> Bytes:
    from numcodecs.blosc import compress

    cname, level, shuffle = step.settings[:3]
    blocksize = step.settings[3] if len(step.settings) > 3 else 0
    mode = BLOSC_SHUFFLES.index(shuffle)
    return compress(data, cname.encode(), level, mode, blocksize, typesize=itemsize)


def _lz4(data: Bytes, step: Step, itemsize: int) -> Bytes:
    from numcodecs.lz4 import compress

    return compress(data, *step.settings)


def _lz4_blocks(data: Bytes, step: Step, itemsize: int) -> Bytes:
    from concatsplit_core.codecs.lz4_blocks import blocked

    return blocked(data)


def _bz2(data: Bytes, step: Step, itemsize: int) -> Bytes:
    import bz2

    return bz2.compress(data, step.settings[0])


def _shuffle(data: Bytes, step: Step, itemsize: int) -> Bytes:
    if step.settings[0] < 2:
        return data
    from concatsplit_core.codecs.shuffling import shuffled

    return shuffled(data, step.settings[0])


def _shuffle_loosely(data: Bytes, step: Step, itemsize: int) -> Bytes:
    view = memoryview(data).cast("B")
    whole = len(view) // step.settings[0] * step.settings[0]
    return b"".join((_shuffle(view[:whole], step, itemsize), view[whole:]))


DECODERS: dict[str, Callable[[Bytes, Step, int], Bytes]] = {
    "gzip": _ungzip,
    "zlib": _unzlib,
    "zstd": _unzstd,
    "blosc": _unblosc,
    "lz4": _unlz4,
    "lz4_blocks": _unlz4_blocks,
    "bz2": _unbz2,
    "lzma": _unlzma,
    "shuffle": _unshuffle,
    "loose_shuffle": _unshuffle_loosely,
    "crc32c": lambda data, step, limit: guards().without_crc32c(data),
    "fletcher32": lambda data, step, limit: guards().without_fletcher32(data),
}

INTO: dict[str, Callable[[Bytes, Step, memoryview], bool]] = {
    "zstd": lambda data, step, space: decompressed_into(data, space),
    "blosc": _unblosc_into,
    "shuffle": _unshuffle_into,
}
"""Decoders that write into memory of the caller; they return False if the result does not fit."""

ENCODERS: dict[str, Callable[[Bytes, Step, int], Bytes]] = {
    "gzip": _gzip,
    "zlib": _zlib,
    "zstd": _zstd,
    "blosc": _blosc,
    "lz4": _lz4,
    "lz4_blocks": _lz4_blocks,
    "bz2": _bz2,
    "shuffle": _shuffle,
    "loose_shuffle": _shuffle_loosely,
    "crc32c": lambda data, step, itemsize: guards().with_crc32c(data),
    "fletcher32": lambda data, step, itemsize: guards().with_fletcher32(data),
}

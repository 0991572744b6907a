"""Decoding and encoding of single chunks outside any format's library, with a bounded result.

A decoder never makes more bytes than it was told to expect: sizes in headers are checked first, and
streams without a size are inflated only up to the limit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from concatsplit_core.codecs.bounds import STEP_ROOM
from concatsplit_core.codecs.pipeline import BLOSC_MISSING, BLOSC_SHUFFLES, Step
from concatsplit_core.codecs.shuffling import shuffled, unshuffled
from concatsplit_core.codecs.zstd_frames import (
    compressed,
    content_size,
    decompressed,
    decompressed_into,
)
from concatsplit_core.foundation.errors import MalformedInput, OverBudget
from concatsplit_core.foundation.interrupts import BlockingLibraries

Bytes = Any
"""Anything with the buffer protocol."""

_LZMA_MEMORY = 128 << 20
"""Bytes that a stream's dictionary may ask for; the highest preset needs half of them."""

_CRC32C = Step("crc32c")
_OF_NUMCODECS = {"blosc", "lz4", "lz4_blocks", "shuffle", "loose_shuffle", "fletcher32"}
"""Codecs in C that may keep Python from handling signals."""


def decode(
    data: Bytes, steps: tuple[Step, ...], nbytes: int, space: memoryview | None = None
) -> Bytes:
    """Undo the steps of a chunk, last one first.

    Parameters
    ----------
    data : buffer
        The chunk as stored.
    steps : tuple of Step
        In the order in which they encode.
    nbytes : int
        Bytes of the decoded chunk.
    space : memoryview, optional
        As many bytes, to decode to if the codec can; they are overwritten in any case.

    Returns
    -------
    buffer
        The decoded chunk, which is ``space`` if it was decoded there.

    Raises
    ------
    OverBudget
        The chunk claims, or expands to, more than it should hold.
    MalformedInput
        The chunk is damaged, or holds less than it should.
    """
    if space is not None and steps and steps[0].name in _INTO:
        data, steps = _undone(data, steps[1:], nbytes), steps[:1]
        if _goes_into(data, steps[0], space):
            return space
    data = decode_most(data, steps, nbytes)
    found = memoryview(data).nbytes
    if found < nbytes:
        raise MalformedInput(f"it holds {found} bytes where {nbytes} belong", found=found)
    return data


def decode_most(data: Bytes, steps: tuple[Step, ...], nbytes: int) -> Bytes:
    """As `decode`, for a chunk that may also hold fewer bytes."""
    data = _undone(data, steps, nbytes)
    found = memoryview(data).nbytes
    if found > nbytes:
        raise OverBudget(f"it expands to {found} bytes or more where {nbytes} belong", found=found)
    return data


def _undone(data: Bytes, steps: tuple[Step, ...], nbytes: int) -> Bytes:
    for step in reversed(steps):
        data = decode_bounded(data, step, nbytes + STEP_ROOM)
    return data


def check_guard(data: Bytes, steps: tuple[Step, ...]) -> None:
    """Compare the checksum that is the last step of a chunk, without decoding the chunk.

    Raises
    ------
    MalformedInput
        The checksum does not match.
    """
    decode_bounded(data, steps[-1], memoryview(data).nbytes)


def decode_bounded(data: Bytes, step: Step, limit: int) -> Bytes:
    """Undo one step; its result may have this many bytes at most."""
    try:
        return _DECODERS[step.name](data, step, limit)
    except (OverBudget, MalformedInput):
        raise
    except Exception as error:  # each codec library raises errors of its own for damaged data
        raise MalformedInput(f"{step.name} cannot decode it: {error}") from error


def _goes_into(data: Bytes, step: Step, space: memoryview) -> bool:
    """Undo the last step to where its result belongs; decoding it elsewhere says what is wrong."""
    try:
        return _INTO[step.name](data, step, space)
    except Exception:  # each codec library raises errors of its own for damaged data
        return False


def encode(data: Bytes, steps: tuple[Step, ...], itemsize: int) -> Bytes:
    """Apply the steps to the bytes of a chunk."""
    for step in steps:
        data = _ENCODERS[step.name](data, step, itemsize)
    return data


def encode_in_parts(data: Bytes, steps: tuple[Step, ...], itemsize: int) -> list[Bytes]:
    """As `encode`, in parts to be written one after the other, so that a checksum needs no copy."""
    if steps[-1:] != (_CRC32C,):
        return [encode(data, steps, itemsize)]
    body = encode(data, steps[:-1], itemsize)
    return [body, _guards().crc32c_of(body)]


def _guards() -> Any:
    """The checksums behind chunks, imported late as each codec is: few chunks have one."""
    from concatsplit_core.codecs import guards

    return guards


def announce_libraries(steps: tuple[Step, ...]) -> None:
    """Tell the handlers of signals of the libraries that chunks with these steps need."""
    if not _OF_NUMCODECS.isdisjoint(step.name for step in steps):
        BlockingLibraries.announce()


def can_decode(steps: tuple[Step, ...]) -> bool:
    """Whether all steps have a decoder here."""
    return all(step.name in _DECODERS and _is_known_blosc(step) for step in steps)


def can_encode(steps: tuple[Step, ...]) -> bool:
    """Whether all steps have an encoder here."""
    return all(step.name in _ENCODERS and _is_known_blosc(step) for step in steps)


def _is_known_blosc(step: Step) -> bool:
    """Whether blosc's inner compressor is one that numcodecs is built with."""
    return step.name != "blosc" or step.settings[0] != BLOSC_MISSING


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
    return unshuffled(data, step.settings[0]) if step.settings[0] > 1 else data


def _unshuffle_into(data: Bytes, step: Step, space: memoryview) -> bool:
    if step.settings[0] < 2 or memoryview(data).nbytes != len(space):
        return False
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
    return shuffled(data, step.settings[0]) if step.settings[0] > 1 else data


def _shuffle_loosely(data: Bytes, step: Step, itemsize: int) -> Bytes:
    view = memoryview(data).cast("B")
    whole = len(view) // step.settings[0] * step.settings[0]
    return b"".join((_shuffle(view[:whole], step, itemsize), view[whole:]))


_DECODERS: dict[str, Callable[[Bytes, Step, int], Bytes]] = {
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
    "crc32c": lambda data, step, limit: _guards().without_crc32c(data),
    "fletcher32": lambda data, step, limit: _guards().without_fletcher32(data),
}

_INTO: dict[str, Callable[[Bytes, Step, memoryview], bool]] = {
    "zstd": lambda data, step, space: decompressed_into(data, space),
    "blosc": _unblosc_into,
    "shuffle": _unshuffle_into,
}
"""Decoders that can put what they make where it belongs; they return False if it does not fit."""

_ENCODERS: dict[str, Callable[[Bytes, Step, int], Bytes]] = {
    "gzip": _gzip,
    "zlib": _zlib,
    "zstd": _zstd,
    "blosc": _blosc,
    "lz4": _lz4,
    "lz4_blocks": _lz4_blocks,
    "bz2": _bz2,
    "shuffle": _shuffle,
    "loose_shuffle": _shuffle_loosely,
    "crc32c": lambda data, step, itemsize: _guards().with_crc32c(data),
    "fletcher32": lambda data, step, itemsize: _guards().with_fletcher32(data),
}

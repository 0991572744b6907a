"""Chunks of zstd: frames one after the other, as RFC 8878 describes them.

Each thread keeps its contexts: to make one for every chunk takes a fifth of the time that chunks of
16 to 128 KiB need. The library leaves the global lock alone while it works.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from concatsplit_core.codecs.bounds import STEP_ROOM
from concatsplit_core.foundation.errors import MalformedInput, OverBudget

if TYPE_CHECKING:
    from zstandard import ZstdCompressor, ZstdDecompressor

Bytes = Any

_MAGIC = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = b"\x2a\x4d\x18"
"""Behind a byte from 0x50 to 0x5f, it starts a frame that holds nothing for readers."""
_RUN = 1
"""The type of blocks that are one byte, repeated."""
_KEPT_BYTES = 32 << 20
"""Contexts that take more are not kept: their levels are so slow that a new one costs nothing."""

_mine = threading.local()


def content_size(data: Bytes) -> int | None:
    """The content size that the first frame's header claims, where it has one (3.1.1.1).

    Raises
    ------
    MalformedInput
        There is no frame.
    """
    head = bytes(memoryview(data)[:18])
    if _is_skippable(head):
        return None
    if head[:4] != _MAGIC:
        raise MalformedInput("it is not a zstd frame")
    at, size = _content_size_field(head)
    if not size:
        return None
    return int.from_bytes(head[at : at + size], "little") + (256 if size == 2 else 0)


def decompressed(data: Bytes, limit: int) -> Bytes:
    """What all frames hold together, which may be this many bytes at most.

    Raises
    ------
    OverBudget
        It is more, or is claimed to be.
    MalformedInput
        A frame is cut short, or something else follows.
    zstandard.ZstdError
        A frame is damaged.
    """
    from zstandard import ZstdError

    claim = content_size(data)
    if claim and claim <= limit:
        try:
            return _decoder().decompress(data, allow_extra_data=False)
        except ZstdError:
            pass  # more than one frame, or damaged: frame by frame, the reason is found
    view = memoryview(data).cast("B")
    parts, room = [], limit
    for frame in _frames(view):
        content = _content(frame, room)
        if content is None:
            belong = limit - STEP_ROOM
            raise OverBudget(f"its zstd frames hold more than the {belong} bytes that belong")
        if content:
            parts.append(content)
            room -= len(content)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def decompressed_into(data: Bytes, space: memoryview) -> bool:
    """Decode the one frame of a chunk to where its content belongs.

    Returns
    -------
    bool
        False if there is not one whole frame that holds just as much.

    Raises
    ------
    MalformedInput, zstandard.ZstdError
        It is damaged.
    """
    view = memoryview(data).cast("B")
    if content_size(view) != len(space) or _end_of_frame(view, 0) != len(view):
        return False
    with _decoder().stream_reader(view) as reader:
        # what follows the content is read as well: a checksum, which is compared
        return bool(reader.readinto(space) == len(space) and not reader.read(1))


def compressed(data: Bytes, level: int, checksum: bool) -> bytes:
    """One frame, with its content size and, if wanted, a checksum."""
    wanted = level, checksum
    kept = getattr(_mine, "encoder", None)
    encoder: ZstdCompressor
    if kept is not None and kept[0] == wanted:
        encoder = kept[1]
    else:
        from zstandard import MAX_COMPRESSION_LEVEL, ZstdCompressor

        level = min(level, MAX_COMPRESSION_LEVEL)
        encoder = ZstdCompressor(level=level, write_checksum=checksum)
    frame = encoder.compress(data)
    _mine.encoder = (wanted, encoder) if encoder.memory_size() <= _KEPT_BYTES else None
    return frame


def _decoder() -> ZstdDecompressor:
    decoder: ZstdDecompressor | None = getattr(_mine, "decoder", None)
    if decoder is None:
        from zstandard import ZstdDecompressor

        decoder = _mine.decoder = ZstdDecompressor()
    return decoder


def _content(frame: memoryview, room: int) -> bytes | None:
    """What a whole frame holds, unless it is more than there is room for."""
    claim = content_size(frame)
    if claim is not None and claim > room:
        return None
    if claim:
        return _decoder().decompress(frame)
    from zstandard import ZstdDecompressor

    # a context of its own: it may grow by a window that is far larger than the chunk
    with ZstdDecompressor().stream_reader(frame) as reader:
        content = reader.read(room + 1)
    return content if len(content) <= room else None


def _frames(view: memoryview) -> Iterator[memoryview]:
    """All frames with content; what is left out, or cut short, is found without decoding."""
    at = 0
    while at < len(view):
        if view[at : at + 4] == _MAGIC:
            stop = _end_of_frame(view, at)
            if stop <= len(view):
                yield view[at:stop]
        elif _is_skippable(view[at : at + 4]):
            stop = at + 8 + int.from_bytes(view[at + 4 : at + 8], "little")
        else:
            raise MalformedInput("behind its zstd frame is something else")
        if stop > len(view):
            raise MalformedInput("its zstd frame is cut short")
        at = stop


def _is_skippable(head: Bytes) -> bool:
    """Whether a frame starts that holds nothing for readers (3.1.2)."""
    return bool(head[1:4] == _SKIPPABLE and head[0] >> 4 == 5)


def _end_of_frame(view: memoryview, start: int) -> int:
    """Where a frame ends, by the sizes of its blocks (3.1.1.2); beyond the data if it is cut."""
    place, size = _content_size_field(bytes(view[start : start + 5]))
    at, is_last = start + place + size, False
    while not is_last:
        head = int.from_bytes(view[at : at + 3], "little")
        is_last = bool(head & 1) or at + 3 > len(view)
        at += 3 + (1 if head >> 1 & 3 == _RUN else head >> 3)
    return at + (4 if view[start + 4] & 4 else 0)


def _content_size_field(head: bytes) -> tuple[int, int]:
    """Where in a frame its content size lies, and in how many bytes."""
    if len(head) < 5:
        raise MalformedInput("its zstd frame is cut short")
    flags = head[4]
    single = flags >> 5 & 1
    return 5 + (1 - single) + (0, 1, 2, 4)[flags & 3], (single, 2, 4, 8)[flags >> 6]

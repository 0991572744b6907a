"""Chunks of zstd: frames one after the other, as RFC 8878 describes them.

Each thread keeps its contexts: to make one for every chunk takes a fifth of the time that chunks of
16 to 128 KiB need. The library releases Python's global lock while it works.
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
"""After a byte from 0x50 to 0x5f, it starts a frame that readers skip."""
_RUN = 1
"""The type of a block that repeats one byte."""
_KEPT_BYTES = 32 << 20
"""Larger contexts are not kept: their levels are so slow that making one anew hardly matters."""

_mine = threading.local()


def content_size(data: Bytes) -> int | None:
    """The content size in the first frame's header (RFC 3.1.1.1); None where it has none.

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
    """The content of all frames together, at most `limit` bytes.

    Raises
    ------
    OverBudget
        It is more, or a header claims more.
    MalformedInput
        A frame is cut short, or is followed by something else.
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
    """Decode a chunk of one frame into `space`.

    Returns
    -------
    bool
        False if the chunk is not one whole frame with as many bytes of content.

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
    """The content of a whole frame; None if it is more than `room` bytes."""
    claim = content_size(frame)
    if claim is not None and claim > room:
        return None
    if claim:
        return _decoder().decompress(frame)
    from zstandard import ZstdDecompressor

    # not the kept context: this one may grow by a window that is far larger than the chunk
    with ZstdDecompressor().stream_reader(frame) as reader:
        content = reader.read(room + 1)
    return content if len(content) <= room else None


def _frames(view: memoryview) -> Iterator[memoryview]:
    """All frames that have content; a frame's end is found without decoding it."""
    at = 0
    while at < len(view):
        if view[at : at + 4] == _MAGIC:
            stop = _end_of_frame(view, at)
            if stop <= len(view):
                yield view[at:stop]
        elif _is_skippable(view[at : at + 4]):
            stop = at + 8 + int.from_bytes(view[at + 4 : at + 8], "little")
        else:
            raise MalformedInput("what follows its zstd frame is not one")
        if stop > len(view):
            raise MalformedInput("its zstd frame is cut short")
        at = stop


def _is_skippable(head: Bytes) -> bool:
    """Whether these bytes start a frame that readers skip (RFC 3.1.2)."""
    return bool(head[1:4] == _SKIPPABLE and head[0] >> 4 == 5)


def _end_of_frame(view: memoryview, start: int) -> int:
    """Where a frame ends, by the sizes of its blocks (RFC 3.1.1.2); past the data if it is cut."""
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

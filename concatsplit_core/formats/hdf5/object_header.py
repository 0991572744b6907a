"""What HDF5 does not tell of a dataset: which index finds its chunks, and which have no filters.

Read from the dataset's object header in the file (HDF5 file format specification, version 3.0,
IV.A.1 object headers and IV.A.2.i the data layout message).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from concatsplit_core.formats.hdf5.btrees import BY_NAME, BY_ORDER, CHUNKS, Sizes
from concatsplit_core.formats.hdf5.library import h5py
from concatsplit_core.foundation.records import NamedTuple

EXTENSIBLE_ARRAY = 4
BTREE_OF_OLD = 0
"""The only index of layouts before version 4, which have no number for it."""

_OLD, _NEW = {b"\1", b"\2", b"\3"}, {b"\4", b"\5"}
"""Versions of the layout message."""
_LINKS, _LAYOUT, _CONTINUATION, _ATTRIBUTES = 0x02, 0x08, 0x10, 0x15
_CHUNKED, _BTREE = 2, 5
"""Of a layout message: the class of an array in chunks, and the kind of their index."""
_MOST_BLOCKS, _MOST_BYTES = 64, 1 << 20
"""The most that is read of a header, however long a damaged one claims to be."""


class _Message(NamedTuple):
    kind: int
    data: bytes


def chunk_index_kind(dataset: Any, fd: int) -> int | None:
    """The kind of a chunked dataset's index.

    Parameters
    ----------
    dataset : h5py.Dataset
    fd : int
        Of its file, where HDF5's addresses are those of the file; else negative.

    Returns
    -------
    int or None
        1 single chunk, 2 implicit, 3 fixed array, 4 extensible array, 5 B-tree of version 2, 0 the
        B-tree of old files; None where the header does not say it in a way known here.
    """
    layout = _layout(dataset, fd)
    if layout[:1] in _OLD:
        return BTREE_OF_OLD
    if layout[:1] not in _NEW or len(layout) < 5:
        return None
    rank, width = layout[3], layout[4]
    at = 5 + rank * width
    return layout[at] if at < len(layout) else None


def leaves_edges_raw(dataset: Any, fd: int) -> bool | None:
    """Whether chunks at the edge of an array are stored without its filters.

    Parameters and None as for `chunk_index_kind`.
    """
    layout = _layout(dataset, fd)
    if layout[:1] in _OLD:
        return False
    return bool(layout[2] & 1) if layout[:1] in _NEW and len(layout) > 2 else None


def _layout(dataset: Any, fd: int) -> bytes:
    """The data layout message; empty if there is none, or its place in the file is not known."""
    if fd < 0:
        return b""
    sizes = Sizes(*dataset.file.id.get_create_plist().get_sizes())
    messages = _messages(fd, h5py.h5o.get_info(dataset.id).addr, sizes)
    return next((message.data for message in messages if message.kind == _LAYOUT), b"")


class TreeUse(NamedTuple):
    """What an object says of a B-tree of version 2.

    Parameters
    ----------
    address : int
    kinds : tuple of int
        What its records can be.
    rank : int, optional
        How many axes an array has whose chunks it lists.
    """

    address: int
    kinds: tuple[int, ...]
    rank: int | None


def trees_of(fd: int, address: int, sizes: Sizes, base: int) -> Iterator[TreeUse]:
    """The B-trees of version 2 of an object.

    Parameters
    ----------
    fd, address : int
        Where its header is.
    sizes : Sizes
    base : int
        Where the addresses of the file count from.
    """
    for message in _messages(fd, address, sizes, base):
        kind, data = message
        if kind in (_LINKS, _ATTRIBUTES) and len(data) > 1:
            number = kind == _ATTRIBUTES
            at = 2 + (data[1] & 1) * (2 if number else 8) + sizes.address
            for kinds in (BY_NAME, BY_ORDER)[: 1 + (data[1] >> 1 & 1)]:
                yield TreeUse(_number(data, at, sizes.address), (kinds[number],), None)
                at += sizes.address
        elif kind == _LAYOUT and data[:1] in _NEW and len(data) > 4 and data[1] == _CHUNKED:
            at = 5 + data[3] * data[4]
            if data[at : at + 1] == bytes([_BTREE]):
                yield TreeUse(_number(data, at + 7, sizes.address), CHUNKS, data[3] - 1)


def _number(data: bytes, at: int, width: int) -> int:
    return int.from_bytes(data[at : at + width], "little")


def _messages(fd: int, address: int, sizes: Sizes, base: int = 0) -> Iterator[_Message]:
    """Messages of an object header of either version, those in continuation blocks as well."""
    prefix = os.pread(fd, 64, address)
    if prefix[:4] == b"OHDR":
        at, size, ordered = _prefix_2(prefix)
        version = 2
    elif prefix[:1] == b"\1":
        at, size, ordered = 16, int.from_bytes(prefix[8:12], "little"), False
        version = 1
    else:
        return
    waiting = [(address + at, size)]
    for _ in range(_MOST_BLOCKS):
        if not waiting:
            return
        start, length = waiting.pop(0)
        block = os.pread(fd, min(length, _MOST_BYTES), start)
        for message in _in_block(block, version, ordered):
            yield message
            if message.kind == _CONTINUATION:
                further = _continuation(message.data, sizes, version)
                if further[1] > 0:
                    waiting.append((base + further[0], further[1]))


def _prefix_2(prefix: bytes) -> tuple[int, int, bool]:
    """Where the messages start, how many bytes they take, and whether they are numbered."""
    flags = prefix[5]
    at = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
    width = 1 << (flags & 3)
    return at + width, int.from_bytes(prefix[at : at + width], "little"), bool(flags & 4)


def _in_block(block: bytes, version: int, ordered: bool) -> Iterator[_Message]:
    at, head = 0, 8 if version == 1 else 6 if ordered else 4
    while at + head <= len(block):
        wide = 2 if version == 1 else 1
        kind = int.from_bytes(block[at : at + wide], "little")
        size = int.from_bytes(block[at + wide : at + wide + 2], "little")
        yield _Message(kind, block[at + head : at + head + size])
        at += head + size


def _continuation(data: bytes, sizes: Sizes, version: int) -> tuple[int, int]:
    """Address and length of a block's messages; version 2 has a signature and a checksum around."""
    offset, length = _number(data, 0, sizes.address), _number(data, *sizes)
    return (offset, length) if version == 1 else (offset + 4, length - 8)

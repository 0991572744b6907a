"""The heaps that strings of any length lie in, checked before HDF5 walks through them.

A collection is a header of 16 bytes (``GCOL``, version, its own size) and objects after it, each
with a header of 16 bytes (number, references, its size). Object 0 is free space. HDF5 steps over
it by the size that it claims, and so never gets on where that is 0.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from struct import Struct

from concatsplit_core.foundation.errors import MalformedInput

_HEAD = Struct("<4sB3xQ")
_OBJECT = Struct("<HHIQ")
_MOST = 1024
"""Collections that are checked: damage seldom affects the last ones only."""
_LARGEST = 1 << 24


def check_heaps(fd: int, addresses: Iterable[int]) -> None:
    """Walk through collections as HDF5 does.

    Raises
    ------
    MalformedInput
        One of them has no end.
    """
    for _, address in zip(range(_MOST), addresses, strict=False):
        head = os.pread(fd, _HEAD.size, address)
        if len(head) == _HEAD.size:
            magic, _, size = _HEAD.unpack(head)
            if magic == b"GCOL" and size <= _LARGEST:  # HDF5 itself refuses any other magic
                walk_heap(os.pread(fd, size, address), address)


def walk_heap(collection: bytes, address: int) -> None:
    """Walk through a collection as HDF5 does.

    Raises
    ------
    MalformedInput
        It has no end.
    """
    at = _HEAD.size
    while at + _OBJECT.size <= len(collection):
        number, _, _, size = _OBJECT.unpack_from(collection, at)
        step = size if number == 0 else _OBJECT.size + -(-size // 8) * 8
        if step == 0 or at + step > len(collection):
            raise MalformedInput(f"the heap of its strings at byte {address} is damaged")
        at += step

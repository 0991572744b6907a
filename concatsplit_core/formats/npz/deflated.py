"""A member that is deflated: piece by piece, by any thread, in any order."""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from math import prod

import numpy as np

from concatsplit_core.array.geometry import Box, Shape
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.codecs.crc32 import combined, crc32
from concatsplit_core.codecs.deflate import END_OF_PIECES, deflated_piece
from concatsplit_core.formats.grid import chunks_of
from concatsplit_core.formats.npy_header import LONGEST, format_header
from concatsplit_core.formats.targets import EncodedTarget
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.stores.disk_space import give_back
from concatsplit_core.stores.files import copy_range, write_all

_HEAD = struct.Struct("<QQ")
"""Before each piece in its slot: how many bytes it has, deflated, and the CRC-32 of its elements.
A slot that was not written to reads as zeros."""
_ROOM = 1 << 12
"""Bytes by which a piece may grow when nothing in it repeats; zlib needs less."""


class Packed(NamedTuple):
    """The size and the CRC-32 of a member after it was deflated.

    Parameters
    ----------
    packed_bytes, nbytes : int
    crc : int
        Of the bytes before they were deflated.
    """

    packed_bytes: int
    nbytes: int
    crc: int


class DeflatedTarget(EncodedTarget):
    """A member whose pieces are deflated, each into the slot of its number in a file.

    Parameters
    ----------
    spec : ArraySpec
        Its write unit is the shape of a piece.
    slots : str
        The file of the slots, beside the archive.
    level : int
    """

    def __init__(self, spec: ArraySpec, slots: str, level: int) -> None:
        super().__init__(spec)
        self._slots, self._level = slots, level
        self._piece = spec.write_unit or ()
        sides = zip(spec.shape, self._piece, strict=True)
        self._grid: Shape = tuple(-(-n // p) for n, p in sides)
        self._slot_bytes = _HEAD.size + prod(self._piece) * spec.dtype.itemsize + _ROOM

    @property
    def most_bytes(self) -> int:
        """The most that the member may have, packed or not."""
        return prod(self._grid) * self._slot_bytes + LONGEST

    def encode(self, box: Box, block: np.ndarray) -> list[tuple[int, bytes]]:
        """The slots of all pieces in a block, by their offsets."""
        encoded = []
        for index, piece in chunks_of(box, self._piece, self.spec.shape):
            raw = block[piece.within(box)].tobytes(order=self.spec.order)
            data = deflated_piece(raw, self._level)
            slot = _HEAD.pack(len(data), crc32(raw)) + data
            encoded.append((self._number(index) * self._slot_bytes, slot))
        return encoded

    def store(self, encoded: list[tuple[int, bytes]]) -> None:
        """Write the slots."""
        fd = os.open(self._slots, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            for offset, data in encoded:
                write_all(fd, data, offset)
        finally:
            os.close(fd)

    def join(self, fd: int, offset: int, frees_room: bool = True) -> Packed:
        """Write the header and all pieces into the archive, one after the other.

        A piece that was never stored is full of zeros, as in members that are not deflated.
        A piece's disk space is freed when it is in the archive, so that only one takes it twice.

        Parameters
        ----------
        fd : int
            The archive.
        offset : int
            Where the member's data start.
        frees_room : bool
            Whether the disk space of each piece is freed.
        """
        header = format_header(self.spec)
        start = deflated_piece(header, self._level)
        write_all(fd, start, offset)
        at, crc, total = offset + len(start), crc32(header), len(header)
        self.store([])
        slots = os.open(self._slots, os.O_RDWR | os.O_CLOEXEC)
        try:
            for number in range(prod(self._grid)):
                size = self._bytes_of(number)
                length, own = self._copied(slots, number, fd, at, frees_room)
                at, crc, total = at + length, combined(crc, own, size), total + size
        finally:
            os.close(slots)
        write_all(fd, END_OF_PIECES, at)
        return Packed(at + len(END_OF_PIECES) - offset, total, crc)

    def _copied(
        self, slots: int, number: int, fd: int, to: int, frees_room: bool
    ) -> tuple[int, int]:
        """Copy a piece into the archive; returns its deflated bytes and its CRC-32."""
        start = number * self._slot_bytes
        head = os.pread(slots, _HEAD.size, start).ljust(_HEAD.size, b"\0")
        length, crc = _HEAD.unpack(head)
        if length:
            copy_range(slots, start + _HEAD.size, fd, to, length, self._slots)
            if frees_room:
                give_back(slots, start, self._slot_bytes)
            return length, crc
        zeros = bytes(self._bytes_of(number))
        data = deflated_piece(zeros, self._level)
        write_all(fd, data, to)
        return len(data), crc32(zeros)

    def _number(self, index: Shape) -> int:
        """The number of a piece, in the element order of the array."""
        return int(np.ravel_multi_index(index, self._grid, order=self.spec.order)) if index else 0

    def _bytes_of(self, number: int) -> int:
        """How many bytes of elements a piece has, which is fewer at the end of an axis."""
        index = np.unravel_index(number, self._grid, order=self.spec.order) if self._grid else ()
        sides = zip(index, self._piece, self.spec.shape, strict=True)
        return prod(min(p, n - int(i) * p) for i, p, n in sides) * self.spec.dtype.itemsize

    def remove(self) -> None:
        """Remove the file of the slots."""
        with suppress(FileNotFoundError):
            os.unlink(self._slots)

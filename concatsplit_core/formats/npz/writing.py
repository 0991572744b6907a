"""Writes .npz archives that NumPy reads, and maps into memory where members are stored.

A stored member is one run of bytes in the archive, to which any thread writes anywhere. A deflated
one is made of pieces, whose sizes are known when all are deflated: each piece gets a slot in a file
beside the archive, and the slots are joined at the end. Checksums and the directory are written at
the end too, so that the bytes do not depend on the order of tasks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.codecs.crc32 import crc32
from concatsplit_core.formats.npy_header import format_header
from concatsplit_core.formats.npz.deflated import DeflatedTarget
from concatsplit_core.formats.packing import encoded
from concatsplit_core.formats.storage import Extent, Storage
from concatsplit_core.formats.targets import ContiguousTarget, Target, Writer
from concatsplit_core.stores.files import read_exactly, write_all
from concatsplit_core.stores.zips.kept import KeptMembers
from concatsplit_core.stores.zips.records import (
    DEFLATED,
    ZipMember,
    data_offset,
    directory,
)

_WINDOW = 1 << 20


class NpzWriter(Writer):
    """One staged archive.

    Parameters
    ----------
    path : str
    base : str, optional
        The archive whose other members are kept.
    """

    def __init__(self, path: str, base: str | None) -> None:
        super().__init__()
        self._path = path
        self._kept = None if base is None else KeptMembers(base)
        self._names: list[bytes] = [] if self._kept is None else list(self._kept.members)
        self._stored: dict[bytes, ZipMember] = {}
        self._deflated: dict[bytes, DeflatedTarget] = {}
        self._end = 0

    def add(self, member: str, spec: ArraySpec, storage: Storage) -> Target:
        """Write the header of an array, and make room for its elements."""
        name = encoded(f"{member}.npy")
        if name not in self._names:
            self._names.append(name)
        with _open(self._path) as fd:
            if not storage.codec:
                return self._add_stored(fd, name, spec, storage)
        (level,) = storage.codec.steps[0].settings
        slots = f"{self._path}.{len(self._deflated)}.slots"
        self._deflated[name] = DeflatedTarget(spec, slots, level)
        return self._deflated[name]

    def _add_stored(
        self, fd: int, name: bytes, spec: ArraySpec, storage: Storage
    ) -> ContiguousTarget:
        header = format_header(spec)
        nbytes, wanted = len(header) + spec.nbytes, storage.offset_modulo_block
        start = data_offset(
            self._end, name, nbytes, None if wanted is None else wanted - len(header)
        )
        self._stored[name] = ZipMember(name, self._end, start, nbytes, nbytes)
        self._end = start + nbytes
        write_all(fd, header, start)
        if os.fstat(fd).st_size < self._end:  # else it was added before, and more lies after it
            os.ftruncate(fd, self._end)
        return ContiguousTarget(spec, Extent(self._path, start + len(header)))

    def finish(self) -> None:
        """Complete the archive: deflated members, kept members, checksums, the directory."""
        made: dict[bytes, ZipMember] = {}
        with _open(self._path) as fd:
            for name, member in self._stored.items():
                made[name] = member._replace(crc=self._crc(fd, member))
                write_all(fd, made[name].header, member.offset)
            end = self._end
            for name, target in self._deflated.items():
                made[name] = _join(fd, name, target, end, self.frees_room)
                end = made[name].data_offset + made[name].packed_bytes
            if self._kept is not None:
                kept = [name for name in self._kept.members if name not in made]
                made |= self._kept.copy(fd, end, kept)
                end = max((m.data_offset + m.packed_bytes for m in made.values()), default=end)
            comment = b"" if self._kept is None else self._kept.comment
            last = directory([made[name] for name in self._names], end, comment)
            write_all(fd, last, end)
            os.ftruncate(fd, end + len(last))
        for target in self._deflated.values() if self.frees_room else ():
            target.remove()

    def _crc(self, fd: int, member: ZipMember) -> int:
        """The CRC-32 of a stored member, read again: the kernel may have copied all of it."""
        total, buffer = 0, memoryview(bytearray(min(_WINDOW, member.nbytes)))
        for done in range(0, member.nbytes, _WINDOW):
            view = buffer[: member.nbytes - done]
            read_exactly(fd, view, member.data_offset + done, self._path)
            total = crc32(view, total)
        return total


def _join(fd: int, name: bytes, target: DeflatedTarget, offset: int, frees_room: bool) -> ZipMember:
    """Write a deflated member at an offset of the archive."""
    most = target.most_bytes
    start = data_offset(offset, name, most)
    packed = target.join(fd, start, frees_room)
    made = ZipMember(name, offset, start, packed.nbytes, packed.packed_bytes, packed.crc, DEFLATED)
    write_all(fd, made.header, offset)
    return made


@contextmanager
def _open(path: str) -> Iterator[int]:
    """A descriptor of the archive, which is created if there is none."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        yield fd
    finally:
        os.close(fd)

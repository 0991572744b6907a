"""Writes a Zarr store into one zip archive: first as files in a folder, which are then packed.

Chunks come from any thread, in any order and of any size; packed in the order of their names, they
make the same archive every time. A chunk's file is removed as soon as it is in the archive.
"""

from __future__ import annotations

import os
from pathlib import Path

from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.codecs.crc32 import crc32
from concatsplit_core.errors import OutputRefused, UsageError
from concatsplit_core.formats.storage import Storage
from concatsplit_core.formats.structure import Structure
from concatsplit_core.formats.targets import ChunkedTarget, Writer
from concatsplit_core.formats.zarr.describing import consolidated_groups
from concatsplit_core.formats.zarr.writing import ZarrDivided, ZarrWriter
from concatsplit_core.stores.base import Location
from concatsplit_core.stores.files import (
    SHAREABLE,
    open_input,
    read_exactly,
    share_range,
    write_all,
)
from concatsplit_core.stores.local import local
from concatsplit_core.stores.zips.kept import Kept
from concatsplit_core.stores.zips.records import LONGEST_NAME, Member, data_offset, directory
from concatsplit_core.stores.zips.store import ZipStore

_WINDOW = 1 << 20
_DOCUMENTS = {"zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata"}


class ZippedZarrWriter(Writer):
    """One staged archive.

    Parameters
    ----------
    path : Path
    base : Path, optional
        The archive whose other members are kept.
    """

    def __init__(self, path: Path, base: Path | None) -> None:
        super().__init__()
        self._path, self._base = path, base
        self._folder = path.with_name(f"{path.name}.files")
        self._inner = ZarrWriter(local(self._folder))
        self._kept = None if base is None else Kept(base, may_repeat=True)
        self._added: list[str] = []

    def add(self, member: str, spec: ArraySpec, storage: Storage) -> ChunkedTarget | ZarrDivided:
        """Create an array and the groups above it."""
        if self._base is not None:
            store = Location(ZipStore(self._base, str(self._base)), "")
            if consolidated_groups(store, [member]):
                raise OutputRefused(
                    f"{self._base}: lists the metadata of all arrays in one place, to which no "
                    "array is added; write to another store",
                    ref=str(self._base),
                )
        self._added.append(member)
        return self._inner.add(member, spec, storage)

    def add_groups(self, structure: Structure) -> None:
        """Make them when all arrays are there."""
        self._inner.add_groups(structure)

    def finish(self) -> None:
        """Pack the files, behind what is kept."""
        self._inner.finish()
        self.notes = self._inner.notes
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            members = self._packed(fd)
            end = members[-1].data_offset + members[-1].packed_bytes if members else 0
            last = directory(members, end, b"" if self._kept is None else self._kept.comment)
            write_all(fd, last, end)
            os.ftruncate(fd, end + len(last))
        finally:
            os.close(fd)

    def _packed(self, fd: int) -> list[Member]:
        """All members, those that are kept first."""
        members: list[Member] = []
        if self._kept is not None:
            kept = [name for name in self._kept.members if not self._is_replaced(name)]
            members += self._kept.copy(fd, 0, kept).values()
        taken = {member.name for member in members}
        end = members[-1].data_offset + members[-1].packed_bytes if members else 0
        start = len(str(self._folder)) + 1
        for path in sorted(local(self._folder).walk()):
            name = _encoded(path[start:])
            if name in taken:  # a group that is there already
                continue
            members.append(_pack(fd, Path(path), name, end))
            end = members[-1].data_offset + members[-1].packed_bytes
            if os.path.basename(path) not in _DOCUMENTS:
                os.unlink(path)
        return members

    def _is_replaced(self, name: bytes) -> bool:
        return any(name.startswith(f"{member}/".encode()) for member in self._added)


def _pack(fd: int, path: Path, name: bytes, offset: int) -> Member:
    """Copy a file into an archive, and sum it; where file systems can, they share its blocks."""
    here = open_input(path)
    try:
        size = os.fstat(here).st_size
        start = data_offset(offset, name, size, 0 if size >= SHAREABLE else None)
        shared = share_range(here, 0, fd, start, size)
        crc, buffer = 0, memoryview(bytearray(min(size, _WINDOW)))
        for done in range(0, size, _WINDOW):
            view = buffer[: size - done]
            read_exactly(here, view, done, path)
            crc = crc32(view, crc)
            if not (done in shared and done + len(view) - 1 in shared):
                write_all(fd, view, start + done)
    finally:
        os.close(here)
    made = Member(name, offset, start, size, size, crc)
    write_all(fd, made.header, offset)
    return made


def _encoded(name: str) -> bytes:
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        raise UsageError(f"output member '{shown}': names in a zip archive are UTF-8") from None
    if len(encoded) > LONGEST_NAME:
        raise UsageError(f"output member '{name[:40]}...': its name is too long for an archive")
    return encoded

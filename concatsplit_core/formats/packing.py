"""Packs the files of a folder into a zip archive, in the order of their names."""

from __future__ import annotations

import os
from collections.abc import Collection

from concatsplit_core.codecs.crc32 import crc32
from concatsplit_core.formats.misnamed import not_utf8
from concatsplit_core.foundation.errors import UsageError
from concatsplit_core.stores.files import (
    SHAREABLE,
    open_input,
    read_exactly,
    share_range,
    write_all,
)
from concatsplit_core.stores.local import local
from concatsplit_core.stores.zips.kept import KeptMembers
from concatsplit_core.stores.zips.records import LONGEST_NAME, ZipMember, data_offset, directory

_WINDOW = 1 << 20


def pack(
    folder: str,
    archive: str,
    kept: KeptMembers | None,
    replaced: Collection[str],
    lasting: Collection[str],
    frees_room: bool = True,
) -> None:
    """Make an archive of the files of a folder.

    Parameters
    ----------
    folder, archive : str
    kept : KeptMembers, optional
        Members of another archive that come first; a file with the name of one is left out.
    replaced : collection of str
        Folders of the other archive that are not kept.
    lasting : collection of str
        Names of files that stay in the folder. All others are removed as soon as they are in the
        archive, so that there is room for it.
    frees_room : bool
        If it is false, all files stay.
    """
    fd = os.open(archive, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        members: list[ZipMember] = []
        if kept is not None:
            folders = tuple(f"{name}/".encode() for name in replaced)
            names = [name for name in kept.members if not name.startswith(folders)]
            members += kept.copy(fd, 0, names).values()
        taken = {member.name for member in members}
        start = len(folder) + 1
        for path in sorted(local(folder).walk()):
            name = encoded(path[start:])
            if name not in taken:
                members.append(_packed(fd, path, name, _end(members)))
                if frees_room and os.path.basename(path) not in lasting:
                    os.unlink(path)
        last = directory(members, _end(members), b"" if kept is None else kept.comment)
        write_all(fd, last, _end(members))
        os.ftruncate(fd, _end(members) + len(last))
    finally:
        os.close(fd)


def _end(members: list[ZipMember]) -> int:
    return members[-1].data_offset + members[-1].packed_bytes if members else 0


def _packed(fd: int, path: str, name: bytes, offset: int) -> ZipMember:
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
    made = ZipMember(name, offset, start, size, size, crc)
    write_all(fd, made.header, offset)
    return made


def encoded(name: str) -> bytes:
    """The bytes of a member's name.

    Raises
    ------
    UsageError
        It is not text, or too long.
    """
    try:
        found = name.encode()
    except UnicodeEncodeError:
        raise not_utf8(name, "an archive") from None
    if len(found) > LONGEST_NAME:
        raise UsageError(f"output member '{name[:40]}...': its name is too long for an archive")
    return found

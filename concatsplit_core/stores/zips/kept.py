"""Members of an archive that is added to: they are copied as they lie, and listed as they were."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable

from concatsplit_core.foundation.errors import ConcatsplitError, OutputRefused
from concatsplit_core.stores.files import SHAREABLE, SHARED_BLOCK, copy_range, open_input, write_all
from concatsplit_core.stores.zips.directory import ENCRYPTED, data_start, directory_of, member_name
from concatsplit_core.stores.zips.records import ZipMember, data_offset


class KeptMembers:
    """The members of an archive.

    Parameters
    ----------
    base : str
    may_repeat : bool
        Of two members of one name the last one counts.

    Attributes
    ----------
    members : dict of bytes to ZipMember
        By their names, in the order in which the archive lists them.
    comment : bytes
        Of the archive.

    Raises
    ------
    OutputRefused
        Its members cannot be copied: two have one name, or lie in each other, or one is encrypted.
    """

    def __init__(self, base: str, may_repeat: bool = False) -> None:
        self._base, self._may_repeat = base, may_repeat
        self.members: dict[bytes, ZipMember] = {}
        try:
            directory = directory_of(base, base)
            self.comment = directory.comment
            fd = open_input(base)
            try:
                for entry in directory.entries:
                    self._note(entry, fd)
            finally:
                os.close(fd)
        except ConcatsplitError as error:
            raise OutputRefused(
                f"{error.message}; nothing can be added to the archive", ref=base
            ) from error
        self._refuse_overlaps()

    def _note(self, entry: zipfile.ZipInfo, fd: int) -> None:
        name = member_name(entry)
        if name in self.members and not self._may_repeat:
            raise self._refusal(f"two members are called '{entry.filename}'")
        if entry.flag_bits & ENCRYPTED:
            raise self._refusal(f"the member '{entry.filename}' is encrypted")
        year, month, day, hour, minute, second = entry.date_time
        date = (year - 1980) << 9 | month << 5 | day
        self.members[name] = ZipMember(
            name,
            entry.header_offset,
            data_start(fd, entry, self._base),
            entry.file_size,
            entry.compress_size,
            entry.CRC,
            entry.compress_type,
            entry.flag_bits,
            date << 16 | hour << 11 | minute << 5 | second // 2,
            entry.external_attr,
            entry.create_system << 8,
            entry.comment,
        )

    def _refuse_overlaps(self) -> None:
        """Refuse members that share bytes: copied one by one they could fill the disk."""
        at = 0
        for member in sorted(self.members.values(), key=lambda m: m.offset):
            if member.offset < at:
                raise self._refusal("two members lie in each other")
            at = member.data_offset + member.packed_bytes

    def _refusal(self, why: str) -> OutputRefused:
        return OutputRefused(
            f"{self._base}: {why}; nothing can be added to the archive, make it anew",
            ref=self._base,
        )

    def copy(self, fd: int, end: int, names: Iterable[bytes]) -> dict[bytes, ZipMember]:
        """Copy members behind what an archive holds.

        Where file systems share blocks, data stay where they are within a block, and are shared.
        """
        copied = {}
        here = open_input(self._base)
        try:
            for name in names:
                old = self.members[name]
                large = old.packed_bytes >= SHAREABLE
                modulo = old.data_offset % SHARED_BLOCK if large else None
                most = max(old.nbytes, old.packed_bytes)
                start = data_offset(end, name, most, modulo)
                new = copied[name] = old._replace(offset=end, data_offset=start)
                write_all(fd, new.header, end)
                copy_range(here, old.data_offset, fd, start, old.packed_bytes, self._base)
                end = start + old.packed_bytes
        finally:
            os.close(here)
        return copied

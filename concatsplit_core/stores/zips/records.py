"""The records of a zip archive as bytes: headers of members, and the directory at the end.

They follow PKWARE's APPNOTE.TXT, 6.3. An archive written here carries no times and no padding but
what puts the data of its members where memory maps and file systems want them::

    | header + padding | data of a member | header + padding | data | ... | directory | its end |
                       ^ a multiple of 64
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from concatsplit_core.foundation.records import NamedTuple

STORED, DEFLATED = 0, 8
ALIGNMENT = 64
"""Data start at a multiple of this, so that memory maps of any dtype are aligned."""
_BLOCK = 4096
"""Bytes of a block that file systems share."""
_FULL, _FULL_SHORT = 0xFFFFFFFF, 0xFFFF
"""What stands in a field of 4 bytes, and of 2, for a number that is in a zip64 record."""
LONG, MANY = _FULL, _FULL_SHORT
"""Bytes, and members, from which on numbers are in zip64 records."""
_LOCAL, _CENTRAL = struct.Struct("<4s5H3L2H"), struct.Struct("<4s6H3L5H2L")
_END, _END_64 = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_ZIP64, _PADDING = 0x0001, 0xD935
"""Numbers of extra fields: long sizes, and padding, as Android's zipalign writes it."""
_LEAST_PADDING = 6
_UTF8, _DESCRIPTOR = 0x0800, 0x0008
"""Flags: the name is UTF-8; sizes and checksum come behind the data instead of before them."""
_1980 = 0x00210000
"""The first of January 1980, the earliest date that there is."""
_REGULAR_FILE = 0o100644 << 16
_UNIX = 3 << 8
LONGEST_NAME = 0xFFFF
"""Bytes of the longest name."""


class ZipMember(NamedTuple):
    """One member of an archive.

    Parameters
    ----------
    name : bytes
    offset : int
        Of its header in the archive.
    data_offset : int
        Of its data.
    nbytes : int
        When it is unpacked.
    packed_bytes : int
        As it lies in the archive.
    crc : int
        CRC-32 of the unpacked bytes.
    method : int
        `STORED`, `DEFLATED` or another one, which cannot be unpacked here.
    flags, date, attributes, system, comment
        As of the record in the directory.
    """

    name: bytes
    offset: int
    data_offset: int
    nbytes: int
    packed_bytes: int
    crc: int = 0
    method: int = STORED
    flags: int = _UTF8
    date: int = _1980
    attributes: int = _REGULAR_FILE
    system: int = _UNIX
    comment: bytes = b""

    @property
    def header(self) -> bytes:
        """What lies between `offset` and `data_offset`."""
        long = _is_long(self)
        extra = struct.pack("<2H2Q", _ZIP64, 16, self.nbytes, self.packed_bytes) if long else b""
        room = self.data_offset - self.offset - _LOCAL.size - len(self.name) - len(extra)
        if room:
            extra += struct.pack("<3H", _PADDING, room - 4, ALIGNMENT).ljust(room, b"\0")
        sizes = (_FULL, _FULL) if long else (self.packed_bytes, self.nbytes)
        head = _LOCAL.pack(
            b"PK\3\4",
            _version(long),
            self.flags & ~_DESCRIPTOR,
            self.method,
            self.date & 0xFFFF,
            self.date >> 16,
            self.crc,
            *sizes,
            len(self.name),
            len(extra),
        )
        return head + self.name + extra


def _is_long(member: ZipMember) -> bool:
    return max(member.nbytes, member.packed_bytes) >= LONG


def _shown(number: int) -> int:
    """A number as it is in its field of 4 bytes."""
    return number if number < LONG else _FULL


def _version(long: bool) -> int:
    """The version of the format that is needed to unpack."""
    return 45 if long else 20


def data_offset(offset: int, name: bytes, nbytes: int, modulo_block: int | None = None) -> int:
    """Where the data of a member start whose header starts at an offset.

    Parameters
    ----------
    offset : int
    name : bytes
    nbytes : int
        The most that it may have, packed or not.
    modulo_block : int, optional
        The offset that is wanted, modulo the block that file systems share.
    """
    start = offset + _LOCAL.size + len(name) + (20 if nbytes >= LONG else 0)
    step, wanted = ALIGNMENT, 0
    if modulo_block is not None and not modulo_block % ALIGNMENT:
        step, wanted = _BLOCK, modulo_block
    padding = (wanted - start) % step
    while 0 < padding < _LEAST_PADDING:
        padding += step
    return start + padding


def directory(members: Sequence[ZipMember], at: int, comment: bytes = b"") -> bytes:
    """The directory of an archive, and the records that end it.

    Parameters
    ----------
    members : sequence of ZipMember
        In the order in which they are listed.
    at : int
        Where the directory starts.
    comment : bytes
        Of the archive.
    """
    listed = b"".join(map(_central, members))
    count, size = len(members), len(listed)
    end = b""
    if count >= MANY or size >= LONG or at >= LONG:
        end += _END_64.pack(b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, at)
        end += _LOCATOR.pack(b"PK\6\7", 0, at + size, 1)
    few = count if count < MANY else _FULL_SHORT
    end += _END.pack(b"PK\5\6", 0, 0, few, few, _shown(size), _shown(at), len(comment))
    return listed + end + comment


def _central(member: ZipMember) -> bytes:
    numbers = (member.nbytes, member.packed_bytes, member.offset)
    long = [n for n in numbers if n >= LONG]
    extra = struct.pack(f"<2H{len(long)}Q", _ZIP64, 8 * len(long), *long) if long else b""
    nbytes, packed, offset = map(_shown, numbers)
    record = _CENTRAL.pack(
        b"PK\1\2",
        member.system | _version(bool(long)),
        _version(bool(long)),
        member.flags & ~_DESCRIPTOR,
        member.method,
        member.date & 0xFFFF,
        member.date >> 16,
        member.crc,
        packed,
        nbytes,
        len(member.name),
        len(extra),
        len(member.comment),
        0,
        0,
        member.attributes,
        offset,
    )
    return record + member.name + extra + member.comment

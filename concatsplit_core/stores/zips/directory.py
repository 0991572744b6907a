"""What a zip archive holds: its directory, read once, and its members, found without it."""

from __future__ import annotations

import errno
import lzma
import os
import struct
import threading
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from concatsplit_core.foundation.errors import ConcatsplitError, MalformedInput, UnsafeContent

_LOCAL_HEADER = 30
_UTF8 = 0x800
ENCRYPTED = 0x1
"""The flag of a member that is encrypted."""
_REMEMBERED = 4

_DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, OverflowError,
    RuntimeError, struct.error,
)  # fmt: skip
"""What zipfile and its libraries raise for a damaged archive."""


class Directory:
    """The directory of an archive.

    Parameters
    ----------
    entries : tuple of zipfile.ZipInfo
        In the order in which they are listed.
    comment : bytes
        Of the archive.
    """

    def __init__(self, entries: tuple[zipfile.ZipInfo, ...], comment: bytes) -> None:
        self.entries, self.comment = entries, comment


_Key = tuple[str, int, int, int, int]
_known: dict[_Key, Directory] = {}
_lock = threading.Lock()


def directory_of(path: str, ref: str) -> Directory:
    """The directory of an archive. The last few are remembered, until their files change.

    Parameters
    ----------
    path : str
    ref : str
        What messages call it.

    Raises
    ------
    MalformedInput
        It is damaged.
    """
    found = os.stat(path)
    key = (path, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
    with _lock:
        if key in _known:
            return _known[key]
    with sound(ref, "not a complete archive"), zipfile.ZipFile(path) as archive:
        made = Directory(tuple(archive.infolist()), archive.comment)
    with _lock:
        while len(_known) >= _REMEMBERED:
            del _known[next(iter(_known))]
        _known[key] = made
    return made


@contextmanager
def sound(ref: str, what: str) -> Iterator[None]:
    """Turns the errors of a damaged archive into one that names the archive."""
    try:
        yield
    except ConcatsplitError:
        raise
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno and error.errno != errno.EINVAL:
            raise  # EINVAL: zipfile looks for a place before the file's start
        raise MalformedInput(
            f"{ref}: {what}: {error or type(error).__name__}; it is damaged, copy or save it again",
            ref=ref,
        ) from error


def data_start(fd: int, entry: zipfile.ZipInfo, ref: str) -> int:
    """Where the data of a member start: after its local header (APPNOTE.TXT, 4.3.7).

    Parameters
    ----------
    fd : int
        The archive.
    entry : zipfile.ZipInfo
    ref : str
        What messages call the member.

    Raises
    ------
    MalformedInput
        There is no such header, or the archive ends before the data do.
    """
    name = member_name(entry)
    local = os.pread(fd, _LOCAL_HEADER + len(name), max(0, entry.header_offset))
    if len(local) < _LOCAL_HEADER or local[:4] != b"PK\x03\x04":
        raise MalformedInput(f"{ref}: the archive's member is not where it should be", ref=ref)
    name_length, extra_length = struct.unpack("<HH", local[26:_LOCAL_HEADER])
    if name_length != len(name) or local[_LOCAL_HEADER:] != name:
        raise MalformedInput(
            f"{ref}: the archive's member has another name in its own header", ref=ref
        )
    start = int(entry.header_offset + _LOCAL_HEADER + name_length + extra_length)
    if start + entry.compress_size > os.fstat(fd).st_size:
        raise MalformedInput(f"{ref}: the archive ends inside the member", ref=ref)
    if entry.compress_type == zipfile.ZIP_STORED and entry.compress_size != entry.file_size:
        raise MalformedInput(f"{ref}: the stored member has two sizes", ref=ref)
    return start


def member_name(entry: zipfile.ZipInfo) -> bytes:
    """The name of a member as it is in the archive."""
    return entry.orig_filename.encode("utf-8" if entry.flag_bits & _UTF8 else "cp437")


@contextmanager
def unpacked(path: str, entry: zipfile.ZipInfo, ref: str, trouble: str) -> Iterator[IO[bytes]]:
    """A member as a stream of unpacked bytes; at the end their CRC-32 is compared.

    Parameters
    ----------
    path : str
    entry : zipfile.ZipInfo
    ref : str
    trouble : str
        What an error says first.

    Raises
    ------
    MalformedInput
        It is damaged; also while it is read.
    UnsafeContent
        It is encrypted.
    """
    if entry.flag_bits & ENCRYPTED:
        raise UnsafeContent(f"{ref}: the member is encrypted", ref=ref)
    with sound(ref, trouble), open(path, "rb") as file:
        file.seek(data_start(file.fileno(), entry, ref))
        try:
            stream: Any = zipfile.ZipExtFile(file, "r", entry)
        except NotImplementedError as error:
            raise zipfile.BadZipFile(str(error)) from error
        yield stream

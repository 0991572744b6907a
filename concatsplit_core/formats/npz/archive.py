"""Members of NumPy's .npz archives, read only.

A stored member is contiguous and read where it lies. A compressed one can only be inflated from its
start: that is done once, into a file without a name.
"""

from __future__ import annotations

import errno
import lzma
import os
import struct
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, ClassVar

from concatsplit_core.array.layouts import Contiguous
from concatsplit_core.errors import (
    AmbiguousContainer,
    ConcatsplitError,
    InputUnavailable,
    MalformedInput,
    UnsafeContent,
)
from concatsplit_core.formats.npy_header import LONGEST, Header, parse_header, prefix_length
from concatsplit_core.formats.sources import ContiguousSource, located
from concatsplit_core.formats.storage import Extent, Storage

_LOCAL_HEADER = 30
_COPY = 1 << 20
_ZARR_METADATA = {".zarray", ".zgroup", "zarr.json"}

_DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, OverflowError,
    RuntimeError, struct.error,
)  # fmt: skip
"""What zipfile and its libraries raise for a damaged archive."""


@contextmanager
def _sound(ref: str, what: str) -> Iterator[None]:
    """Turns what is raised for a damaged archive into an error that names it."""
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


_spooling = threading.Lock()


@dataclass(slots=True, eq=False)
class NpzSource(ContiguousSource):
    """One member of an archive.

    Parameters
    ----------
    entry : zipfile.ZipInfo
        The archive's entry of the member.
    data_offset : int
        Where the elements start in the member, behind its header.
    """

    format: ClassVar[str] = "npz"
    whole_checksum: ClassVar[str | None] = "CRC-32"

    entry: zipfile.ZipInfo
    data_offset: int
    scratch: Path | None = None
    """The folder to inflate it in."""
    _spooled: IO[bytes] | None = field(default=None, init=False)

    @property
    def extent(self) -> Extent:
        """Where the elements lie: in the archive, or in a file without a name."""
        if self._is_stored:
            return located(self.path, self.spec)
        with _spooling:
            if self._spooled is None:
                self._spooled = self._inflated()
        return Extent(Path(f"/proc/self/fd/{self._spooled.fileno()}"), self.data_offset)

    @property
    def _is_stored(self) -> bool:
        return self.entry.compress_type == zipfile.ZIP_STORED

    def prepare(self, folder: Path, check: bool = False) -> None:
        """Inflate a compressed member into a file without a name, which is in the folder."""
        self.scratch = folder
        if not self._is_stored:
            _ = self.extent
        elif check:
            for _ in self._pieces("is damaged"):  # zipfile compares the checksum at the end
                pass

    def _inflated(self) -> IO[bytes]:
        spooled = tempfile.TemporaryFile(dir=self.scratch)
        try:
            expected = self.data_offset + self.spec.nbytes
            written = 0
            for piece in self._pieces("cannot be inflated"):
                written += len(piece)
                if written > expected:
                    break
                spooled.write(piece)
            if written != expected:
                raise MalformedInput(
                    f"{self.ref}: inflates to {written} bytes where its header makes {expected}",
                    ref=self.ref,
                )
            spooled.flush()
        except BaseException:
            spooled.close()
            raise
        return spooled

    def _pieces(self, trouble: str) -> Iterator[bytes]:
        """All of the member, inflated."""
        with (
            _sound(self.ref, trouble),
            zipfile.ZipFile(self.path or "") as archive,
            archive.open(self.entry) as stream,
        ):
            while piece := stream.read(_COPY):
                yield piece

    def stored_bytes(self) -> int:
        """Bytes that the member takes in the archive."""
        return self.entry.compress_size

    def close(self) -> None:
        """Close the file without a name, with which it is gone."""
        if self._spooled is not None:
            self._spooled.close()
            self._spooled = None


def _archive(path: Path, ref: str) -> zipfile.ZipFile:
    with _sound(ref, "not a complete .npz archive"):
        archive = zipfile.ZipFile(path)
    names = [name.rpartition("/")[2] for name in archive.namelist()]
    if not _ZARR_METADATA.isdisjoint(names) and not any(n.endswith(".npy") for n in names):
        archive.close()
        raise MalformedInput(
            f"{ref}: is a zipped Zarr store, which is not read; unzip it into a folder whose "
            "name ends in .zarr",
            ref=ref,
        )
    return archive


def list_members(path: Path, ref: str) -> list[str]:
    """Names of the arrays, without the .npy that their files end in."""
    with _archive(path, ref) as archive:
        return list(_entries(archive))


def open_member(path: Path, member: str | None, ref: str) -> NpzSource:
    """Open a member of an archive."""
    with _archive(path, ref) as archive:
        entry = _entry(archive, member, ref)
        if entry.flag_bits & 1:
            raise UnsafeContent(f"{ref}: the member is encrypted", ref=ref)
        header = _header(archive, entry, ref)
    expected = header.data_offset + header.spec.nbytes
    if entry.file_size != expected:
        raise MalformedInput(
            f"{ref}: the member has {entry.file_size} bytes, its header makes {expected}",
            ref=ref,
            found=entry.file_size,
            expected=expected,
        )
    offset = None
    if entry.compress_type == zipfile.ZIP_STORED:
        offset = _data_start(path, entry, ref) + header.data_offset
    spec = replace(header.spec, layout=Contiguous(header.spec.order, offset))
    name = entry.filename.removesuffix(".npy")
    return NpzSource(path, ref, spec, Storage(), entry, header.data_offset, member=name)


def _entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The archive's entries of arrays, by the names of these."""
    entries = (entry for entry in archive.infolist() if not entry.is_dir())
    return {entry.filename.removesuffix(".npy"): entry for entry in entries}


def _entry(archive: zipfile.ZipFile, member: str | None, ref: str) -> zipfile.ZipInfo:
    entries = _entries(archive)
    if member is None:
        if len(entries) == 1:
            return next(iter(entries.values()))
        found = ", ".join(entries) or "none"
        raise AmbiguousContainer(
            f"{ref}: holds {len(entries)} arrays ({found}); name one as {ref}::MEMBER", ref=ref
        )
    if member not in entries:
        raise InputUnavailable(
            f"{ref}: has no member '{member}'; it holds {', '.join(entries) or 'none'}", ref=ref
        )
    return entries[member]


def _header(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, ref: str) -> Header:
    with _sound(ref, "the member cannot be read"), archive.open(entry) as stream:
        start = stream.read(12)
        at, length, _ = prefix_length(start, ref)
        if length <= LONGEST:
            start += stream.read(at + length - len(start))
        return parse_header(start, ref)


def _data_start(path: Path, entry: zipfile.ZipInfo, ref: str) -> int:
    """Where a stored member starts: after its local header (APPNOTE.TXT, 4.3.7)."""
    with path.open("rb") as file:
        file.seek(entry.header_offset)
        local = file.read(_LOCAL_HEADER)
        size = os.fstat(file.fileno()).st_size
    if len(local) < _LOCAL_HEADER or local[:4] != b"PK\x03\x04":
        raise MalformedInput(f"{ref}: the archive's member is not where it should be", ref=ref)
    name_length: int
    extra_length: int
    name_length, extra_length = struct.unpack("<HH", local[26:30])
    start = entry.header_offset + _LOCAL_HEADER + name_length + extra_length
    if start + entry.file_size > size or entry.compress_size != entry.file_size:
        raise MalformedInput(f"{ref}: the archive ends inside the member", ref=ref)
    return start

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
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, ClassVar, NamedTuple

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
from concatsplit_core.stores.files import Pool

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
        return Extent(f"/proc/self/fd/{self._spooled.fileno()}", self.data_offset)

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
            _opened(self.path or "", self.ref) as archive,
            _sound(self.ref, trouble),
            archive.file.open(self.entry) as stream,
        ):
            while piece := stream.read(_COPY):
                yield piece

    def stored_bytes(self) -> int:
        """Bytes that the member takes in the archive."""
        return self.entry.compress_size

    def close(self) -> None:
        """Close the archive, and the file without a name, with which that is gone."""
        if self._spooled is not None:
            self._spooled.close()
            self._spooled = None
        if self.path is not None:
            _pool.discard(_version_of(self.path))


class _Version(NamedTuple):
    """A file as it is now: when it is replaced or written to, it is another one."""

    path: str
    facts: tuple[int, ...]


class _Archive(NamedTuple):
    """An open archive.

    Parameters
    ----------
    file : zipfile.ZipFile
    entries : dict of str to zipfile.ZipInfo
        Those of arrays, by the names of these.
    is_zarr : bool
        It is a Zarr store.
    """

    file: zipfile.ZipFile
    entries: dict[str, zipfile.ZipInfo]
    is_zarr: bool

    @property
    def fd(self) -> int:
        """The descriptor of its file."""
        if self.file.fp is None:
            raise ValueError("the archive is closed")
        return self.file.fp.fileno()


def _version_of(path: str) -> _Version:
    try:
        found = os.stat(path)
    except OSError:
        return _Version(path, ())
    return _Version(path, (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns))


def _open_archive(version: _Version) -> _Archive:
    file = zipfile.ZipFile(version.path)
    found = [entry for entry in file.infolist() if not entry.is_dir()]
    entries = {entry.filename.removesuffix(".npy"): entry for entry in found}
    has_arrays = any(entry.filename.endswith(".npy") for entry in found)
    names = {entry.filename.rpartition("/")[2] for entry in found}
    return _Archive(file, entries, not has_arrays and not _ZARR_METADATA.isdisjoint(names))


_pool: Pool[_Version, _Archive] = Pool(_open_archive, lambda archive: archive.file.close(), 8)
"""Archives of which members are open: to read the list of entries takes as long as it is."""


@contextmanager
def _opened(path: str, ref: str) -> Iterator[_Archive]:
    with ExitStack() as stack:
        with _sound(ref, "not a complete .npz archive"):
            archive = stack.enter_context(_pool.use(_version_of(path)))
        if archive.is_zarr:
            raise MalformedInput(
                f"{ref}: is a zipped Zarr store, which is not read; unzip it into a folder whose "
                "name ends in .zarr",
                ref=ref,
            )
        yield archive


def list_members(path: str, ref: str) -> list[str]:
    """Names of the arrays, without the .npy that their files end in."""
    try:
        with _opened(path, ref) as archive:
            return list(archive.entries)
    finally:
        _pool.discard(_version_of(path))


def open_member(path: str, member: str | None, ref: str) -> NpzSource:
    """Open a member of an archive."""
    try:
        with _opened(path, ref) as archive:
            return _open_entry(archive, path, member, ref)
    except BaseException:
        _pool.discard(_version_of(path))
        raise


def _open_entry(archive: _Archive, path: str, member: str | None, ref: str) -> NpzSource:
    entry = _entry(archive.entries, member, ref)
    if entry.flag_bits & 1:
        raise UnsafeContent(f"{ref}: the member is encrypted", ref=ref)
    header = _header(archive.file, entry, ref)
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
        offset = _data_start(archive, entry, ref) + header.data_offset
    spec = replace(header.spec, layout=Contiguous(header.spec.order, offset))
    name = entry.filename.removesuffix(".npy")
    return NpzSource(path, ref, spec, Storage(), entry, header.data_offset, member=name)


def _entry(entries: dict[str, zipfile.ZipInfo], member: str | None, ref: str) -> zipfile.ZipInfo:
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


def _data_start(archive: _Archive, entry: zipfile.ZipInfo, ref: str) -> int:
    """Where a stored member starts: after its local header (APPNOTE.TXT, 4.3.7)."""
    fd = archive.fd
    local = os.pread(fd, _LOCAL_HEADER, entry.header_offset)
    size = os.fstat(fd).st_size
    if len(local) < _LOCAL_HEADER or local[:4] != b"PK\x03\x04":
        raise MalformedInput(f"{ref}: the archive's member is not where it should be", ref=ref)
    name_length: int
    extra_length: int
    name_length, extra_length = struct.unpack("<HH", local[26:30])
    start = entry.header_offset + _LOCAL_HEADER + name_length + extra_length
    if start + entry.file_size > size or entry.compress_size != entry.file_size:
        raise MalformedInput(f"{ref}: the archive ends inside the member", ref=ref)
    return start

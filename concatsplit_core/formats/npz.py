"""Members of NumPy's .npz archives, read only.

A stored member is contiguous and mapped where it lies. A compressed one can only be inflated
from its start: it is spooled once, member by member, into a file without a name.
"""

from __future__ import annotations

import errno
import lzma
import os
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from concatsplit_core.array.geometry import Box
from concatsplit_core.array.layouts import Contiguous
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.errors import (
    AmbiguousContainer,
    ConcatsplitError,
    InputUnavailable,
    MalformedInput,
    UnsafeContent,
    UsageError,
)
from concatsplit_core.formats.base import Extent, Storage, Unchunked, Wish
from concatsplit_core.formats.npy_header import LONGEST, Header, parse_header, prefix_length

if TYPE_CHECKING:
    from concatsplit_core.stores.amendment import Amendment

name = "npz"
rectilinear = False
most_axes = 64

_LOCAL_HEADER = 30
_COPY = 1 << 20
_ZARR_METADATA = {".zarray", ".zgroup", "zarr.json"}

_DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, OverflowError,
    RuntimeError, struct.error,
)  # fmt: skip
"""What zipfile and the libraries behind it raise for an archive that is not sound."""


@contextmanager
def _sound(ref: str, what: str) -> Iterator[None]:
    """Turn whatever the reading of a damaged archive raises into an error that names it."""
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


@dataclass(slots=True)
class NpzSource(Unchunked):
    """One member of an archive."""

    path: Path | None
    ref: str
    spec: ArraySpec
    member: zipfile.ZipInfo
    extent: Extent | None
    data_offset: int
    storage: Storage = Storage()
    format: str = name
    spooled: Any = None

    def read(self, box: Box) -> Iterator[tuple[Box, np.ndarray]]:
        raise AssertionError("an .npz member is read through its extent")

    def prepare(self, folder: Path, check: bool = False) -> None:
        """Inflate a compressed member into a file without a name, to be mapped from there."""
        if self.path is None:
            return
        if self.extent is not None:
            if check:
                self._check(self.path)
            return
        self.spooled = tempfile.TemporaryFile(dir=folder)
        expected = self.data_offset + self.spec.nbytes
        written = 0
        with (
            _sound(self.ref, "cannot be inflated"),
            zipfile.ZipFile(self.path) as archive,
            archive.open(self.member) as stream,
        ):
            while data := stream.read(_COPY):
                written += len(data)
                if written > expected:
                    break
                self.spooled.write(data)
        if written != expected:
            raise MalformedInput(
                f"{self.ref}: inflates to {written} bytes where its header makes {expected}",
                ref=self.ref,
            )
        self.spooled.flush()
        self.extent = Extent(Path(f"/proc/self/fd/{self.spooled.fileno()}"), self.data_offset)

    def _check(self, path: Path) -> None:
        """Read a stored member once, which has zipfile compare its checksum."""
        with (
            _sound(self.ref, "is damaged"),
            zipfile.ZipFile(path) as archive,
            archive.open(self.member) as stream,
        ):
            while stream.read(_COPY):
                pass

    def stored_bytes(self) -> int:
        return self.member.compress_size

    def close(self) -> None:
        if self.spooled is not None:
            self.spooled.close()


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


def members(path: Path, ref: str) -> list[str]:
    """Names of the arrays, without the .npy that their files end in."""
    with _archive(path, ref) as archive:
        return [
            info.filename.removesuffix(".npy") for info in archive.infolist() if not info.is_dir()
        ]


def open(path: Path, member: str | None, ref: str) -> NpzSource:
    """Open a member of an archive."""
    with _archive(path, ref) as archive:
        info = _member(archive, member, ref)
        if info.flag_bits & 1:
            raise UnsafeContent(f"{ref}: the member is encrypted", ref=ref)
        header = _header(archive, info, ref)
    expected = header.data_offset + header.spec.nbytes
    if info.file_size != expected:
        raise MalformedInput(
            f"{ref}: the member has {info.file_size} bytes, its header makes {expected}",
            ref=ref,
            found=info.file_size,
            expected=expected,
        )
    extent = offset = None
    if info.compress_type == zipfile.ZIP_STORED:
        offset = _data_start(path, info, ref) + header.data_offset
        extent = Extent(path, offset)
    spec = replace(header.spec, layout=Contiguous(header.spec.order, offset))
    return NpzSource(path, ref, spec, info, extent, header.data_offset)


def _member(archive: zipfile.ZipFile, member: str | None, ref: str) -> zipfile.ZipInfo:
    infos = {
        info.filename.removesuffix(".npy"): info for info in archive.infolist() if not info.is_dir()
    }
    if member is None:
        if len(infos) == 1:
            return next(iter(infos.values()))
        found = ", ".join(infos) or "none"
        raise AmbiguousContainer(
            f"{ref}: holds {len(infos)} arrays ({found}); name one as {ref}::MEMBER", ref=ref
        )
    if member not in infos:
        raise InputUnavailable(
            f"{ref}: has no member '{member}'; it holds {', '.join(infos) or 'none'}", ref=ref
        )
    return infos[member]


def _header(archive: zipfile.ZipFile, info: zipfile.ZipInfo, ref: str) -> Header:
    with _sound(ref, "the member cannot be read"), archive.open(info) as stream:
        start = stream.read(12)
        at, length, _ = prefix_length(start, ref)
        if length <= LONGEST:
            start += stream.read(at + length - len(start))
        return parse_header(start, ref)


def _data_start(path: Path, info: zipfile.ZipInfo, ref: str) -> int:
    """Where a stored member's bytes start: behind its local header (APPNOTE.TXT, 4.3.7)."""
    with path.open("rb") as file:
        file.seek(info.header_offset)
        local = file.read(_LOCAL_HEADER)
        size = os.fstat(file.fileno()).st_size
    if len(local) < _LOCAL_HEADER or local[:4] != b"PK\x03\x04":
        raise MalformedInput(f"{ref}: the archive's member is not where it should be", ref=ref)
    name_length: int
    extra_length: int
    name_length, extra_length = struct.unpack("<HH", local[26:30])
    start = info.header_offset + _LOCAL_HEADER + name_length + extra_length
    if start + info.file_size > size or info.compress_size != info.file_size:
        raise MalformedInput(f"{ref}: the archive ends inside the member", ref=ref)
    return start


def astray(path: Path, ref: str) -> list[str]:
    """It has no links of its own."""
    return []


def layout(
    spec: ArraySpec, inherited: Storage, wish: Wish, like: ArraySpec | None
) -> tuple[ArraySpec, Storage]:
    """Archives are read only."""
    raise UsageError(".npz archives are read only; write to .npy, .h5 or .zarr")


def amend(base: Path, added: Mapping[Path, Path], folder: Path) -> Iterator[Amendment]:
    """Nothing but the members themselves says what members there are."""
    return iter(())


def adapt(wish: Wish, path: Path, base: Path | None) -> Wish:
    """Archives are read only."""
    return wish


def writer(path: Path, base: Path | None) -> Any:
    """Archives are read only."""
    raise UsageError(".npz archives are read only; write to .npy, .h5 or .zarr")

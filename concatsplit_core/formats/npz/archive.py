"""Members of NumPy's .npz archives, as they are read.

A stored member is contiguous and read where it lies. A compressed one can only be inflated from its
start: that is done once, into a file without a name.
"""

from __future__ import annotations

import os
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import IO, ClassVar

from concatsplit_core.array.layouts import Contiguous
from concatsplit_core.codecs.pipeline import Codec, Step
from concatsplit_core.formats.misnamed import chosen_member
from concatsplit_core.formats.npy_header import LONGEST, Header, parse_header, prefix_length
from concatsplit_core.formats.sources import ContiguousSource, located
from concatsplit_core.formats.storage import Extent, Storage
from concatsplit_core.foundation.errors import MalformedInput
from concatsplit_core.foundation.records import NamedTuple, dataclass, field, replace
from concatsplit_core.stores.files import open_input
from concatsplit_core.stores.zips.directory import Directory, data_start, directory_of, unpacked

_COPY = 1 << 20
_ZARR_METADATA = {".zarray", ".zgroup", "zarr.json"}
_ZIPPED_IN_FOLDER = (
    "is a zipped Zarr store inside a folder; unzip it, or zip the files without the folder"
)

_CODECS = {zipfile.ZIP_STORED: Codec(), zipfile.ZIP_DEFLATED: Codec((Step("gzip", (6,)),))}
"""What members went through. No archive says at which level; NumPy's is that of zlib, 6."""

_spooling = threading.Lock()


@dataclass(slots=True, eq=False)
class NpzSource(ContiguousSource):
    """One member of an archive.

    Parameters
    ----------
    entry : zipfile.ZipInfo
        The archive's entry of the member.
    data_offset : int
        Where the elements start in the member, after its header.
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
        with unpacked(self.path or "", self.entry, self.ref, trouble) as stream:
            while piece := stream.read(_COPY):
                yield piece

    def stored_bytes(self) -> int:
        """Bytes that the member takes in the archive."""
        return self.entry.compress_size

    def close(self) -> None:
        """Close the file without a name, which removes it."""
        if self._spooled is not None:
            self._spooled.close()
            self._spooled = None


class _Arrays(NamedTuple):
    """The arrays of an archive.

    Parameters
    ----------
    entries : dict of str to zipfile.ZipInfo
        By the names of the arrays, without the .npy that the names of members end in.
    doubled : frozenset of str
        Names that two members have.
    instead : str
        What the archive is, and what to do, if it is not one of arrays.
    """

    entries: dict[str, zipfile.ZipInfo]
    doubled: frozenset[str]
    instead: str


@lru_cache(maxsize=4)
def _arrays_in(directory: Directory) -> _Arrays:
    entries, doubled, names = {}, set(), set()
    for entry in directory.entries:
        if entry.is_dir():
            continue
        name = entry.filename.removesuffix(".npy")
        if name in entries:
            doubled.add(name)
        entries[name] = entry
        names.add(entry.filename.rpartition("/")[2])
    instead = ""
    if not any(name.endswith(".npy") for name in names):
        if not _ZARR_METADATA.isdisjoint(names):
            instead = _ZIPPED_IN_FOLDER
        elif "data.pkl" in names:
            from concatsplit_core.formats.foreign import TORCH

            instead = TORCH
    return _Arrays(entries, frozenset(doubled), instead)


def _arrays(path: str, ref: str) -> _Arrays:
    found = _arrays_in(directory_of(path, ref))
    if found.instead:
        raise MalformedInput(f"{ref}: {found.instead}", ref=ref)
    return found


def list_members(path: str, ref: str) -> list[str]:
    """Names of the arrays, without the .npy that their files end in."""
    return list(_arrays(path, ref).entries)


def open_member(path: str, member: str | None, ref: str) -> NpzSource:
    """Open a member of an archive."""
    entry = _entry(_arrays(path, ref), member, ref)
    header = _header(path, entry, ref)
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
        fd = open_input(path)
        try:
            offset = data_start(fd, entry, ref) + header.data_offset
        finally:
            os.close(fd)
    spec = replace(header.spec, layout=Contiguous(header.spec.order, offset))
    name = entry.filename.removesuffix(".npy")
    storage = Storage(codec=_CODECS.get(entry.compress_type))
    return NpzSource(path, ref, spec, storage, entry, header.data_offset, member=name)


def _entry(arrays: _Arrays, member: str | None, ref: str) -> zipfile.ZipInfo:
    member = chosen_member(arrays.entries, member, ref)
    if member in arrays.doubled:
        raise MalformedInput(
            f"{ref}: two members of the archive are called '{member}'; save it again", ref=ref
        )
    return arrays.entries[member]


def _header(path: str, entry: zipfile.ZipInfo, ref: str) -> Header:
    name = ref if "::" in ref else f"{ref}::{entry.filename}"
    with unpacked(path, entry, ref, "the member cannot be read") as stream:
        start = stream.read(12)
        at, length, _ = prefix_length(start, name)
        if length <= LONGEST:
            start += stream.read(at + length - len(start))
        return parse_header(start, name)

"""NumPy's .npy files: one contiguous array behind a short header."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from concatsplit_core.array.geometry import Box
from concatsplit_core.array.layouts import Contiguous
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.errors import MalformedInput, UnsupportedDtype, UsageError
from concatsplit_core.formats.base import Extent, Storage, Target, Unchunked, Wish
from concatsplit_core.formats.chunking import refuse_checksum
from concatsplit_core.formats.npy_header import format_header, parse_header
from concatsplit_core.stores.files import open_input, write_all

if TYPE_CHECKING:
    from concatsplit_core.stores.amendment import Amendment

name = "npy"
rectilinear = False
most_axes = 64

_FIRST_READ = 4096


@dataclass(slots=True)
class NpySource(Unchunked):
    """An .npy file, described; its bytes are read by the mapped route."""

    path: Path | None
    ref: str
    spec: ArraySpec
    extent: Extent | None
    storage: Storage = Storage()
    format: str = name
    spooled: Any = None
    """The nameless file that holds a stream."""

    def read(self, box: Box) -> Iterator[tuple[Box, np.ndarray]]:
        raise AssertionError("an .npy file is read through its extent")

    def prepare(self, folder: Path, check: bool = False) -> None:
        """Nothing to prepare."""

    def stored_bytes(self) -> int:
        return self.spec.nbytes

    def close(self) -> None:
        if self.spooled is not None:
            self.spooled.close()


def open(path: Path, member: str | None, ref: str) -> NpySource:
    """Open an .npy file.

    Raises
    ------
    MalformedInput
        The header cannot be read, or the file is shorter or longer than the header says.
    UnsafeContent
        The file holds pickled objects.
    """
    if member:
        raise UsageError(f"{ref}: an .npy file is one array and has no member '{member}'")
    fd = open_input(path)
    try:
        size = os.fstat(fd).st_size
        start = os.pread(fd, _FIRST_READ, 0)
        header = _header(fd, start, ref)
    finally:
        os.close(fd)
    expected = header.data_offset + header.spec.nbytes
    if size != expected:
        what = "truncated" if size < expected else "followed by bytes that do not belong to it"
        raise MalformedInput(
            f"{ref}: the array is {what}: the file has {size} bytes, its header "
            f"{header.spec.shape} {header.spec.dtype} makes {expected}",
            ref=ref,
            found=size,
            expected=expected,
        )
    return NpySource(path, ref, header.spec, Extent(path, header.data_offset))


def _header(fd: int, start: bytes, ref: str) -> Any:
    from concatsplit_core.formats.npy_header import LONGEST, prefix_length

    at, length, _ = prefix_length(start, ref)
    if length <= LONGEST and at + length > len(start):
        start = os.pread(fd, at + length, 0)
    return parse_header(start, ref)


def members(path: Path, ref: str) -> list[str]:
    """An .npy file is the array itself."""
    return [""]


def astray(path: Path, ref: str) -> list[str]:
    """It has no links of its own."""
    return []


def layout(
    spec: ArraySpec, inherited: Storage, wish: Wish, like: ArraySpec | None
) -> tuple[ArraySpec, Storage]:
    """Lay out an .npy output: C order unless Fortran order was asked for or is the inputs'."""
    if wish.chunks not in (None, "none", "auto"):
        raise UsageError("--chunks: an .npy file has no chunks; write to .h5 or .zarr")
    if wish.codec:
        raise UsageError(
            f"--codec {wish.codec}: an .npy file is not compressed; write to .h5 or .zarr"
        )
    refuse_checksum(wish, "an .npy file")
    order = wish.memory_order or (like.order if like is not None and like.is_contiguous else "C")
    if spec.is_string or spec.dtype.hasobject:
        format_header(spec)
    if spec.dtype.names is None and spec.dtype.kind not in "biufcmMSUV":
        raise UnsupportedDtype(f"dtype {spec.dtype} cannot be stored in .npy")
    laid = replace(spec, layout=Contiguous(order if spec.ndim > 1 else "C"))
    return laid, Storage()


def amend(base: Path, added: Mapping[Path, Path], folder: Path) -> Iterator[Amendment]:
    """Nothing but the members themselves says what members there are."""
    return iter(())


def adapt(wish: Wish, path: Path, base: Path | None) -> Wish:
    """An .npy file is never added to."""
    return wish


class NpyTarget(Unchunked):
    """An array in a staged .npy file, written by the mapped route or block by block."""

    ordered = False

    def __init__(self, path: Path, spec: ArraySpec, offset: int) -> None:
        self.spec = spec
        self.extent: Extent | None = Extent(path, offset)


class NpyWriter:
    """Creates one .npy file at its final size."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.notes: list[str] = []

    def add(self, member: str, spec: ArraySpec, storage: Storage) -> Target:
        header = format_header(spec, storage.phase)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            write_all(fd, header, 0)
            os.ftruncate(fd, len(header) + spec.nbytes)
        finally:
            os.close(fd)
        return NpyTarget(self._path, spec, len(header))

    def finish(self) -> None:
        pass

    def abort(self) -> None:
        pass


def writer(path: Path, base: Path | None) -> NpyWriter:
    """A writer of a staged .npy file."""
    return NpyWriter(path)

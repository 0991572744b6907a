"""An .npy stream on stdout: written from its first byte to its last, never staged."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from concatsplit_core.array.geometry import Box
from concatsplit_core.array.layouts import Stream
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.errors import UsageError
from concatsplit_core.formats.base import Extent, Moved, Storage, Unchunked, Wish
from concatsplit_core.formats.chunking import refuse_checksum
from concatsplit_core.formats.npy_header import format_header

if TYPE_CHECKING:
    from concatsplit_core.stores.amendment import Amendment

name = "npy"
rectilinear = False
most_axes = 64

_STDOUT = 1
_PIECE = 1 << 20


def open(path: Path, member: str | None, ref: str) -> Any:
    """Streams are read by being spooled."""
    raise AssertionError("a stream is spooled before it is opened")


def members(path: Path, ref: str) -> list[str]:
    """A stream is one array."""
    return [""]


def astray(path: Path, ref: str) -> list[str]:
    """It has no links of its own."""
    return []


def layout(
    spec: ArraySpec, inherited: Storage, wish: Wish, like: ArraySpec | None
) -> tuple[ArraySpec, Storage]:
    """C order, in pieces that follow each other as the elements do."""
    if wish.codec or wish.chunks not in (None, "auto", "none") or wish.memory_order == "F":
        raise UsageError("a stream on stdout is .npy in C order, without chunks and codec")
    refuse_checksum(wish, "an .npy stream")
    format_header(ArraySpec(spec.shape, spec.dtype))
    unit, room = [1] * spec.ndim, max(1, _PIECE // max(1, spec.dtype.itemsize))
    for d in range(spec.ndim - 1, -1, -1):
        unit[d] = max(1, min(spec.shape[d], room))
        if unit[d] < spec.shape[d]:
            break
        room //= unit[d]
    laid = replace(spec, layout=Stream(tuple(unit)))
    return laid, Storage()


def adapt(wish: Wish, path: Path, base: Path | None) -> Wish:
    """A stream is never added to."""
    return wish


def amend(base: Path, added: Mapping[Path, Path], folder: Path) -> Iterator[Amendment]:
    """Nothing but the members themselves says what members there are."""
    return iter(())


class StreamTarget(Unchunked):
    """The array that is being written to stdout."""

    ordered = True
    extent: Extent | None = None

    def __init__(self, spec: ArraySpec) -> None:
        self.spec = spec

    def encode(self, box: Box, block: np.ndarray | None, moved: Moved | None = None) -> Any:
        """The bytes of a block, which the stream has next when its turn comes."""
        if block is None:
            raise AssertionError("nothing moves into a stream as it is stored")
        return np.ascontiguousarray(block).reshape(-1).view(np.uint8)

    def store(self, encoded: Any) -> None:
        """Write them."""
        _write(encoded.data)


class StreamWriter:
    """Writes one array to stdout."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def add(self, member: str, spec: ArraySpec, storage: Storage) -> StreamTarget:
        """Write the header."""
        plain = ArraySpec(spec.shape, spec.dtype)
        _write(memoryview(format_header(plain)))
        return StreamTarget(spec)

    def finish(self) -> None:
        """All is written already."""

    def abort(self) -> None:
        """What is written cannot be taken back; the exit code says that it is not whole."""


def _write(view: memoryview) -> None:
    while view:
        view = view[os.write(_STDOUT, view) :]


def writer(path: Path, base: Path | None) -> StreamWriter:
    """A writer of stdout."""
    return StreamWriter()

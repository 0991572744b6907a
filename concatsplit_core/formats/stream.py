"""Streams of .npy: from stdin copied to a file first, to stdout written from start to end."""

from __future__ import annotations

import os
from typing import IO, Any, ClassVar, NoReturn

import numpy as np

from concatsplit_core.array.geometry import Box
from concatsplit_core.array.layouts import Stream
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.formats.base import Candidate, OutputFormat
from concatsplit_core.formats.chunking import piece_of, refuse_checksum
from concatsplit_core.formats.npy_header import format_header, spec_of_file
from concatsplit_core.formats.sources import ContiguousSource
from concatsplit_core.formats.storage import Storage, Wish
from concatsplit_core.formats.targets import EncodedTarget, Writer
from concatsplit_core.foundation.errors import UsageError
from concatsplit_core.foundation.records import dataclass, replace
from concatsplit_core.stores.base import Location

_STDOUT = 1
_PIECE = 1 << 20


@dataclass(slots=True, eq=False)
class SpooledSource(ContiguousSource):
    """An .npy stream that was copied to a file without a name.

    Parameters
    ----------
    file : file
        It is closed, and with that removed, together with the source.
    """

    format: ClassVar[str] = "npy"

    file: IO[bytes]

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"input {self.ref} was copied to a file without a name, which no other process can "
            "open; save it to a file first"
        )


def spooled_source(file: IO[bytes], path: str, ref: str) -> SpooledSource:
    """An .npy stream as an input, from the file that it was copied to.

    Parameters
    ----------
    file : file
    path : str
        By which this process can open the file once more.
    ref : str
    """
    return SpooledSource(path, ref, spec_of_file(path, ref), Storage(), file)


class StreamFormat(OutputFormat):
    """The format of what goes to stdout."""

    name = "npy"
    honours = frozenset({"memory_order"})

    def sniff(self, found: Candidate) -> bool:
        """No file is a stream."""
        return False

    def layout(
        self, spec: ArraySpec, inherited: Storage, wish: Wish, like: ArraySpec | None
    ) -> tuple[ArraySpec, Storage]:
        """C order, in pieces that follow each other as the elements do."""
        if wish.codec or wish.chunks not in (None, "auto", "none") or wish.memory_order == "F":
            raise UsageError(
                "output -: a stream on stdout is .npy in C order, without chunks and codec; leave "
                "the option out, or write to a file"
            )
        refuse_checksum(wish, "an .npy stream")
        format_header(ArraySpec(spec.shape, spec.dtype))
        return replace(spec, layout=Stream(piece_of(spec, "C", _PIECE))), Storage()

    def writer(self, place: Location, base: Location | None) -> Writer:
        """A writer of stdout, which must not be a terminal."""
        if os.isatty(_STDOUT):
            raise UsageError(
                "output -: stdout is a terminal, which cannot show an array; name a file with -o, "
                "or send it on with > FILE or | PROGRAM",
                ref="-",
            )
        return StreamWriter()


class StreamTarget(EncodedTarget):
    """The array that is being written to stdout."""

    @property
    def ordered(self) -> bool:
        """Pieces follow each other as the elements do."""
        return True

    def encode(self, box: Box, block: np.ndarray) -> Any:
        """The bytes of a block, in the order of the stream."""
        return np.ascontiguousarray(block).reshape(-1).view(np.uint8)

    def place(self, encoded: Any) -> None:
        """Write the bytes after all that is written already."""
        _write(encoded.data)

    def store(self, placed: None) -> None:
        """Nothing is left to be written."""


class StreamWriter(Writer):
    """Writes one array to stdout.

    What is written cannot be taken back; the exit code says that it is not complete.
    """

    def add(self, member: str, spec: ArraySpec, storage: Storage) -> StreamTarget:
        """Write the header."""
        plain = ArraySpec(spec.shape, spec.dtype)
        _write(memoryview(format_header(plain)))
        return StreamTarget(spec)


def _write(view: memoryview) -> None:
    while view:
        view = view[os.write(_STDOUT, view) :]

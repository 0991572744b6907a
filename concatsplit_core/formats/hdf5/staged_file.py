"""The file object that HDF5 writes to, so that a full disk is an error like any other.

HDF5 crashes at exit when its last writes fail. Here its writes never fail: the first error is
kept, and raised after the call of HDF5; all later writes are dropped, as the file will be.

HDF5 only finds places for chunks; threads that do not wait for each other write them later. HDF5 is
told to write some memory, and the place where it wants to write it is the chunk's. So a chunk that
moves as it is stored need not even be read for that::

    place_chunk -> HDF5: finds a place, notes it in its index -> write(memory) -> the place
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from concatsplit_core.formats.stored import Placed, Stored
from concatsplit_core.stores.files import write_all

_MUCH = 32 << 20
"""Bytes of chunks with which the disk is started at once."""


class StagedFile(io.RawIOBase):
    """The file object that HDF5 writes to; remembers the first error instead of raising it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.fd = -1
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self.error: Exception | None = None
        self._at = 0
        self.last: tuple[str, Any] | None = None
        """Name and dataset that chunks were written to last, kept because opening takes a while."""

        self.writing = threading.Lock()
        """Held while chunks are written: the kernel lets one thread write, while others spin."""
        self._awaited: tuple[int, int] | None = None
        """Address and length of memory that is not to be written."""
        self._place: int | None = None
        self._noted, self._noted_bytes = range(0), 0
        """A range that holds chunks that have been written, and about how many bytes they are."""

    def place_chunk(
        self, dataset: Any, start: tuple[int, ...], memory: Any, skipped: int
    ) -> int | None:
        """Have HDF5 find a place for a chunk, where others are to write it.

        Parameters
        ----------
        dataset : h5py.Dataset
        start : tuple of int
            The first element of the chunk.
        memory : buffer
            As long as the chunk.
        skipped : int
            A bit for each filter that the chunk did not go through.

        Returns
        -------
        int or None
            The place; None if HDF5 has written the memory, or other bytes.
        """
        self._awaited, self._place = _lies(memory), None
        try:
            dataset.id.write_direct_chunk(start, memory, skipped)
            return self._place
        finally:
            self._awaited = None

    def note_written(self, placed: Sequence[Placed]) -> range:
        """Remember where chunks of one task have been written; called by one thread at a time.

        Returns
        -------
        range
            A part of the file that is so large that its disk is to start with it, or an empty one.
            While a file system finds places for it, those who write the file may have to wait.
        """
        (_, start), (last, stop) = placed[0], placed[-1]  # mostly one behind the other
        stop += (last if isinstance(last, Stored) else memoryview(last)).nbytes
        if stop > start:
            noted = self._noted or range(start, stop)
            self._noted = range(min(noted.start, start), max(noted.stop, stop))
            self._noted_bytes += stop - start
        if self._noted_bytes < _MUCH:
            return range(0)
        found, self._noted, self._noted_bytes = self._noted, range(0), 0
        return found

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            start = os.fstat(self.fd).st_size if whence == 2 else (0, self._at)[whence]
        except OSError as error:
            self.error, start = self.error or error, self._at
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def write(self, data: Any) -> int:
        try:
            if self.error is None:
                self._write(data)
        except Exception as error:
            self.error = error
        self._at += len(data)
        return len(data)

    def _write(self, data: Any) -> None:
        if self._awaited is not None and _lies(data) == self._awaited:
            self._place = self._at
        else:
            write_all(self.fd, data, self._at)

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        try:
            count = os.preadv(self.fd, [view], self._at)
        except OSError as error:
            self.error, count = self.error or error, 0
        view[count:] = bytes(len(view) - count)
        self._at += len(view)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        size = self._at if size is None else size
        try:
            if self.error is None:
                os.ftruncate(self.fd, size)
        except OSError as error:
            self.error = error
        return size

    def flush(self) -> None:
        pass

    def close(self) -> None:
        super().close()
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)


def _lies(memory: Any) -> tuple[int, int]:
    """The address and the length of memory."""
    seen = np.frombuffer(memory, np.uint8)
    return seen.__array_interface__["data"][0], seen.nbytes

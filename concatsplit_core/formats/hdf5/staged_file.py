"""The file object that HDF5 writes to, so that a full disk is an error like any other.

HDF5 crashes at exit when its last writes fail. Here its writes never fail: the first error is
kept, and raised after the call of HDF5; all later writes are dropped, as the file will be.

A chunk that moves as it is stored is copied inside the kernel: HDF5 gets memory that nothing has
been read into, and where it writes that memory, the chunk is copied from its file instead::

    write_chunk -> HDF5: finds a place, notes it in its index -> write(memory) -> copy_file_range
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np

from concatsplit_core.formats.stored import Stored, copy_stored
from concatsplit_core.stores.files import write_all


class StagedFile(io.RawIOBase):
    """The file object that HDF5 writes to; remembers the first error instead of raising it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.fd = -1
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self.error: Exception | None = None
        self._at = 0
        self.last: tuple[str, Any] | None = None
        """Name and data set that chunks were written to last: to open it takes a while."""

        self._copied: tuple[Stored, int] | None = None

    def write_chunk(self, dataset: Any, start: tuple[int, ...], chunk: Stored) -> bool:
        """Have HDF5 write a chunk of a file, which is copied inside the kernel.

        Returns
        -------
        bool
            Whether that worked; if not, HDF5 has written other bytes, which have to be written
            over.
        """
        memory = np.empty(chunk.nbytes, np.uint8)
        self._copied = chunk, _address(memory)
        try:
            dataset.id.write_direct_chunk(start, memory, chunk.skipped)
            return self._copied is None
        finally:
            self._copied = None

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
        except Exception as error:  # also of the input that a chunk is copied from
            self.error = error
        self._at += len(data)
        return len(data)

    def _write(self, data: Any) -> None:
        if self._copied is not None:
            chunk, address = self._copied
            if len(data) == chunk.nbytes and _address(np.frombuffer(data, np.uint8)) == address:
                copy_stored(chunk, self.fd, self._at)
                self._copied = None
                return
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


def _address(memory: np.ndarray) -> int:
    address: int = memory.__array_interface__["data"][0]
    return address

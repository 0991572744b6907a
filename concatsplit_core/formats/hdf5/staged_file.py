"""The file object that HDF5 writes to, so that a full disk is an error like any other.

HDF5 crashes at exit when its last writes fail. Here its writes never fail: the first error is
kept, and raised after the call of HDF5; all later writes are dropped, as the file will be.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from concatsplit_core.stores.files import write_all


class StagedFile(io.RawIOBase):
    """The file object that HDF5 writes to; remembers the first error instead of raising it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.fd = -1
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self.error: OSError | None = None
        self._at = 0

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
                write_all(self.fd, data, self._at)
        except OSError as error:
            self.error = error
        self._at += len(data)
        return len(data)

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

"""Where tests write: on a RAM disk that has room, since few of them test what a disk keeps."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

RAM_DISK = Path("/dev/shm")
ROOM_BYTES = 2 << 30
"""What two processes need at most, four times over."""
PREFIX = "concatsplit-tests-"


class Scratch:
    """A folder on a RAM disk, locked while the tests run and removed at their end."""

    def __init__(self, disk: Path = RAM_DISK) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=disk))
        self._fd = os.open(self.folder, os.O_RDONLY)
        fcntl.flock(self._fd, fcntl.LOCK_EX)

    def remove(self) -> None:
        """Remove the folder and all that is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._fd)


def has_room(disk: Path = RAM_DISK) -> bool:
    """Whether there is a RAM disk that tests may fill."""
    try:
        status = os.statvfs(disk)
    except OSError:
        return False
    return os.access(disk, os.W_OK) and status.f_bavail * status.f_frsize >= ROOM_BYTES


def remove_abandoned(disk: Path = RAM_DISK) -> None:
    """Remove the folders of test runs that were killed: nobody holds their locks."""
    for folder in disk.glob(f"{PREFIX}*"):
        try:
            fd = os.open(folder, os.O_RDONLY)
        except OSError:  # another user's, or gone
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(fd)

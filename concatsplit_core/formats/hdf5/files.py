"""Keeps HDF5 files open for reading, and translates HDF5's errors."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

from concatsplit_core.formats.hdf5.library import h5py
from concatsplit_core.formats.hdf5.netcdf import is_netcdf
from concatsplit_core.formats.hdf5.scout import Scouts
from concatsplit_core.foundation.errors import (
    ConcatsplitError,
    InputChanged,
    InputUnavailable,
    MalformedInput,
    OverBudget,
)
from concatsplit_core.foundation.interrupts import BlockingLibraries
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.stores.files import input_error, open_input
from concatsplit_core.stores.pool import Pool

_OPEN_FILES = 64
_BOOKKEEPING = 1 << 20
"""Bytes of HDF5's metadata cache for a file; the default is 32 times as much."""
_CHECKED = (b"BTHD", b"GCOL")
"""How what `guarded_file` checks begins; nodes of a B-tree are only read after its header."""
_SMALL = 4 << 20
"""Bytes of a file that is searched as a whole."""
_WRITTEN_TO = "already open for"
"""Part of HDF5's error for a file that a writer, such as one of SWMR, has marked as open."""
_SYSTEM_ERROR = r"\berrno = (\d+), error message"


class Opened(NamedTuple):
    """An HDF5 file that is open for reading.

    Parameters
    ----------
    file : h5py.File
    fd : int
        A descriptor to read it without the library; -1 for a file that the caller has opened.
    has_user_block : bool
        Whether bytes that are not HDF5's come first; HDF5's offsets do not count them.
    is_netcdf : bool
        Whether it says that a netCDF library wrote it.
    groups : dict of str to h5py.Group
        Those that were opened, by their names.
    version : tuple of int
        Which file it is, its size and its times; empty for a file that the caller has opened.
    """

    file: Any
    fd: int
    has_user_block: bool
    is_netcdf: bool
    groups: dict[str, Any]
    version: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """The size of the file; 0 for one that the caller has opened."""
        return self.version[2] if self.version else 0


def look_at(file: Any, fd: int = -1) -> Opened:
    """An open file, with what opening each of its datasets asks for."""
    version = () if fd < 0 else version_of(os.fstat(fd))
    return Opened(file, fd, bool(file.userblock_size), is_netcdf(file), {}, version)


def version_of(status: os.stat_result) -> tuple[int, ...]:
    """What tells a file, and a state of it, from others: which file it is, its size, its times."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _open_file(path: str) -> Opened:
    BlockingLibraries.announce()
    fd = open_input(path)
    try:
        return look_at(_opened(path, fd), fd)
    except BaseException:
        os.close(fd)
        raise


def _opened(path: str, fd: int) -> Any:
    """Open an HDF5 file with a small metadata cache; a child that looks first checks what it reads.

    Raises
    ------
    InputChanged
        Another file is at the path than that of the descriptor.
    """
    if scouts.is_child and _may_be_checked(fd):
        from concatsplit_core.formats.hdf5.guarded_file import open_guarded

        file = open_guarded(path, fd)
    else:
        file = h5py.File(path, "r", rdcc_nbytes=0)
        if version_of(os.fstat(file.id.get_vfd_handle())) != version_of(os.fstat(fd)):
            file.close()
            raise InputChanged(f"{path}: is replaced or written to while it is opened", ref=path)
    config = file.id.get_mdc_config()
    config.max_size = _BOOKKEEPING
    config.set_initial_size, config.initial_size = True, _BOOKKEEPING
    config.min_size = min(config.min_size, _BOOKKEEPING)
    file.id.set_mdc_config(config)
    return file


def _may_be_checked(fd: int) -> bool:
    """Whether a file may hold what is checked as it is read; without a look into large ones.

    It is known by its magic. To search a small file takes less than to have thousands of its
    objects read through a file object.
    """
    size = os.fstat(fd).st_size
    if size > _SMALL:
        return True
    content = os.pread(fd, size, 0)
    return len(content) < size or any(magic in content for magic in _CHECKED)


def _close_file(opened: Opened) -> None:
    """Close a file that was only read; nothing is lost if that fails."""
    with suppress(Exception):  # h5py turns errors of the system into a RuntimeError
        opened.file.close()
    with suppress(OSError):
        os.close(opened.fd)


pool: Pool[str, Opened] = Pool(_open_file, _close_file, _OPEN_FILES, 2)
scouts = Scouts(forget=pool.close)


def open_now(path: str) -> AbstractContextManager[Opened]:
    """The file that is at a path now, open.

    An earlier call may have left another one open, which was replaced or written to since, or
    had this path in another working folder.
    """
    left = pool.peek(path)
    if left is not None:
        try:
            is_same = left.version == version_of(os.stat(path))
        except OSError:
            is_same = False
        if not is_same:
            pool.discard(path)
    return pool.use(path)


@contextmanager
def open_briefly(path: str, ref: str) -> Iterator[Opened]:
    """The file that is at a path now, for one look: it is closed, unless an array of it is in use.

    Raises
    ------
    ConcatsplitError
        For all that h5py raises inside the context.
    """
    try:
        with open_now(path) as opened:
            yield opened
    except ConcatsplitError:
        raise
    except Exception as error:  # a damaged file makes h5py raise nearly anything
        raise malformed(ref, error) from error
    finally:
        pool.discard(path)


def malformed(ref: str, error: Exception) -> ConcatsplitError:
    """Translates an error of h5py about a file or dataset that it cannot read."""
    if isinstance(error, ConcatsplitError):
        return error if error.ref else type(error)(f"{ref}: {error.message}", ref=ref)
    if isinstance(error, MemoryError):  # the file may be sound
        return OverBudget(
            f"{ref}: the system gives no memory to read it; give a smaller --memory or fewer "
            "--jobs, or raise the limit that ulimit -v shows",
            ref=ref,
        )
    if isinstance(error, BlockingIOError):
        return InputUnavailable(
            f"{ref}: locked: another program has it open for writing; close it there", ref=ref
        )
    if isinstance(error, OSError) and error.errno:
        return input_error(ref, error)
    text = " ".join(str(error.args[0] if error.args else error).split())
    failed = re.search(_SYSTEM_ERROR, text)
    if failed is not None:
        return input_error(ref, OSError(int(failed[1]), ""))
    if _WRITTEN_TO in text:
        return InputUnavailable(
            f"{ref}: another program has it open for writing, or did not close it: close it there, "
            "or clear its mark with 'h5clear -s'",
            ref=ref,
        )
    return MalformedInput(f"{ref}: HDF5 cannot read it: {text}", ref=ref)

"""Chunks and shards as they are stored: where they lie, and how they are read and copied."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np

from concatsplit_core.foundation.errors import ConcatsplitError, MalformedInput
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.stores.base import Store
from concatsplit_core.stores.files import (
    copy_range,
    input_error,
    open_input,
    read_exactly,
    write_all,
)

_FICLONE = 0x40049409
_WINDOW = 64 << 10
_own = threading.local()
_NEVER = {errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV}
_unshared: set[int] = set()
"""Devices whose file systems were found not to share blocks with the output's."""

Pieces = Callable[[], Iterator[tuple[int, Any]]]
"""Yields the offset and the bytes of each piece, after the piece has been checked."""


class Check(NamedTuple):
    """How a chunk or shard is checked while it is read or copied.

    Parameters
    ----------
    pieces : callable
        Yields all of it; a chunk is one piece.
    copy : callable, optional
        Copies and checks all of it, which is faster than piece by piece.
    """

    pieces: Pieces
    copy: Callable[[int, int], None] | None = None


class Stored(NamedTuple):
    """A chunk, or a shard, as it is stored.

    Parameters
    ----------
    nbytes : int
    path : str, optional
        The file that holds it.
    offset : int
        Where it starts in the file.
    fetch : callable, optional
        Returns its bytes if they are not in a file.
    skipped : int
        A bit for each step of the codec that this chunk did not go through, as in HDF5.
    shard : bool
        It is a shard, with its index.
    ref : str
        What messages call the input.
    check : Check, optional
        How it is checked while it is read or copied.
    """

    nbytes: int
    path: str | None = None
    offset: int = 0
    fetch: Callable[[], Any] | None = None
    skipped: int = 0
    shard: bool = False
    ref: str = ""
    check: Check | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it is bytes in a file, which nobody asked to check."""
        return self.fetch is None and self.check is None


def stored_in(
    store: Store, key: str, nbytes: int, offset: int, ref: str, shard: bool = False
) -> Stored:
    """A chunk or shard in a file of a store; where it has no path, it is fetched by its range."""
    if store.has_paths:
        return Stored(nbytes, key, offset, None, 0, shard, ref)
    fetch = partial(_fetched, store, key, offset, nbytes)
    return Stored(nbytes, None, offset, fetch, 0, shard, ref)


def _fetched(store: Store, key: str, offset: int, nbytes: int) -> Any:
    return store.read_ranges(key, [(offset, nbytes)])[0]


def read_stored(stored: Stored) -> Any:
    """Read a chunk or shard, and check it if that was asked for; errors name the input.

    Raises
    ------
    MalformedInput, OverBudget
        It is damaged.
    """
    if stored.check is not None:
        pieces = [piece for _, piece in stored.check.pieces()]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)
    return read_unchecked(stored)


def room_for(nbytes: int) -> memoryview:
    """Memory to read into; that of a bytearray would be cleared first."""
    return np.empty(nbytes, np.uint8).data


def read_unchecked(stored: Stored) -> Any:
    """Read a chunk or shard without checking it."""
    try:
        if stored.fetch is not None:
            return stored.fetch()
        fd = open_input(stored.path or "")
        try:
            data = room_for(stored.nbytes)
            read_exactly(fd, data, stored.offset, stored.ref)
        finally:
            os.close(fd)
    except OSError as error:
        if isinstance(error, ConcatsplitError):
            raise
        raise input_error(stored.ref, error) from error
    return data


def copy_stored(stored: Stored, fd: int, to: int) -> None:
    """Copy a chunk or shard into a file, and check it if that was asked for."""
    check = stored.check
    if check is not None and check.copy is not None:
        check.copy(fd, to)
        return
    if check is not None:
        for at, piece in check.pieces():
            write_all(fd, piece, to + at)
        return
    if stored.fetch is not None:
        write_all(fd, read_unchecked(stored), to)
        return
    here = _open(stored)
    try:
        copy_range(here, stored.offset, fd, to, stored.nbytes, stored.ref)
    finally:
        os.close(here)


Placed = tuple[Any, int]
"""A chunk, stored or as its bytes, and where it goes in a file."""


def write_placed(placed: Iterable[Placed], fd: int) -> None:
    """Write chunks to their places in a file; neighbours on both sides are copied together."""
    run: Stored | None = None
    goes = 0
    for data, at in placed:
        if not isinstance(data, Stored):
            write_all(fd, data, at)
        elif run is not None and at == goes + run.nbytes and _follows(data, run):
            run = run._replace(nbytes=run.nbytes + data.nbytes)
        else:
            if run is not None:
                copy_stored(run, fd, goes)
            run, goes = data, at
    if run is not None:
        copy_stored(run, fd, goes)


def _follows(chunk: Stored, run: Stored) -> bool:
    """Whether a chunk and the one before it are one run of bytes in a file."""
    both_plain = chunk.is_plain and run.is_plain
    return both_plain and chunk.path == run.path and chunk.offset == run.offset + run.nbytes


def copy_summed(
    stored: Stored, place: Callable[[], str], may_share: bool, fd: int, to: int
) -> None:
    """Copy a chunk that ends with its crc32c, and compute the checksum meanwhile.

    It goes through a small buffer: allocating a large one for every chunk would take longer than
    the checksum.

    Parameters
    ----------
    stored : Stored
    place : callable
        Returns the name of the chunk in messages.
    may_share : bool
        Whether file systems may share its blocks, which needs no checksum.
    fd, to : int
        The file that it goes to, and the offset there.

    Raises
    ------
    MalformedInput
        The checksum does not match; what was written must not be kept.
    """
    from concatsplit_core.codecs import guards

    here = _open(stored)
    try:
        if may_share and not to and _is_shared(stored, here, fd):
            return
        window, body = _window(), stored.nbytes - guards.SIZE
        end, total = b"", 0
        for at in range(0, stored.nbytes, _WINDOW):
            piece = window[: stored.nbytes - at]
            read_exactly(here, piece.data, stored.offset + at, stored.ref)
            inside = max(0, body - at)
            total = guards.extended(total, piece[:inside])
            end += piece[inside:].tobytes()
            write_all(fd, piece, to + at)
    finally:
        os.close(here)
    if total.to_bytes(guards.SIZE, "little") != end:
        raise MalformedInput(f"{place()}: its crc32c checksum does not match", ref=stored.ref)


def _window() -> np.ndarray:
    """The buffer of this thread."""
    if not hasattr(_own, "window"):
        _own.window = np.empty(_WINDOW, np.uint8)
    found: np.ndarray = _own.window
    return found


def _is_shared(stored: Stored, here: int, fd: int) -> bool:
    """Clone a chunk that fills a file, so that both share blocks; whether that worked."""
    status = os.fstat(here)
    if stored.offset or status.st_size != stored.nbytes or status.st_dev in _unshared:
        return False
    try:
        fcntl.ioctl(fd, _FICLONE, here)
    except OSError as error:
        if error.errno in _NEVER:
            _unshared.add(status.st_dev)
        return False
    return True


def _open(stored: Stored) -> int:
    try:
        return open_input(stored.path or "")
    except OSError as error:
        raise input_error(stored.ref, error) from error

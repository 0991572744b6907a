"""Chunks and shards as they are stored: where they lie, and how they are moved unchanged."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from concatsplit_core.errors import ConcatsplitError
from concatsplit_core.files import copy_range, input_error, open_input, read_exactly, write_all

_FICLONE = 0x40049409

Pieces = Callable[[], Iterator[tuple[int, Any]]]
"""Gives bytes piece by piece, with their places, each after it was found to be sound."""


class Check(NamedTuple):
    """A look at what is stored, before it is moved.

    Parameters
    ----------
    pieces : callable
        Gives all of it; a chunk is one piece.
    shared : bool
        It is to be looked at even where the file system would share it without a copy.
    """

    pieces: Pieces
    shared: bool


class Stored(NamedTuple):
    """A chunk, or a shard, as it is stored.

    Parameters
    ----------
    nbytes : int
    path : Path, optional
        The file that holds it.
    offset : int
        Where it starts in the file.
    fetch : callable, optional
        Gives its bytes, where they are not to be had from a file.
    skipped : int
        A bit for each step of the codec that this chunk did not go through, as in HDF5.
    shard : bool
        It is a shard, with its index.
    ref : str
        What messages call the input.
    check : Check, optional
        How it is looked at on its way.
    """

    nbytes: int
    path: Path | str | None = None
    offset: int = 0
    fetch: Callable[[], Any] | None = None
    skipped: int = 0
    shard: bool = False
    ref: str = ""
    check: Check | None = None


def load(stored: Stored) -> Any:
    """The bytes of a chunk or shard; what the system says against it names the input.

    Raises
    ------
    MalformedInput, OverBudget
        It is to be looked at, and is damaged.
    """
    if stored.check is not None:
        pieces = [piece for _, piece in stored.check.pieces()]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)
    return load_unseen(stored)


def load_unseen(stored: Stored) -> Any:
    """The bytes of a chunk or shard, whatever they are."""
    try:
        if stored.fetch is not None:
            return stored.fetch()
        fd = open_input(stored.path or "")
        try:
            data = bytearray(stored.nbytes)
            read_exactly(fd, memoryview(data), stored.offset, stored.ref)
        finally:
            os.close(fd)
    except OSError as error:
        if isinstance(error, ConcatsplitError):
            raise
        raise input_error(stored.ref, error) from error
    return data


def copy_stored(stored: Stored, fd: int, to: int) -> None:
    """Copy a chunk or shard into a file; as `load`."""
    check = stored.check
    if check is not None and not (to == 0 and not check.shared and _is_shared(stored, fd)):
        for at, piece in check.pieces():
            write_all(fd, piece, to + at)
        return
    if check is not None:
        return
    if stored.fetch is not None:
        write_all(fd, load_unseen(stored), to)
        return
    here = _open(stored)
    try:
        copy_range(here, stored.offset, fd, to, stored.nbytes, stored.ref)
    finally:
        os.close(here)


def _is_shared(stored: Stored, fd: int) -> bool:
    """Whether an empty file has come to share all blocks of a chunk's own file."""
    if stored.fetch is not None or stored.offset:
        return False
    here = _open(stored)
    try:
        if os.fstat(here).st_size != stored.nbytes:
            return False
        fcntl.ioctl(fd, _FICLONE, here)
    except OSError:  # the file system cannot
        return False
    finally:
        os.close(here)
    return True


def _open(stored: Stored) -> int:
    try:
        return open_input(stored.path or "")
    except OSError as error:
        raise input_error(stored.ref, error) from error

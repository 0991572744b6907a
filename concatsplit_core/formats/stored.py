"""Chunks and shards as they are stored: where they lie, and how they are moved unchanged."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from concatsplit_core.errors import ConcatsplitError
from concatsplit_core.files import copy_range, input_error, open_input, read_exactly, write_all


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
    """

    nbytes: int
    path: Path | str | None = None
    offset: int = 0
    fetch: Callable[[], Any] | None = None
    skipped: int = 0
    shard: bool = False
    ref: str = ""


def load(stored: Stored) -> Any:
    """The bytes of a chunk or shard; what the system says against it names the input."""
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
    """Copy a chunk or shard into a file."""
    if stored.fetch is not None:
        write_all(fd, load(stored), to)
        return
    try:
        here = open_input(stored.path or "")
    except OSError as error:
        raise input_error(stored.ref, error) from error
    try:
        copy_range(here, stored.offset, fd, to, stored.nbytes, stored.ref)
    finally:
        os.close(here)

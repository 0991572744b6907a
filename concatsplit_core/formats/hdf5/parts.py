"""Parts: the chunks that a task has encoded, in a file until they get their place in the HDF5 file.

HDF5 lets only one process write a file, and places chunks in the order in which they come. So every
task of a staged run leaves its chunks in a file, and one process stores all of them in order::

    length of the list | list, as JSON: where each chunk starts, and its size | chunk | chunk | ...
"""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np

from concatsplit_core.array.geometry import Box
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.formats.hdf5.encoding import Hdf5Encoder, Item
from concatsplit_core.formats.storage import Storage
from concatsplit_core.formats.stored import Stored, copy_stored
from concatsplit_core.formats.targets import ReadyChunks
from concatsplit_core.foundation.errors import IOFailure
from concatsplit_core.stores.files import write_all

_LENGTH = struct.Struct("<Q")


class Hdf5PartTarget(Hdf5Encoder):
    """Keeps the chunks of each task in a file."""

    def __init__(self, spec: ArraySpec, storage: Storage, folder: str) -> None:
        super().__init__(spec, storage)
        self._folder = folder

    def encode(
        self, box: Box, block: np.ndarray | None, ready: ReadyChunks | None = None
    ) -> tuple[Path, list[Item]]:
        """The chunks of a block, and the file for them."""
        return part_path(self._folder, box), self.items(box, block, ready)

    def store(self, encoded: tuple[Path, list[Item]]) -> None:
        """Write the file."""
        write_part(*encoded)


def part_path(folder: str, box: Box) -> Path:
    """The file of the task that writes a box."""
    return Path(folder, "-".join(map(str, box.start)) or "all")


def write_part(path: Path, items: list[Item]) -> None:
    """Write what a task has encoded; done twice, it leaves the same bytes."""
    listed, parts = [], []
    for box, data, skipped in items:
        part, texts = _as_bytes(data)
        nbytes = part.nbytes if isinstance(part, Stored) else memoryview(part).nbytes
        listed.append([box.start, box.stop, skipped, nbytes, texts])
        parts.append((part, nbytes))
    head = json.dumps(listed).encode()
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        write_all(fd, _LENGTH.pack(len(head)) + head, 0)
        at = _LENGTH.size + len(head)
        for part, nbytes in parts:
            if isinstance(part, Stored):
                copy_stored(part, fd, at)
            elif nbytes:
                write_all(fd, part, at)
            at += nbytes
        os.ftruncate(fd, at)
    finally:
        os.close(fd)


def _as_bytes(data: Any) -> tuple[Any, bool]:
    """The bytes of a chunk or a block, and whether they are texts of any length, as JSON."""
    if isinstance(data, np.ndarray) and data.dtype.kind == "T":
        return json.dumps(data.reshape(-1).tolist()).encode(), True
    if isinstance(data, np.ndarray):
        return np.ascontiguousarray(data).reshape(-1).view(np.uint8), False
    return data, False


def read_part(path: Path, dtype: np.dtype) -> list[Item]:
    """What `write_part` wrote; chunks stay in the file until they are stored.

    Raises
    ------
    IOFailure
        The file is not as `write_part` left it.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
            if length > size:
                raise ValueError("its list is longer than the file")
            listed = json.loads(file.read(length))
            at = _LENGTH.size + length
            items: list[Item] = []
            for start, stop, skipped, nbytes, texts in listed:
                box, found = Box(tuple(start), tuple(stop)), Stored(nbytes, str(path), at)
                at += nbytes
                if at > size:
                    raise ValueError("it ends inside a chunk")
                data = found if skipped is not None else _block(file, found, box, dtype, texts)
                items.append((box, data, skipped))
            return items
    except (OSError, ValueError, TypeError, struct.error) as error:
        raise IOFailure(
            f"{path}: what a task left here cannot be read: {error}; discard the run, and stage "
            "it again",
            ref=str(path),
        ) from error


def _block(file: Any, found: Stored, box: Box, dtype: np.dtype, texts: bool) -> np.ndarray:
    """An array that HDF5 has to encode."""
    file.seek(found.offset)
    raw = file.read(found.nbytes)
    if texts:
        return np.array(json.loads(raw), dtype).reshape(box.shape)
    return np.frombuffer(raw, np.uint8).view(dtype).reshape(box.shape)

"""Measures what strings of any length take in memory, from the references to them.

A dataset holds for each string its length (4 bytes), the address of a heap in the file (8) and its
number there (4). HDF5 allocates whatever a length says.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from math import prod
from typing import Any

import numpy as np

from concatsplit_core.array.spec import STRING_BYTES
from concatsplit_core.codecs.chunks import can_decode, decode
from concatsplit_core.codecs.pipeline import Step
from concatsplit_core.formats.hdf5.chunk_index import check_sizes
from concatsplit_core.formats.hdf5.heaps import check_heaps
from concatsplit_core.foundation.errors import MalformedInput

_ADDRESS_BYTES = 8
_REFERENCE = np.dtype([("length", "<u4"), ("address", "<u8"), ("number", "<u4")])
_PIECE = 1 << 14
"""Strings of a dataset without chunks that are looked at together."""
_MOST_PIECES = 1 << 12
_COPIES = 2
"""Copies of a string in memory while it is read or written: HDF5's and NumPy's."""
_SHARED = 64
"""How many references to one string are believed."""


def string_bytes(dataset: Any, steps: tuple[Step, ...] | None, fd: int, base: int, ref: str) -> int:
    """Bytes that a string takes in memory: the mean of the chunk where they are longest.

    Parameters
    ----------
    dataset : h5py.Dataset
    steps : tuple of Step, optional
        What its chunks went through, where that is known.
    fd : int
        Of its file; negative for one that the caller has opened.
    base : int
        Where the addresses of the file count from.
    ref : str

    Raises
    ------
    MalformedInput
        The strings claim more bytes than the file could hold.
    """
    total, longest = 0, 0
    heaps: set[int] = set()
    size = os.fstat(fd).st_size if fd >= 0 else dataset.file.id.get_filesize()
    for references in _references(dataset, steps, fd):
        lengths = references["length"]
        heaps.update(np.unique(references["address"][lengths > 0]).tolist())
        claimed = int(lengths.sum(dtype=np.int64))
        total += claimed
        if total > _SHARED * size:
            raise MalformedInput(
                f"{ref}: its strings claim {total} bytes or more, its file has {size}; it is "
                "damaged",
                ref=ref,
                found=total,
                expected=size,
            )
        longest = max(longest, -(-claimed // max(1, lengths.size)))
    if fd >= 0:
        check_heaps(fd, (base + heap for heap in sorted(heaps)))
    return max(STRING_BYTES, STRING_BYTES // 4 + _COPIES * longest)


def _references(dataset: Any, steps: tuple[Step, ...] | None, fd: int) -> Iterator[np.ndarray]:
    """References to the strings, chunk by chunk; of very many chunks some, evenly spread."""
    if dataset.file.id.get_create_plist().get_sizes()[0] != _ADDRESS_BYTES:
        return
    if dataset.chunks is None:
        offset = dataset.id.get_offset()
        if offset is None or fd < 0:
            return
        step = max(1, -(-dataset.size // (_PIECE * _MOST_PIECES))) * _PIECE
        for first in range(0, dataset.size, step):
            count = min(_PIECE, dataset.size - first)
            raw = os.pread(fd, count * _REFERENCE.itemsize, offset + first * _REFERENCE.itemsize)
            yield _parsed(raw)
        return
    check_sizes(dataset)
    count = dataset.id.get_num_chunks()
    starts: list[tuple[int, ...]] = []
    dataset.id.chunk_iter(lambda info: starts.append(info.chunk_offset))
    nbytes = prod(dataset.chunks) * _REFERENCE.itemsize
    for start in islice(starts, 0, None, max(1, count // _MOST_PIECES)):
        skipped, data = dataset.id.read_direct_chunk(start)
        own = tuple(s for i, s in enumerate(steps or ()) if not skipped >> i & 1)
        if steps is not None and can_decode(own):
            yield _parsed(decode(data, own, nbytes))


def _parsed(raw: Any) -> np.ndarray:
    whole = len(raw) // _REFERENCE.itemsize
    return np.frombuffer(raw, _REFERENCE, whole)

"""Checks that HDF5 can look up all chunks that it lists: its old B-trees have no checksums.

Other readers look chunks up by keys, and a list of the chunks does not show that keys are damaged.
"""

from __future__ import annotations

import os
from typing import Any

from concatsplit_core.formats.hdf5.chunk_index import ListedChunks
from concatsplit_core.formats.hdf5.object_header import BTREE_OF_OLD, chunk_index_kind
from concatsplit_core.foundation.errors import MalformedInput


def check_lookups(dataset: Any, fd: int, index: Any) -> None:
    """Look up every listed chunk, if the index is the B-tree of old files.

    Raises
    ------
    MalformedInput
        A chunk is found elsewhere, or not at all.
    """
    if not isinstance(index, ListedChunks) or chunk_index_kind(dataset, fd) != BTREE_OF_OLD:
        return
    for start, place in index.listed():
        try:
            skipped, data = dataset.id.read_direct_chunk(start)
        except RuntimeError:
            skipped, data = -1, b""
        if skipped != place.skipped or os.pread(fd, place.nbytes, place.offset) != bytes(data):
            raise MalformedInput(
                f"HDF5 does not find the chunk at {start} where it is listed: its index is damaged",
                found=start,
            )

"""Measures how many bytes variable-length text takes in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from math import prod
from pathlib import Path

from concatsplit_core.array.geometry import Shape
from concatsplit_core.array.spec import STRING_BYTES
from concatsplit_core.codecs.claims import expanded_bytes
from concatsplit_core.errors import MalformedInput, OverBudget
from concatsplit_core.formats.zarr.forms import ChunkForm, ShardForm
from concatsplit_core.formats.zarr.shards import Shard
from concatsplit_core.formats.zarr.sparse import files_below
from concatsplit_core.stores.files import open_input, read_exactly

_SLOT = 16 + 57
"""Bytes that a text takes beside its letters: as an element of StringDType, and as a str."""
_MOST = 1 << 40
_METADATA = ("zarr.json", ".z")


def measured(
    folder: Path, form: ChunkForm | ShardForm, chunks: Shape, shards: Shape | None, ref: str
) -> int:
    """Bytes that a text takes in memory, on average over the chunk with the longest texts.

    If the header of a chunk says what it expands to, only the header is read.
    """
    inner = form.inner if isinstance(form, ShardForm) else form
    largest = 0
    for path, offset, nbytes in _stored(folder, form, chunks, shards, ref):
        fd = open_input(path)
        try:
            load = partial(_head, fd, offset, path)
            largest = max(largest, expanded_bytes(load, nbytes, inner.steps, _MOST))
        except (MalformedInput, OverBudget):
            continue  # decoding the chunk will raise, and name its place
        finally:
            os.close(fd)
    return max(STRING_BYTES, _SLOT + -(-largest // max(1, prod(chunks))))


def _head(fd: int, offset: int, path: Path, nbytes: int) -> bytearray:
    data = bytearray(nbytes)
    read_exactly(fd, memoryview(data), offset, path)
    return data


def _stored(
    folder: Path, form: ChunkForm | ShardForm, chunks: Shape, shards: Shape | None, ref: str
) -> Iterator[tuple[Path, int, int]]:
    """File, offset and size of every chunk that is stored."""
    inner = tuple(s // c for s, c in zip(shards or chunks, chunks, strict=True))
    for path in _chunk_files(folder):
        if not isinstance(form, ShardForm):
            yield path, 0, path.stat().st_size
            continue
        with suppress(MalformedInput):  # reading the shard will raise
            shard = Shard(path, form, inner, ref)
            shard.close()
            for offset, nbytes in shard.index.reshape(-1, 2).tolist():
                if offset + nbytes <= path.stat().st_size:
                    yield path, offset, nbytes


def _chunk_files(folder: Path) -> Iterator[Path]:
    for path in map(Path, files_below(folder)):
        if not path.name.startswith(_METADATA):
            yield path

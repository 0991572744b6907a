"""Measures how many bytes variable-length text takes in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from math import prod

from concatsplit_core.array.geometry import Shape
from concatsplit_core.array.spec import STRING_BYTES
from concatsplit_core.codecs.claims import expanded_bytes
from concatsplit_core.formats.zarr.forms import ChunkForm, ShardForm
from concatsplit_core.formats.zarr.shards import Shard
from concatsplit_core.foundation.errors import MalformedInput, OverBudget
from concatsplit_core.stores.base import Location

_SLOT = 16 + 57
"""Bytes that a text takes beside its letters: as an element of StringDType, and as a str."""
_MOST = 1 << 40
_METADATA = ("zarr.json", ".z")


def measured(
    folder: Location, form: ChunkForm | ShardForm, chunks: Shape, shards: Shape | None, ref: str
) -> int:
    """Bytes that a text takes in memory, on average over the chunk with the longest texts.

    If the header of a chunk says what it expands to, only the header is read.
    """
    inner = form.inner if isinstance(form, ShardForm) else form
    largest = 0
    for key, offset, nbytes in _stored(folder, form, chunks, shards, ref):
        with closing(folder.store.open(key)) as file, suppress(MalformedInput, OverBudget):
            # where it is damaged, decoding the chunk will raise, and name its place
            load = partial(file.read, offset)
            largest = max(largest, expanded_bytes(load, nbytes, inner.steps, _MOST))
    return max(STRING_BYTES, _SLOT + -(-largest // max(1, prod(chunks))))


def _stored(
    folder: Location, form: ChunkForm | ShardForm, chunks: Shape, shards: Shape | None, ref: str
) -> Iterator[tuple[str, int, int]]:
    """File, offset and size of every chunk that is stored."""
    store = folder.store
    inner = tuple(s // c for s, c in zip(shards or chunks, chunks, strict=True))
    for key in _chunk_files(folder):
        if not isinstance(form, ShardForm):
            yield key, 0, store.size(key)
            continue
        with suppress(MalformedInput):  # reading the shard will raise
            shard = Shard(Location(store, key), form, inner, ref)
            shard.close()
            for offset, nbytes in shard.index.reshape(-1, 2).tolist():
                if offset + nbytes <= shard.size:
                    yield key, offset, nbytes


def _chunk_files(folder: Location) -> Iterator[str]:
    for key in folder.walk():
        if not key.rpartition("/")[2].startswith(_METADATA):
            yield key

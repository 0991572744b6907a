"""The codecs alone: decode and encode the chunks of a misaligned join in memory; print seconds.

Chunks are read before the clock starts, and what is encoded is what was decoded. The libraries are
those that are fastest: numcodecs for zstd, libdeflate to inflate, ISA-L to deflate at level 1. They
are loaded and have done a chunk before the clock starts. Buffers reuse memory as in our command.
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from math import ceil, prod
from pathlib import Path
from typing import Any, NamedTuple

from concatsplit_cli.allocation import keep_freed_memory


class _Array(NamedTuple):
    """An input: its shape, its chunks, and what reads a chunk as it is stored by its index."""

    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    read: Callable[[tuple[int, ...]], bytes]


def _opened(name: str) -> _Array:
    if name.endswith(".zarr"):
        import zarr

        array = zarr.open_array(name, mode="r")
        return _Array(array.shape, array.chunks, lambda at: _file(name, at).read_bytes())
    import h5py

    data = h5py.File(name)["data"]

    def read(at: tuple[int, ...]) -> bytes:
        start = tuple(i * c for i, c in zip(at, data.chunks, strict=True))
        return bytes(data.id.read_direct_chunk(start)[1])

    return _Array(data.shape, data.chunks, read)


def _file(name: str, at: tuple[int, ...]) -> Path:
    return Path(name, "c", *map(str, at))


def _decoded_chunks(arrays: list[_Array]) -> Iterator[bytes]:
    """All chunks that do not lie on the grid of the output, which is that of the first input."""
    at = 0
    for array in arrays:
        for row in range(ceil(array.shape[0] / array.chunks[0])):
            is_whole = (row + 1) * array.chunks[0] <= array.shape[0]
            if is_whole and at % array.chunks[0] == 0:
                continue
            counts = [ceil(n / c) for n, c in zip(array.shape[1:], array.chunks[1:], strict=True)]
            for rest in itertools.product(*map(range, counts)):
                yield array.read((row, *rest))
        at += array.shape[0]


def _codec(name: str, nbytes: int) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    if name.endswith(".zarr"):
        from numcodecs.zstd import compress, decompress

        return decompress, lambda raw: compress(raw, 1)
    import deflate
    from isal import isal_zlib

    return lambda data: deflate.zlib_decompress(data, nbytes), lambda raw: isal_zlib.compress(
        raw, 2
    )


def main() -> None:
    """Decode and encode, and print the seconds that this took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inputs", nargs="+")
    names = parser.parse_args().inputs
    arrays = [_opened(name) for name in names]
    stored = list(_decoded_chunks(arrays))
    decode, encode = _codec(names[0], prod(arrays[0].chunks) * 4)

    def work(data: bytes) -> None:
        encode(decode(data))

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for data in stored[:1]:
            work(data)
        begin = time.perf_counter()
        for _ in pool.map(work, stored):
            pass
        print(time.perf_counter() - begin)


if __name__ == "__main__":
    keep_freed_memory()
    main()

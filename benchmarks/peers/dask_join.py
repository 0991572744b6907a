"""Dask on threads: da.concatenate and da.store; inputs and output .npy, Zarr or HDF5."""

from __future__ import annotations

from math import prod
from typing import Any

import dask
import dask.array
import numpy as np

from benchmarks.peers.arguments import parser

da: Any = dask.array

BLOCK_BYTES = 16 << 20
"""Blocks of several chunks were faster than one chunk a block, and larger ones were not."""


def _open(name: str) -> Any:
    if name.endswith(".npy"):
        return np.load(name, mmap_mode="r")
    from benchmarks.peers.zarr_output import open_input

    return open_input(name)


def _blocks(like: Any) -> tuple[int, ...]:
    """Shape of a block: so many of the chunks or shards that are written, or rows."""
    if getattr(like, "chunks", None) is None:
        return (
            max(1, BLOCK_BYTES // (prod(like.shape[1:]) * like.dtype.itemsize)),
            *like.shape[1:],
        )
    block = list(getattr(like, "shards", None) or like.chunks)
    axis = len(block) - 1
    while prod(block) * like.dtype.itemsize < BLOCK_BYTES and block[axis] < like.shape[axis]:
        block[axis] *= 2
        if block[axis] >= like.shape[axis] and axis:
            axis -= 1
    return tuple(block)


def _create(options: Any, like: Any, shape: tuple[int, ...]) -> Any:
    if options.output.endswith(".npy"):
        from numpy.lib.format import open_memmap

        return open_memmap(options.output, "w+", like.dtype, shape)
    if options.output.endswith(".zarr"):
        from benchmarks.peers.zarr_output import create

        return create(options.output, shape, like, options.codec)
    import h5py

    return h5py.File(options.output, "w").create_dataset(
        "data",
        shape,
        like.dtype,
        chunks=like.chunks,
        compression=like.compression,
        compression_opts=like.compression_opts,
    )


def main() -> None:
    """Join arrays along an axis."""
    arguments = parser(__doc__, ("concat", "stack"))
    arguments.add_argument("--codec")
    options = arguments.parse_args()
    if options.output.endswith(".zarr"):
        from benchmarks.peers.zarr_output import use_pipeline

        # The faster one of zarr-python's own pipelines for blocks of a few chunks.
        use_pipeline("fused")
    inputs = [_open(name) for name in options.inputs]
    blocks = _blocks(inputs[0])
    # HDF5 is entered by one thread at a time; a file that is written must not be shared at all.
    lock = options.output.endswith(".h5")
    arrays = [da.from_array(one, chunks=blocks, name=False) for one in inputs]
    join = da.concatenate if options.operator == "concat" else da.stack
    joined = join(arrays, axis=options.axis)
    if options.operator == "concat":
        joined = joined.rechunk(blocks)
    out = _create(options, inputs[0], joined.shape)
    with dask.config.set(scheduler="threads"):
        da.store(joined, out, lock=lock)
    if lock:
        out.file.close()


if __name__ == "__main__":
    main()

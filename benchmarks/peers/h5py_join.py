"""h5py, slab by slab: whole chunks are read and written; contiguous datasets alike."""

from __future__ import annotations

import h5py

from benchmarks.peers.arguments import parser
from benchmarks.peers.slabs import depth, joined_shape, pieces


def main() -> None:
    """Join HDF5 datasets named ``data``."""
    arguments = parser(__doc__)
    arguments.add_argument("--gzip", type=int, help="another level than the input's")
    options = arguments.parse_args()
    inputs = [h5py.File(name, "r")["data"] for name in options.inputs]
    first, axis = inputs[0], options.axis % inputs[0].ndim
    shape = joined_shape([one.shape for one in inputs], axis)
    level = first.compression_opts if options.gzip is None else options.gzip
    with h5py.File(options.output, "w") as file:
        out = file.create_dataset(
            "data",
            shape,
            first.dtype,
            chunks=first.chunks,
            compression=first.compression,
            compression_opts=level,
        )
        unit = first.chunks or (1,) * first.ndim
        aligned = all(one.shape[axis] % unit[axis] == 0 for one in inputs[:-1])
        rows = depth(shape, first.dtype.itemsize, unit[0])
        for index, values in pieces(inputs, axis, rows, together=not aligned):
            out[index] = values


if __name__ == "__main__":
    main()

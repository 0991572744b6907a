"""zarr-python, slab by slab, with one of its codec pipelines; inputs are Zarr or HDF5."""

from __future__ import annotations

from benchmarks.peers.arguments import parser
from benchmarks.peers.slabs import depth, joined_shape, pieces
from benchmarks.peers.zarr_output import (
    PIPELINES,
    create,
    open_input,
    use_pipeline,
    written_unit,
)


def main() -> None:
    """Join Zarr arrays or HDF5 datasets to a Zarr array."""
    arguments = parser(__doc__)
    arguments.add_argument("--pipeline", choices=list(PIPELINES), default="batched")
    arguments.add_argument("--codec")
    options = arguments.parse_args()
    use_pipeline(options.pipeline)
    inputs = [open_input(name) for name in options.inputs]
    axis = options.axis % len(inputs[0].shape)
    shape = joined_shape([one.shape for one in inputs], axis)
    out = create(options.output, shape, inputs[0], options.codec)
    unit = written_unit(inputs[0])
    aligned = all(one.shape[axis] % unit[axis] == 0 for one in inputs[:-1])
    rows = depth(shape, out.dtype.itemsize, unit[0])
    for index, values in pieces(inputs, axis, rows, together=not aligned):
        out[index] = values


if __name__ == "__main__":
    main()

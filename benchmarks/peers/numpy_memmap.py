"""NumPy, larger than memory: slab by slab from memory map to memory map."""

from __future__ import annotations

import numpy as np
from numpy.lib.format import open_memmap

from benchmarks.peers.arguments import named, parser
from benchmarks.peers.slabs import depth, joined_shape, pieces


def _join(names: list[str], output: str, axis: int, stack: bool) -> None:
    inputs = [np.load(name, mmap_mode="r") for name in names]
    if stack:
        axis %= inputs[0].ndim + 1
        inputs = [np.expand_dims(one, axis) for one in inputs]
    axis %= inputs[0].ndim
    # Slabs go along the axis that is slowest in memory: a Fortran array is taken transposed.
    fortran = inputs[0].flags.fnc
    shape = joined_shape([one.shape for one in inputs], axis)
    out = open_memmap(output, "w+", inputs[0].dtype, shape, fortran_order=fortran)
    if fortran:
        inputs, out, axis = [one.T for one in inputs], out.T, out.ndim - 1 - axis
    rows = depth(out.shape, out.itemsize)
    for index, values in pieces(inputs, axis, rows, together=False):
        out[index] = values


def _split(name: str, output: str, axis: int, parts: int) -> None:
    whole = np.load(name, mmap_mode="r")
    for index, part in enumerate(np.split(whole, parts, axis)):
        out = open_memmap(output.format(index=index), "w+", part.dtype, part.shape)
        rows = depth(part.shape, part.itemsize)
        for start in range(0, len(part), rows):
            out[start : start + rows] = part[start : start + rows]


def main() -> None:
    """Join, stack or split .npy files."""
    arguments = parser(__doc__, ("concat", "stack", "split"))
    arguments.add_argument("--parts", type=int)
    options = arguments.parse_args()
    if options.operator == "split":
        _split(options.inputs[0], options.output, options.axis, options.parts)
    else:
        names = named(options.inputs)
        _join(names, options.output, options.axis, options.operator == "stack")


if __name__ == "__main__":
    main()

"""Cases of many small things: inputs, and chunks."""

from __future__ import annotations

from benchmarks.bounds import AtMost, Bound, Linear, PeakMemory, PerChunk
from benchmarks.cases.commands import OURS_NOTHING, cat, cp_folders, ours, ours_nothing, peer
from benchmarks.cases.zarr import zarr_peers
from benchmarks.model import Case, Check, Contestant, Role
from benchmarks.sizes import CHUNK_ITEMS, ITEM_BYTES, SMALL_ITEMS, Sizes

_FEWER = "concatsplit, a tenth of the chunks"

_TOO_SLOW = ("zarr-python, batched", "Dask")
"""Both take a minute or more for 100,000 chunks, no less than zarr-python's fused pipeline."""


def many_cases(sizes: Sizes) -> list[Case]:
    """All cases of many small things."""
    return [_inputs(sizes), _outputs(sizes), _zarr_chunks(sizes), _hdf5_chunks(sizes)]


def _inputs(sizes: Sizes) -> Case:
    out, listed = "out/joined.npy", ("@a-small.txt",)
    check = Check(0, out, listed)
    names = tuple(f"a-small/{index:05d}.npy" for index in range(sizes.small_inputs))
    contestants = (
        ours("concat", listed, out, check=check),
        cat(*names),
        peer("np.memmap loop", "numpy_memmap", "concat", listed, out, check=check),
        peer("np.concatenate, np.save", "numpy_save", "concat", listed, out, check=check),
    )
    array_bytes = sizes.small_inputs * SMALL_ITEMS * ITEM_BYTES
    title = f"join of {sizes.small_inputs:,} .npy of 4 KiB"
    return Case("many/inputs", title, array_bytes, ("a-small",), contestants, (PeakMemory(),))


def _outputs(sizes: Sizes) -> Case:
    whole, template, along = "a-wide.npy", "out/{index:05d}.npy", ("--size", "1")
    check = Check(0, whole, ("@a-wide.txt",))
    parts = ("--parts", str(sizes.small_inputs))
    saved = "np.split, np.save"
    contestants = (
        ours("split", (whole,), template, *along, check=check),
        peer(saved, "numpy_save", "split", (whole,), template, *parts, check=check),
    )
    array_bytes = sizes.small_inputs * SMALL_ITEMS * ITEM_BYTES
    title = f"split into {sizes.small_inputs:,} .npy of 4 KiB"
    bounds = (AtMost(1.5, saved), PeakMemory())
    return Case("many/outputs", title, array_bytes, (whole,), contestants, bounds)


def _bounds(sizes: Sizes) -> tuple[Bound, ...]:
    return (
        PerChunk(60, sizes.many_chunks, OURS_NOTHING),
        Linear(1.25, sizes.many_chunks, _FEWER, sizes.fewer_chunks, OURS_NOTHING),
        PeakMemory(),
    )


def _ours_fewer(suffix: str) -> Contestant:
    inputs, out = (f"a-fewer{suffix}", f"b-fewer{suffix}"), f"out/fewer{suffix}"
    check = Check(0, out, inputs)
    return ours("concat", inputs, out, check=check, name=_FEWER, role=Role.PROBE)


def _made(suffix: str) -> tuple[str, ...]:
    return tuple(
        f"{letter}-{kind}{suffix}" for kind in ("many", "fewer", "tiny") for letter in "ab"
    )


def _zarr_chunks(sizes: Sizes) -> Case:
    inputs, out = ("a-many.zarr", "b-many.zarr"), "out/joined.zarr"
    check = Check(0, out, inputs)
    contestants = (
        ours("concat", inputs, out, check=check),
        cp_folders(*inputs),
        *[one for one in zarr_peers(inputs, out, check=check) if one.name not in _TOO_SLOW],
        _ours_fewer(".zarr"),
        ours_nothing(".zarr"),
    )
    array_bytes = sizes.many_chunks * CHUNK_ITEMS * ITEM_BYTES
    title = f"{sizes.many_chunks:,} Zarr chunks of 4 KiB"
    return Case("many/zarr-chunks", title, array_bytes, _made(".zarr"), contestants, _bounds(sizes))


def _hdf5_chunks(sizes: Sizes) -> Case:
    inputs, out = ("a-many.h5", "b-many.h5"), "out/joined.h5"
    check = Check(0, out, inputs)
    contestants = (
        ours("concat", inputs, out, check=check),
        cat(*inputs),
        peer("h5py loop", "h5py_join", "concat", inputs, out, check=check),
        _ours_fewer(".h5"),
        ours_nothing(".h5"),
    )
    array_bytes = sizes.many_chunks * CHUNK_ITEMS * ITEM_BYTES
    title = f"{sizes.many_chunks:,} HDF5 chunks of 4 KiB"
    return Case("many/hdf5-chunks", title, array_bytes, _made(".h5"), contestants, _bounds(sizes))

"""Joins and cuts in which chunks move as they are stored, compared with NumPy and `decoded`."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401  (makes the filters known to h5py)
import numpy as np
import zarr
from conformance.arrays import assert_same, concatenated
from conformance.zarr_arrays import read as read_zarr

import concatsplit_core as cs

Index = tuple[int, ...]


def read(ref: str | Path) -> np.ndarray:
    """An array, read by the library that owns its format."""
    path, _, member = str(ref).partition("::")
    if path.endswith(".zarr"):
        return read_zarr(str(ref))
    with h5py.File(path) as file:
        found = file[member or "data"]
        text = h5py.check_string_dtype(found.dtype)
        return np.asarray(found.astype("T")[...] if text and text.length is None else found[...])


def stored(ref: str | Path) -> dict[Index, bytes]:
    """What is stored of every chunk, or shard, by its index in the grid."""
    path, _, member = str(ref).partition("::")
    if not path.endswith(".zarr"):
        with h5py.File(path) as file:
            found = file[member or "data"]
            places = [found.id.get_chunk_info(i) for i in range(found.id.get_num_chunks())]
            return {
                tuple(a // c for a, c in zip(p.chunk_offset, found.chunks, strict=True)): bytes(
                    found.id.read_direct_chunk(p.chunk_offset)[1]
                )
                for p in places
            }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array = zarr.open_array(path, path=member or None, mode="r")
    unit = array.shards or array.chunks
    grid = [range(-(-n // c)) for n, c in zip(array.shape, unit, strict=True)]
    files = {i: Path(path, member, array.metadata.encode_chunk_key(i)) for i in product(*grid)}
    return {index: file.read_bytes() for index, file in files.items() if file.exists()}


def behind_each_other(parts: Sequence[dict[Index, bytes]], rows: int) -> dict[Index, bytes]:
    """Chunks of arrays of so many rows of chunks, laid along the first axis."""
    return {
        (i * rows + index[0], *index[1:]): data
        for i, part in enumerate(parts)
        for index, data in part.items()
    }


def compare(
    run: Callable[..., cs.Result], expected: Sequence[np.ndarray], moved: int | None = None
) -> cs.Result:
    """Run by all routes and by `decoded` only; both have to give these arrays.

    Parameters
    ----------
    run : callable
        Takes the name that outputs get, and the routes.
    expected : sequence of numpy.ndarray
    moved : int, optional
        Bytes that have to move as they are stored; None for all of them.
    """
    first, other = run("first", None), run("other", "decoded")
    total = sum(first.plan.routes.values())
    wanted = total if moved is None else moved
    assert first.plan.routes.get("encoded", 0) == wanted, first.plan.to_dict()["reasons"]
    assert set(other.plan.routes) == {"decoded"}
    for result in (first, other):
        for blob, array in zip(result.outputs, expected, strict=True):
            assert_same(read(blob.ref), array)
    return first


def join(
    inputs: Sequence[Any], folder: Path, suffix: str, axis: int = 0, **options: Any
) -> cs.Result:
    """`compare` a join of these inputs with NumPy's; `moved` and `arrays` are for it."""
    moved = options.pop("moved", None)
    arrays = options.pop("arrays", None) or [read(ref) for ref in inputs]

    def run(name: str, routes: str | None) -> cs.Result:
        out = str(folder / f"{name}{suffix}")
        return cs.concat(
            inputs, out, axis=axis, routes=routes, jobs=2, **{"sync": False, **options}
        )

    return compare(run, [concatenated(arrays, axis)], moved)


def cut(
    ref: Any, folder: Path, suffix: str, at: Sequence[int], axis: int = 0, **options: Any
) -> cs.Result:
    """`compare` a split with NumPy's; `moved` and `array` are for it."""
    moved, array = options.pop("moved", None), options.pop("array", None)
    whole = read(ref) if array is None else array

    def run(name: str, routes: str | None) -> cs.Result:
        out = str(folder / name / f"{{index}}{suffix}")
        return cs.split(ref, out, at=at, axis=axis, routes=routes, jobs=2, sync=False, **options)

    return compare(run, np.split(whole, at, axis), moved)


def codecs_of(store: Path) -> list[str]:
    """Names of the codecs of a format 3 array."""
    return [codec["name"] for codec in json.loads((store / "zarr.json").read_bytes())["codecs"]]

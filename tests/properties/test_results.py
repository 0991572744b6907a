"""What comes out of the operators, for any mix of formats, against NumPy."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401  (makes the filters known to h5py)
import numpy as np
import zarr
from conformance.arrays import assert_same, concatenated, make, stacked
from conformance.zarr_arrays import reference
from examples import examples
from hypothesis import given, reject
from hypothesis import strategies as st

import concatsplit_core as cs
from concatsplit_core.foundation.errors import OverBudget
from concatsplit_core.planning.thresholds import Thresholds

DTYPES = ("?", "i1", "<i4", ">i4", "<f2", "<f4", ">f8", "<c8", "S3", "V5")
OUTPUTS = (".npy", ".h5", ".zarr")
COUNT = 60
ROUTES = (None, None, "decoded", "mapped,decoded", "encoded,decoded", "kernel,decoded")
"""What comes out never depends on the ways that bytes may take."""


THRESHOLDS = Thresholds(long_run=16)
"""The kernel has runs as short as the arrays here are."""


def write(path: Path, array: np.ndarray, how: str) -> str:
    """An input; `how` is a format and a way to lay it out."""
    form, _, layout = how.partition(" ")
    if form == "npy":
        np.save(path.with_suffix(".npy"), np.asarray(array, order=layout))
        return str(path.with_suffix(".npy"))
    chunks = tuple(max(1, min(n, 3 + d)) for d, n in enumerate(array.shape))
    if form == "h5":
        settings_of = {"chunks": chunks, "compression": "gzip"} if layout == "chunked" else {}
        if array.ndim == 0 or not array.size:
            settings_of = {}
        with h5py.File(path.with_suffix(".h5"), "w") as file:
            file.create_dataset("x", data=array, **settings_of)
        return str(path.with_suffix(".h5"))
    with reference():
        zarr.create_array(
            store=str(path.with_suffix(".zarr")),
            shape=array.shape,
            dtype=array.dtype,
            chunks=chunks,
            shards=tuple(2 * c for c in chunks) if layout == "sharded" and chunks else None,
            zarr_format=2 if layout == "v2" else 3,
        )[...] = array
    return str(path.with_suffix(".zarr"))


def read(ref: str) -> np.ndarray:
    if ref.endswith(".npy"):
        return np.load(ref)
    if ref.endswith(".h5"):
        with h5py.File(ref) as file:
            return file["data"][...]
    with reference():
        array = zarr.open_array(ref, mode="r")
        return np.asarray(array[...], array.dtype)


LAYOUTS = ("npy C", "npy F", "h5 flat", "h5 chunked", "zarr v2", "zarr v3", "zarr sharded")


@st.composite
def cases(draw: st.DrawFn, least: int = 1) -> tuple[list[int], int, str, dict]:
    """Shape, axis, dtype and options of a run."""
    shape = draw(st.lists(st.integers(0, 9), min_size=least, max_size=4))
    if draw(st.booleans()):
        shape = [8 * n for n in shape[:2]] + shape[2:]
    axis = draw(st.integers(0, max(0, len(shape) - 1)))
    options = {
        "thresholds": THRESHOLDS,
        "memory": draw(st.sampled_from(["16KiB", "64KiB", "256MiB"])),
        "jobs": draw(st.integers(1, 2)),
        "routes": draw(st.sampled_from(ROUTES)),
        "sync": False,
    }
    return shape, axis, draw(st.sampled_from(DTYPES)), options


@contextlib.contextmanager
def folder(options: dict) -> Iterator[Path]:
    """A folder to work in; what the budget cannot hold is refused and leaves nothing."""
    with tempfile.TemporaryDirectory() as name:
        try:
            yield Path(name)
        except OverBudget:
            assert options["memory"] != "256MiB"
            assert not list(Path(name).glob("out*"))
            reject()


def negative(axis: int, ndim: int, flip: bool) -> int:
    return axis - ndim if flip else axis


@examples(COUNT)
@given(
    cases(),
    st.lists(st.tuples(st.integers(0, 12), st.sampled_from(LAYOUTS)), min_size=1, max_size=4),
    st.sampled_from(OUTPUTS),
    st.booleans(),
)
def test_concat(case: tuple, inputs: list, suffix: str, flip: bool) -> None:
    shape, axis, dtype, options = case
    with folder(options) as where:
        arrays = [
            make(dtype, [*shape[:axis], n, *shape[axis + 1 :]], i)
            for i, (n, _) in enumerate(inputs)
        ]
        refs = [write(where / f"in{i}", a, inputs[i][1]) for i, a in enumerate(arrays)]
        out = str(where / f"out{suffix}")
        result = cs.concat(refs, out, axis=negative(axis, len(shape), flip), **options)
        assert_same(read(out), concatenated(arrays, axis))
        assert result.split_info == tuple(n for n, _ in inputs)
        assert result.axis == axis


@examples(COUNT)
@given(
    cases(least=0),
    st.lists(st.sampled_from(LAYOUTS), min_size=1, max_size=4),
    st.sampled_from(OUTPUTS),
    st.data(),
)
def test_stack(case: tuple, inputs: list, suffix: str, data: st.DataObject) -> None:
    shape, _, dtype, options = case
    axis = data.draw(st.integers(-len(shape) - 1, len(shape)))
    with folder(options) as where:
        arrays = [make(dtype, shape, i) for i in range(len(inputs))]
        refs = [write(where / f"in{i}", a, inputs[i]) for i, a in enumerate(arrays)]
        out = str(where / f"out{suffix}")
        result = cs.stack(refs, out, axis=axis, **options)
        assert_same(read(out), stacked(arrays, axis))
        assert result.split_info == (1,) * len(inputs)


@examples(COUNT)
@given(cases(), st.sampled_from(LAYOUTS), st.sampled_from(OUTPUTS), st.data())
def test_split_and_concat_again(case: tuple, layout: str, suffix: str, data: st.DataObject) -> None:
    shape, axis, dtype, options = case
    length = shape[axis]
    at = sorted(data.draw(st.lists(st.integers(0, length), max_size=4)))
    way = data.draw(st.sampled_from(("at", "lengths", "balanced")))
    with folder(options) as where:
        array = make(dtype, shape)
        ref = write(where / "in", array, layout)
        if way == "balanced":
            expected = np.array_split(array, len(at) + 1, axis)
            cut = {"parts": len(at) + 1, "uneven": "balanced"}
        else:
            expected = np.split(array, at, axis)
            cut = {"at": at} if way == "at" else {"lengths": [p.shape[axis] for p in expected]}
        template = str(where / ("out{index:03d}" + suffix))
        result = cs.split(ref, template, axis=axis, **cut, **options)
        parts = [blob.ref for blob in result.outputs]
        for found, wanted in zip(parts, expected, strict=True):
            assert_same(read(found), wanted)
        again = str(where / f"again{data.draw(st.sampled_from(OUTPUTS))}")
        cs.concat(parts, again, axis=axis - len(shape), **{**options, "memory": "256MiB"})
        assert_same(read(again), array)


@examples(COUNT)
@given(cases(), st.sampled_from(LAYOUTS), st.sampled_from(OUTPUTS), st.booleans())
def test_unstack(case: tuple, layout: str, suffix: str, flip: bool) -> None:
    shape, axis, dtype, options = case
    shape[axis] = 1 + shape[axis] % 10
    with folder(options) as where:
        array = make(dtype, shape)
        ref = write(where / "in", array, layout)
        template = str(where / ("out{index:03d}" + suffix))
        result = cs.unstack(ref, template, axis=negative(axis, len(shape), flip), **options)
        assert len(result.outputs) == shape[axis]
        for index, blob in enumerate(result.outputs):
            expected = np.take(array, [index], axis).reshape(shape[:axis] + shape[axis + 1 :])
            assert_same(read(blob.ref), expected)


NUMERIC = ("?", "i1", "<i4", ">i8", "u1", "<u8", "<f2", ">f4", "<f8", "<c8")


@examples(COUNT)
@given(
    st.lists(st.tuples(st.sampled_from(NUMERIC), st.sampled_from(LAYOUTS)), min_size=2, max_size=3),
    st.sampled_from(OUTPUTS),
    st.integers(1, 2),
)
def test_promotion(inputs: list, suffix: str, jobs: int) -> None:
    with folder({"memory": "256MiB"}) as where, np.errstate(all="ignore"):
        arrays = [make(dtype, (5, 4), i) for i, (dtype, _) in enumerate(inputs)]
        refs = [write(where / f"in{i}", a, inputs[i][1]) for i, a in enumerate(arrays)]
        out = str(where / f"out{suffix}")
        cs.concat(refs, out, promote=True, jobs=jobs, sync=False)
        common = np.result_type(*arrays)
        expected = np.concatenate([a.astype(common) for a in arrays])
        found = read(out)
        assert found.dtype.newbyteorder("=") == common
        np.testing.assert_array_equal(found, expected)

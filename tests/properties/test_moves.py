"""What moves as it is stored: any grids, fill values, absent chunks and formats."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numcodecs
import numpy as np
import pytest
import zarr
import zarr.codecs.numcodecs as foreign
from conformance.arrays import assert_same, concatenated
from conformance.moves import read
from conformance.zarr_arrays import reference
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

import concatsplit_core as cs
from concatsplit_core.array.layouts import Chunked, Sharded
from concatsplit_core.formats.zarr import ZarrFormat

LAYOUTS = ("hdf5", "zarr2", "zarr3", "sharded", "sharded", "sharded at start")
ROUTES = (None, "encoded,decoded", "decoded")


def write(path: Path, array: np.ndarray, layout: str, chunks: tuple, times: int, fill: int) -> str:
    """An array without the chunks that are nothing but its fill value."""
    if layout == "hdf5":
        with h5py.File(f"{path}.h5", "w") as file:
            clipped = tuple(min(c, n) for c, n in zip(chunks, array.shape, strict=True))
            keep = {"compression": "gzip", "compression_opts": 1, "fillvalue": fill}
            made = file.create_dataset("data", array.shape, array.dtype, chunks=clipped, **keep)
            for index in np.ndindex(
                *(-(-n // c) for n, c in zip(array.shape, clipped, strict=True))
            ):
                box = tuple(slice(i * c, i * c + c) for i, c in zip(index, clipped, strict=True))
                if (array[box] != fill).any():
                    made[box] = array[box]
        return f"{path}.h5"
    shards: Any = tuple(c * times for c in chunks) if layout.startswith("sharded") else None
    if layout.endswith("start"):
        shards = {"shape": shards, "index_location": "start"}
    with reference():
        zarr.create_array(
            f"{path}.zarr",
            shape=array.shape,
            dtype=array.dtype,
            chunks=chunks,
            shards=shards,
            fill_value=fill,
            zarr_format=2 if layout == "zarr2" else 3,
            compressors=numcodecs.Zlib(1) if layout == "zarr2" else foreign.Zlib(level=1),
        )[...] = array
    return f"{path}.zarr"


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    """Arrays with patches of fill values, whose lengths are often whole chunks."""
    ndim = draw(st.integers(1, 3))
    chunks = draw(st.tuples(*[st.integers(1, 4)] * ndim))
    shape = tuple(c + draw(st.integers(0, 5)) for c in chunks)
    axis = draw(st.integers(0, ndim - 1))
    count = draw(st.integers(1, 4))
    some = st.integers(0, 8).map(lambda n: chunks[axis] + n)
    whole = st.integers(1, 4).map(lambda n: n * chunks[axis])
    lengths = [draw(whole | some) for _ in range(count)]
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    fills = [draw(st.sampled_from((0, 0, 7))) for _ in range(count)]
    arrays = []
    for length, fill in zip(lengths, fills, strict=True):
        array = rng.integers(0, 100, (*shape[:axis], length, *shape[axis + 1 :])).astype("<i4")
        for _ in range(draw(st.integers(0, 2))):
            array[tuple(slice(int(a := rng.integers(0, n)), a + 6) for n in array.shape)] = fill
        arrays.append(array)
    layout = st.sampled_from(LAYOUTS)
    mixed = draw(st.integers(0, 3)) == 0
    layouts = [draw(layout) for _ in range(count)] if mixed else [draw(layout)] * count
    times = draw(st.sampled_from((1, 2, 2, 3)))
    return {
        "arrays": arrays,
        "axis": axis,
        "chunks": chunks,
        "fills": fills,
        "layouts": layouts,
        "times": times,
        "target": draw(st.sampled_from((".h5", ".zarr", ".zarr", ".zarr"))),
        "format": draw(st.sampled_from((2, 3, 3, 3, 3))),
        "shards": draw(st.sampled_from((times, times, None, 1, 2, 3))),
        "options": {
            "jobs": draw(st.integers(1, 2)),
            "memory": draw(st.sampled_from(("64KiB", "256MiB"))),
            "codec": draw(st.sampled_from(("zlib:1", None))),
            "sync": False,
        },
    }


def _into_shards(patch: pytest.MonkeyPatch, times: int | None) -> None:
    """Give outputs shards of so many chunks, which else are those of the inputs."""
    original = ZarrFormat.layout

    def layout(form: ZarrFormat, spec: Any, inherited: Any, wish: Any, like: Any) -> Any:
        if like is not None and like.chunks is not None:
            lies: Any = Chunked(like.chunks)
            if times is not None:
                lies = Sharded(tuple(c * times for c in like.chunks), like.chunks)
            like = replace(like, layout=lies)
        return original(form, spec, inherited, wish, like)

    patch.setattr(ZarrFormat, "layout", layout)


def _options(case: dict[str, Any]) -> dict[str, Any]:
    form = {"zarr_format": case["format"]} if case["target"] == ".zarr" else {}
    return {**case["options"], **form}


def _written(folder: Path, case: dict[str, Any]) -> list[str]:
    return [
        write(folder / f"in{i}", array, layout, case["chunks"], case["times"], fill)
        for i, (array, layout, fill) in enumerate(
            zip(case["arrays"], case["layouts"], case["fills"], strict=True)
        )
    ]


@examples(60)
@given(cases())
def test_joins(case: dict[str, Any]) -> None:
    expected = concatenated(case["arrays"], case["axis"])
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        refs = _written(Path(name), case)
        _into_shards(patch, case["shards"])
        for number, routes in enumerate(ROUTES):
            out = str(Path(name, f"out{number}{case['target']}"))
            cs.concat(refs, out, axis=case["axis"], routes=routes, **_options(case))
            assert_same(read(out), expected)


@examples(40)
@given(cases(), st.data())
def test_cuts_and_stacks(case: dict[str, Any], data: st.DataObject) -> None:
    array, axis = case["arrays"][0], case["axis"]
    length = array.shape[axis]
    at = sorted({data.draw(st.integers(0, length)) for _ in range(3)})
    routes = data.draw(st.sampled_from(ROUTES))
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        ref = _written(Path(name), case)[0]
        _into_shards(patch, case["shards"])
        options = {"routes": routes, **_options(case)}
        out = str(Path(name, f"part{{index}}{case['target']}"))
        result = cs.split(ref, out, at=at, axis=axis, **options)
        for blob, part in zip(result.outputs, np.split(array, at, axis), strict=True):
            assert_same(read(blob.ref), part)
        stack = str(Path(name, f"stack{case['target']}"))
        cs.stack([ref, ref], stack, axis=axis, **options)
        assert_same(read(stack), np.stack([array, array], axis))
        out = str(Path(name, f"un{{index}}{case['target']}"))
        result = cs.unstack(stack, out, axis=axis, **options)
        assert_same(read(result.outputs[1].ref), array)

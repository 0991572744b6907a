"""Windows that are read and runs that are written, for random boxes, against NumPy."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from concatsplit_core.array.geometry import Box
from concatsplit_core.array.layouts import Contiguous
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.formats.storage import Extent
from concatsplit_core.routes import extents
from concatsplit_core.routes.buffers import Buffers

OFFSET = 10


@st.composite
def arrays(draw: st.DrawFn) -> tuple[ArraySpec, Box]:
    """An array's spec and a box that is not empty."""
    shape = draw(st.lists(st.integers(1, 7), max_size=4).map(tuple))
    dtype = draw(st.sampled_from(["u1", "<f4", "V3", ">c16"]))
    start = [draw(st.integers(0, n - 1)) for n in shape]
    stop = [draw(st.integers(a + 1, n)) for a, n in zip(start, shape, strict=True)]
    order = draw(st.sampled_from("CF"))
    return ArraySpec(shape, np.dtype(dtype), Contiguous(order)), Box(tuple(start), tuple(stop))


@pytest.fixture(scope="module")
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "x"


def content(spec: ArraySpec) -> np.ndarray:
    data = np.random.default_rng(spec.size).bytes(spec.nbytes)
    return np.ndarray(spec.shape, f"V{spec.dtype.itemsize}", data, order=spec.order)


@examples(300)
@given(arrays(), st.integers(1, 400), st.sampled_from([0, 3, 40, 5000]))
def test_windows_cover_the_box(path: Path, case: tuple, window: int, call: int) -> None:
    spec, box = case
    expected = content(spec)
    path.write_bytes(b"x" * OFFSET + expected.tobytes(order=spec.order) + b"y" * 5)
    found = np.zeros(spec.shape, expected.dtype)
    seen = np.zeros(spec.shape, int)
    buffers, fd = Buffers(), os.open(path, os.O_RDONLY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extents, "_CALL_BYTES", call)
        for part, array in extents.read_windows(
            fd, Extent(path, OFFSET), spec, box, buffers, window
        ):
            assert array.shape == part.shape
            assert array.dtype == spec.dtype
            found[part.slices] = array.view(expected.dtype)
            seen[part.slices] += 1
            assert buffers.scratch(0).base.nbytes <= max(window, spec.dtype.itemsize)
    os.close(fd)
    inside = np.zeros(spec.shape, int)
    inside[box.slices] = 1
    assert (seen == inside).all()
    assert found[box.slices].tobytes() == expected[box.slices].tobytes()


@examples(200)
@given(arrays())
def test_runs_fill_the_box_and_nothing_else(path: Path, case: tuple) -> None:
    spec, box = case
    expected = content(spec).copy(order=spec.order)
    block = np.random.default_rng(1).bytes(box.size * spec.dtype.itemsize)
    values = np.ndarray(box.shape, expected.dtype, block, order=spec.order)
    path.write_bytes(b"x" * OFFSET + expected.tobytes(order=spec.order) + b"y" * 5)
    expected[box.slices] = values
    fd = os.open(path, os.O_RDWR)
    extents.write_runs(fd, Extent(path, OFFSET), spec, box, np.frombuffer(block, np.uint8))
    os.close(fd)
    assert path.read_bytes() == b"x" * OFFSET + expected.tobytes(order=spec.order) + b"y" * 5


@examples(200)
@given(arrays())
def test_one_run_is_read_straight(path: Path, case: tuple) -> None:
    spec, box = case
    expected = content(spec)
    path.write_bytes(b"x" * OFFSET + expected.tobytes(order=spec.order))
    into = bytearray(box.size * spec.dtype.itemsize)
    fd = os.open(path, os.O_RDONLY)
    straight = extents.read_extent(fd, Extent(path, OFFSET), spec, box, memoryview(into))
    os.close(fd)
    inside = expected[box.slices]
    assert straight == (
        inside.flags.c_contiguous if spec.order == "C" else inside.flags.f_contiguous
    )
    if straight:
        assert bytes(into) == inside.tobytes(order=spec.order)

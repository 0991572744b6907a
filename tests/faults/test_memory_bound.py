"""``--memory`` is a promise about the whole process: measured on real ones, smaller than data."""

from __future__ import annotations

import errno
import os
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

import concatsplit_core as cs
from concatsplit_core.foundation.errors import OverBudget

MIB = 1 << 20
ROWS, COLUMNS, CHUNK = 640, 16384, (128, 2048)
BOUND = 88 * MIB
OPTIONS = ("--memory", "16MiB", "--no-sync")


def _pattern(shape: tuple[int, int]) -> np.ndarray:
    return np.add.outer(np.arange(shape[0]), np.arange(shape[1])).astype("<f8")


def _npy(name: str) -> str:
    made = np.lib.format.open_memmap(f"{name}.npy", "w+", "<f8", (ROWS, COLUMNS))
    made[...] = _pattern((ROWS, COLUMNS))
    made.flush()
    return f"{name}.npy"


def _hdf5(name: str) -> str:
    """The same encoded chunk everywhere, which is quicker to write than to think of others."""
    with h5py.File(f"{name}.h5", "w") as file:
        made = file.create_dataset(
            "x", (ROWS, COLUMNS), "<f8", chunks=CHUNK, compression="gzip", compression_opts=1
        )
        made[: CHUNK[0], : CHUNK[1]] = _pattern(CHUNK)
        mask, data = made.id.read_direct_chunk((0, 0))
        for row in range(0, ROWS, CHUNK[0]):
            for column in range(0, COLUMNS, CHUNK[1]):
                made.id.write_direct_chunk((row, column), data, mask)
    return f"{name}.h5"


def _zarr(name: str) -> str:
    path = Path(f"{name}.zarr")
    made = zarr.create_array(
        str(path), shape=(ROWS, COLUMNS), dtype="<f8", chunks=CHUNK,
        compressors=zarr.codecs.ZstdCodec(level=1),
    )  # fmt: skip
    made[: CHUNK[0], : CHUNK[1]] = _pattern(CHUNK)
    for row in range(ROWS // CHUNK[0]):
        (path / f"c/{row}").mkdir(exist_ok=True)
        for column in range(COLUMNS // CHUNK[1]):
            if row or column:
                shutil.copy(path / "c/0/0", path / f"c/{row}/{column}")
    return f"{name}.zarr"


MAKERS = {"npy": _npy, "h5": _hdf5, "zarr": _zarr}


def _value(row: int, column: int, suffix: str) -> float:
    if suffix == "npy":
        return float(row % ROWS + column % COLUMNS)
    return float(row % CHUNK[0] + column % CHUNK[1])


def _looks_right(ref: str, shape: tuple[int, int], first: tuple[int, int], suffix: str) -> None:
    """Some elements of a result that starts at `first` of its input, without reading all."""
    if ref.endswith(".npy"):
        array: Any = np.load(ref, mmap_mode="r")
    elif ref.endswith(".zarr"):
        array = zarr.open_array(ref, mode="r")
    else:
        array = h5py.File(ref)["data"]
    assert array.shape == shape
    for row in (0, shape[0] // 2 + 1, shape[0] - 1):
        for column in (0, shape[1] // 2 + 1, shape[1] - 1):
            assert array[row, column] == _value(first[0] + row, first[1] + column, suffix)


ELEMENTS = ("--routes", "mapped,decoded")
RUNS = [
    ("npy", 0, ()),
    ("npy", 1, ELEMENTS),
    *((s, 1, r) for s in ("h5", "zarr") for r in ((), ELEMENTS, ("--check",))),
]


@pytest.mark.parametrize(("suffix", "axis", "routes"), RUNS)
def test_a_join_and_a_split_stay_small(
    shell: Any, suffix: str, axis: int, routes: tuple[str, ...]
) -> None:
    source = MAKERS[suffix]("x")
    options = ("--axis", axis, *OPTIONS, *routes)
    outcome, peak = shell.measured("concat", source, source, "-o", f"y.{suffix}", *options)
    assert outcome.code == 0, outcome.err
    assert peak < BOUND, f"joining took {peak / MIB:.0f} MiB"
    shape = (2 * ROWS, COLUMNS) if axis == 0 else (ROWS, 2 * COLUMNS)
    _looks_right(f"y.{suffix}", shape, (0, 0), suffix)
    Path(f"y.{suffix}").unlink() if suffix != "zarr" else shutil.rmtree(f"y.{suffix}")

    template = f"p{{index}}.{suffix}"
    how = ("--parts", 5, "--uneven", "balanced")
    outcome, peak = shell.measured("split", source, "-o", template, *how, *options)
    assert outcome.code == 0, outcome.err
    assert peak < BOUND, f"splitting took {peak / MIB:.0f} MiB"
    lengths = [len(part) for part in np.array_split(np.arange((ROWS, COLUMNS)[axis]), 5)]
    for index, length in enumerate(lengths):
        shape = (length, COLUMNS) if axis == 0 else (ROWS, length)
        start = sum(lengths[:index])
        first = (start, 0) if axis == 0 else (0, start)
        _looks_right(f"p{index}.{suffix}", shape, first, suffix)
    for path in Path().iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _traced(run: Callable[[], Any]) -> int:
    """Bytes of Python's and NumPy's buffers at the peak of a run."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("output", ["y.h5", "y.zarr"])
def test_small_chunks_that_are_stored_in_many_bytes(shell: Any, output: str) -> None:
    """One number in 60 000 bytes, a thousand times over: refused before they fill memory."""
    with h5py.File("x.h5", "w", userblock_size=512) as file:
        made = file.create_dataset("x", (1024,), "<f8", chunks=(1,), compression="gzip")
        for index in range(1024):
            made.id.write_direct_chunk((index,), bytes(60_000))
    options = {"routes": "encoded", "memory": "4MiB", "jobs": 1, "codec": "zlib:4"}

    def refused() -> None:
        with pytest.raises(OverBudget, match="more than it can hold"):
            cs.concat(["x.h5"], output, **options)

    assert _traced(refused) < 12 * MIB


@pytest.mark.parametrize("differ", [False, True])
def test_arrays_are_compared_in_bounded_memory(shell: Any, differ: bool) -> None:
    x = np.random.default_rng(1).normal(size=(512, 4096))
    zarr.create_array("x.zarr", data=x, chunks=(128, 1024))
    shell.save(y=x + differ)
    options = {"memory": "4MiB", "jobs": 2}
    assert _traced(lambda: cs.diff("x.zarr", "y.npy", **options)) < 8 * MIB
    assert cs.diff("x.zarr", "y.npy", **options).elements == differ * x.size


def test_places_of_many_chunks_take_little_room(shell: Any) -> None:
    from concatsplit_core.formats.hdf5.chunk_index import ListedChunks

    count = 1 << 15
    with h5py.File("x.h5", "w") as file:
        made = file.create_dataset("x", data=np.arange(count).reshape(-1, 16, 4), chunks=(1, 1, 1))
        assert _traced(lambda: ListedChunks(made)) < 64 * count
        assert ListedChunks(made).find((5, 6, 3)) is not None


@pytest.mark.parametrize("number", [errno.EXDEV, errno.ENOSYS])
@pytest.mark.parametrize("output", ["y.npy", "y.h5"])
def test_copies_that_the_kernel_refuses_stay_in_the_budget(
    shell: Any, monkeypatch: pytest.MonkeyPatch, output: str, number: int
) -> None:
    shell.save(x=np.random.default_rng(1).normal(size=(64, 32_768)))
    original, sizes = os.preadv, []

    def refuse(*_: Any) -> int:
        raise OSError(number, os.strerror(number))

    def noting(fd: int, buffers: Any, *rest: Any) -> int:
        sizes.append(sum(map(len, buffers)))
        return original(fd, buffers, *rest)

    monkeypatch.setattr(os, "copy_file_range", refuse)
    monkeypatch.setattr(os, "preadv", noting)
    result = cs.concat(["x.npy"], output, memory="256KiB", jobs=2, routes="kernel")
    assert result.plan.workers * max(sizes) <= 256 << 10
    np.testing.assert_array_equal(shell.read(output), np.load("x.npy"))

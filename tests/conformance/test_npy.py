"""The .npy format against NumPy: every dtype, header version, element order and rank."""

from __future__ import annotations

import io
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from conformance.arrays import (
    BYTES,
    NESTED,
    NUMBERS,
    PADDED,
    SUBARRAY,
    SWAPPED,
    TEXT,
    TIMES,
    Row,
    assert_same,
    concatenated,
    make,
)
from conformance.base import FormatConformance

import concatsplit_core as cs
from concatsplit_core.foundation.errors import UnsupportedDtype, UsageError

ALIGNED = np.dtype([("a", "u1"), ("b", "<f8"), ("c", "u1")], align=True)


def save(path: Path, array: np.ndarray, version: tuple[int, int] | None = None) -> str:
    with path.open("wb") as file:
        np.lib.format.write_array(file, array, version=version, allow_pickle=False)
    return str(path)


class TestNpy(FormatConformance):
    """Written and read by numpy.lib.format."""

    output = ".npy"
    dtypes: ClassVar[tuple] = (
        *NUMBERS,
        *SWAPPED,
        *TIMES,
        *BYTES,
        *TEXT,
        NESTED,
        SUBARRAY,
        PADDED,
        ALIGNED,
        "S1",
        "V7",
    )
    layouts: ClassVar[tuple] = (
        Row("C"),
        Row("F", order="F"),
        Row("version 1", version=(1, 0)),
        Row("version 2", version=(2, 0)),
        Row("version 3", ">f8", version=(3, 0)),
        Row("version 2 in F", "<i2", version=(2, 0), order="F"),
        Row("structured in F", NESTED, order="F"),
        Row("odd item", "V7"),
        Row("odd item in F", "V7", order="F"),
    )

    def write(self, path: Path, array: np.ndarray, layout: Row) -> str:
        array = np.asarray(array, order=layout.settings.get("order", "C"))
        return save(path.with_suffix(".npy"), array, layout.settings.get("version"))

    def read(self, ref: str) -> np.ndarray:
        return np.load(ref, allow_pickle=False)


@pytest.mark.parametrize("orders", ["CC", "CF", "FC", "FF"])
@pytest.mark.parametrize("wanted", [None, "C", "F"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_memory_order(tmp_path: Path, orders: str, wanted: str | None, axis: int) -> None:
    shapes = [[6, 5, 4], [6, 5, 4]]
    shapes[1][axis] = 3
    arrays = [
        np.asarray(make("<f8", s, i), order=o)
        for i, (s, o) in enumerate(zip(shapes, orders, strict=True))
    ]
    refs = [save(tmp_path / f"{i}.npy", a) for i, a in enumerate(arrays)]
    cs.concat(refs, str(tmp_path / "out.npy"), axis=axis, memory_order=wanted)
    found = np.load(tmp_path / "out.npy")
    assert_same(found, concatenated(arrays, axis))
    fortran = wanted == "F" or (wanted is None and orders == "FF")
    assert found.flags.f_contiguous == fortran
    assert found.flags.c_contiguous != fortran


@pytest.mark.parametrize("order", ["C", "F"])
def test_order_of_parts_is_the_inputs(tmp_path: Path, order: str) -> None:
    array = np.asarray(make("<i4", (6, 5)), order=order)
    ref = save(tmp_path / "a.npy", array)
    result = cs.split(ref, str(tmp_path / "{index}.npy"), parts=3)
    for blob, expected in zip(result.outputs, np.split(array, 3), strict=True):
        found = np.load(blob.ref)
        assert_same(found, expected)
        assert found.flags.f_contiguous == (order == "F")


@pytest.mark.parametrize("dtype", ["<f4", ">i2", "S5", NESTED], ids=str)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 4), (1234, 1)], ids=str)
def test_file_is_the_one_numpy_writes(tmp_path: Path, dtype: object, shape: tuple) -> None:
    array = make(dtype, (2, *shape))
    ref = save(tmp_path / "a.npy", array)
    result = cs.unstack(ref, str(tmp_path / "{index}.npy"))
    for blob, part in zip(result.outputs, array, strict=True):
        expected = io.BytesIO()
        np.lib.format.write_array(expected, np.asarray(part, array.dtype))
        assert Path(blob.ref).read_bytes() == expected.getvalue()


@pytest.mark.parametrize("dtype", ["<f4", ">i2", "S5"])
def test_the_header_of_a_large_part_is_numpys_padded_further(tmp_path: Path, dtype: str) -> None:
    """Then its elements start in their file where they start in a block of the input."""
    array = make(dtype, (3, 150_000))
    ref = save(tmp_path / "a.npy", array)
    cs.unstack(ref, str(tmp_path / "plain{index}.npy"), routes="mapped")
    result = cs.unstack(ref, str(tmp_path / "moved{index}.npy"))
    assert set(result.plan.routes) == {"kernel"}
    for index, part in enumerate(array):
        expected = io.BytesIO()
        np.lib.format.write_array(expected, part)
        plain = expected.getvalue()
        assert (tmp_path / f"plain{index}.npy").read_bytes() == plain
        moved = (tmp_path / f"moved{index}.npy").read_bytes()
        size = len(moved) - part.nbytes
        assert size % 64 == 0
        assert moved[size:] == part.tobytes()
        assert moved[10:size].rstrip() == plain[10 : len(plain) - part.nbytes].rstrip()
        assert moved[size - 1 : size] == b"\n"


def test_long_header_needs_version_2(tmp_path: Path) -> None:
    dtype = np.dtype([(f"field_{i:04d}", "u1") for i in range(4000)])
    array = make(dtype, (3,))
    with pytest.warns(UserWarning, match=r"format.*2\.0"):
        ref = save(tmp_path / "a.npy", array)
    cs.concat([ref, ref], str(tmp_path / "out.npy"))
    found = np.load(tmp_path / "out.npy", max_header_size=1 << 20)
    assert_same(found, concatenated([array, array], 0))


def test_field_names_outside_latin1_need_version_3(tmp_path: Path) -> None:
    array = make(np.dtype([("größe", "<f4"), ("высота", "<f4")]), (3,))
    with pytest.warns(UserWarning, match=r"format.*3\.0"):
        ref = save(tmp_path / "a.npy", array)
    cs.concat([ref, ref], str(tmp_path / "out.npy"))
    assert (tmp_path / "out.npy").read_bytes()[6:8] == b"\x03\x00"
    assert_same(np.load(tmp_path / "out.npy"), concatenated([array, array], 0))


@pytest.mark.parametrize(
    "option", [{"chunks": (2, 2)}, {"codec": "zstd:3"}, {"codec": "gzip"}], ids=str
)
def test_refuses_what_npy_has_not(tmp_path: Path, option: dict) -> None:
    ref = save(tmp_path / "a.npy", make("<f4", (4, 4)))
    with pytest.raises(UsageError, match="npy"):
        cs.concat([ref], str(tmp_path / "out.npy"), **option)
    assert not (tmp_path / "out.npy").exists()


def test_ndarrays_as_inputs(tmp_path: Path) -> None:
    base = make("<f4", (8, 6, 4))
    arrays = [base[::2], base[1::2, ::-1], base.transpose(0, 1, 2)[4:]]
    cs.concat(arrays, str(tmp_path / "out.npy"), axis=0)
    assert_same(np.load(tmp_path / "out.npy"), concatenated(arrays, 0))


def test_strings_of_any_length_are_refused(tmp_path: Path) -> None:
    words = np.array(["a", "longer"], np.dtypes.StringDType())
    with pytest.raises(UnsupportedDtype, match="variable-length"):
        cs.concat([words, words], str(tmp_path / "out.npy"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ndim", [1, 32, 64])
def test_many_axes(tmp_path: Path, ndim: int) -> None:
    array = make("<i2", (2,) + (1,) * (ndim - 1))
    ref = save(tmp_path / "a.npy", array)
    cs.concat([ref, ref], str(tmp_path / "out.npy"), axis=-1)
    assert_same(np.load(tmp_path / "out.npy"), concatenated([array, array], -1))


def test_budget_smaller_than_the_inputs(tmp_path: Path) -> None:
    """Nothing has to be held as a whole here: any budget of a few rows will do."""
    arrays = [make("<f4", (300, n), n) for n in (200, 100)]
    refs = [save(tmp_path / f"{a.shape[1]}.npy", a) for a in arrays]
    result = cs.concat(refs, str(tmp_path / "out.npy"), axis=1, memory="64KiB", jobs=2)
    assert_same(np.load(tmp_path / "out.npy"), concatenated(arrays, 1))
    assert result.plan.peak_memory_bytes <= 64 << 10

"""What `diff` counts as different is what Python and NumPy, which compare exactly, do."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import concatsplit_core as cs
from concatsplit_core.operators.comparison.values import (
    EqualityRule,
    comparable,
    distances_between,
    unequal,
)

NUMBERS = ("?", "u1", "i1", "<i4", ">i8", "u8", "f2", ">f4", "f8", "c8", "c16")
EDGES = [0.0, -0.0, 1.0, 2.0**53, 2.0**63, -(2.0**63), 2.0**64, np.inf, -np.inf, np.nan, 0.5]


def _elements(dtype: np.dtype) -> Any:
    """Numbers of a dtype, those at its edges above all."""
    any_one = hnp.from_dtype(dtype)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        edges = [0, 1, limits.min, limits.max, limits.max - 1, 1 << 24, (1 << 53) + 1]
        return st.sampled_from([n for n in edges if limits.min <= n <= limits.max]) | any_one
    if dtype.kind in "fc":
        with np.errstate(all="ignore"):
            return st.sampled_from([dtype.type(n) for n in EDGES]) | any_one
    return any_one


@st.composite
def pairs(draw: st.DrawFn, kinds: tuple[str, ...] = NUMBERS) -> tuple[np.ndarray, np.ndarray]:
    """Two vectors of one length, of any two dtypes, that often agree."""
    size = draw(st.integers(1, 12))
    found = []
    for _ in range(2):
        dtype = np.dtype(draw(st.sampled_from(kinds)))
        found.append(draw(hnp.arrays(dtype, size, elements=_elements(dtype))))
    a, b = found
    for index in draw(st.lists(st.integers(0, size - 1))):
        b[index] = a[index].astype(b.dtype)
    return a, b


def _parts(x: Any) -> tuple[Any, Any]:
    """Real and imaginary part, as Python's numbers."""
    plain = x.item()
    return (plain.real, plain.imag) if isinstance(plain, complex) else (plain, 0)


def _same_part(x: Any, y: Any, one: np.ndarray, other: np.ndarray) -> bool:
    if x == y:  # Python never rounds
        return True
    return bool(np.isnan(x) and np.isnan(y) and one.tobytes() == other.tobytes())


def _equal(x: Any, y: Any, nan_equal: bool) -> bool:
    if nan_equal and np.isnan(x) and np.isnan(y):
        return True
    wide = np.result_type(x.dtype, y.dtype).newbyteorder("=")
    one, other = np.asarray(x).astype(wide), np.asarray(y).astype(wide)
    return all(
        _same_part(p, q, r, s)
        for p, q, r, s in zip(
            _parts(x), _parts(y), (one.real, one.imag), (other.real, other.imag), strict=True
        )
    )


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
@given(pairs(), st.booleans())
def test_numbers_are_compared_as_python_does(
    pair: tuple[np.ndarray, np.ndarray], nan_equal: bool
) -> None:
    a, b = pair
    assert comparable(a.dtype, b.dtype)
    found = unequal(a, b, EqualityRule(nan_equal))
    assert found.tolist() == [not _equal(x, y, nan_equal) for x, y in zip(a, b, strict=True)]
    if a.dtype == b.dtype and nan_equal:
        assert found.any() != np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@given(pairs(("f8", ">f8")), st.sampled_from([0.0, 1e-9, 0.25]), st.sampled_from([0.0, 1e-3, 2.0]))
def test_tolerances_of_floats_are_those_of_isclose(
    pair: tuple[np.ndarray, np.ndarray], rtol: float, atol: float
) -> None:
    a, b = pair
    with np.errstate(all="ignore"):
        expected = np.isclose(a, b, rtol, atol, equal_nan=True)
    assert unequal(a, b, EqualityRule(True, rtol, atol)).tolist() == (~expected).tolist()


@given(
    pairs(("?", "u1", "i4", ">i8", "u8")), st.sampled_from([0.0, 0.5, 2.0**-30]),
    st.sampled_from([0.0, 1.0, 2.5, 2.0**40]),
)  # fmt: skip
def test_tolerances_of_integers_are_exact(
    pair: tuple[np.ndarray, np.ndarray], rtol: float, atol: float
) -> None:
    a, b = pair
    found = unequal(a, b, EqualityRule(False, rtol, atol)).tolist()
    for x, y, differs, apart in zip(
        a.tolist(), b.tolist(), found, distances_between(a, b), strict=True
    ):
        assert int(apart) == abs(int(x) - int(y))
        allowed = Fraction(atol) + Fraction(rtol) * abs(int(y))
        assert differs == (x != y and abs(int(x) - int(y)) > allowed)


SHAPE = (7, 5, 6)
STORES = ("npy", "fortran", "zarr", "h5", "memory")


@contextlib.contextmanager
def folder() -> Iterator[None]:
    """An empty folder, as the working directory."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as path:
        os.chdir(path)
        try:
            yield
        finally:
            os.chdir(before)


def _stored(kind: str, name: str, array: np.ndarray, chunks: tuple[int, ...]) -> Any:
    match kind:
        case "memory":
            return array
        case "npy" | "fortran":
            np.save(f"{name}.npy", np.asfortranarray(array) if kind == "fortran" else array)
            return f"{name}.npy"
        case "zarr":
            zarr.create_array(f"{name}.zarr", data=array, chunks=chunks)
            return f"{name}.zarr"
    with h5py.File(f"{name}.h5", "w") as file:
        file.create_dataset("x", data=array, chunks=chunks, compression="gzip")
    return f"{name}.h5"


@given(st.data())
def test_what_is_told_is_what_numpy_finds(data: st.DataObject) -> None:
    a = np.random.default_rng(3).integers(-(1 << 61), 1 << 61, SHAPE).astype("<i8")
    b = a.copy()
    for flat in data.draw(st.lists(st.integers(0, a.size - 1), unique=True, max_size=9)):
        b.reshape(-1)[flat] += data.draw(st.integers(-3, 3))
    chunks = st.tuples(*(st.integers(1, n) for n in SHAPE))
    with folder():
        refs = [
            _stored(data.draw(st.sampled_from(STORES)), name, array, data.draw(chunks))
            for name, array in (("a", a), ("b", b))
        ]
        memory = data.draw(st.sampled_from(["16KiB", "1MiB"]))
        found = cs.diff(*refs, memory=memory, jobs=data.draw(st.sampled_from([1, 3])))
    places = np.argwhere(a != b)
    assert found.elements == len(places)
    assert found.equal == np.array_equal(a, b)
    if not len(places):
        assert (found.first, found.largest) == (None, None)
        return
    assert found.first is not None
    assert found.largest is not None
    assert found.first.index == tuple(places[0])
    apart = np.abs(a - b)
    assert found.largest.index == np.unravel_index(apart.argmax(), SHAPE)
    assert found.largest.difference == apart.max()
    for told in (found.first, found.largest):
        assert (told.a, told.b) == (a[told.index], b[told.index])

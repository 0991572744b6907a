"""Statistics and first elements of arrays, with NumPy as the oracle."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import concatsplit_core as cs
from concatsplit_core.foundation.errors import (
    ConcatsplitError,
    DtypeMismatch,
    MeaningMismatch,
    OverBudget,
)
from concatsplit_core.operators import statistics
from concatsplit_core.operators.histograms import BINS, Histogram, of_floats, of_integers
from concatsplit_core.operators.summaries import Numbers

RNG = np.random.default_rng(3)
FLOATS = np.array([3.5, -2, np.nan, 0, 7e4, 1, np.nan])
ARRAYS = {
    "int8": np.array([-128, 127, 5, 5], "i1"),
    "big-endian": RNG.integers(-9000, 9000, (7, 5)).astype(">i2"),
    "int64": np.array([-(2**63), 2**63 - 1, 7, 8]),
    "uint64": np.array([2**64 - 1, 2**64 - 2, 3], "u8"),
    "float16": FLOATS[:4].astype("f2"),
    "float32": FLOATS.astype(">f4"),
    "float64": RNG.normal(size=(90, 1000)),
    "long double": FLOATS.astype(np.longdouble),
    "tiny": np.array([5e-324, 0, 1e-320]),
    "huge": np.array([1.7e308, 1.6e308, -1.7e308]),
    "one value": np.full(5, 0.1),
    "Fortran": np.asfortranarray(RNG.normal(size=(30, 40))),
    "scalar": np.array(4.0),
}


def stats_of(array: Any, **options: Any) -> Any:
    (blob,) = cs.info(array, stats=True, **options)
    json.dumps(blob.to_dict(), allow_nan=False)
    return blob.stats


@pytest.mark.parametrize("name", ARRAYS)
def test_numbers_are_as_numpy_has_them(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    array = ARRAYS[name]
    monkeypatch.setattr(statistics, "_AT_ONCE", 1 << 12)
    found = stats_of(array)
    is_float = array.dtype.kind == "f"
    known = array[~np.isnan(array)] if is_float else array.ravel()
    assert (found.count, found.nan) == (array.size, array.size - known.size)
    assert (found.min, found.max) == (known.min(), known.max())
    exact = sum(Fraction(int(v) if v == int(v) else float(v)) for v in known.ravel())
    assert math.isclose(found.mean, exact / known.size)
    bins = found.histogram
    assert len(bins.counts) <= BINS
    assert sum(bins.counts) == known.size
    assert bins.counts[0]
    assert bins.counts[-1]
    assert bins.start <= known.min() <= known.max() <= bins.last < math.inf
    if name != "huge":
        edges = [bins.start + bins.width * i for i in range(len(bins.counts) + 1)]
        places = np.searchsorted(np.array(edges, object), known.ravel().astype(object), "right")
        assert np.bincount(places - 1).tolist() == bins.counts


def test_infinities_are_counted_and_the_mean_is_as_numpys() -> None:
    found = stats_of(np.array([1, np.inf, 2]))
    assert (found.infinite, found.min, found.max, found.mean) == (1, 1, np.inf, np.inf)
    assert found.histogram.counts[0] == found.histogram.counts[-1] == 1
    both = stats_of(np.array([np.inf, -np.inf]))
    assert np.isnan(both.mean)
    assert both.histogram is None
    assert both.to_dict()["min"] == "-Infinity"
    beyond = stats_of(np.array([np.finfo(np.longdouble).max, 1], np.longdouble))
    assert beyond.max == np.finfo(np.longdouble).max
    assert beyond.infinite == 0


def test_booleans_and_nothing() -> None:
    found = stats_of(np.array([True, False, True, True]))
    assert (found.min, found.max, found.mean) == (False, True, 0.75)
    assert found.histogram.counts == [1, 3]
    assert found.to_dict()["max"] is True
    empty = stats_of(np.zeros((0, 3)))
    assert (empty.count, empty.min, empty.mean, empty.histogram) == (0, None, None, None)
    nothing = stats_of(np.array([np.nan, np.nan], "f4"))
    assert (nothing.nan, nothing.max) == (2, None)


def test_complex_numbers_and_records_have_parts() -> None:
    found = stats_of(np.array([1 + 2j, complex(np.nan, 4), 3 - 1j]))
    assert found.nan == 1
    assert (found.parts["real"].mean, found.parts["imag"].min) == (2, -1)
    kind = np.dtype([("x", "i2"), ("name", "S3"), ("c", "c8"), ("m", "f4", (2,)), ("raw", "V2")])
    found = stats_of(np.array([(1, b"ab", 2j, (1, 2), b""), (4, b"b", 1, (3, 4), b"")], kind))
    assert set(found.parts) == {"x", "name", "c", "m"}
    assert (found.parts["x"].max, found.parts["name"].max) == (4, "b")
    assert (found.parts["m"].count, found.parts["m"].mean) == (4, 2.5)
    assert found.parts["c"].parts["imag"].max == 2


@pytest.mark.parametrize("kind", ["S3", "U3", "T"])
def test_texts_have_lengths(kind: str) -> None:
    texts = np.array(["b", "", "abc"], np.dtypes.StringDType() if kind == "T" else kind)
    found = stats_of(texts)
    assert (found.min, found.max, found.lengths, found.mean) == ("", "b", (0, 3), None)
    assert stats_of(texts[:0]).lengths is None


def test_times_are_told_as_times() -> None:
    times = np.array(["2020-01-01", "NaT", "2020-01-05"], "M8[D]")
    found = stats_of(times)
    assert (found.nan, found.min, found.max) == (1, times[0], times[2])
    assert found.mean == np.datetime64("2020-01-03")
    assert found.histogram.counts == [1, 0, 0, 0, 1]
    assert found.to_dict()["histogram"]["start"] == "2020-01-01"
    assert stats_of(times[1:2]).min is None
    assert stats_of(np.array([3, -5], ">m8[s]")).min == np.timedelta64(-5, "s")


@pytest.mark.parametrize(
    ("days", "mean"),
    [
        ([1, 2], np.timedelta64(36, "h")),
        ([-1, -2], np.timedelta64(-36, "h")),
        ([1, 1, 2], np.timedelta64(32, "h")),
        ([0] * 6 + [1], np.timedelta64(round(Fraction(86_400_000_000_000, 7)), "ns")),
        ([1 << 60, (1 << 60) + 1], np.timedelta64(1 << 60, "D")),
    ],
)
def test_the_mean_of_times_is_not_cut_off(days: list[int], mean: np.timedelta64) -> None:
    assert stats_of(np.array(days, "m8[D]")).mean == mean
    steps = stats_of(np.array([1, 2], "m8[3D]")).mean
    assert steps == np.timedelta64(108, "h")
    assert str(stats_of(np.array(["2020", "2021"], "M8[Y]")).mean) == "2020-07"


def test_bytes_of_no_known_type_have_no_figures() -> None:
    found = stats_of(np.zeros(3, "V2"))
    assert found.count == 3
    assert "bytes" in found.to_dict()["note"]


def test_bfloat16_is_calculated_as_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = np.array([1.5, -2, np.nan], ml_dtypes.bfloat16)
    found = stats_of(array)
    assert (found.min, found.max, found.nan) == (-2, 1.5, 1)
    (blob,) = cs.info(array, head=2)
    assert blob.head.elements == [1.5, -2.0]

    def refuse(dtype: np.dtype) -> np.dtype:
        raise DtypeMismatch("not installed")

    monkeypatch.setattr("concatsplit_core.operators.meant.numbers_of", refuse)
    assert stats_of(array).note == "not installed"
    (blob,) = cs.info(array, head=2)
    json.dumps(blob.to_dict())


@pytest.fixture
def packed(tmp_path: Path) -> str:
    with h5py.File(tmp_path / "p.h5", "w") as file:
        made = file.create_dataset("v", data=np.array([[200, -1, 3], [9, -1, -7]], "i2"))
        made.attrs.update(scale_factor=np.float32(-0.5), add_offset=np.float32(10))
        made.attrs["_FillValue"], made.attrs["missing_value"] = np.int16(-1), np.int16(9)
        sign = file.create_dataset("u", data=np.array([-1, 1], "i1"))
        sign.attrs["_Unsigned"] = "true"
        file["bad"] = [1, 2]
        file["bad"].attrs["scale_factor"] = "much"
    return str(tmp_path / "p.h5")


def test_missing_elements_are_left_out_and_packed_ones_unpacked(packed: str) -> None:
    found = stats_of(f"{packed}::v")
    assert (found.count, found.missing, found.unpacked) == (6, 3, True)
    assert (found.min, found.max) == (-90, 13.5)
    assert math.isclose(found.mean, np.mean([-90, 8.5, 13.5]))
    bins = found.histogram
    assert bins.start < -90 <= bins.start + bins.width
    assert bins.counts[0] == 1
    assert sum(bins.counts[-4:]) == 2
    assert found.to_dict()["values"] == "unpacked"
    unsigned = stats_of(f"{packed}::u")
    assert (unsigned.min, unsigned.max, unsigned.mean) == (1, 255, 128)
    with pytest.raises(MeaningMismatch, match="much"):
        stats_of(f"{packed}::bad")
    assert [blob.unread is None for blob in cs.info(packed, stats=True)] == [False, True, True]


@pytest.mark.parametrize(
    ("dtype", "attrs", "missing"),
    [
        ("i2", {"valid_range": np.array([0, 100], "i2")}, 2),
        ("i2", {"valid_min": np.int16(0)}, 1),
        ("i2", {"valid_max": np.int16(7)}, 1),
        ("i2", {"valid_max": np.int16(7), "_FillValue": np.int16(5)}, 2),
        ("i2", {"scale_factor": 0.1, "valid_range": np.array([0, 100], "i2")}, 2),
        ("i2", {"scale_factor": 0.1, "valid_range": np.array([-0.4, 0.75])}, 2),
        ("i1", {"_Unsigned": "true", "valid_range": np.array([0, -6], "i1")}, 1),
        ("f4", {"valid_range": np.array([-5.0, np.inf])}, 0),
        ("i2", {"valid_min": np.nan, "valid_max": "much"}, 0),
        ("i2", {"valid_range": [1, 2, 3]}, 0),
        ("S3", {"valid_min": 1}, 0),
    ],
)
def test_what_is_outside_the_valid_range_is_missing(
    dtype: str, attrs: dict[str, Any], missing: int, tmp_path: Path
) -> None:
    values = np.array([-5, 5, 7, 120]).astype(dtype)
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file.create_dataset("v", data=values).attrs.update(attrs)
    (blob,) = cs.info(tmp_path / "v.h5", stats=True, head=4)
    assert (blob.stats.missing, blob.head.elements.count(None)) == (missing, missing)


def test_the_first_elements(packed: str) -> None:
    (blob,) = cs.info(f"{packed}::v", head=1)
    assert blob.head.elements == [[-90, None, 8.5]]
    assert blob.to_dict()["head"] == {"values": "unpacked", "elements": [[-90.0, None, 8.5]]}
    (wide,) = cs.info(np.arange(40).reshape(2, 20), head=5)
    assert wide.head.elements == [list(range(8)), list(range(20, 28))]
    assert not wide.head.is_whole
    (records,) = cs.info(np.array([(1, [b"a", b"b"])], [("n", "i4"), ("t", "S1", (2,))]), head=1)
    assert records.head.elements == [{"n": 1, "t": ["a", "b"]}]
    assert cs.info(np.array(7), head=3)[0].head.elements == 7
    assert cs.info(np.zeros((0, 2)), head=3)[0].head.elements == []


def test_chunks_that_do_not_fit_the_memory_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("v", (100, 1000), "f8", chunks=(100, 1000), compression="gzip")
    for wanted in ({"stats": True}, {"head": 1}):
        with pytest.raises(OverBudget, match=r"a\.h5::v: .*--memory"):
            cs.info(str(tmp_path / "a.h5::v"), memory="64KiB", **wanted)
    with pytest.raises(OverBudget, match="smaller --head"):
        cs.info(np.zeros(5000), head=5000, memory="64KiB")


def test_arrays_that_claim_far_more_than_they_store(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("v", (1 << 50,), "f8", chunks=(1 << 10,))
    with pytest.raises(ConcatsplitError, match=r"a\.h5::v"):
        cs.info(str(tmp_path / "a.h5::v"), stats=True)
    (blob,) = cs.info(str(tmp_path / "a.h5::v"), head=2)
    assert blob.head.elements == [0, 0]


NUMBERS = st.lists(
    st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False) | st.just(0.0),
    min_size=1, max_size=12,
)  # fmt: skip


@given(NUMBERS, st.integers(1, 5))
def test_blocks_in_any_order_give_the_same_histogram(numbers: list[float], size: int) -> None:
    array = np.array(numbers)
    whole, parts = Numbers(), Numbers()
    whole.add(array)
    for start in reversed(range(0, len(array), size)):
        parts.add(array[start : start + size])
    assert parts.histogram == whole.histogram


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=12))
def test_histograms_of_integers_add_up(numbers: list[int]) -> None:
    array = np.array(numbers, np.int64)
    sums = Histogram()
    for each in array:
        sums.add(of_integers(np.array([each]), int(each), int(each)))
    assert sums == of_integers(array, min(numbers), max(numbers))
    assert len(sums.counts) <= BINS


def test_a_histogram_has_at_least_half_of_its_bins() -> None:
    values = RNG.normal(size=1000)
    assert BINS // 2 <= len(of_floats(values, values.min(), values.max()).counts) <= BINS

"""Inputs that differ in what their numbers mean: converted where nothing is lost, else refused."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import concatsplit_core as cs
from concatsplit_core.foundation.errors import DtypeMismatch, MeaningMismatch

Read = Callable[[str], Any]

REFUSED = {
    "units": ({"units": "K"}, {"units": "degC"}),
    "no units": ({"units": "K"}, {}),
    "units of time that vary": ({"units": "months since 2000-01-01"},
                                {"units": "months since 2001-01-01"}),
    "calendar": ({"units": "days since 2000-01-01", "calendar": "noleap"},
                 {"units": "days since 2000-01-01", "calendar": "360_day"}),
    "scale_factor": ({"scale_factor": 0.5}, {"scale_factor": 0.25}),
    "no scale_factor": ({"scale_factor": 0.5}, {}),
    "add_offset": ({"add_offset": 1.0}, {"add_offset": 2.0}),
    "_Unsigned": ({"_Unsigned": "true"}, {}),
    "flag_meanings": ({"flag_values": [0, 1], "flag_meanings": "good bad"},
                      {"flag_values": [0, 1], "flag_meanings": "bad good"}),
    "flag_values": ({"flag_values": [0, 1]}, {"flag_values": [0, 2]}),
    "flag_masks": ({"flag_masks": [1, 2]}, {"flag_masks": [1, 4]}),
    "valid_range": ({"valid_range": [0, 9]}, {"valid_range": [0, 2]}),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_converted_is_refused(make: Any, read: Read, kind: str) -> None:
    one, two = REFUSED[kind]
    refs = [make("a", np.array([1, 2, 3], "i2"), **one), make("b", np.array([4, 5], "i2"), **two)]
    with pytest.raises(MeaningMismatch) as caught:
        cs.concat(refs, "y.zarr::v")
    assert refs[1] in caught.value.message
    assert (set(one) | set(two)).intersection(caught.value.message.replace(":", "").split())
    assert caught.value.exit_code == 3
    assert not Path("y.zarr").exists()
    cs.concat(refs, "y.zarr::v", conflicts="first")
    array, meaning = read("y.zarr::v")
    assert array.tolist() == [1, 2, 3, 4, 5]
    for key, value in one.items():
        assert np.array_equal(meaning.attrs[key], value)


@pytest.mark.parametrize("attrs", [{}, {"units": "K"}, {"scale_factor": 0.5, "add_offset": 1.0}])
def test_what_agrees_is_kept(make: Any, read: Read, attrs: dict[str, Any]) -> None:
    refs = [make(name, np.array([1, 2, 3], "i2"), -9, **attrs, title=name) for name in "ab"]
    for out in ("y.zarr::v", "y.nc::v", "y.h5::v"):
        cs.concat(refs, out, conflicts="refuse")
        array, meaning = read(out)
        assert array.tolist() == [1, 2, 3] * 2
        assert meaning.missing == -9
        assert {k: meaning.attrs[k] for k in attrs} == attrs
        assert meaning.attrs["title"] == "a"


def test_descriptive_attributes_are_chosen(make: Any, read: Read) -> None:
    refs = [make(n, [1.0, 2.0], units="K", title=n, source="s") for n in "ab"]
    kept = {"first": {"title", "source"}, "common": {"source"}, "none": set()}
    for attrs, wanted in kept.items():
        cs.concat(refs, "y.zarr::v", attrs=attrs, force=True)  # type: ignore[arg-type]
        assert set(read("y.zarr::v")[1].attrs) == wanted | {"units"}


def test_packed_values_are_unpacked_on_request(make: Any, read: Read) -> None:
    a = make("a", np.array([100, -9], "i2"), -9, scale_factor=0.01, add_offset=280.0)
    b = make("b", np.array([100, -9], "i2"), -9, scale_factor=0.02, add_offset=290.0)
    cs.concat([a, b], "y.zarr::v", conflicts="convert")
    array, meaning = read("y.zarr::v")
    assert array.dtype == np.float64
    np.testing.assert_allclose(array, [281, np.nan, 292, np.nan])
    assert np.isnan(meaning.missing)
    assert not {"scale_factor", "add_offset"} & set(meaning.attrs)


def test_the_precision_of_what_is_unpacked_is_cfs(make: Any, read: Read) -> None:
    for name, dtype, scale, wanted in (
        ("i2", "i2", np.float32, np.float32),
        ("i4", "i4", np.float32, np.float64),
        ("f8", "i2", np.float64, np.float64),
    ):
        data = np.array([1, 2], dtype)
        one = scale if "zarr" not in make.__name__ else float
        refs = [make(f"{name}{n}", data, scale_factor=one(n)) for n in (1, 2)]
        cs.concat(refs, "y.h5::v", conflicts="convert", force=True)
        array, _ = read("y.h5::v")
        if "zarr" not in refs[0]:  # JSON has doubles only
            assert array.dtype == wanted
        assert array.tolist() == [1, 2, 2, 4]


@pytest.mark.parametrize("rule", ["exact", "convert"])
def test_missing_values_become_the_first_inputs(make: Any, read: Read, rule: Any) -> None:
    refs = [
        make("a", [1.0, -9.0], -9.0),
        make("b", [2.0, -1e20], -1e20),
        make("c", [3.0, np.nan], np.nan),
        make("d", [4.0, 5.0]),
    ]
    cs.concat(refs, "y.zarr::v", conflicts=rule)
    array, meaning = read("y.zarr::v")
    assert array.tolist() == [1, -9, 2, -9, 3, -9, 4, 5]
    assert meaning.missing == -9
    with pytest.raises(MeaningMismatch, match="_FillValue"):
        cs.concat(refs, "z.zarr::v", conflicts="refuse")


def test_a_missing_value_that_occurs_as_data_is_refused(make: Any) -> None:
    a, b = make("a", [1.0, -9.0], -9.0), make("b", [2.0, -9.0, -1.0, 0.0], -1.0)
    with pytest.raises(MeaningMismatch, match=r"-9\.0 as data"):
        cs.concat([a, b], "y.zarr::v")
    plain = make("c", [2.0, -9.0])
    with pytest.raises(MeaningMismatch, match=r"-9\.0 as data"):
        cs.concat([a, plain], "y.zarr::v")
    assert not list(Path().glob("y*"))
    assert not list(Path().glob(".concatsplit*"))


def test_chunks_whose_numbers_do_not_change_move_as_stored(make: Any) -> None:
    refs = [make("a", [1.0, -9.0], -9.0), make("b", [2.0, -8.0], -8.0)]
    result = cs.concat(refs, "y.zarr::v")
    moved = "encoded" if "h5" not in refs[0] and "nc" not in refs[0] else None
    if moved:
        assert result.plan.routes == {"encoded": 16, "decoded": 16}
    assert result.plan.reasons["decoded"] == ("the values of an input are converted",)


def test_a_cast_carries_the_missing_value_along(make: Any, read: Read) -> None:
    ref = make("a", [1.0, -9.0], -9.0)
    cs.concat(ref, "y.zarr::v", dtype="f4")
    array, meaning = read("y.zarr::v")
    assert (array.dtype, meaning.missing, meaning.missing.dtype) == ("f4", -9, "f4")
    wide = make("b", np.array([1, 70000], "i4"), 70000)
    with pytest.raises(MeaningMismatch, match="survive"):
        cs.concat(wide, "z.zarr::v", dtype="i2")


def test_arrays_without_attributes_have_no_say(make: Any, read: Read) -> None:
    ref = make("a", np.array([1, -9], "i2"), -9, units="K", scale_factor=0.5)
    np.save("b.npy", np.array([3], "i2"))
    result = cs.concat(["b.npy", ref], "y.zarr::v", conflicts="refuse")
    array, meaning = read("y.zarr::v")
    assert array.tolist() == [3, 1, -9]
    assert (meaning.attrs["units"], meaning.missing) == ("K", -9)
    assert result.notes == ()


def test_what_an_npy_cannot_say_is_noted(make: Any) -> None:
    ref = make("a", np.array([1, -9], "i2"), -9, scale_factor=0.5, title="t")
    result = cs.concat(ref, "y.npy")
    assert len(result.notes) == 1
    assert "scale_factor, _FillValue" in result.notes[0]
    assert "title" not in result.notes[0]


ENUMS = ({"RED": 0, "GREEN": 1}, {"GREEN": 0, "RED": 1})


def test_enums_that_differ_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number, names in enumerate(ENUMS):
        kind = h5py.enum_dtype(names, "i1")
        with h5py.File(f"{number}.h5", "w") as file:
            file.create_dataset("c", data=[0, 1], dtype=kind)
            file.create_dataset("s", data=np.zeros(2, [("k", kind)]))
            file.create_dataset("n", data=np.array([0, 1], "i1"))
    for one, two in (("c", "c"), ("s", "s"), ("c", "n"), ("n", "c")):
        with pytest.raises((MeaningMismatch, DtypeMismatch), match="enum"):
            cs.concat([f"0.h5::{one}", f"1.h5::{two}"], "y.h5")
    cs.concat(["0.h5::c", "0.h5::c"], "y.h5")
    assert h5py.check_enum_dtype(h5py.File("y.h5")["data"].dtype) == ENUMS[0]
    cs.concat(["0.h5::c", "1.h5::c"], "first.h5", conflicts="first")
    assert h5py.check_enum_dtype(h5py.File("first.h5")["data"].dtype) == ENUMS[0]
    cs.concat(["0.h5::c"], "y.zarr")
    import zarr

    attrs = dict(zarr.open_array("y.zarr", mode="r").attrs)
    assert attrs == {"flag_values": [0, 1], "flag_meanings": "RED GREEN"}


@pytest.mark.parametrize("form", ["h5", "zarr", "contiguous"])
def test_conversions_keep_to_the_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.chdir(tmp_path)
    data = np.arange(2 << 20, dtype="i2").reshape(1024, -1)
    for number in (1, 2):
        attrs = {"scale_factor": 0.5 * number, "_FillValue": np.int16(-9)}
        if form == "zarr":
            import zarr

            made: Any = zarr.create_array(f"{number}.zarr", data=data, chunks=(64, 1024))
            made.attrs.update({"scale_factor": 0.5 * number, "_FillValue": -9})
            continue
        with h5py.File(f"{number}.h5", "w") as file:
            chunks = (64, 1024) if form == "h5" else None
            file.create_dataset("v", data=data, chunks=chunks).attrs.update(attrs)
    suffix = "zarr" if form == "zarr" else "h5"
    inputs = [f"{number}.{suffix}" for number in (1, 2)]
    cs.concat(inputs[:1], "warm.npy")  # what is imported is not array data
    tracemalloc.start()
    result = cs.concat(inputs, "y.npy", conflicts="convert", memory="4MiB", jobs=1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert result.plan.peak_memory_bytes <= 4 << 20
    assert peak <= result.plan.peak_memory_bytes + (1 << 20)
    joined = np.load("y.npy", mmap_mode="r")
    assert joined.dtype == np.float64
    np.testing.assert_array_equal(joined[1024, :5], np.arange(5.0))

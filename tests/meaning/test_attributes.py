"""Attributes of any kind and size go where they can go, and say so where they cannot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tensorstore
import zarr
from h5py import h5a, h5s, h5t
from hypothesis import given
from hypothesis import strategies as st

import concatsplit_core as cs
from concatsplit_core.foundation.jsonable import as_json


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def strict(path: str) -> Any:
    """A document that holds nothing that is not JSON."""

    def refused(word: str) -> None:
        raise AssertionError(f"{path} holds {word}")

    return json.loads(Path(path).read_bytes(), parse_constant=refused)


def in_hdf5(path: str, **attrs: Any) -> str:
    with h5py.File(path, "w", libver="latest") as file:  # else none of over 64 KiB
        made = file.create_dataset("x", data=[1.0, 2.0])
        for key, value in attrs.items():
            made.attrs[key] = value
    return path


JSON = {
    "nan": (np.nan, "NaN"),
    "infinities": (np.array([np.inf, -np.inf, 0.5]), ["Infinity", "-Infinity", 0.5]),
    "single": (np.float32(0.1), float(np.float32(0.1))),
    "whole": (np.int64(-3), -3),
    "wide": (np.longdouble("1e-4000"), str(np.longdouble("1e-4000"))),
    "wide but held": (np.longdouble(0.5), 0.5),
    "complex": (np.complex64(1 - 2j), [1.0, -2.0]),
    "bytes": (np.bytes_("é".encode()), "é"),
    "latin": (np.bytes_(b"\xb0C"), "°C"),
    "texts": (["a", "é"], ["a", "é"]),
    "flags": (np.array([True, False]), [True, False]),
    "matrix": (np.arange(4).reshape(2, 2), [[0, 1], [2, 3]]),
    "unsigned": (np.uint64(2**64 - 1), 2**64 - 1),
    "record": (np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]), [[1, 2.0]]),
}


@pytest.mark.parametrize("kind", JSON)
@pytest.mark.parametrize("form", [2, 3])
def test_attributes_of_hdf5_become_strict_json(kind: str, form: int) -> None:
    value, wanted = JSON[kind]
    cs.concat(in_hdf5("a.h5", key=value), "y.zarr", zarr_format=form)  # type: ignore[arg-type]
    name = "y.zarr/zarr.json" if form == 3 else "y.zarr/.zattrs"
    document = strict(name)
    assert (document["attributes"] if form == 3 else document)["key"] == wanted
    driver = "zarr3" if form == 3 else "zarr"
    opened = tensorstore.open({"driver": driver, "kvstore": f"file://{Path('y.zarr').resolve()}"})
    assert opened.result().read().result().tolist() == [1, 2]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
)
def test_anything_is_strict_json(value: Any) -> None:
    made = as_json(value)
    text = json.dumps(made, allow_nan=False)
    assert json.loads(text.encode().decode()) == made
    assert as_json(made) == made


KEPT: dict[str, Any] = {
    "big": np.arange(20000.0),
    "text": "é" * 9,
    "texts": np.array(["a", "bb"], object),
    "raw": np.bytes_(b"\xb0C\xff"),
    "big endian": np.arange(3, dtype=">i2"),
    "one": np.array([7], "u1"),
    "half": np.float16(0.5),
    "wide": np.longdouble("1e-4000"),
    "record": np.array([(1, b"a")], [("a", "i4"), ("b", "S1")]),
    "bool": True,
    "void": np.void(b"\x00\x01"),
    "CLASS": np.bytes_("IMAGE"),
    "NAME": np.bytes_("not of a scale"),
}


def test_attributes_stay_as_they_are_stored_in_hdf5() -> None:
    in_hdf5("a.h5", **KEPT)
    with h5py.File("a.h5", "r+") as file:
        made = file["x"].attrs
        made.create("ascii", b"abc", dtype=h5py.string_dtype("ascii"))
        made.create("enum", 1, dtype=h5py.enum_dtype({"A": 1}))
        h5a.create(file["x"].id, b"null", h5t.NATIVE_INT32, h5s.create(h5s.NULL))
        names = set(made)
    assert cs.concat(["a.h5", "a.h5"], "y.h5").notes == ()
    with h5py.File("a.h5") as before, h5py.File("y.h5") as after:
        assert set(after["data"].attrs) == names
        for name in names:
            one, two = (item.attrs.get_id(name) for item in (before["x"], after["data"]))
            assert one.shape == two.shape
            if name in ("text", "texts", "ascii"):  # their bytes lie elsewhere
                assert np.array_equal(before["x"].attrs[name], after["data"].attrs[name])
                continue
            assert one.get_type().encode() == two.get_type().encode()
            if one.get_space().get_simple_extent_type() == h5s.NULL:
                continue
            raw = [np.zeros(each.shape, f"V{each.get_type().get_size()}") for each in (one, two)]
            for each, into in zip((one, two), raw, strict=True):
                each.read(into, mtype=each.get_type())
            assert raw[0].tobytes() == raw[1].tobytes()


FROM_JSON = {
    "n": (2**70, str(2**70)), "i": (2**63, 2**63), "nul": ("a\0b", b"a\0b"), "none": (None, "null"),
    "list": ([1, 2.5], [1, 2.5]), "texts": (["a", "b"], ["a", "b"]), "empty": ([], []),
    "dict": ({"b": 1, "a": [None]}, '{"a": [null], "b": 1}'),
    "mixed": ([1, "a"], '[1, "a"]'),
}  # fmt: skip


def test_json_becomes_attributes_of_hdf5() -> None:
    zarr.create_array(
        "b.zarr", shape=(2,), dtype="f8", attributes={k: v for k, (v, _) in FROM_JSON.items()}
    )
    assert cs.concat("b.zarr", "o.h5").notes == ()
    with h5py.File("o.h5") as file:
        attrs = file["data"].attrs
        for key, (_, wanted) in FROM_JSON.items():
            found = attrs[key]
            assert (found.tolist() if isinstance(found, np.ndarray) else found) == wanted, key


def test_what_cannot_be_written_or_read_is_noted() -> None:
    zarr.create_array("b.zarr", shape=(2,), dtype="f8", attributes={"": 1, "good": 2})
    result = cs.concat("b.zarr", "o.h5")
    assert len(result.notes) == 1
    assert "attribute ''" in result.notes[0]
    assert result.to_dict()["notes"] == list(result.notes)
    with h5py.File("c.h5", "w") as file:
        made = file.create_dataset("x", data=[1.0])
        made.attrs["points"] = made.ref
        made.attrs["ragged"] = np.array([np.arange(2), np.arange(3)], object)[:0].astype(
            h5py.vlen_dtype("i4")
        )
        made.attrs["good"] = 1
    result = cs.concat("c.h5", "d.h5")
    assert ["'points'" in note or "'ragged'" in note for note in result.notes] == [True, True]
    assert set(h5py.File("d.h5")["data"].attrs) == {"good"}


def test_names_that_are_no_utf8_are_read_as_latin() -> None:
    with h5py.File("a.h5", "w") as file:
        made = file.create_dataset("x", data=[1.0])
        space = h5s.create(h5s.SCALAR)
        h5a.create(made.id, "caf\u00e9".encode("latin-1"), h5t.NATIVE_INT32, space).write(
            np.array(5, "i4")
        )
    cs.concat("a.h5", "y.zarr")
    assert strict("y.zarr/zarr.json")["attributes"] == {"café": 5}


def test_the_bookkeeping_of_a_file_is_never_copied() -> None:
    with h5py.File("a.h5", "w") as file:
        made = file.create_dataset("x", data=np.ones((2, 3)))
        for axis, name in enumerate("yx"):
            scale = file.create_dataset(f"s{name}", data=np.arange(made.shape[axis]))
            scale.make_scale(name)
            made.dims[axis].attach_scale(scale)
        made.attrs["_Netcdf4Coordinates"] = np.array([0, 1], "i4")
        made.attrs["_Netcdf4Dimid"] = np.int32(0)
    for name in ("x", "sx"):
        result = cs.concat(f"a.h5::{name}", "y.zarr", force=True)
        assert strict("y.zarr/zarr.json")["attributes"] == {}
        assert result.notes == ()

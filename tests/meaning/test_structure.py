"""How arrays are kept beyond their elements: room to grow, types, keys of chunks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr
from h5py import h5t

import concatsplit_core as cs


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("limits", "joined", "stacked", "cut"),
    [
        ((None, 3), (None, 3), (2, None, 3), (None, 3)),
        ((2, None), (4, None), (2, 2, None), (1, None)),
        ((9, 8), (4, 8), (2, 9, 8), (1, 8)),
        ((2, 3), (4, 3), (2, 2, 3), (1, 3)),
    ],
    ids=str,
)
def test_axes_may_grow_as_before(limits: Any, joined: Any, stacked: Any, cut: Any) -> None:
    with h5py.File("a.h5", "w") as file:
        file.create_dataset("x", data=np.ones((2, 3)), maxshape=limits, chunks=(1, 3))
    cs.concat(["a.h5", "a.h5"], "y.h5")
    cs.stack(["a.h5", "a.h5"], "s.h5")
    cs.split("a.h5", "p{index}.h5", size=1)
    for path, wanted in (("y.h5", joined), ("s.h5", stacked), ("p0.h5", cut)):
        with h5py.File(path) as file:
            assert file["data"].maxshape == wanted


@pytest.mark.parametrize("form", [2, 3])
@pytest.mark.parametrize("separator", [".", "/"])
def test_keys_are_spelled_as_before(form: Any, separator: Any) -> None:
    names = ("v2",) if form == 2 else ("v2", "default")
    for name in names:
        made = zarr.create_array(
            "a.zarr", shape=(4, 4), chunks=(2, 2), dtype="i4", zarr_format=form, overwrite=True,
            chunk_key_encoding={"name": name, "separator": separator},
        )  # fmt: skip
        made[:] = 1
        for out in ("y.zarr", "g.zarr::x"):
            cs.concat(["a.zarr", "a.zarr"], out, force=True)
            path = Path(out.replace("::", "/"))
            if form == 2:
                document = json.loads((path / ".zarray").read_bytes())
                assert document["dimension_separator"] == separator
            else:
                document = json.loads((path / "zarr.json").read_bytes())["chunk_key_encoding"]
                assert document == {"name": name, "configuration": {"separator": separator}}
            assert (zarr.open_array(str(path), mode="r")[:] == 1).all()
    cs.concat("a.zarr", "other.zarr", zarr_format=5 - form)
    assert (zarr.open_array("other.zarr", mode="r")[:] == 1).all()


def _text(path: str, encoding: int, padding: int, values: list[bytes], chunked: bool) -> str:
    kind = h5t.C_S1.copy()
    kind.set_size(4), kind.set_cset(encoding), kind.set_strpad(padding)
    memory = kind.copy()
    if padding == h5t.STR_SPACEPAD:
        memory.set_strpad(h5t.STR_NULLPAD)
    with h5py.File(path, "w") as file:
        dcpl = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        if chunked:
            dcpl.set_chunk((2,)), dcpl.set_deflate(4)
        space = h5py.h5s.create_simple((len(values),))
        made = h5py.h5d.create(file.id, b"x", kind, space, dcpl)
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array(values, "S4"), memory)
    return path


PADDINGS = [h5t.STR_NULLTERM, h5t.STR_NULLPAD, h5t.STR_SPACEPAD]


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("encodings", [(0, 0), (0, 1), (1, 1)], ids=str)
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("other", PADDINGS)
def test_text_keeps_every_letter_its_padding_and_its_encoding(
    chunked: bool, encodings: tuple[int, int], padding: int, other: int
) -> None:
    one, two = [b"abcd", b"", b"c"], ["é".encode() if encodings[1] else b"e", b"wxyz", b"q"]
    a = _text("a.h5", encodings[0], padding, one, chunked)
    b = _text("b.h5", encodings[1], other, two, chunked)
    for out in ("y.h5", "y.npy", "y.zarr"):
        cs.concat([a, b], out)
        assert cs.fetch(out).tolist() == one + two
    with h5py.File("y.h5") as file:
        kind = file["data"].id.get_type()
        assert kind.get_cset() == max(encodings)
        if encodings[0] == encodings[1] and padding == other:
            assert kind.get_strpad() == padding
    cs.split("a.h5", "p{index}.h5", at=[1], chunks="auto" if chunked else None, codec="gzip:1")
    assert [cs.fetch(f"p{i}.h5").tolist() for i in (0, 1)] == [one[:1], one[1:]]


def _typed(name: str) -> tuple[Any, np.ndarray]:
    bits = h5t.STD_I32LE.copy()
    bits.set_precision(12), bits.set_offset(4)
    inner = h5t.C_S1.copy()
    inner.set_size(2)
    record = h5t.create(h5t.COMPOUND, 10)
    record.insert(b"n", 2, h5t.STD_I32BE), record.insert(b"t", 8, inner)
    kinds = {
        "bitfield": (h5t.STD_B8LE, np.arange(4, dtype="u1")),
        "wide bitfield": (h5t.STD_B32BE, np.arange(4, dtype=">u4")),
        "few bits": (bits, np.arange(4, dtype="i4")),
        "half": (h5t.IEEE_F16BE, np.arange(4, dtype=">f2")),
        "quad": (h5t.NATIVE_LDOUBLE, np.arange(4, dtype="g")),
    }
    if hasattr(h5t, "COMPLEX_IEEE_F64LE"):  # HDF5 2.0
        kinds["complex"] = (h5t.COMPLEX_IEEE_F64LE, np.arange(4) * 1j)
        kinds["complex big endian"] = (h5t.COMPLEX_IEEE_F32BE, (np.arange(4) * 1j).astype(">c8"))
    if name not in kinds:
        pytest.skip("this HDF5 has no complex numbers")
    return kinds[name]


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    "name",
    ["bitfield", "wide bitfield", "few bits", "half", "quad", "complex", "complex big endian"],
)
def test_types_of_hdf5_stay_what_they_are(name: str, chunked: bool) -> None:
    kind, data = _typed(name)
    with h5py.File("a.h5", "w") as file:
        dcpl = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        if chunked:
            dcpl.set_chunk((3,)), dcpl.set_deflate(1)
        made = h5py.h5d.create(file.id, b"x", kind, h5py.h5s.create_simple((4,)), dcpl)
        memory = kind if name.startswith("complex") else None
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, data, memory)
    cs.concat(["a.h5", "a.h5"], "y.h5")
    cs.split("y.h5", "p{index}.h5", at=[3, 5])
    for path, wanted in (
        ("y.h5", np.tile(data, 2)),
        *((f"p{i}.h5", part) for i, part in enumerate(np.split(np.tile(data, 2), [3, 5]))),
    ):
        with h5py.File(path) as file:
            assert file["data"].id.get_type().equal(kind)
            assert file["data"][()].tolist() == wanted.tolist()
    cs.concat("a.h5", "y.npy")
    assert np.load("y.npy").tolist() == data.tolist()


def test_items_that_are_arrays_of_records(tmp_path: Path) -> None:
    record = np.dtype([("i", "<i4"), ("f", "<f4", (2,))])
    with h5py.File(tmp_path / "a.h5", "w") as file:
        made = file.create_dataset("v", (3,), np.dtype((record, (4,))))
        made[...] = np.ones((3, 4), record)
    source = str(tmp_path / "a.h5")
    cs.concat([source, source], str(tmp_path / "y.h5"))
    with h5py.File(tmp_path / "y.h5") as file:
        assert file["data"][...].tobytes() == np.ones((6, 4), record).tobytes()

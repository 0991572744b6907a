"""Zarr stores in zip archives against zarr-python's ZipStore, and archives that are hostile."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import zarr
from conformance.arrays import NESTED, Row, assert_same, make, tree_bytes
from conformance.base import FormatConformance
from conformance.zarr_arrays import create
from zarr.storage import ZipStore

import concatsplit_core as cs
from concatsplit_core.foundation.errors import (
    ConcatsplitError,
    MalformedInput,
    OutputRefused,
    OverBudget,
    UnsafeContent,
)
from concatsplit_core.stores.zips import store as zip_store


def pack(folder: Path, method: int = zipfile.ZIP_STORED) -> Path:
    """Zip the files of a store, and remove them."""
    path = folder.with_name(f"{folder.name}.zip")
    with zipfile.ZipFile(path, "w", method) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))
    shutil.rmtree(folder)
    return path


def read(ref: str) -> np.ndarray:
    path, _, member = ref.partition("::")
    with ZipStore(path, mode="r") as store:
        array = zarr.open_array(store=store, path=member or None, mode="r")
        return np.asarray(array[...], array.dtype)


class TestZippedZarr(FormatConformance):
    """Written by zarr-python and zipped; read by its ZipStore."""

    output = ".zarr.zip"
    attributes = True
    dtypes: ClassVar[tuple] = ("?", "<i4", ">f8", "<M8[ns]", "S5")
    layouts: ClassVar[tuple] = (
        Row("default"),
        Row("deflated", method=zipfile.ZIP_DEFLATED, compressors=None),
        Row("shards", shards=(8, 8, 6)),
        Row("deflated shards", shards=(8, 8, 6), method=zipfile.ZIP_DEFLATED),
        Row("format 2", "<i2", zarr_format=2),
        Row("structured", NESTED, zarr_format=2, method=zipfile.ZIP_LZMA),
    )

    def write(self, path: Path, array: np.ndarray, layout: Row) -> str:
        settings: dict[str, Any] = dict(layout.settings)
        method = settings.pop("method", zipfile.ZIP_STORED)
        folder = path.with_name(f"{path.name}.zarr")
        create(str(folder), array, **settings)
        return str(pack(folder, method))

    def read(self, ref: str) -> np.ndarray:
        return read(ref)

    def read_attributes(self, ref: str) -> dict:
        with ZipStore(ref, mode="r") as store:
            return dict(zarr.open_array(store=store, mode="r").attrs)


@pytest.fixture
def data_set(tmp_path: Path) -> Path:
    """An archive of two arrays, one of them in a group, as zarr-python writes it."""
    path = tmp_path / "in.zarr.zip"
    with ZipStore(path, mode="w") as store:
        root = zarr.create_group(store=store, attributes={"title": "made"})
        root.create_array("a", data=make("<f4", (24, 10)), chunks=(5, 5))
        root.create_array("g/b", data=make("<i2", (24,), 1), chunks=(5,), shards=(10,))
    return path


def test_other_programs_read_what_is_written(tmp_path: Path, data_set: Path) -> None:
    out = tmp_path / "out.zarr.zip"
    cs.concat([str(data_set)] * 2, str(out))
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None
        assert {entry.compress_type for entry in archive.filelist} == {zipfile.ZIP_STORED}
        assert len({entry.filename for entry in archive.filelist}) == len(archive.filelist)
    with ZipStore(out, mode="r") as store:
        root = zarr.open_group(store=store, mode="r")
        assert dict(root.attrs) == {"title": "made"}
        assert [name for name, _ in sorted(root.members(None))] == ["a", "g", "g/b"]
    for name in ("a", "g/b"):
        assert_same(read(f"{out}::{name}"), np.concatenate([read(f"{data_set}::{name}")] * 2))


def test_a_data_set_is_cut_verified_and_made_again(tmp_path: Path, data_set: Path) -> None:
    record = str(tmp_path / "m.json")
    cs.split(str(data_set), str(tmp_path / "p{index}.zarr.zip"), size=10, manifest=record)
    assert cs.verify(record).exit_code == 0
    cs.undo(record, str(tmp_path / "again.zarr.zip"))
    assert cs.diff(str(tmp_path / "again.zarr.zip"), str(data_set)).equal


def test_arrays_are_added_and_replaced(tmp_path: Path, data_set: Path) -> None:
    before = {name: read(f"{data_set}::{name}") for name in ("a", "g/b")}
    new = make("<i8", (7,), 5)
    cs.feed(f"{data_set}::new/c", new)
    cs.feed(f"{data_set}::a", new, force=True)
    assert_same(read(f"{data_set}::new/c"), new)
    assert_same(read(f"{data_set}::a"), new)
    assert_same(read(f"{data_set}::g/b"), before["g/b"])
    with ZipStore(data_set, mode="r") as store:
        assert dict(zarr.open_group(store=store, mode="r").attrs) == {"title": "made"}
    assert [path.name for path in tmp_path.iterdir()] == ["in.zarr.zip"]


def test_nothing_is_added_beside_consolidated_metadata(tmp_path: Path) -> None:
    folder = tmp_path / "a.zarr"
    root = zarr.create_group(folder)
    root.create_array("a", data=make("<f4", (4,)))
    with pytest.warns(UserWarning, match="Consolidated"):
        zarr.consolidate_metadata(folder)
    path = pack(folder)
    before = tree_bytes(tmp_path)
    with pytest.raises(OutputRefused, match="lists the metadata"):
        cs.feed(f"{path}::b", make("<f4", (4,)))
    assert tree_bytes(tmp_path) == before


def test_an_output_is_no_input(data_set: Path) -> None:
    with pytest.raises(ConcatsplitError, match="is input"):
        cs.concat([f"{data_set}::a"], f"{data_set}::a", force=True)


def rewritten(path: Path, **changes: Any) -> Path:
    """An archive whose members are others: bytes, or another name as text, or None for removed."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    content.update(changes.pop("members", {}))
    with zipfile.ZipFile(path, "w", changes.pop("method", zipfile.ZIP_STORED)) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", "a/../../x", "a//b", "."])
def test_names_that_lead_out(tmp_path: Path, data_set: Path, name: str) -> None:
    rewritten(data_set, members={name: b"x"})
    with pytest.raises(UnsafeContent, match="leads out of the archive"):
        cs.info(str(data_set))


def test_the_last_of_two_members_counts(tmp_path: Path, data_set: Path) -> None:
    """As zarr-python itself writes documents anew."""
    with zipfile.ZipFile(data_set) as archive:
        document = json.loads(archive.read("a/zarr.json"))
    document["attributes"] = {"unit": "mm"}
    with zipfile.ZipFile(data_set, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("a/zarr.json", json.dumps(document))
    assert cs.info(f"{data_set}::a")[0].attrs == {"unit": "mm"}
    cs.feed(f"{data_set}::c", make("<i2", (3,)))
    assert cs.info(f"{data_set}::a")[0].attrs == {"unit": "mm"}


def test_documents_that_unpack_to_very_much(
    data_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zip_store, "_MOST_UNPACKED", 1 << 16)
    big = b'{"zarr_format": 3, "node_type": "array", "x": "' + b" " * (1 << 20) + b'"}'
    rewritten(data_set, members={"a/zarr.json": big}, method=zipfile.ZIP_DEFLATED)
    with pytest.raises(OverBudget, match=r"a/zarr\.json' unpacks to"):
        cs.fetch(f"{data_set}::a")


def test_chunks_that_unpack_to_very_much(data_set: Path) -> None:
    rewritten(data_set, members={"a/c/0/0": bytes(1 << 24)}, method=zipfile.ZIP_DEFLATED)
    with pytest.raises(OverBudget, match="more than it can hold"):
        cs.fetch(f"{data_set}::a")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_damaged_archives_are_refused(data_set: Path, method: int) -> None:
    """Whatever byte is another one, and wherever it ends: an array of this shape, or an error."""
    data = rewritten(data_set, method=method).read_bytes()
    expected = read(f"{data_set}::a")
    rng = np.random.default_rng(method)
    for at in rng.integers(0, len(data), 60).tolist():
        flipped = data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]
        for bad in (flipped, data[:at]):
            data_set.write_bytes(bad)
            try:
                found = cs.fetch(f"{data_set}::a")
            except ConcatsplitError:
                continue
            assert found.shape == expected.shape


def test_encrypted_members_are_refused(data_set: Path) -> None:
    data = bytearray(data_set.read_bytes())
    at = data.find(b"PK\1\2")
    while at >= 0:
        data[at + 8] |= 1
        at = data.find(b"PK\1\2", at + 4)
    data_set.write_bytes(data)
    with pytest.raises((UnsafeContent, MalformedInput), match="encrypted"):
        cs.fetch(f"{data_set}::a")

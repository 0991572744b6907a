"""Archives that are written: as NumPy, zipfile and unzip read them, and as members are added."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from conformance.arrays import assert_same, make, tree_bytes

import concatsplit_core as cs
from concatsplit_core.codecs.crc32 import combined, crc32
from concatsplit_core.foundation.errors import OutputExists, OutputRefused, UsageError
from concatsplit_core.stores.zips import records

A, B = make("<f4", (40, 3), 1), make("<i2", (7,), 2)


@pytest.fixture(params=[None, "gzip:0", "gzip:1", "gzip:9"], ids=str)
def archive(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """An archive of one member."""
    path = tmp_path / "out.npz"
    cs.concat([A[:30], A[30:]], f"{path}::group/a", codec=request.param)
    return path


def loaded(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as found:
        return {name: found[name] for name in found.files}


def test_other_programs_find_nothing_wrong(archive: Path) -> None:
    assert_same(loaded(archive)["group/a"], A)
    with zipfile.ZipFile(archive) as found:
        assert found.testzip() is None
    if shutil.which("unzip"):
        done = subprocess.run(["unzip", "-t", archive], capture_output=True, check=True)
        assert b"No errors" in done.stdout


def test_stored_members_can_be_mapped(tmp_path: Path) -> None:
    path = tmp_path / "out.npz"
    for name, array in (("a", A), ("odd name", B), ("b", A)):
        cs.feed(f"{path}::{name}", array)
    for name, array in (("a", A), ("odd name", B), ("b", A)):
        (source,) = cs.operators.joining.open_inputs([f"{path}::{name}"])
        offset = source.spec.layout.offset
        assert offset % 64 == 0
        assert_same(np.memmap(path, array.dtype, "r", offset, array.shape), array)


def test_members_are_added_and_replaced(archive: Path) -> None:
    cs.feed(f"{archive}::b", B)
    with pytest.raises(OutputExists, match="--force"):
        cs.feed(f"{archive}::group/a", B)
    cs.feed(f"{archive}::group/a", B[:3], force=True)
    found = loaded(archive)
    assert list(found) == ["group/a", "b"]
    assert_same(found["group/a"], B[:3])
    assert_same(found["b"], B)
    assert archive.stat().st_size < 1000  # nothing is left of what was replaced


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_what_others_have_stored_is_kept(tmp_path: Path, method: int) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.comment = b"made by hand"
        for name, date in (
            ("README", (2001, 2, 3, 4, 5, 6)),
            ("grün.npy", (1999, 12, 31, 23, 59, 58)),
        ):
            entry = zipfile.ZipInfo(name, date)
            entry.comment, entry.external_attr = name.encode(), 0o640 << 16
            entry.compress_type = method
            with archive.open(entry, "w") as stream:
                np.lib.format.write_array(stream, A)
    with zipfile.ZipFile(path) as archive:
        before = [(e.filename, e.date_time, e.comment, e.external_attr) for e in archive.filelist]
    cs.concat([f"{path}::grün"], f"{path}::b")
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.comment == b"made by hand"
        after = [(e.filename, e.date_time, e.comment, e.external_attr) for e in archive.filelist]
        assert after[:2] == before
        assert archive.read("README")[-A.nbytes :] == A.tobytes()
    for name in ("grün", "b"):
        assert_same(loaded(path)[name], A)


def test_nothing_is_added_to_what_is_ambiguous(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", "one")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("x.npy", "two")
    before = tree_bytes(tmp_path)
    with pytest.raises(OutputRefused, match=r"two members are called 'x\.npy'"):
        cs.feed(f"{path}::b", B)
    assert tree_bytes(tmp_path) == before


def test_nothing_is_added_to_members_that_lie_in_each_other(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    inner = records.ZipMember(b"y.npy", 64, 128, 5000, 5000)
    outer = records.ZipMember(b"x.npy", 0, 64, 5064, 5064)
    data = outer.header + inner.header + b"x" * 5000
    path.write_bytes(data + records.directory([outer, inner], len(data)))
    before = tree_bytes(tmp_path)
    with pytest.raises(OutputRefused, match="lie in each other"):
        cs.feed(f"{path}::b", B)
    assert tree_bytes(tmp_path) == before


@pytest.mark.parametrize("before", [b"", b"x", b"some bytes before" * 99])
@pytest.mark.parametrize("after", [b"", b"y", bytes(70_000)], ids=len)
def test_checksums_of_stretches_are_combined(before: bytes, after: bytes) -> None:
    assert combined(crc32(before), crc32(after), len(after)) == zlib.crc32(before + after)
    assert crc32(after, crc32(before)) == zlib.crc32(before + after)


def test_a_data_set_becomes_an_archive_and_back(tmp_path: Path) -> None:
    np.savez(tmp_path / "in.npz", x=A, y=make("<i8", (40,)), z=make("S3", (40, 2, 2)))
    result = cs.split(str(tmp_path / "in.npz"), str(tmp_path / "p{index}.npz"), size=15)
    assert len({blob.ref.partition("::")[0] for a in result.arrays for blob in a.outputs}) == 3
    parts = [loaded(tmp_path / f"p{i}.npz") for i in range(3)]
    wanted = loaded(tmp_path / "in.npz")
    assert [list(part) for part in parts] == [list(wanted)] * 3
    for name, array in wanted.items():
        assert_same(np.concatenate([part[name] for part in parts]), array)


def test_split_info_beside_deflated_parts(tmp_path: Path) -> None:
    out = tmp_path / "out.npz"
    cs.concat([A, A[:5]], f"{out}::x", codec="gzip", split_info=f"{out}::lengths")
    assert list(loaded(out)) == ["x", "lengths"]
    assert loaded(out)["lengths"].tolist() == [40, 5]
    assert_same(loaded(out)["x"], np.concatenate([A, A[:5]]))


@pytest.mark.parametrize("codec", [None, "gzip"])
def test_pieces_of_large_members(tmp_path: Path, codec: str | None) -> None:
    array = make("<f8", (700, 333), 5)
    array[100:300] = 0
    np.save(tmp_path / "a.npy", array)
    for jobs, memory in ((1, "4MiB"), (2, "2MiB")):
        out = tmp_path / f"out{jobs}.npz"
        cs.split(str(tmp_path / "a.npy"), f"{out}::x{{index}}", axis=1, at=[100, 101], codec=codec,
                 jobs=jobs, memory=memory)  # fmt: skip
        for index, part in enumerate(np.split(array, [100, 101], 1)):
            assert_same(loaded(out)[f"x{index}"], part)
    assert (tmp_path / "out1.npz").read_bytes() == (tmp_path / "out2.npz").read_bytes()
    assert len(list(tmp_path.iterdir())) == 3


def test_long_members_and_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if 1,000 bytes were 4 GiB, and three members were 65,535."""
    monkeypatch.setattr(records, "LONG", 1000)
    monkeypatch.setattr(records, "MANY", 3)
    members, data, at = [], bytearray(), 0
    for name, size in ((b"a", 2000), (b"b", 10), (b"c", 1000)):
        start = records.data_offset(at, name, size)
        content = name * size
        made = records.ZipMember(name, at, start, size, size, zipfile.crc32(content))
        assert len(made.header) == start - at
        data += made.header + content
        members.append(made)
        at = start + size
    data += records.directory(members, at)
    (tmp_path / "a.zip").write_bytes(data)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert [len(archive.read(name)) for name in "abc"] == [2000, 10, 1000]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"codec": "zstd"}, "stored or deflated"),
        ({"codec": "shuffle+gzip"}, "stored or deflated"),
        ({"chunks": (2, 2)}, "no chunks"),
        ({"checksum": "crc32c"}, "CRC-32"),
    ],
    ids=str,
)
def test_what_has_no_place_is_refused(tmp_path: Path, options: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        cs.concat([A], str(tmp_path / "out.npz"), **options)
    assert list(tmp_path.iterdir()) == []

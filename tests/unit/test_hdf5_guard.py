"""What a child checks while HDF5 reads: B-trees of version 2 and heaps, changed by an attacker."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hdf5_metadata import resealed

from concatsplit_core.formats.hdf5 import files, guarded_file, looking
from concatsplit_core.formats.hdf5.btrees import Sizes, tree_of
from concatsplit_core.formats.hdf5.guarded_file import GuardedFile, open_guarded
from concatsplit_core.foundation.errors import MalformedInput

_HEAD, _NODE = 38, 2048
"""Bytes of a header, and of a node of chunks."""


def _make(path: Path, **options: Any) -> None:
    with h5py.File(path, "w", libver="latest", **options) as file:
        made = file.create_dataset("c", (60, 60), "i4", chunks=(5, 5), maxshape=(None, None))
        made[...] = np.arange(3600).reshape(60, 60)
        group = file.create_group("g", track_order=True)
        for number in range(100):
            group[f"soft{number}"] = h5py.SoftLink("/c")
        for number in range(10):
            made.attrs[f"a{number}"] = "text" if number else "y" * 5000
        shape, limits = (6, 5), (None, None)
        file.create_dataset("z", shape, "i4", chunks=shape, maxshape=limits, compression="gzip")
        file["z"][...] = 3


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A file with B-trees of most kinds; that of the chunks of ``c`` has two levels."""
    path = tmp_path_factory.mktemp("guard") / "sound.h5"
    _make(path)
    return path.read_bytes()


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY)
    try:
        yield fd
    finally:
        os.close(fd)


def _damage(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is said of a file whose metadata are read in the order in which they lie."""
    seen: list[str] = []
    monkeypatch.setattr(guarded_file, "note_damage", seen.append)
    content = path.read_bytes()
    lengths = {b"OHDR": 512, b"FRHP": 146, b"BTHD": _HEAD, b"BTIN": _NODE, b"GCOL": 4096}
    with _opened(path) as fd, GuardedFile(str(path), fd) as guarded:
        for magic, length in lengths.items():
            at = content.find(magic)
            while at >= 0:
                guarded.seek(at)
                piece = bytearray(length)
                guarded.readinto(piece)
                assert not seen or piece.startswith(bytes(4))
                if seen:
                    return seen
                at = content.find(magic, at + 1)
    return seen


@pytest.mark.parametrize("userblock", [0, 512])
def test_sound_files_are_read_as_they_are(
    tmp_path: Path, userblock: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(guarded_file, "note_damage", seen.append)
    _make(tmp_path / "a.h5", userblock_size=userblock)
    with _opened(tmp_path / "a.h5") as fd:
        file = open_guarded(str(tmp_path / "a.h5"), fd)
        assert file.filename == str(tmp_path / "a.h5")
        assert len(file["g"]) == 100
        assert file["c"].attrs["a0"] == "y" * 5000
        np.testing.assert_array_equal(file["c"][...].ravel(), np.arange(3600))
        assert file["z"][...].sum() == 90
        trees = {tree.kind for tree, _ in file.guarded._nodes.values()}
        uses = {kind for use in file.guarded._uses.values() for kind in use.kinds}
        file.close()
    assert not seen
    assert trees >= {5, 8, 10, 11}
    assert uses >= trees
    assert not _damage(tmp_path / "a.h5", monkeypatch)


def _tree(kind: int, fields: dict[int, bytes]) -> Callable[[bytes], bytes]:
    """Change the header of the first B-tree of a kind."""
    return lambda content: resealed(content, b"BTHD" + bytes([0, kind]), _HEAD - 4, fields)


def _number(value: int, width: int) -> bytes:
    return value.to_bytes(width, "little")


DAMAGED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "node of no bytes": (_tree(10, {6: bytes(4)}), "nodes of 0 bytes with records of 24"),
    "node larger than the file": (_tree(10, {6: _number(1 << 31, 4)}), "nodes of 2147483648"),
    "small nodes in two levels": (_tree(10, {6: _number(48, 4)}), "1 levels of nodes of 48 bytes"),
    "records of no bytes": (_tree(10, {10: bytes(2)}), "records of 0 bytes"),
    "records of few bytes": (_tree(8, {10: _number(2, 2)}), "records of 2 bytes"),
    "long records": (_tree(5, {10: _number(65535, 2)}), "records of 65535 bytes"),
    "records of one axis": (_tree(10, {10: _number(16, 2)}), "16 bytes for chunks of 2 axes"),
    "filtered ones of many": (_tree(11, {10: _number(99, 2)}), "99 bytes for chunks of 2 axes"),
    "many levels": (_tree(10, {12: _number(65535, 2)}), "claims 65535 levels"),
    "too many in the root": (_tree(5, {24: _number(300, 2)}), "its root claims 300 records and"),
    "fewer than the root has": (_tree(8, {26: _number(1, 8)}), "claims 1 records and its root 10"),
    "more than there are": (_tree(10, {26: _number(1 << 40, 8)}), "where there are 144"),
    "none in the root": (_tree(10, {24: bytes(2)}), "claims 144 records and its root 0"),
    "another kind": (_tree(10, {5: b"\1"}), "of kind 1, and should be of kind 10 or 11"),
    "no kind at all": (_tree(10, {5: b"\x40"}), "of kind 64"),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_a_damaged_b_tree_is_seen(
    tmp_path: Path, sound: bytes, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage, says = DAMAGED[what]
    (tmp_path / "bad.h5").write_bytes(damage(sound))
    seen = _damage(tmp_path / "bad.h5", monkeypatch)
    assert len(seen) == 1
    assert seen[0].startswith("a B-tree is damaged: ")
    assert says in seen[0]


@pytest.mark.parametrize(
    ("records", "says"),
    [
        (255, "a node of it claims 255 records and has room for 84"),
        (0, "a node of it claims 0 records"),
        (1, "it claims 144 records where there are "),
    ],
)
def test_a_pointer_that_claims_what_cannot_be_is_seen(
    tmp_path: Path, sound: bytes, records: int, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, header = bytearray(sound), sound.index(b"BTHD\0\x0a")
    own = int.from_bytes(sound[header + 24 : header + 26], "little")
    content[sound.index(b"BTIN\0\x0a") + 6 + own * 24 + 8] = records
    (tmp_path / "bad.h5").write_bytes(content)
    assert says in _damage(tmp_path / "bad.h5", monkeypatch)[0]


def test_a_heap_of_strings_without_an_end_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["texts"] = np.array(["a", "bb"], object)
    assert not _damage(tmp_path / "a.h5", monkeypatch)
    content = bytearray((tmp_path / "a.h5").read_bytes())
    first = content.index(b"GCOL") + 16
    content[first : first + 16] = bytes(16)
    (tmp_path / "a.h5").write_bytes(content)
    assert "the heap of its strings" in _damage(tmp_path / "a.h5", monkeypatch)[0]


def test_a_tree_deeper_than_any_file_is_refused() -> None:
    header = b"BTHD" + bytes([0, 5]) + _number(512, 4) + _number(11, 2) + _number(30, 2)
    with pytest.raises(MalformedInput, match="claims 30 levels of nodes"):
        tree_of(header + bytes(22), Sizes(8, 8), 1 << 20)


def test_a_file_that_is_written_to_is_not_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w"), _opened(path) as fd, pytest.raises(BlockingIOError):
        open_guarded(str(path), fd)


@pytest.mark.parametrize("is_large", [False, True])
def test_a_child_reads_a_small_file_without_what_is_checked_by_itself(
    tmp_path: Path, is_large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.arange(3)
    if is_large:
        monkeypatch.setattr(files, "_SMALL", 100)
    monkeypatch.setattr(files.scouts, "_is_child", True)
    with files.open_briefly(str(tmp_path / "a.h5"), "a.h5") as opened:
        assert (opened.file.driver == "fileobj") is is_large
        assert opened.file["x"][...].tolist() == [0, 1, 2]


def test_damage_is_told_at_once_and_once(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    for _ in range(2):
        looking.note_damage("nobody asks")
        looking.answer_with(writing, lambda: looking.note_damage("it is bad") or b"found")
        assert looking.outcome_of(looking.read_text(reading)) == (b"", "it is bad")
        looking.answer_with(writing, lambda: b"found")
        assert looking.outcome_of(looking.read_text(reading)) == (b"found", "")
    os.close(reading)
    os.close(writing)

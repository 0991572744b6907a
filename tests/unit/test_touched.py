"""Which files of the inputs some tasks read, and whether those are as they were."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from memory_store import MemoryStore

import concatsplit_core as cs
from concatsplit_core.array.geometry import Box
from concatsplit_core.endpoints.fingerprints import Fingerprints
from concatsplit_core.endpoints.inputs import open_ref
from concatsplit_core.endpoints.touched import FolderLooks, InputLooks, Touched
from concatsplit_core.formats.memory import wrap
from concatsplit_core.formats.sources import Source
from concatsplit_core.foundation.errors import ConcatsplitError
from concatsplit_core.stores import local
from concatsplit_core.stores.local import LOCAL

A = np.arange(4096).reshape(64, 64)
CORNER, END = Box((0, 0), (8, 8)), Box((56, 0), (64, 64))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", A)
    return tmp_path


def _opened(name: str, **options: Any) -> Source:
    cs.concat(["a.npy"], name, **options)
    return open_ref(name)


def _touched(source: Source, box: Box) -> Touched:
    return Touched(InputLooks.of([source], Fingerprints([source])), [(source, box)])


@pytest.mark.parametrize("options", [{}, {"shards": (16, 32)}, {"zarr_format": 2}])
def test_only_the_files_of_what_is_read_count(here: Path, options: dict[str, Any]) -> None:
    source = _opened("a.zarr", chunks=(8, 16), **options)
    touched = _touched(source, CORNER)
    first, last = (next(iter(source.files(box) or ())) for box in (CORNER, END))
    os.utime(here / "a.zarr" / last)
    assert list(touched.changed()) == []
    os.utime(here / "a.zarr" / first)
    assert list(touched.changed()) == [source]


def test_a_file_that_was_not_there_counts_when_it_appears(here: Path) -> None:
    np.save("a.npy", np.where(np.arange(64) < 16, 0, A))
    source = _opened("a.zarr", chunks=(8, 16))
    (name,) = source.files(CORNER) or ()
    assert not (here / "a.zarr" / name).exists()
    touched = _touched(source, CORNER)
    assert list(touched.changed()) == []
    (here / "a.zarr" / name).parent.mkdir(parents=True, exist_ok=True)
    (here / "a.zarr" / name).write_bytes(b"x")
    assert list(touched.changed()) == [source]


@pytest.mark.parametrize("name", ["a.npy", "b.h5", "a.zarr.zip"])
def test_an_input_in_one_file_counts_as_a_whole(here: Path, name: str) -> None:
    source = open_ref(name) if name == "a.npy" else _opened(name)
    assert source.files(CORNER) is None
    touched = _touched(source, CORNER)
    assert list(touched.changed()) == []
    os.utime(here / name)
    assert list(touched.changed()) == [source]
    os.remove(name)
    assert list(touched.changed()) == [source]


def test_a_sparse_grid_is_not_gone_through(here: Path) -> None:
    cs.concat(["a.npy"], "a.zarr", chunks=(8, 16))
    document = json.loads((here / "a.zarr/zarr.json").read_text())
    (here / "a.zarr/zarr.json").write_text(json.dumps(document | {"shape": [1 << 40, 64]}))
    source = open_ref("a.zarr")
    assert len(list(source.files(Box.whole(source.spec.shape)) or ())) == 32


def test_an_array_in_memory_has_no_files(here: Path) -> None:
    source = wrap(np.zeros(3), "zeros")
    assert InputLooks.of([source], Fingerprints([source])) == ({}, {})
    assert list(_touched(source, Box((0,), (3,))).changed()) == []


@pytest.mark.parametrize(("name", "function"), [("a.npy", "look"), ("a.zarr", "look_at")])
def test_what_cannot_be_looked_at_is_named(
    here: Path, monkeypatch: pytest.MonkeyPatch, name: str, function: str
) -> None:
    source = open_ref(name) if name == "a.npy" else _opened(name, chunks=(8, 16))
    touched = _touched(source, CORNER)

    def failing(_store: Any, key: str) -> Any:
        raise OSError(errno.EIO, os.strerror(errno.EIO), key)

    monkeypatch.setattr(type(LOCAL), function, failing)
    with pytest.raises(ConcatsplitError, match=name):
        list(touched.changed())


def test_looks_are_found_by_name() -> None:
    looks = FolderLooks.of((str(number), number - 5) for number in range(1000))
    assert [looks.look_of(str(number)) for number in (0, 1, 998, 999)] == [-5, -4, 993, 994]
    assert looks.look_of("1000") is None
    assert FolderLooks.of([]).look_of("0") is None


def test_a_store_without_files_of_its_own_is_looked_at_as_a_whole() -> None:
    store = MemoryStore()
    store.write("folder/file", [b"abc"])
    assert store.looks("folder") is None
    assert store.look_at("folder/file") == store.look("folder/file").number
    assert store.from_root("folder/file") == "folder/file"


def test_a_folder_that_loses_a_file_meanwhile_is_looked_at_as_a_whole(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "folder").mkdir()
    (here / "folder" / "file").touch()
    assert [name for name, _ in LOCAL.looks("folder") or ()] == ["file"]

    def losing(_path: str, _links: list[str]) -> Any:
        raise FileNotFoundError

    monkeypatch.setattr(local, "_walk", losing)
    assert LOCAL.looks("folder") is None

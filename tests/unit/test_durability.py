"""Making files durable: early, where that takes time, and while other processes rename theirs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import concatsplit_core as cs
from concatsplit_core.formats.hdf5 import staged_file
from concatsplit_core.stores import durability, files

MIB = 1 << 20
NUMBERS = np.random.default_rng(9).integers(0, 1 << 32, (2, 3, MIB // 8), "u4")
"""Two inputs of three rows of half a MiB, which no codec makes smaller."""

Started = list[tuple[str, int, int]]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    """The file, the offset and the length of every range that the disk was to start with."""
    ranges: Started = []
    real = durability._sync_file_range()
    assert real is not None

    def call(fd: int, offset: int, nbytes: int, flags: int) -> None:
        name = os.path.basename(os.readlink(f"/proc/self/fd/{fd}"))
        ranges.append((name, offset, nbytes))
        assert real is not None
        assert real(fd, offset, nbytes, flags) == 0

    monkeypatch.setattr(durability, "_sync_file_range", lambda: call)
    monkeypatch.setattr(staged_file, "_MUCH", MIB)
    monkeypatch.setattr(os, "major", lambda _: 0)  # in memory, whatever the tests lie on
    return ranges


def as_zarr(path: Path, name: str, array: np.ndarray) -> str:
    cs.concat([array], path / f"{name}.zarr", chunks=array.shape, codec="zstd:1", sync=False)
    return str(path / f"{name}.zarr")


def as_hdf5(path: Path, name: str, array: np.ndarray) -> str:
    cs.concat([array], path / f"{name}.h5", chunks=array.shape, codec="gzip:1", sync=False)
    return str(path / f"{name}.h5")


def as_npy(path: Path, name: str, array: np.ndarray) -> str:
    np.save(path / f"{name}.npy", array)
    return str(path / f"{name}.npy")


@pytest.mark.parametrize("sync", [True, False])
@pytest.mark.parametrize(
    ("save", "output", "options", "expected"),
    [
        pytest.param(as_npy, "y.npy", {}, ["y.npy"] * 2, id="kernel"),
        pytest.param(as_npy, "y.npy", {"dtype": "i8"}, ["y.npy"] * 2, id="mapped"),
        pytest.param(as_npy, "y.npy", {"axis": 1}, [], id="several runs"),
        pytest.param(as_zarr, "y.zarr", {}, ["0", "0"], id="files of chunks"),
        pytest.param(as_zarr, "y.zarr", {"codec": "zstd:2"}, ["0", "0"], id="encoded chunks"),
        pytest.param(as_hdf5, "y.h5", {}, ["y.h5"] * 2, id="chunks of a file"),
        pytest.param(as_hdf5, "y.h5", {"codec": "gzip:2"}, ["y.h5"], id="encoded in a file"),
    ],
)
def test_the_disk_starts_early_with_what_has_to_be_durable(
    tmp_path: Path,
    started: Started,
    save: Callable[[Path, str, np.ndarray], str],
    output: str,
    options: dict[str, object],
    expected: list[str],
    sync: bool,
) -> None:
    names = [save(tmp_path, name, one) for name, one in zip("ab", NUMBERS, strict=True)]
    assert not started
    joined = cs.concat(names, tmp_path / output, sync=sync, jobs=1, **options)  # type: ignore[arg-type]
    assert [name for name, _, _ in started] == (expected if sync else [])
    assert all(offset % 4096 == nbytes % 4096 == 0 for _, offset, nbytes in started)
    whole = np.concatenate(NUMBERS, axis=joined.axis)  # type: ignore[call-overload]
    np.testing.assert_array_equal(cs.fetch(tmp_path / output), whole)


@pytest.mark.parametrize("has_room", [True, False])
def test_several_runs_are_started_early_if_they_have_got_their_space(
    tmp_path: Path, started: Started, monkeypatch: pytest.MonkeyPatch, has_room: bool
) -> None:
    names = [as_npy(tmp_path, name, one) for name, one in zip("ab", NUMBERS, strict=True)]
    taken = []
    monkeypatch.setattr(files, "_can_share", lambda *_: False)
    monkeypatch.setattr(
        files, "take_space", lambda _, at, nbytes: taken.append((at, nbytes)) or has_room
    )
    cs.concat(names, tmp_path / "y.npy", axis=1, jobs=1)
    row = NUMBERS[0, 0].nbytes
    assert taken == [(128, 5 * row), (128 + row, 5 * row)]  # three rows, and two of the other
    assert [name for name, _, _ in started] == ["y.npy"] * 2 * has_room
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), np.concatenate(NUMBERS, axis=1))


def test_short_ranges_and_systems_that_cannot_start_early_are_left_to_the_sync(
    tmp_path: Path, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "x").open("wb") as file:
        durability.start_writing(file.fileno(), 5000, MIB - 1)
        durability.start_writing(file.fileno(), 5000, MIB)
        monkeypatch.setattr(durability, "_sync_file_range", lambda: None)
        durability.start_writing(file.fileno(), 0, MIB)
    assert started == [("x", 4096, MIB)]


@pytest.mark.parametrize("may_vanish", [False, True])
def test_a_file_that_vanishes_matters_only_where_nobody_else_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, may_vanish: bool
) -> None:
    for name in "ab":
        (tmp_path / name).touch()
    original = durability.sync_path

    def sync(path: Path) -> None:
        if path.name == "a":
            path.unlink()
        original(path)

    monkeypatch.setattr(durability, "sync_path", sync)
    if may_vanish:  # then all of the file system is made durable
        durability.make_durable([tmp_path], may_vanish=True)
        assert [path.name for path in tmp_path.iterdir()] == ["b"]
    else:
        with pytest.raises(FileNotFoundError):
            durability.make_durable([tmp_path])

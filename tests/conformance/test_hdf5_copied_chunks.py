"""Chunks that move into an HDF5 file as they are stored are copied inside the kernel."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pytest

import concatsplit_core as cs
from concatsplit_core.formats import stored as stored_chunks
from concatsplit_core.formats.hdf5.staged_file import StagedFile
from concatsplit_core.formats.hdf5.writing import Hdf5Target
from concatsplit_core.formats.stored import Stored
from concatsplit_core.foundation.errors import InputChanged
from concatsplit_core.planning.thresholds import Thresholds

VALUES = np.arange(6 * 40, dtype="<i4").reshape(6, 40) // 7


@pytest.fixture
def inputs(tmp_path: Path) -> list[str]:
    for name in "ab":
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file.create_dataset("x", data=VALUES, chunks=(2, 20), compression="gzip", shuffle=True)
    return [str(tmp_path / "a.h5"), str(tmp_path / "b.h5")]


def stored_bytes(path: str | Path) -> list[tuple[Any, bytes]]:
    with h5py.File(path) as file:
        chunks = file["x"].id
        found = [chunks.get_chunk_info(n) for n in range(chunks.get_num_chunks())]
        return [(c.chunk_offset, chunks.read_direct_chunk(c.chunk_offset)[1]) for c in found]


def test_their_bytes_are_not_read(
    inputs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a chunk was read into memory")

    monkeypatch.setattr(stored_chunks, "read_unchecked", refuse)
    result = cs.concat(inputs, str(tmp_path / "y.h5::x"))
    assert result.to_dict()["routes"]["encoded"] == 2 * VALUES.nbytes
    monkeypatch.undo()
    with h5py.File(tmp_path / "y.h5") as file:
        np.testing.assert_array_equal(file["x"][:], np.concatenate([VALUES, VALUES]))
    both = [data for path in inputs for _, data in stored_bytes(path)]
    assert [data for _, data in stored_bytes(tmp_path / "y.h5")] == both


def test_a_thread_writes_while_another_finds_places(
    inputs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, placed, beside = threading.Semaphore(1), threading.Semaphore(0), []
    place, store = Hdf5Target.place, Hdf5Target.store

    def note(target: Hdf5Target, encoded: Any) -> Any:
        found = place(target, encoded)
        placed.release()
        return found

    def wait(target: Hdf5Target, found: Any) -> None:
        if first.acquire(blocking=False):
            beside.append(placed.acquire(timeout=60) and placed.acquire(timeout=60))
        store(target, found)

    monkeypatch.setattr(Hdf5Target, "place", note)
    monkeypatch.setattr(Hdf5Target, "store", wait)
    fine = Thresholds(comfortable=1, bytes_a_target=0, bytes_a_source=0, for_one=0)
    options: Any = {"routes": ["decoded"], "jobs": 2, "thresholds": fine}
    output = str(tmp_path / "y.h5::x")
    cs.concat(inputs, output, chunks=(2, 16), **options)
    assert beside == [True]
    with h5py.File(tmp_path / "y.h5") as file:
        np.testing.assert_array_equal(file["x"][:], np.concatenate([VALUES, VALUES]))


def dataset_that(write: Callable[[np.ndarray], None]) -> Any:
    """A dataset for which HDF5 does this with the memory of a chunk."""

    def write_direct_chunk(start: Any, memory: np.ndarray, skipped: int) -> None:
        write(memory)

    return SimpleNamespace(id=SimpleNamespace(write_direct_chunk=write_direct_chunk))


@pytest.mark.parametrize("found", ["other memory", "no memory"])
def test_hdf5_may_write_from_elsewhere(tmp_path: Path, found: str) -> None:
    staged = StagedFile(tmp_path / "out")
    memory = np.empty(5, np.uint8)
    dataset = dataset_that(lambda _: staged.write(b"other") if found == "other memory" else None)
    assert staged.place_chunk(dataset, (0,), memory, 0) is None
    staged.seek(0)
    staged.write(memory.data)
    staged.close()
    assert (tmp_path / "out").read_bytes() == memory.tobytes()


def test_a_place_is_found_and_nothing_written(tmp_path: Path) -> None:
    staged = StagedFile(tmp_path / "out")
    staged.write(b"head")
    dataset = dataset_that(lambda memory: staged.write(memoryview(memory)))
    assert staged.place_chunk(dataset, (0,), b"chunk", 0) == 4
    assert staged.place_chunk(dataset, (5,), b"chunk", 0) == 9
    staged.close()
    assert (tmp_path / "out").read_bytes() == b"head"


def test_neighbours_are_copied_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").write_bytes(bytes(range(32)))
    copied: list[tuple[int, int, int]] = []
    copy = stored_chunks.copy_stored

    def note(stored: Stored, fd: int, to: int) -> None:
        copied.append((stored.offset, stored.nbytes, to))
        copy(stored, fd, to)

    monkeypatch.setattr(stored_chunks, "copy_stored", note)

    def chunk(offset: int, nbytes: int) -> Stored:
        return Stored(nbytes, str(tmp_path / "in"), offset)

    fd = os.open(tmp_path / "out", os.O_RDWR | os.O_CREAT)
    placed = [
        (chunk(0, 4), 8),
        (chunk(4, 2), 12),
        (b"ab", 14),
        (chunk(6, 2), 16),
        (chunk(9, 3), 18),
    ]
    stored_chunks.write_placed(placed, fd)
    os.close(fd)
    assert copied == [(0, 6, 8), (6, 2, 16), (9, 3, 18)]
    expected = bytes(8) + bytes(range(6)) + b"ab" + bytes((6, 7, 9, 10, 11))
    assert (tmp_path / "out").read_bytes() == expected


def test_a_chunk_that_is_cut_short_names_the_input(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"chu")
    fd = os.open(tmp_path / "out", os.O_RDWR | os.O_CREAT)
    chunk = Stored(5, str(tmp_path / "in"), ref="in.h5::x")
    with pytest.raises(InputChanged, match=r"in\.h5::x"):
        stored_chunks.write_placed([(chunk, 0)], fd)
    os.close(fd)


def test_a_run_whose_input_is_cut_short_ends_with_exit_9(inputs: list[str], tmp_path: Path) -> None:
    done = []

    def cut(event: Any) -> None:
        if type(event).__name__ == "Started":
            done.append(event)
            os.truncate(inputs[1], 2048)

    with pytest.raises(InputChanged, match=r"b\.h5"):
        cs.concat(inputs, str(tmp_path / "y.h5::x"), on_event=cut, jobs=1)
    assert done
    assert not (tmp_path / "y.h5").exists()

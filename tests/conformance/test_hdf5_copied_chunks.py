"""Chunks that move into an HDF5 file as they are stored are copied inside the kernel."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pytest

import concatsplit_core as cs
from concatsplit_core.formats import stored as stored_chunks
from concatsplit_core.formats.hdf5.staged_file import StagedFile
from concatsplit_core.formats.stored import Stored
from concatsplit_core.foundation.errors import InputChanged

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


@pytest.mark.parametrize("found", ["other memory", "no memory"])
def test_hdf5_may_write_from_elsewhere(tmp_path: Path, found: str) -> None:
    (tmp_path / "in").write_bytes(b"chunk")
    staged = StagedFile(tmp_path / "out")

    def write_direct_chunk(start: Any, memory: np.ndarray, skipped: int) -> None:
        if found == "other memory":
            staged.write(b"other")

    dataset = SimpleNamespace(id=SimpleNamespace(write_direct_chunk=write_direct_chunk))
    chunk = Stored(5, str(tmp_path / "in"))
    assert not staged.write_chunk(dataset, (0,), chunk)
    staged.seek(0)
    staged.write(b"later")
    staged.close()
    assert (tmp_path / "out").read_bytes() == b"later"


def test_a_chunk_that_is_cut_short_names_the_input(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"chu")
    staged = StagedFile(tmp_path / "out")

    def write_direct_chunk(start: Any, memory: np.ndarray, skipped: int) -> None:
        staged.write(memory.data)

    dataset = SimpleNamespace(id=SimpleNamespace(write_direct_chunk=write_direct_chunk))
    staged.write_chunk(dataset, (0,), Stored(5, str(tmp_path / "in"), ref="in.h5::x"))
    staged.close()
    assert isinstance(staged.error, InputChanged)
    assert "in.h5::x" in staged.error.message


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

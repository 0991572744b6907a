"""Inputs that change while they are read: exit 9, and nothing is written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr
from safetensors.numpy import save_file

import concatsplit_core as cs
from concatsplit_core.foundation.errors import ConcatsplitError
from concatsplit_core.run.events import Moved, Publishing, Started

SOURCES = {
    "npy": ("x.npy", "x.npy"),
    "safetensors": ("x.safetensors", "x.safetensors"),
    "hdf5": ("x.h5", "x.h5"),
    "gzip hdf5": ("g.h5", "g.h5"),
    "zarr": ("x.zarr", "x.zarr/c/7/0"),
    "sharded zarr": ("s.zarr", "s.zarr/c/0/0"),
    "metadata of zarr": ("x.zarr", "x.zarr/zarr.json"),
    "member of zarr": ("m.zarr::in/x", "m.zarr/in/x/c/7/0"),
    "npz": ("x.npz", "x.npz"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same array in every format, in eight chunks."""
    array = np.random.default_rng(7).integers(0, 1 << 62, (64, 500))
    folder = tmp_path_factory.mktemp("made")
    np.save(folder / "x.npy", array)
    save_file({"x": array}, folder / "x.safetensors")
    np.savez_compressed(folder / "x.npz", x=array)
    with h5py.File(folder / "x.h5", "w") as file:
        file["x"] = array
    with h5py.File(folder / "g.h5", "w") as file:
        file.create_dataset("x", data=array, chunks=(8, 500), compression="gzip")
    zarr.create_array(folder / "x.zarr", data=array, chunks=(8, 500))
    zarr.open_group(folder / "m.zarr", mode="w").create_array("in/x", data=array, chunks=(8, 500))
    zarr.create_array(folder / "s.zarr", data=array, chunks=(8, 500), shards=(64, 500))
    return folder


@pytest.fixture
def sources(shell: Any, whole: np.ndarray, made: Path) -> np.ndarray:
    """A copy of these files; what they hold."""
    shell.bring(made)
    array: np.ndarray = np.load("x.npy")
    return array


def _append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-8, os.SEEK_END)
        file.write(b"\0" * 8)


def _replace(path: Path) -> None:
    shutil.copy(path, "other")
    os.replace("other", path)


def _remove(path: Path) -> None:
    path.unlink()


def _truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _empty(path: Path) -> None:
    os.truncate(path, 0)


CHANGES: tuple[Callable[[Path], None], ...] = (
    _append, _overwrite, _truncate, _remove, _replace, _empty
)  # fmt: skip
CASES = [
    (source, change, moment)
    for source, (_, file) in SOURCES.items()
    for change in (CHANGES[:4] if ".zarr/" in file else CHANGES)
    for moment in ((Started,) if ".zarr/" in file else (Started, Moved))
]
"""Of a store, what has been read already may change; of a file, nothing."""


@pytest.mark.parametrize(("source", "change", "moment"), CASES)
def test_a_change_during_the_run(
    shell: Any, sources: np.ndarray, source: str, change: Callable[[Path], None], moment: type
) -> None:
    ref, file = SOURCES[source]
    before = {name: facts for name, facts in shell.snapshot().items() if name != file}
    done = []

    def meddle(event: Any) -> None:
        if isinstance(event, moment) and not done:
            done.append(event)
            change(Path(file))

    with pytest.raises(ConcatsplitError) as caught:
        cs.concat([ref, "a.npy"], "y.npy", on_event=meddle, jobs=1, memory="700KiB")
    assert done
    assert caught.value.exit_code == 9, caught.value
    assert ref.partition("::")[0] in caught.value.message
    after = {name: facts for name, facts in shell.snapshot().items() if name != file}
    assert after == before


def test_a_change_of_the_second_input_is_named(shell: Any, sources: np.ndarray) -> None:
    def meddle(event: Any) -> None:
        if isinstance(event, Publishing):
            pytest.fail("it must not come to this")
        if isinstance(event, Started):
            _overwrite(Path("b.npy"))

    with pytest.raises(ConcatsplitError) as caught:
        cs.concat(["a.npy", "b.npy"], "y.npy", on_event=meddle)
    assert caught.value.exit_code == 9
    assert "b.npy" in caught.value.message
    assert not Path("y.npy").exists()


def test_a_neighbour_may_change(shell: Any, sources: np.ndarray) -> None:
    def meddle(event: Any) -> None:
        if isinstance(event, Started):
            _append(Path("b.npy"))
            Path("new.txt").write_text("new")

    cs.concat(["a.npy", "x.zarr"], "y.npy", on_event=meddle)
    np.testing.assert_array_equal(shell.read("y.npy"), np.concatenate([np.load("a.npy"), sources]))


def test_a_listener_that_raises_leaves_nothing(shell: Any, whole: np.ndarray) -> None:
    before = shell.snapshot()
    for moment in (Started, Moved, Publishing):

        def burst(event: Any, moment: type = moment) -> None:
            if isinstance(event, moment):
                raise RuntimeError("burst")

        with pytest.raises(RuntimeError, match="burst"):
            cs.split("a.npy", "p{index}.h5", parts=4, on_event=burst)
        assert shell.snapshot() == before

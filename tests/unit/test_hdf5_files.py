"""HDF5 files that an earlier call left open, and what the import of h5py leaves behind."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

import concatsplit_core as cs
from concatsplit_core.formats.hdf5.files import open_now, pool
from concatsplit_core.formats.hdf5.library import unknown_processor
from concatsplit_core.formats.hdf5.trials import open_member


def save(path: Path, value: int) -> None:
    with h5py.File(path, "w") as file:
        file["x"] = np.full(3, value)


@pytest.mark.parametrize("how", ["replaced", "written to", "elsewhere"])
def test_a_file_that_is_open_still_is_opened_again_if_it_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "a.h5", 1)
    open_member("a.h5", "x", "a.h5")
    assert "a.h5" in pool.keys()  # noqa: SIM118 - it is no dict
    if how == "replaced":
        save(tmp_path / "b.h5", 2)
        os.replace("b.h5", "a.h5")
    elif how == "written to":
        with open("a.h5", "r+b") as file:
            content = file.read()
            file.seek(content.index(np.full(3, 1).tobytes()))
            file.write(np.full(3, 2).tobytes())
    else:
        (tmp_path / "inside").mkdir()
        save(tmp_path / "inside" / "a.h5", 2)
        monkeypatch.chdir(tmp_path / "inside")
    try:
        with open_now("a.h5") as opened:
            assert opened.file["x"][:].tolist() == [2, 2, 2]
        cs.concat(["a.h5"], "y.npy")
        assert np.load("y.npy").tolist() == [2, 2, 2]
    finally:
        pool.discard("a.h5")


def test_a_file_that_is_gone_is_not_read(tmp_path: Path) -> None:
    save(tmp_path / "a.h5", 1)
    path = str(tmp_path / "a.h5")
    open_member(path, "x", path)
    os.unlink(path)
    with pytest.raises(FileNotFoundError), open_now(path):
        pass
    assert path not in pool.keys()  # noqa: SIM118 - it is no dict


def test_a_refused_join_leaves_no_input_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is open for reading cannot be opened for writing by the same process."""
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "a.nc", 1)
    with h5py.File("a.nc", "a") as file:
        file.attrs["_NCProperties"] = np.bytes_(b"version=2,hdf5=1.14.4")
    with pytest.raises(cs.ConcatsplitError):
        cs.concat(["a.nc", "missing.nc"], "y.nc")
    h5py.File("a.nc", "a").close()


@pytest.mark.parametrize("known", [{}, {"processor": "z80"}])
def test_the_name_of_the_processor_is_as_python_knows_it(
    monkeypatch: pytest.MonkeyPatch, known: dict[str, str]
) -> None:
    fields = SimpleNamespace(**known)
    monkeypatch.setattr(platform, "uname", lambda: fields)
    with unknown_processor():
        assert vars(platform.uname()) == (known or {"processor": ""})
    assert vars(platform.uname()) == known

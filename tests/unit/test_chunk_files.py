"""Chunks that are files of their own move file by file: opened once, and never looked up before."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import concatsplit_core as cs
from concatsplit_core.foundation.errors import IOFailure, MalformedInput, OverBudget


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    """Two arrays of 4 chunks of 5 elements; the first one has no chunk 2."""
    made = []
    for name, start in (("a", 1), ("b", 101)):
        values = np.arange(start, start + 20, dtype="<i4")
        if name == "a":
            values[10:15] = 0
        array = zarr.create_array(tmp_path / name, shape=(20,), chunks=(5,), dtype="<i4")
        array[...] = values
        made.append(tmp_path / name)
    return made


def _joined(parts: list[Path], tmp_path: Path, **options: Any) -> Path:
    cs.concat(parts, tmp_path / "y.zarr", sync=False, jobs=1, **options)
    return tmp_path / "y.zarr"


def test_every_chunk_is_opened_once_on_each_side(
    parts: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    looked: list[str] = []
    for name, calls in (("open", opened), ("stat", looked)):
        original = getattr(os, name)

        def note(path: Any, *args: Any, do: Any = original, to: Any = calls, **more: Any) -> Any:
            found = do(path, *args, **more)
            to.append(os.fspath(path) if not isinstance(path, int) else "")
            return found

        monkeypatch.setattr(os, name, note)
    out = _joined(parts, tmp_path)
    monkeypatch.undo()
    ends = [path.rpartition("/c/")[2] for path in opened if "/c/" in path]
    assert sorted(ends) == sorted("01301230134567")  # absent in a, and so in the output
    assert not [path for path in looked if "/c/" in path]
    whole = np.concatenate([np.asarray(zarr.open_array(part)[...]) for part in parts])
    np.testing.assert_array_equal(zarr.open_array(out)[...], whole)
    assert sorted(path.name for path in (out / "c").iterdir()) == list("0134567")


def test_stacked_chunks_still_move(parts: list[Path], tmp_path: Path) -> None:
    out = _joined(parts, tmp_path, add_axis=True)
    whole = np.stack([np.asarray(zarr.open_array(part)[...]) for part in parts])
    np.testing.assert_array_equal(zarr.open_array(out)[...], whole)


@pytest.mark.parametrize(
    ("nbytes", "error", "what"),
    [(0, MalformedInput, "where 20 belong"), (9000, OverBudget, "more than it can hold")],
)
def test_a_chunk_that_cannot_be_one_is_refused(
    parts: list[Path], tmp_path: Path, nbytes: int, error: type[Exception], what: str
) -> None:
    (parts[1] / "c" / "3").write_bytes(bytes(nbytes))
    with pytest.raises(error, match=rf"b: the chunk at \(15,\) is stored in {nbytes}.*{what}"):
        _joined(parts, tmp_path)
    assert not (tmp_path / "y.zarr").exists()


def test_a_chunk_that_cannot_be_opened_names_its_input(
    parts: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, bad = os.open, str(parts[1] / "c" / "2")

    def fail(path: Any, *args: Any, **options: Any) -> int:
        if path == bad:
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        return original(path, *args, **options)

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(IOFailure, match=r"b: cannot be read"):
        _joined(parts, tmp_path)

"""Members of .npz archives, read from those of NumPy and written for NumPy to read."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from conformance.arrays import (
    BYTES,
    NESTED,
    NUMBERS,
    SUBARRAY,
    SWAPPED,
    TEXT,
    TIMES,
    Row,
    assert_same,
    concatenated,
    make,
)
from conformance.base import FormatConformance

import concatsplit_core as cs
from concatsplit_core.foundation.errors import AmbiguousContainer, InputUnavailable


class TestNpz(FormatConformance):
    """Written by numpy.savez."""

    output = ".npz"
    member = "data"
    dtypes: ClassVar[tuple] = (
        *NUMBERS,
        *SWAPPED,
        *TIMES,
        *BYTES,
        *TEXT,
        NESTED,
        SUBARRAY,
    )
    layouts: ClassVar[tuple] = (
        Row("stored"),
        Row("compressed", compressed=True),
        Row("stored in F", order="F"),
        Row("compressed in F", "<f8", order="F", compressed=True),
    )

    def write(self, path: Path, array: np.ndarray, layout: Row) -> str:
        array = np.asarray(array, order=layout.settings.get("order", "C"))
        save = np.savez_compressed if layout.settings.get("compressed") else np.savez
        save(path.with_suffix(".npz"), other=np.arange(7), x=array)
        return f"{path.with_suffix('.npz')}::x"

    def read(self, ref: str) -> np.ndarray:
        path, _, member = ref.partition("::")
        with np.load(path, allow_pickle=False) as loaded:
            return loaded[member or "data"]

    def tight(self, arrays: list[np.ndarray], layout: Row) -> int:
        """What is deflated as a whole, as so small an array is, has to be held as a whole."""
        if layout.settings.get("compressed"):
            return 4 * sum(array.nbytes for array in arrays)
        return super().tight(arrays, layout)


def test_only_member_needs_no_name(tmp_path: Path) -> None:
    array = make("<f4", (4, 3))
    np.savez(tmp_path / "a.npz", array)
    cs.concat([str(tmp_path / "a.npz")] * 2, str(tmp_path / "out.npy"))
    assert_same(np.load(tmp_path / "out.npy"), concatenated([array, array], 0))


def test_members_are_listed(tmp_path: Path) -> None:
    path = str(tmp_path / "a.npz")
    np.savez(path, x=make("<f4", (4, 3)), y=make("<i2", (2,)))
    assert [(b.ref, b.shape, b.dtype) for b in cs.info(path)] == [
        (f"{path}::x", (4, 3), "<f4"),
        (f"{path}::y", (2,), "<i2"),
    ]
    with pytest.raises(AmbiguousContainer, match=r"x, y"):
        cs.concat([path], str(tmp_path / "out.npy"))
    with pytest.raises(InputUnavailable, match=r"no member 'z'.*x, y"):
        cs.concat([f"{path}::z"], str(tmp_path / "out.npy"))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions(tmp_path: Path, method: int) -> None:
    array = make("<f4", (40, 30))
    np.save(tmp_path / "x.npy", array)
    with zipfile.ZipFile(tmp_path / "a.npz", "w", method) as archive:
        archive.write(tmp_path / "x.npy", "x.npy")
    cs.concat([f"{tmp_path / 'a.npz'}::x"] * 2, str(tmp_path / "out.npy"), axis=1)
    assert_same(np.load(tmp_path / "out.npy"), concatenated([array, array], 1))


def test_the_entries_of_an_archive_are_not_read_again_for_every_member(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    class Counting(zipfile.ZipFile):
        def __init__(self, file: str) -> None:
            opened.append(file)
            super().__init__(file)

    path = str(tmp_path / "a.npz")
    np.savez_compressed(path, **{f"x{number}": np.arange(3) for number in range(20)})
    monkeypatch.setattr(zipfile, "ZipFile", Counting)
    assert len(cs.info(path)) == 20
    cs.concat([path, path], str(tmp_path / "y.h5"))
    assert 0 < len(opened) <= 10


def test_an_archive_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    path, other = tmp_path / "a.npz", tmp_path / "b.npz"
    np.savez(path, x=np.arange(3))
    first = cs.info(str(path))
    np.savez(other, y=np.arange(4.0))
    other.replace(path)
    assert [blob.ref for blob in (*first, *cs.info(str(path)))] == [f"{path}::x", f"{path}::y"]
    assert (cs.fetch(f"{path}::y") == np.arange(4.0)).all()

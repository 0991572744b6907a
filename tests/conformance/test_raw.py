"""Files of bare elements, written and read by NumPy's tofile and fromfile."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from conformance.arrays import BYTES, NUMBERS, SWAPPED, TEXT, TIMES, Row, assert_same, make
from conformance.base import FormatConformance

import concatsplit_core as cs
from concatsplit_core.formats.raw import described
from concatsplit_core.foundation.errors import (
    InputUnavailable,
    MalformedInput,
    UnsupportedDtype,
    UsageError,
)

_known: dict[str, tuple[tuple[int, ...], np.dtype]] = {}
"""The shape and dtype of every output, as results say them."""


@pytest.fixture(autouse=True)
def _remember(monkeypatch: pytest.MonkeyPatch) -> None:
    def remembering(operator: Any) -> Any:
        def run(*args: Any, **options: Any) -> cs.Result:
            result = operator(*args, **options)
            _known.update({blob.ref: (blob.shape, blob.dtype) for blob in result.outputs})
            return result

        return run

    for name in ("concat", "split", "stack", "unstack"):
        monkeypatch.setattr(cs, name, remembering(getattr(cs, name)))


class TestRaw(FormatConformance):
    """Written by ndarray.tofile, read by numpy.fromfile."""

    output = ".dat"
    dtypes: ClassVar[tuple] = (*NUMBERS, *SWAPPED, *TIMES, *BYTES, *TEXT, "V7")
    layouts: ClassVar[tuple] = (
        Row("bare"),
        Row("behind a header", header=1000),
        Row("swapped", ">i2", header=4096),
    )

    def write(self, path: Path, array: np.ndarray, layout: Row) -> str:
        header = layout.settings.get("header", 0)
        path = path.with_suffix(".bin")
        path.write_bytes(b"\xff" * header + array.tobytes())
        lengths = [str(n) for n in array.shape]
        if array.ndim > 1 and 0 not in array.shape:
            lengths[1] = "*"
        return f"{path}::{array.dtype.str},{','.join(lengths)}" + (f"@{header}" if header else "")

    def inputs(self, *args: Any) -> tuple[list[str], list[np.ndarray]]:
        refs, arrays = super().inputs(*args)
        self.last = arrays[-1].shape, arrays[-1].dtype
        return refs, arrays

    def shared_input(self, *args: Any) -> tuple[str, np.ndarray]:
        ref, array = super().shared_input(*args)
        self.last = array.shape, array.dtype
        return ref, array

    def read(self, ref: str) -> np.ndarray:
        path, _, said = ref.partition("::")
        data = Path(path).read_bytes()
        if said:
            dtype, lengths, offset = described(said)
            shape = tuple(-1 if n is None else n for n in lengths)
            return np.frombuffer(data[offset:], dtype).reshape(shape)
        shape, dtype = _known.get(ref, self.last)
        assert len(data) == np.prod(shape, dtype=int) * dtype.itemsize
        return np.frombuffer(data, dtype).reshape(shape)


def test_long_runs_are_copied_by_the_kernel(tmp_path: Path) -> None:
    array = make("<i2", (300, 384))
    array.tofile(tmp_path / "a.dat")
    result = cs.concat([str(tmp_path / "a.dat")] * 2, str(tmp_path / "b.raw"), raw="int16,*,384")
    assert result.plan.routes == {"kernel": 2 * array.nbytes}
    assert (tmp_path / "b.raw").read_bytes() == array.tobytes() * 2


def test_only_bare_elements_are_described(tmp_path: Path) -> None:
    array = make("<i2", (4, 3))
    (tmp_path / "a.DAT").write_bytes(b"header" + array.tobytes())
    np.save(tmp_path / "b.npy", array)
    refs = [str(tmp_path / "a.DAT"), str(tmp_path / "b.npy")]
    out = str(tmp_path / "out.npy")
    result = cs.concat(refs, out, raw="int16,*,3", offset=6)
    assert_same(np.load(out), np.concatenate([array, array]))
    assert [blob.ref for blob in result.inputs] == [f"{refs[0]}::int16,*,3@6", refs[1]]


def test_patterns_lists_and_arrays_of_a_data_set(tmp_path: Path) -> None:
    for index in range(3):
        np.full((2, 5), index, "<f4").tofile(tmp_path / f"x{index}.raw")
        np.save(tmp_path / f"y{index}.npy", np.full(2, index))
    (tmp_path / "list.txt").write_text("\n".join(str(tmp_path / f"x{i}.raw") for i in range(3)))
    for ref in (str(tmp_path / "x*.raw"), f"@{tmp_path / 'list.txt'}"):
        cs.concat(ref, str(tmp_path / "out.npy"), raw="float32,*,5", force=True)
        assert np.load(tmp_path / "out.npy")[:, 0].tolist() == [0, 0, 1, 1, 2, 2]
    out = str(tmp_path / "{array}-{index}.npy")
    arrays = [("x", str(tmp_path / "x*.raw")), ("y", str(tmp_path / "y*.npy"))]
    cs.reshard([], out, arrays=arrays, size=3, raw="float32,*,5")
    for index in range(2):
        assert np.load(tmp_path / f"x-{index}.npy").shape == (3, 5)
        assert np.load(tmp_path / f"y-{index}.npy").shape == (3,)


@pytest.mark.parametrize(
    ("raw", "offset", "message"),
    [
        ("int16,*,384", 0, "100 bytes are not a multiple of the 768 .* 100 bytes are left over"),
        ("int16,*,7", 5, "95 bytes are not a multiple of the 14 "),
        ("int16,25,2", 101, "100 bytes, fewer than the --offset 101"),
        ("int16,25,3", 0, "makes 150 bytes, but there are 100"),
        ("int16,24,2", 0, "makes 96 bytes, but there are 100"),
        ("int16,*,0", 0, "not a multiple of the 0 "),
    ],
)
def test_files_that_do_not_fit(tmp_path: Path, raw: str, offset: int, message: str) -> None:
    (tmp_path / "a.dat").write_bytes(bytes(100))
    with pytest.raises(MalformedInput, match=rf"a\.dat.*{message}"):
        cs.info(str(tmp_path / "a.dat"), raw=raw, offset=offset)


@pytest.mark.parametrize(
    "raw",
    ["int16", "*,384", "int16,*,*", "int16,-1", "int16;3", "object,3", "O,3", "f4:3,2", "i2,3@x",
     "float99,3", f"i2,{'1,' * 80}1", f"i1,{1 << 63}", f"i1,{1 << 40},{1 << 40}", "S0,3", "S,3",
     "T,3", "i2,3@4", "[('a','i2')],3", ""],
)  # fmt: skip
def test_what_is_no_description(tmp_path: Path, raw: str) -> None:
    (tmp_path / "a.dat").write_bytes(bytes(100))
    with pytest.raises(UsageError, match="--raw"):
        cs.concat(str(tmp_path / "a.dat"), str(tmp_path / "out.npy"), raw=raw)
    assert [path.name for path in tmp_path.iterdir()] == ["a.dat"]


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.dat")
    (tmp_path / "folder.dat").mkdir()
    for name in ("pipe.dat", "folder.dat", "missing.dat"):
        with pytest.raises(InputUnavailable, match=name):
            cs.info(str(tmp_path / name), raw="i2,*")


def test_an_offset_alone_says_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--offset 4 needs --raw"):
        cs.concat("a.dat", "out.npy", offset=4)


@pytest.mark.parametrize("content", [b"", b"\0\1\2"], ids=len)
def test_bare_elements_that_nobody_described(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.bin").write_bytes(content)
    with pytest.raises(MalformedInput, match=r"a\.bin.*(--raw int16,\*,384|is empty)"):
        cs.concat(str(tmp_path / "a.bin"), str(tmp_path / "out.npy"))


def test_a_suffix_does_not_hide_a_format(tmp_path: Path) -> None:
    array = make("<f4", (4, 3))
    with (tmp_path / "a.dat").open("wb") as file:
        np.save(file, array)
    assert_same(cs.fetch(str(tmp_path / "a.dat")), array)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"codec": "gzip"}, UsageError),
        ({"chunks": (2,)}, UsageError),
        ({"memory_order": "F"}, UsageError),
        ({"checksum": "crc32c"}, UsageError),
        ({"dtype": [("a", "i2")]}, UnsupportedDtype),
    ],
    ids=str,
)
def test_what_has_no_place_is_refused(tmp_path: Path, options: dict, error: type) -> None:
    with pytest.raises(error):
        cs.concat([np.zeros(3, "i4")], str(tmp_path / "a.raw"), casting="unsafe", **options)
    assert list(tmp_path.iterdir()) == []


def test_elements_are_in_c_order(tmp_path: Path) -> None:
    array = np.asfortranarray(make("<i4", (5, 7)))
    np.save(tmp_path / "a.npy", array)
    cs.concat([str(tmp_path / "a.npy")] * 2, str(tmp_path / "a.raw"), axis=1)
    assert (tmp_path / "a.raw").read_bytes() == np.concatenate([array, array], 1).tobytes()

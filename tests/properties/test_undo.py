"""Undo: split then undo, and concat then undo, are the identity on bytes."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from conformance.arrays import assert_same
from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from properties.test_results import OUTPUTS

import concatsplit_core as cs
from concatsplit_core.foundation.errors import (
    DtypeMismatch,
    MalformedInput,
    OutputExists,
    UsageError,
)
from concatsplit_core.operators.undoing import keeps_every_value

DTYPES = ("i4", ">i2", "f4", "f8", "c8")


def bits(shape: tuple[int, ...], dtype: str, seed: int) -> np.ndarray:
    """Random bits: NaN payloads and negative zeros among them."""
    nbytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.random.default_rng(seed).integers(0, 256, nbytes, "u1")
    array = raw.view(dtype).reshape(shape)
    if array.size and array.dtype.kind == "f":
        array.flat[0] = -0.0
    return array


@examples(40)
@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=4),
    st.integers(0, 2),
    st.sampled_from(DTYPES),
    st.sampled_from(OUTPUTS),
    st.booleans(),
    st.integers(0, 1 << 30),
)
def test_concat_then_undo(
    lengths: list[int], axis: int, dtype: str, suffix: str, stacked: bool, seed: int
) -> None:
    shapes = [tuple(n if d == axis else 3 + d for d in range(3)) for n in lengths]
    if stacked:
        shapes = [(3, 4, 5)] * len(lengths)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        arrays = [bits(shape, dtype, seed + i) for i, shape in enumerate(shapes)]
        for index, array in enumerate(arrays):
            np.save(folder / f"in-{index}.npy", array)
        refs = [str(folder / f"in-{index}.npy") for index in range(len(arrays))]
        record = folder / "run.json"
        options = {"manifest": record, "sync": False}
        cs.concat(refs, str(folder / f"y{suffix}"), axis, add_axis=stacked, **options)
        cs.undo(record, str(folder / "again-{index}.npy"), sync=False)
        for index, array in enumerate(arrays):
            assert_same(np.load(folder / f"again-{index}.npy"), array)


@examples(40)
@given(
    st.integers(1, 12),
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(0, 2),
    st.sampled_from(DTYPES),
    st.sampled_from(OUTPUTS),
    st.integers(0, 1 << 30),
)
def test_split_then_undo(
    length: int, size: int, hop: int, axis: int, dtype: str, suffix: str, seed: int
) -> None:
    array = bits(tuple(length if d == axis else 2 + d for d in range(3)), dtype, seed)
    whole = size <= length and hop <= size and (length - size) % hop == 0
    with tempfile.TemporaryDirectory() as name:
        folder, record = Path(name), Path(name) / "run.json"
        np.save(folder / "x.npy", array)
        cut = {"size": size, "hop": hop} if whole else {"size": size}
        names = str(folder / ("p{index}" + suffix))
        cs.split(str(folder / "x.npy"), names, axis=axis, manifest=record, sync=False, **cut)
        cs.undo(record, str(folder / "again.npy"), sync=False)
        assert (folder / "again.npy").read_bytes() == (folder / "x.npy").read_bytes()


def test_unstack_then_undo_in_place(tmp_path: Path) -> None:
    array = bits((3, 4), "f8", 1)
    np.save(tmp_path / "x.npy", array)
    record = tmp_path / "run.json"
    cs.unstack(str(tmp_path / "x.npy"), str(tmp_path / "p{index}.npy"), 1, manifest=record)
    with pytest.raises(OutputExists):
        cs.undo(record)
    (tmp_path / "x.npy").unlink()
    cs.undo(record)
    assert_same(np.load(tmp_path / "x.npy"), array)


def test_a_manifest_can_move_with_its_files_and_has_no_time(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "a.npy", np.arange(4))
        home = str(tmp_path / folder)
        cs.concat([f"{home}/a.npy"] * 2, f"{home}/y.npy", manifest=f"{home}/run.json")
    first, second = ((tmp_path / f / "run.json").read_bytes() for f in ("one", "two"))
    assert first == second
    assert json.loads(first)["outputs"][0]["ref"] == "y.npy"
    (tmp_path / "one").rename(tmp_path / "three")
    cs.undo(tmp_path / "three/run.json", [str(tmp_path / "b.npy"), str(tmp_path / "c.npy")])
    assert np.load(tmp_path / "c.npy").tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("original", "made", "exact"),
    [("i4", "f8", True), ("i8", "f8", False), ("u4", "f8", True), ("i4", "f4", False),
     ("f4", "f8", True), ("f8", "f4", False), ("i2", "i8", True), ("u8", "i8", False),
     ("?", "i1", True), (">f4", "<f4", True), ("i8", "c16", False), ("S3", "S5", True)],
)  # fmt: skip
def test_which_casts_can_be_undone(original: str, made: str, exact: bool, tmp_path: Path) -> None:
    assert keeps_every_value(np.dtype(original), np.dtype(made)) is exact
    array = np.zeros(3, original)
    np.save(tmp_path / "a.npy", array)
    record = tmp_path / "run.json"
    options = {"dtype": made, "casting": "unsafe", "manifest": record}
    cs.concat([str(tmp_path / "a.npy")], str(tmp_path / "y.npy"), **options)
    if exact:
        cs.undo(record, str(tmp_path / "b.npy"))
        assert np.load(tmp_path / "b.npy").dtype == array.dtype
    else:
        with pytest.raises(DtypeMismatch, match=r"a\.npy"):
            cs.undo(record, str(tmp_path / "b.npy"))


@pytest.mark.parametrize(
    "cut", [{"size": 2, "remainder": "drop"}, {"size": 1, "hop": 2}, {"parts": 5, "only": "0-2"}]
)
def test_what_was_left_out_cannot_be_undone(cut: dict[str, object], tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(5))
    record = tmp_path / "run.json"
    cs.split(str(tmp_path / "x.npy"), str(tmp_path / "p{index}.npy"), manifest=record, **cut)
    if cut.get("hop") == 2:  # the last window reaches the end, those before leave gaps
        assert sorted(p.name for p in tmp_path.glob("p*")) == ["p0.npy", "p1.npy", "p2.npy"]
    with pytest.raises(UsageError, match="cannot be made again"):
        cs.undo(record, str(tmp_path / "y.npy"))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 2}', '{"schema": 1}', "[" * 90_000])
def test_what_is_no_manifest(text: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(MalformedInput, match="not a manifest"):
        cs.undo(tmp_path / "run.json")


def test_an_output_that_is_another_by_now(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(4))
    record = tmp_path / "run.json"
    cs.split(str(tmp_path / "x.npy"), str(tmp_path / "p{index}.npy"), parts=2, manifest=record)
    np.save(tmp_path / "p1.npy", np.arange(3))
    with pytest.raises(MalformedInput, match=r"p1\.npy.*records"):
        cs.undo(record, str(tmp_path / "y.npy"))

"""A small output is made when its elements are written: one open file each, not two."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import concatsplit_core as cs
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.formats.npy import NpyFormat
from concatsplit_core.formats.storage import Storage
from concatsplit_core.formats.targets import WAITING_BYTES, ContiguousTarget
from concatsplit_core.stores.local import local

SPEC = ArraySpec((3,), np.dtype("<i4"))
VALUES = np.array([5, 6, 7], "<i4")


def _added(path: Path, spec: ArraySpec = SPEC, may_wait: bool = True) -> Any:
    writer = NpyFormat().writer(local(path), None)
    writer.may_wait = may_wait
    target = writer.add("", spec, Storage())
    assert isinstance(target, ContiguousTarget)
    return writer, target


def test_a_small_file_waits_for_its_elements(tmp_path: Path) -> None:
    path = tmp_path / "y.npy"
    _, target = _added(path)
    assert not path.exists()
    target.write_whole(VALUES.view("u1").data)
    np.testing.assert_array_equal(np.load(path), VALUES)


@pytest.mark.parametrize(
    ("spec", "may_wait"), [(SPEC, False), (ArraySpec((WAITING_BYTES + 1,), np.dtype("u1")), True)]
)
def test_others_are_made_at_once(tmp_path: Path, spec: ArraySpec, may_wait: bool) -> None:
    path = tmp_path / "y.npy"
    _added(path, spec, may_wait)
    np.testing.assert_array_equal(np.load(path), np.zeros(spec.shape, spec.dtype))


def test_who_asks_where_it_lies_finds_it_there_and_no_elements_are_lost(tmp_path: Path) -> None:
    path = tmp_path / "y.npy"
    _, first = _added(path)
    _, second = _added(path)
    offset = first.extent.offset
    assert path.stat().st_size == offset + SPEC.nbytes
    first.write_whole(VALUES.view("u1").data)
    assert second.extent == first.extent  # made again, as by another process
    np.testing.assert_array_equal(np.load(path), VALUES)


def test_a_file_that_nobody_writes_to_is_made_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "y.npy"
    writer, _ = _added(path, ArraySpec((0, 4), np.dtype("<f8")))
    writer.finish()
    assert np.load(path).shape == (0, 4)


def test_a_split_opens_every_small_output_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = np.arange(40, dtype="<f4").reshape(20, 2)
    np.save(tmp_path / "x.npy", whole)
    opened: list[str] = []
    original = os.open

    def count(path: Any, *args: Any, **options: Any) -> int:
        opened.append(os.path.basename(os.fspath(path)))
        return original(path, *args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", count)
        cs.split(tmp_path / "x.npy", str(tmp_path / "part-{index}.npy"), size=2, sync=False)
    assert [opened.count(f"part-{index}.npy") for index in range(10)] == [1] * 10
    joined = np.concatenate([np.load(tmp_path / f"part-{index}.npy") for index in range(10)])
    np.testing.assert_array_equal(joined, whole)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("rows", [16, 17])
@pytest.mark.parametrize("options", [{}, {"manifest": "m.json"}, {"drop_axis": True, "size": 1}])
def test_many_small_parts_hold_what_they_should(
    tmp_path: Path, order: Any, rows: int, options: dict[str, Any]
) -> None:
    values = np.asarray(np.arange(rows * 96, dtype="<f4").reshape(rows, 96), order=order)
    np.save(tmp_path / "x.npy", values)
    options = {name: str(tmp_path / v) if name == "manifest" else v for name, v in options.items()}
    for axis, size in ((0, 2), (1, 8)):
        out = tmp_path / f"parts-{axis}"
        given = {"size": size, "axis": axis, "sync": False, "force": True, **options}
        cs.split(tmp_path / "x.npy", str(out / "{index:03d}.npy"), **given)
        parts = [np.load(path) for path in sorted(out.iterdir())]
        step = given["size"]
        wanted = np.split(values, range(step, values.shape[axis], step), axis)
        if "drop_axis" in options:
            wanted = [part.squeeze(axis) for part in wanted]
        assert len(parts) == len(wanted)
        for part, want in zip(parts, wanted, strict=True):
            np.testing.assert_array_equal(part, want)

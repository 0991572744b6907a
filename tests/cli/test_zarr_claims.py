"""Stores that claim far more than they hold: work is bounded by what is stored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from conformance.second import check_with_tensorstore

from concatsplit_core.planning.claims import ABSENT_CHUNKS

MIB = 1 << 20


def _claims(folder: Path, shape: list[int], **options: Any) -> None:
    """A store of eight chunks of one element, whose metadata say another shape."""
    options = {"chunks": (1,), "dtype": "u1", "compressors": None} | options
    zarr.create_array("x.zarr", shape=(8,), **options)[...] = np.arange(8)
    path = folder / ("x.zarr/.zarray" if options.get("zarr_format") == 2 else "x.zarr/zarr.json")
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"shape": shape}))


@pytest.mark.parametrize("options", [{}, {"zarr_format": 2}, {"shards": (2,)}], ids=str)
@pytest.mark.parametrize("length", [1 << 31, 1 << 62])
@pytest.mark.parametrize("output", ["y.zarr", "y.h5"])
def test_chunks_that_nobody_stored_are_not_looked_for(
    shell: Any, options: dict[str, Any], length: int, output: str
) -> None:
    _claims(shell.folder, [length], **options)
    says = ("input 0 (x.zarr)", f"{length} chunks", "stores")
    shell.fails(10, "concat", "x.zarr", "-o", output, says=says)
    shell.fails(10, "concat", "x.zarr", "-o", output, "--dry-run", says=says)


def test_what_is_stored_of_it_can_be_had(shell: Any) -> None:
    _claims(shell.folder, [1 << 40])
    assert shell.ok("info", "x.zarr", "--json").json["blobs"][0]["shape"] == [1 << 40]
    shell.ok("split", "x.zarr", "-o", "{index}.npy", "--lengths", "8,-1", "--only", "0")
    np.testing.assert_array_equal(shell.read("0.npy"), np.arange(8))


def test_bytes_that_nobody_stored_are_not_encoded(shell: Any) -> None:
    _claims(shell.folder, [1 << 40], chunks=(MIB,))
    shell.fails(10, "concat", "x.zarr", "-o", "y.zarr", "--chunks", str(8 * MIB), says="1TiB")


def test_parts_without_number(shell: Any) -> None:
    _claims(shell.folder, [1 << 31])
    np.save("a.npy", np.zeros((1 << 31, 0)))
    for name in ("x.zarr", "a.npy"):
        shell.fails(2, "unstack", name, "-o", "{index}.npy", says=(str(1 << 31), "parts"))
        for how in (("--size", 1), ("--parts", 1 << 31), ("--size", 2, "--hop", 1)):
            shell.fails(2, "split", name, "-o", "{index}.npy", *how, says="parts")


SPARSE = {
    "chunks": {"chunks": (1, 3)},
    "format 2": {"chunks": (1, 3), "zarr_format": 2, "fill_value": 7},
    "keys in one folder": {
        "chunks": (1, 3),
        "chunk_key_encoding": {"name": "v2", "separator": "."},
    },
    "shards": {"chunks": (1, 3), "shards": (20, 30)},
}


def _stored(store: str) -> set[str]:
    """The files of a store, by name."""
    return {str(path.relative_to(store)) for path in Path(store).rglob("*") if path.is_file()}


@pytest.mark.parametrize("what", SPARSE)
def test_sparse_arrays_are_read_by_what_is_there(shell: Any, what: str) -> None:
    whole = np.full((700, 300), 7, "f4")
    whole[5:9, 100:105], whole[698:], whole[201, 299] = 1, 3, 4
    options = {"fill_value": 7.0} | SPARSE[what]
    array = zarr.create_array("x.zarr", shape=whole.shape, dtype="f4", **options)
    array[5:9, 100:105], array[698:], array[201, 299] = 1, 3, 4
    chunks = whole.size // 3
    stored = len(_stored("x.zarr"))
    assert 1 << 16 < chunks <= ABSENT_CHUNKS
    assert stored < chunks // 4
    shell.ok("concat", "x.zarr", "-o", "y.npy")
    np.testing.assert_array_equal(shell.read("y.npy"), whole)
    shell.ok("concat", "x.zarr", "-o", "y.zarr")
    assert _stored("y.zarr") == _stored("x.zarr")
    for first, last in ((4, 10), (200, 203), (697, 700)):  # a reader takes seconds for all of them
        check_with_tensorstore("y.zarr", whole, np.s_[first:last])
    shell.ok("split", "x.zarr", "-o", "p{index}.zarr", "--at", "7,699", "--chunks", "50,70")
    parts = [zarr.open_array(f"p{index}.zarr")[...] for index in range(3)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)

"""Single bits flipped anywhere in an output: verify finds every one that changes an element."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import examples
import h5py
import hdf5plugin  # noqa: F401  (makes the filters known to h5py)
import numpy as np
import pytest
import zarr
from safetensors.numpy import load_file

import concatsplit_core as cs
from concatsplit_core.foundation.errors import ConcatsplitError, OverBudget

FLIPS = examples.times(20)

WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "npy": ("y.npy", {}),
    "npy in Fortran order": ("y.npy", {"memory_order": "F"}),
    "safetensors": ("y.safetensors", {}),
    "npz": ("y.npz", {}),
    "deflated npz": ("y.npz", {"codec": "gzip:1"}),
    "contiguous HDF5": ("y.h5", {"chunks": "none"}),
    "HDF5 gzip": ("y.h5", {"chunks": (5, 20), "codec": "shuffle+gzip:1"}),
    "HDF5 raw": ("y.h5", {"chunks": (5, 20), "codec": "none"}),
    "HDF5 lzf": ("y.h5", {"chunks": (5, 20), "codec": "lzf"}),
    "Zarr zstd": ("y.zarr", {"chunks": (5, 20), "codec": "zstd:1"}),
    "Zarr raw": ("y.zarr", {"chunks": (5, 20), "codec": "none"}),
    "Zarr 2 blosc": ("y.zarr", {"chunks": (5, 20), "codec": "blosc:lz4:5", "zarr_format": 2}),
    "Zarr lz4": ("y.zarr", {"chunks": (5, 20), "codec": "lz4"}),
    "Zarr bz2": ("y.zarr", {"chunks": (5, 20), "codec": "bz2"}),
}


def read(path: str) -> Any:
    """The elements as the format's own reader has them, or None where it has none."""
    try:
        if path.endswith(".npy"):
            return np.load(path)
        if path.endswith(".npz"):
            with np.load(path) as archive:
                return archive["data"]
        if path.endswith(".safetensors"):
            return load_file(path)["data"]
        if path.endswith(".zarr"):
            return zarr.open_array(path, mode="r")[...]
        with h5py.File(path) as file:
            return file["data"][...]
    except Exception:  # a damaged file may raise anything
        return None


def _is_silent(record: str) -> bool:
    """Whether verify finds nothing. A chunk that claims more than the budget is refused."""
    try:
        return cs.verify(record, inputs=False).exit_code == 0
    except OverBudget:
        return False


def silent(record: str, output: str, array: np.ndarray, seed: int) -> list[tuple[str, int, int]]:
    """Flips that changed what is read and were not found."""
    rng = random.Random(examples.seed(f"{seed}"))
    files = [path for path in Path(output).rglob("*") if path.is_file()] or [Path(output)]
    sizes = [path.stat().st_size for path in files]
    missed = []
    for _ in range(FLIPS):
        (path,) = rng.choices(files, sizes)
        sound = path.read_bytes()
        at, bit = rng.randrange(len(sound)), rng.randrange(8)
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 1 << bit]) + sound[at + 1 :])
        assert os.path.getsize(path) == len(sound)
        if _is_silent(record):
            seen = read(output)
            if seen is not None and not (seen.dtype == array.dtype and np.array_equal(seen, array)):
                missed.append((str(path), at, bit))
        path.write_bytes(sound)
    return missed


@pytest.mark.deep
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stored", [False, True], ids=["elements", "as stored"])
def test_every_flip_that_matters_is_found(
    way: str, stored: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    output, options = WAYS[way]
    array = np.random.default_rng(0).integers(0, 1000, (20, 40)).astype("<i4")
    np.save("a.npy", array)
    source = "a.npy"
    if stored:
        source = f"first{Path(output).suffix}"
        cs.concat("a.npy", source, sync=False, **options)
        options = {}
    cs.concat(source, output, manifest="run.json", sync=False, **options)
    assert cs.verify("run.json").exit_code == 0
    assert silent("run.json", output, array, seed=len(way) + stored) == []


def test_the_hunt_would_see_a_flip_that_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from concatsplit_core.run.hashing import blob_check

    monkeypatch.chdir(tmp_path)
    array = np.arange(800, dtype="<i4").reshape(20, 40)
    np.save("a.npy", array)
    cs.concat("a.npy", "y.npy", manifest="run.json", sync=False)
    monkeypatch.setattr(blob_check, "differing", lambda *_: [])
    assert silent("run.json", "y.npy", array, seed=1)


def test_undo_takes_no_damaged_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.arange(60.0))
    cs.split("x.npy", "p{index}.zarr", parts=3, manifest="run.json", codec="none", sync=False)
    chunk = Path("p1.zarr/c/0")
    sound = chunk.read_bytes()
    for at in range(0, 8 * len(sound), 97):
        damaged = bytearray(sound)
        damaged[at // 8] ^= 1 << at % 8
        chunk.write_bytes(damaged)
        with pytest.raises(ConcatsplitError, match=r"p1\.zarr") as caught:
            cs.undo("run.json", "again.npy")
        assert caught.value.exit_code == 8
        assert not Path("again.npy").exists()
    chunk.write_bytes(sound)
    cs.undo("run.json", "again.npy")
    assert Path("again.npy").read_bytes() == Path("x.npy").read_bytes()

"""HDF5's framing of LZ4, against the filter that others use."""

from __future__ import annotations

import struct
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest

import concatsplit_core as cs
from concatsplit_core.codecs.chunks import decode, encode
from concatsplit_core.codecs.pipeline import Step
from concatsplit_core.foundation.errors import MalformedInput, OverBudget

STEPS = (Step("lz4_blocks"),)
SMOOTH = np.arange(6000, dtype="<f4")
NOISE = np.random.default_rng(0).random(6000, dtype="f4")


def stored(array: np.ndarray, path: Path, **options: int) -> bytes:
    """A chunk as the filter of hdf5plugin makes it."""
    with h5py.File(path / "x.h5", "w") as file:
        made = file.create_dataset("x", data=array, chunks=array.shape, **hdf5plugin.LZ4(**options))
        return bytes(made.id.read_direct_chunk((0,))[1])


@pytest.mark.parametrize("array", [SMOOTH, NOISE], ids=["smooth", "noise"])
@pytest.mark.parametrize("options", [{}, {"nbytes": 512}, {"nbytes": 7000}], ids=str)
def test_what_the_filter_makes_is_decoded(
    tmp_path: Path, array: np.ndarray, options: dict[str, int]
) -> None:
    data = stored(array, tmp_path, **options)
    assert bytes(decode(data, STEPS, array.nbytes)) == array.tobytes()


@pytest.mark.parametrize("array", [SMOOTH, NOISE, SMOOTH[:1]], ids=["smooth", "noise", "short"])
def test_what_is_encoded_the_filter_reads(tmp_path: Path, array: np.ndarray) -> None:
    with h5py.File(tmp_path / "y.h5", "w") as file:
        made = file.create_dataset("y", array.shape, "<f4", chunks=array.shape, **hdf5plugin.LZ4())
        made.id.write_direct_chunk((0,), encode(array.view("u1"), STEPS, 4))
        np.testing.assert_array_equal(made[...], array)


@pytest.mark.parametrize("cut", [0, 5, 12, 15, 40])
def test_what_is_cut_short_is_malformed(tmp_path: Path, cut: int) -> None:
    data = stored(SMOOTH, tmp_path)
    with pytest.raises(MalformedInput):
        decode(data[:cut], STEPS, SMOOTH.nbytes)


def test_a_claim_is_checked_before_it_is_believed() -> None:
    with pytest.raises(OverBudget):
        decode(struct.pack(">QI", 1 << 60, 1 << 30), STEPS, 24)


def test_blocks_of_nothing_come_to_an_end() -> None:
    with pytest.raises(MalformedInput):
        decode(struct.pack(">QII", 24, 0, 0), STEPS, 24)


def test_files_with_this_filter_join_as_they_are_stored(tmp_path: Path) -> None:
    for name, array in (("a", SMOOTH), ("b", NOISE)):
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file.create_dataset("x", data=array, chunks=(1000,), **hdf5plugin.LZ4())
    refs = [str(tmp_path / "a.h5"), str(tmp_path / "b.h5")]
    for routes in (None, "decoded"):
        out = str(tmp_path / f"{routes}.h5")
        result = cs.concat(refs, out, routes=routes, sync=False)
        assert result.outputs[0].codec == "lz4"
        with h5py.File(out) as file:
            np.testing.assert_array_equal(file["data"][...], np.concatenate([SMOOTH, NOISE]))

"""Chunks that move between HDF5 and both formats of Zarr as they are stored."""

from __future__ import annotations

import itertools
import warnings
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numcodecs
import numpy as np
import pytest
import zarr.codecs as own
import zarr.codecs.numcodecs as foreign
from conformance.arrays import make
from conformance.moves import behind_each_other, codecs_of, join, read, stored
from conformance.zarr_arrays import create

warnings.filterwarnings("ignore", message="Numcodecs codecs are not in the Zarr version 3")
CHUNKS = (4, 3)
GZIP = {"compression": "gzip", "compression_opts": 4}

CODECS: dict[str, tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    # as concatsplit, h5py and zarr-python are asked for it, the latter in formats 2 and 3
    "none": ("none", {}, {"compressors": None}, {"compressors": None}),
    "zlib": (
        "zlib:4",
        GZIP,
        {"compressors": numcodecs.Zlib(4)},
        {"compressors": foreign.Zlib(level=4)},
    ),
    "zstd": (
        "zstd:3",
        {"compression": hdf5plugin.Zstd(clevel=3)},
        {"compressors": numcodecs.Zstd(3)},
        {"compressors": own.ZstdCodec(level=3)},
    ),
    "blosc": (
        "blosc:zstd:5:bitshuffle",
        {"compression": hdf5plugin.Blosc("zstd", 5, hdf5plugin.Blosc.BITSHUFFLE)},
        {"compressors": numcodecs.Blosc("zstd", 5, numcodecs.Blosc.BITSHUFFLE)},
        {"compressors": own.BloscCodec(cname="zstd", clevel=5, shuffle="bitshuffle")},
    ),
    "bz2": (
        "bz2:9",
        {"compression": hdf5plugin.BZip2(9)},
        {"compressors": numcodecs.BZ2(9)},
        {"compressors": foreign.BZ2(level=9)},
    ),
    "shuffle+zlib": (
        "shuffle+zlib:4",
        {**GZIP, "shuffle": True},
        {"filters": [numcodecs.Shuffle(4)], "compressors": numcodecs.Zlib(4)},
        {"compressors": [foreign.Shuffle(elementsize=4), foreign.Zlib(level=4)]},
    ),
    "fletcher32": (
        "fletcher32",
        {"fletcher32": True},
        {"compressors": numcodecs.Fletcher32()},
        {"compressors": foreign.Fletcher32()},
    ),
    "all": (
        "shuffle+zlib:4+fletcher32",
        {**GZIP, "shuffle": True, "fletcher32": True},
        {
            "filters": [numcodecs.Shuffle(4), numcodecs.Zlib(4)],
            "compressors": numcodecs.Fletcher32(),
        },
        {
            "compressors": [
                foreign.Shuffle(elementsize=4), foreign.Zlib(level=4), foreign.Fletcher32()
            ]
        },
    ),
}  # fmt: skip
DIALECTS = ("hdf5", "zarr2", "zarr3")


def write(path: Path, array: np.ndarray, dialect: str, codec: str, **settings: Any) -> str:
    """Write an array with the reference library; the path has no suffix yet."""
    chosen = CODECS[codec][1 + DIALECTS.index(dialect)]
    if dialect == "hdf5":
        ref = f"{path}.h5::x"
        dtype = h5py.opaque_dtype(array.dtype) if array.dtype.kind == "M" else array.dtype
        with h5py.File(f"{path}.h5", "w") as file:
            keep = {"chunks": CHUNKS, **chosen, **settings}
            file.create_dataset("x", array.shape, dtype, **keep)[...] = array.astype(dtype)
        return ref
    ref = f"{path}.zarr"
    create(ref, array, zarr_format=int(dialect[-1]), **{"chunks": CHUNKS, **chosen, **settings})
    return ref


def into(dialect: str) -> tuple[str, dict[str, Any]]:
    """Suffix and options of an output."""
    return (".h5", {}) if dialect == "hdf5" else (".zarr", {"zarr_format": int(dialect[-1])})


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("there", DIALECTS)
@pytest.mark.parametrize("here", DIALECTS)
def test_every_codec_that_both_know(tmp_path: Path, here: str, there: str, codec: str) -> None:
    """With numbers that they make smaller: HDF5 leaves a chunk as it is where a filter does not."""
    digits = np.random.default_rng(1).integers(0, 10, (2, 32, 25)).astype("<i4")
    refs = [
        write(tmp_path / f"in{i}", array, here, codec, chunks=(16, 12))
        for i, array in enumerate(digits)
    ]
    suffix, options = into(there)
    result = join(refs, tmp_path, suffix, codec=CODECS[codec][0], **options)
    parts = [stored(ref) for ref in refs]
    assert stored(result.outputs[0].ref) == behind_each_other(parts, 2)
    assert {blob.chunks for blob in result.outputs} == {(16, 12)}


@pytest.mark.parametrize("there", DIALECTS)
@pytest.mark.parametrize("here", DIALECTS)
@pytest.mark.parametrize(
    "codec", [codec for codec in CODECS if codec not in {"zstd", "blosc", "bz2"}]
)
def test_a_codec_is_kept_unasked(tmp_path: Path, here: str, there: str, codec: str) -> None:
    """But those that need a plugin to be read in HDF5 do not come there from Zarr."""
    refs = [write(tmp_path / f"in{i}", make("<i4", (4, 6), i), here, codec) for i in range(2)]
    suffix, options = into(there)
    result = join(refs, tmp_path, suffix, axis=1, **options)
    if there == "zarr3":
        names = [str(step.to_dict()["name"]) for step in _steps(CODECS[codec][3])]
        assert codecs_of(Path(result.outputs[0].ref)) == ["bytes", *names]


def _steps(settings: dict[str, Any]) -> list[Any]:
    found = settings["compressors"] or []
    return found if isinstance(found, list) else [found]


@pytest.mark.parametrize("here", DIALECTS)
@pytest.mark.parametrize("there", DIALECTS)
@pytest.mark.parametrize("dtype", ["?", "u1", "<f2", "<f8", "<c16", "S5", "<M8[ns]", ">i4", ">f8"])
def test_every_kind_of_item(tmp_path: Path, dtype: str, here: str, there: str) -> None:
    """Outputs of Zarr's format 3 have little endian items, unless all inputs are of it too."""
    arrays = [make(dtype, (8, 6), i) for i in range(2)]
    refs = [write(tmp_path / f"in{i}", a, here, "zlib") for i, a in enumerate(arrays)]
    suffix, options = into(there)
    moved = 0 if dtype.startswith(">") and there == "zarr3" != here else None
    join(refs, tmp_path, suffix, moved=moved, codec="zlib:4", **options)


@pytest.mark.parametrize(("here", "there"), [*itertools.permutations(DIALECTS, 2)])
def test_edge_chunks(tmp_path: Path, here: str, there: str) -> None:
    """Only the last array of a join may end inside a chunk; its last chunk moves too."""
    arrays = [make("<i4", (8, 7), 0), make("<i4", (6, 7), 1)]
    refs = [write(tmp_path / f"in{i}", a, here, "zlib") for i, a in enumerate(arrays)]
    suffix, options = into(there)
    options["codec"] = "zlib:4"
    join(refs, tmp_path, suffix, moved=arrays[0].nbytes + arrays[1].nbytes, **options)
    result = join(refs[::-1], tmp_path, suffix, moved=4 * 7 * 4, force=True, **options)
    assert set(result.plan.routes) == {"encoded", "decoded"}
    assert any("offset" in why or "straddles" in why for why in result.plan.reasons["decoded"])


FILLS = ((0, 0), (7, 7), (0, 7))


@pytest.mark.parametrize(("here", "there"), [*itertools.product(DIALECTS, DIALECTS)])
@pytest.mark.parametrize("fills", FILLS, ids=str)
def test_absent_chunks(tmp_path: Path, here: str, there: str, fills: tuple[int, int]) -> None:
    """They stay absent where the fill values agree, and become values where they do not."""
    refs, array = [], make("<i4", (4, 3))
    for i, fill in enumerate(fills):
        name = {"hdf5": "fillvalue"}.get(here, "fill_value")
        whole = np.full((8, 6), fill, "<i4")
        whole[4:, :3] = array
        ref = write(tmp_path / f"in{i}", whole, here, "zlib", **{name: fill})
        refs.append(_emptied(ref, whole.shape, fill))
    suffix, options = into(there)
    result = join(refs, tmp_path, suffix, codec="zlib:4", **options)
    kept = stored(result.outputs[0].ref)
    expected = {(1, 0), (3, 0)}
    if fills == (0, 7):  # the output's own fill value is 0
        expected |= {(2, 0), (2, 1), (3, 1)}
    assert set(kept) == expected


def _emptied(ref: str, shape: tuple[int, ...], fill: int) -> str:
    """The array written anew, without the chunks that are all fill values."""
    if ref.endswith("::x"):
        path = ref.partition("::")[0]
        values = read(ref)
        with h5py.File(path, "a") as file:
            del file["x"]
            made = file.create_dataset("x", shape, "<i4", chunks=CHUNKS, fillvalue=fill, **GZIP)
            made[4:, :3] = values[4:, :3]
    assert set(stored(ref)) == {(1, 0)}
    return ref

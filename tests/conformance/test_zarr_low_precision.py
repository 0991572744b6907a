"""Zarr arrays of types that NumPy lacks, such as bfloat16: TensorStore writes and reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import ml_dtypes
import numpy as np
import pytest
import zarr
from click.testing import CliRunner
from conformance.low_precision import (
    TYPES,
    bits_of,
    blob_document,
    numbers,
)
from conformance.second import by_tensorstore, write_with_tensorstore
from conformance.zarr_arrays import read, reference
from safetensors import deserialize

import concatsplit_core as cs
from concatsplit_cli.main import main
from concatsplit_core.foundation.errors import UnsupportedDtype

IN_SAFETENSORS = [
    name for name, kind in TYPES.items() if kind == "BF16" or (kind[:3] == "F8_" and
    kind not in {"F8_E3M4", "F8_E4M3B11FNUZ"})
]  # fmt: skip

_LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
_ZSTD = {"name": "zstd", "configuration": {"level": 3}}
_BLOSC = {"name": "blosc", "configuration": {"cname": "lz4", "clevel": 5, "shuffle": "shuffle"}}
_SHARDS = {
    "chunk_shape": [2, 3],
    "codecs": [_LITTLE, _ZSTD],
    "index_codecs": [_LITTLE, {"name": "crc32c"}],
}
LAYOUTS: dict[str, tuple[int, dict[str, Any]]] = {
    "plain": (3, {"codecs": [_LITTLE]}),
    "zstd": (3, {"codecs": [_LITTLE, _ZSTD]}),
    "blosc": (3, {"codecs": [_LITTLE, _BLOSC, {"name": "crc32c"}]}),
    "transposed": (
        3,
        {"codecs": [{"name": "transpose", "configuration": {"order": [1, 0]}}, _LITTLE]},
    ),
    "sharded": (3, {"codecs": [{"name": "sharding_indexed", "configuration": _SHARDS}]}),
    "v2": (2, {"compressor": None}),
    "v2 blosc": (2, {"compressor": {"id": "blosc", "cname": "zstd", "clevel": 3, "shuffle": -1}}),
    "v2 F": (2, {"compressor": {"id": "zlib", "level": 1}, "order": "F"}),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "int4"])
def test_arrays_of_tensorstore_are_joined_and_cut(tmp_path: Path, name: str, layout: str) -> None:
    zarr_format, settings = LAYOUTS[layout]
    array = numbers(name)
    refs = [str(tmp_path / f"{each}.zarr") for each in "ab"]
    for ref in refs:
        write_with_tensorstore(ref, array, name, (4, 6), zarr_format, settings)
    blob = cs.info(refs[0])[0]
    assert (blob.dtype, blob.nbytes) == (TYPES[name], array.nbytes)
    out = str(tmp_path / "y.zarr")
    result = cs.concat(refs, out)
    assert result.plan.routes == {"encoded": 2 * array.nbytes}, (
        "chunks are copied as they are stored"
    )
    assert bits_of(by_tensorstore(out)) == bits_of(np.concatenate([array, array]))
    assert result.notes == ()
    before = json.loads(Path(refs[0], blob_document(zarr_format)).read_text())
    after = json.loads(Path(out, blob_document(zarr_format)).read_text())
    key = "data_type" if zarr_format == 3 else "dtype"
    assert (after[key], after["fill_value"]) == (name, before["fill_value"])
    cs.concat(refs, out, axis=1, force=True)
    assert bits_of(by_tensorstore(out)) == bits_of(np.concatenate([array, array], 1))
    assert bits_of(cs.fetch(out)) == bits_of(np.concatenate([array, array], 1))
    cs.split(out, [str(tmp_path / "0.zarr"), str(tmp_path / "1.zarr")], axis=0, at=[3])
    for number, part in enumerate(np.split(np.concatenate([array, array], 1), [3])):
        assert bits_of(by_tensorstore(str(tmp_path / f"{number}.zarr"))) == bits_of(part)


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("name", TYPES)
def test_every_type_is_read_and_written(tmp_path: Path, name: str, zarr_format: int) -> None:
    array, ref = numbers(name), str(tmp_path / "a.zarr")
    write_with_tensorstore(ref, array, name, (3, 4), zarr_format)
    assert cs.info(ref)[0].dtype == TYPES[name]
    assert bits_of(cs.fetch(ref)) == bits_of(array)
    view = cs.open([ref])
    assert view.dtype == array.dtype
    assert bits_of(view[2:5, ::2]) == bits_of(array[2:5, ::2])
    single = array.astype("f4")
    assert cs.diff(ref, single, rtol=1e-9).equal
    stats = cs.info(ref, stats=True)[0].stats
    assert stats is not None
    assert stats.max == np.nanmax(np.where(np.isfinite(single), single, np.nan)) or np.isinf(
        stats.max
    )
    there, back = str(tmp_path / "there.npy"), str(tmp_path / "back.zarr")
    cs.concat([ref], there)
    assert np.load(there).dtype == [(TYPES[name], f"V{array.itemsize}")]
    cs.concat([there], back, zarr_format=zarr_format, chunks=(4, 4))
    assert bits_of(by_tensorstore(back)) == bits_of(array)
    cs.concat([array], back, zarr_format=zarr_format, shards=None, force=True)
    assert bits_of(by_tensorstore(back)) == bits_of(array)
    options: dict[str, Any] = {"dtype": name, "zarr_format": zarr_format, "casting": "unsafe"}
    cs.concat([np.nan_to_num(single)], back, force=True, **options)
    wanted = np.nan_to_num(single).astype(array.dtype)
    assert bits_of(by_tensorstore(back)) == bits_of(wanted)


@pytest.mark.parametrize("name", IN_SAFETENSORS)
def test_tensors_of_safetensors_go_there_and_back(tmp_path: Path, name: str) -> None:
    array, tensor = numbers(name), str(tmp_path / "a.safetensors::w")
    cs.feed(tensor, array)
    for made in ("y.zarr", "y.zarr.zip::group/w"):
        out = str(tmp_path / made)
        result = cs.concat([tensor], out)
        assert f"the data type is {name}, which zarr-python does not read" in result.notes[0]
        assert bits_of(by_tensorstore(out)) == bits_of(array)
        back = str(tmp_path / "back.safetensors::w")
        cs.concat([out], back, force=True)
        found = dict(deserialize(Path(back.partition("::")[0]).read_bytes()))["w"]
        assert (found["dtype"], bytes(found["data"])) == (TYPES[name], array.tobytes())
    with pytest.raises(UnsupportedDtype, match="dtype INT4 cannot be stored in safetensors"):
        cs.concat([np.ones(2, ml_dtypes.int4)], str(tmp_path / "z.safetensors"))
    with pytest.raises(UnsupportedDtype, match=f"dtype {TYPES[name]} has no netCDF type"):
        cs.concat([tensor], str(tmp_path / "z.nc"))


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_lists_of_all_arrays_leave_them_out_so_that_zarr_python_opens_the_rest(
    tmp_path: Path, zarr_format: Any
) -> None:
    store, out = str(tmp_path / "a.zarr"), str(tmp_path / "y.zarr")
    root = zarr.create_group(store, zarr_format=zarr_format)
    root.create_array("x", shape=(4,), dtype="f4")[...] = 1
    with reference():
        zarr.consolidate_metadata(store)
    array = numbers("bfloat16", (4, 3))
    cs.feed(f"{store}::w", array)
    cs.concat([store, store], out)
    for path, times in ((store, 1), (out, 2)):
        with reference():
            assert [name for name, _ in zarr.open_group(path, mode="r").members()] == ["x"]
        assert bits_of(by_tensorstore(f"{path}::w")) == times * bits_of(array)
        assert [blob.dtype for blob in cs.info(path)] == ["BF16", "<f4"]


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_only_codecs_and_grids_of_tensorstore_are_written(tmp_path: Path, zarr_format: Any) -> None:
    array, out = numbers("bfloat16"), str(tmp_path / "y.zarr")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        raw = array.view([("BF16", "V2")])
        file.create_dataset("a", data=raw, chunks=(4, 6), shuffle=True, compression="gzip")
    inputs = [str(tmp_path / "a.h5")]
    cs.concat(inputs, out, zarr_format=zarr_format)
    assert bits_of(by_tensorstore(out)) == bits_of(array)
    for options in ({"codec": "lz4"}, {"codec": "shuffle+zlib:4"}, {"checksum": "crc32c"}):
        result = cs.concat(inputs, out, zarr_format=zarr_format, force=True, **options)
        if "checksum" in options and zarr_format == 3:
            assert bits_of(by_tensorstore(out)) == bits_of(array)
            continue
        assert "TensorStore lacks the codec" in result.notes[0]
        assert read(out).tobytes() == array.tobytes(), "records that zarr-python reads"
        assert cs.info(out)[0].dtype == "BF16"
        cs.concat([out, out], str(tmp_path / "z.zarr"), codec="none", force=True)
        assert bits_of(by_tensorstore(str(tmp_path / "z.zarr"))) == 2 * bits_of(array)


def test_chunks_of_different_lengths_stay_records(tmp_path: Path) -> None:
    refs = [str(tmp_path / f"{name}.zarr") for name in "ab"]
    arrays = numbers("bfloat16", (3, 6)), numbers("bfloat16", (4, 6))
    for ref, array in zip(refs, arrays, strict=True):
        write_with_tensorstore(ref, array, "bfloat16", (2, 6))
    out = str(tmp_path / "y.zarr")
    result = cs.concat(refs, out, grid="rectilinear")
    assert "TensorStore lacks the codec or the grid" in result.notes[0]
    assert result.plan.routes["encoded"] > 0
    assert cs.fetch(out).tobytes() == b"".join(array.tobytes() for array in arrays)


def test_the_command_line_shows_numbers(tmp_path: Path) -> None:
    ref = str(tmp_path / "a.zarr")
    write_with_tensorstore(ref, np.arange(-8, 8).astype(ml_dtypes.int4), "int4", (8,))
    shown = CliRunner().invoke(main, ["info", ref, "--stats", "--head", "3"])
    assert "INT4" in shown.stdout
    assert "min -8, max 7, mean -0.5" in shown.stdout
    assert "head = -8, -7, -6" in shown.stdout
    told = CliRunner().invoke(main, ["info", ref, "--json"])
    assert json.loads(told.stdout)["blobs"][0]["dtype"] == "INT4"

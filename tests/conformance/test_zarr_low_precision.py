"""Zarr arrays of types that NumPy lacks, such as bfloat16: TensorStore writes and reads them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import h5py
import ml_dtypes
import numpy as np
import pytest
import zarr
from click.testing import CliRunner
from conformance.second import by_tensorstore, write_with_tensorstore
from conformance.zarr_arrays import read, reference
from safetensors import deserialize

import concatsplit_core as cs
from concatsplit_cli.main import main
from concatsplit_core.foundation.errors import DtypeMismatch, MalformedInput, UnsupportedDtype

FLOATS = {
    # data type, and the name of the type in every other format
    "bfloat16": "BF16",
    "float8_e3m4": "F8_E3M4",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e4m3b11fnuz": "F8_E4M3B11FNUZ",
    "float8_e5m2": "F8_E5M2",
    "float8_e5m2fnuz": "F8_E5M2FNUZ",
    "float8_e8m0fnu": "F8_E8M0",
    "float4_e2m1fn": "F4_E2M1",
}
INTS = {"int4": "INT4", "int2": "INT2"}
TYPES = FLOATS | INTS
LACKED = {"uint4": "UINT4", "uint2": "UINT2"}
"""Those of zarr-extensions that TensorStore does not have."""
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


def numbers(name: str, shape: tuple[int, ...] = (8, 6)) -> np.ndarray:
    """Every kind of bits that a type has, NaNs too, from the front and over again."""
    dtype = np.dtype(getattr(ml_dtypes, name))
    count = np.prod(shape)
    if dtype.itemsize == 2:
        bits = np.resize(np.array([0, 0x8000, 0x3F80, 0x7F80, 0x7FC1, 0xFF80, 1], "<u2"), count)
        return (bits + np.arange(count, dtype="u2")).astype("<u2").view(dtype).reshape(shape)
    bits = (np.arange(count) * 37 % 256).astype("u1").view(dtype)
    return (bits if name.startswith("float8") else bits.astype("f4").astype(dtype)).reshape(shape)


def bits_of(array: np.ndarray) -> bytes:
    """Bits of the elements, without those of a byte that readers ignore."""
    kind = array.dtype.name
    if array.dtype.names is None and kind in {*INTS, *LACKED}:
        return array.astype("i1").tobytes()
    return array.tobytes()


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


def blob_document(zarr_format: int) -> str:
    """The file that says what an array is."""
    return "zarr.json" if zarr_format == 3 else ".zarray"


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
    cs.concat([np.nan_to_num(single)], back, dtype=name, zarr_format=zarr_format, force=True)
    wanted = np.nan_to_num(single).astype(array.dtype)
    assert bits_of(by_tensorstore(back)) == bits_of(wanted)


FILLS = {
    # what TensorStore is asked for, by data type
    "bfloat16": (0, -0.0, 0.1, "NaN", "-Infinity", "0x7fc1"),
    "float8_e4m3fn": (2, "NaN", "0xff"),
    "float8_e5m2": (-2, "Infinity", "0x7f"),
    "float8_e8m0fnu": (0, "NaN"),
    "float4_e2m1fn": (1.5,),
    "int4": (-8, 7),
    "int2": (-2,),
}


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize(
    ("name", "fill"), [(name, fill) for name, fills in FILLS.items() for fill in fills]
)
def test_absent_chunks_hold_the_fill_value(
    tmp_path: Path, name: str, fill: Any, zarr_format: int
) -> None:
    if zarr_format == 2 and (str(fill).startswith("0x") or name == "float4_e2m1fn"):
        return  # TensorStore has them in format 3 only
    dtype = np.dtype(getattr(ml_dtypes, name))
    ref, out = str(tmp_path / "a.zarr"), str(tmp_path / "y.zarr")
    settings = {"fill_value": fill}
    write_with_tensorstore(ref, np.ones((1, 4), dtype), name, (1, 4), zarr_format, settings)
    document = Path(ref, blob_document(zarr_format))
    document.write_text(document.read_text().replace('"shape":[1,4]', '"shape":[3,4]'))
    wanted = bits_of(by_tensorstore(ref))
    assert bits_of(cs.fetch(ref)) == wanted
    cs.concat([ref, ref], out)
    assert bits_of(by_tensorstore(out)) == 2 * wanted
    assert len([p for p in Path(out).rglob("*") if p.is_file()]) == 2 + 1 + (zarr_format == 2)
    other = 5 - zarr_format
    if other == 3 or fill not in {"0x7fc1", "0xff", "0x7f"}:
        if other == 2 and name == "float4_e2m1fn":
            with pytest.raises(UnsupportedDtype, match=r"fill value 1.5 .*give --zarr-format 3"):
                cs.concat([ref], out, zarr_format=2, force=True, dry_run=True)
            return
        cs.concat([ref], out, zarr_format=other, force=True)
        assert bits_of(by_tensorstore(out)) == wanted


ODD: dict[str, tuple[dict[str, Any], str]] = {
    # entries of the metadata, and the error
    "codec": ({"data_type": "int4", "fill_value": 0, "codecs": [{"name": "packbits"}]}, "packbits"),
    "big-endian": ({"codecs": [{"name": "bytes", "configuration": {"endian": "big"}}]}, "'big'"),
    "bare name": ({"codecs": ["bytes"]}, r"codecs are not read: \['bytes'\]"),
    "no byte order": ({"codecs": [{"name": "bytes"}]}, "something of this is not read"),
    "grid": (
        {
            "chunk_grid": {
                "name": "rectilinear",
                "configuration": {"kind": "inline", "chunk_shapes": [[1, 3]]},
            }
        },
        "no chunk grid 'rectilinear'",
    ),
    "transformer": ({"storage_transformers": [{"name": "x"}]}, "storage_transformers"),
    "word": ({"fill_value": "many"}, "fill value 'many' is not read: it is no number"),
    "truth": ({"fill_value": True}, "fill value True is not read"),
    "long": ({"fill_value": "0x12345"}, "fill value '0x12345' is not read"),
    "huge": ({"fill_value": 10**400}, "fill value 1000.* is not read"),
    "out of range": ({"data_type": "float8_e4m3fn", "fill_value": 1e30}, "has no such value"),
    "no infinity": ({"data_type": "float8_e4m3fn", "fill_value": "Infinity"}, "no such value"),
    "scale": ({"data_type": "float8_e8m0fnu", "fill_value": 2.0}, "programs differ"),
    "too large": ({"data_type": "int4", "fill_value": 8}, "no whole number from -8 to 7"),
}


@pytest.mark.parametrize("case", ODD)
def test_what_is_unknown_here_is_refused_by_name(tmp_path: Path, case: str) -> None:
    entries, error = ODD[case]
    ref = str(tmp_path / "a.zarr")
    write_with_tensorstore(ref, np.zeros(4, ml_dtypes.bfloat16), "bfloat16", (2,))
    change(ref, entries)
    with pytest.raises(UnsupportedDtype, match=f"a.zarr: zarr-python has no.*{error}.*rewrite"):
        cs.info(ref)


def test_filters_of_format_2_are_refused_by_name(tmp_path: Path) -> None:
    ref = str(tmp_path / "a.zarr")
    write_with_tensorstore(ref, np.zeros(4, ml_dtypes.bfloat16), "bfloat16", (2,), 2)
    change(ref, {"filters": [{"id": "delta", "dtype": "<u2"}]})
    with pytest.raises(UnsupportedDtype, match=r"filters \[{'id': 'delta'"):
        cs.fetch(ref)
    change(ref, {"filters": None, "dtype": "bfloat17"})
    with pytest.raises(MalformedInput, match="descr 'bfloat17' is not a dtype"):
        cs.fetch(ref)


def change(ref: str, entries: dict[str, Any]) -> None:
    """Replace entries of the metadata."""
    path = next(Path(ref, name) for name in ("zarr.json", ".zarray") if Path(ref, name).exists())
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


@pytest.mark.parametrize("name", LACKED)
def test_types_of_other_programs_are_read_and_kept(tmp_path: Path, name: str) -> None:
    ref, out = str(tmp_path / "a.zarr"), str(tmp_path / "y.zarr")
    write_with_tensorstore(ref, np.ones((3, 4), ml_dtypes.int4), "int4", (2, 4))
    entries: dict[str, Any] = {"data_type": {"name": name, "configuration": {}}, "fill_value": 3}
    change(ref, entries | {"shape": [5, 4]})
    wanted = np.array([[1] * 4] * 3 + [[1] * 4] * 0 + [[0] * 4] + [[3] * 4])
    assert cs.info(ref)[0].dtype == LACKED[name]
    np.testing.assert_array_equal(cs.fetch(ref).astype("i1"), wanted)
    cs.concat([ref], out)
    found = json.loads(Path(out, "zarr.json").read_text())
    assert (found["data_type"], found["fill_value"]) == (name, 3)
    result = cs.concat([cs.fetch(ref)], out, force=True)
    assert result.notes == (
        f"{out}: the data type is {name}, which zarr-python does not read; --dtype float32 makes "
        "numbers for all",
    )


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


@pytest.mark.parametrize("output", ["y.zarr", "y.h5"])
def test_a_named_array_of_format_2_keeps_its_fill_value(tmp_path: Path, output: str) -> None:
    array = np.array([1.5, 1.5, 2, 1.5], ml_dtypes.bfloat16)
    ref, out = str(tmp_path / "a.zarr"), str(tmp_path / output)
    write_with_tensorstore(ref, array, "bfloat16", (2,), 2, {"fill_value": 1.5})
    Path(ref, ".zattrs").write_text('{"_ARRAY_DIMENSIONS": ["x"], "units": "K"}')
    cs.concat([ref, ref], out)
    blob = cs.info(out)[0]
    assert (blob.dims, blob.attrs, blob.dtype) == (("x",), {"units": "K"}, "BF16")
    assert cs.diff(out, np.concatenate([array, array])).equal
    if output == "y.zarr":
        assert json.loads(Path(out, ".zarray").read_text())["fill_value"] == 1.5
        assert bits_of(by_tensorstore(out)) == 2 * array.tobytes()


def test_without_ml_dtypes_only_numbers_are_lacking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = numbers("float8_e5m2", (4,))
    ref, out = str(tmp_path / "a.zarr"), str(tmp_path / "y.zarr")
    write_with_tensorstore(ref, array, "float8_e5m2", (2,), settings={"fill_value": "0x7f"})
    wanted = by_tensorstore(ref).tobytes()
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    cs.concat([ref, ref], out)
    assert cs.fetch(out).dtype == [("F8_E5M2", "V1")]
    assert cs.fetch(out).tobytes() == 2 * wanted
    with pytest.raises(DtypeMismatch, match=r"F8_E5M2.*pip install 'concatsplit\[ml-dtypes\]'"):
        cs.concat([ref], out, zarr_format=2, force=True)
    change(ref, {"fill_value": 1.5})
    with pytest.raises(UnsupportedDtype, match=r"fill value 1.5 is not read.*pip install"):
        cs.fetch(ref)


def test_the_command_line_shows_numbers(tmp_path: Path) -> None:
    ref = str(tmp_path / "a.zarr")
    write_with_tensorstore(ref, np.arange(-8, 8).astype(ml_dtypes.int4), "int4", (8,))
    shown = CliRunner().invoke(main, ["info", ref, "--stats", "--head", "3"])
    assert "INT4" in shown.stdout
    assert "min -8, max 7, mean -0.5" in shown.stdout
    assert "head = -8, -7, -6" in shown.stdout
    told = CliRunner().invoke(main, ["info", ref, "--json"])
    assert json.loads(told.stdout)["blobs"][0]["dtype"] == "INT4"

"""Metadata of Zarr arrays of types that NumPy lacks: fill values, and what is refused."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from conformance.low_precision import (
    LACKED,
    TYPES,
    bits_of,
    blob_document,
    change,
    numbers,
)
from conformance.second import by_tensorstore, write_with_tensorstore

import concatsplit_core as cs
from concatsplit_core.array.low_precision import raw_dtype
from concatsplit_core.formats.safetensors.elements import type_of
from concatsplit_core.foundation.errors import DtypeMismatch, MalformedInput, UnsupportedDtype

FILLS = {
    # what TensorStore is asked for, by data type
    "bfloat16": (0, -0.0, 0.1, "NaN", "-Infinity", "0x7fc1"),
    "float8_e4m3fn": (2, 10**2, "NaN", "0xff"),
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


def test_a_byte_order_has_no_effect_on_one_byte(tmp_path: Path) -> None:
    ref, array = str(tmp_path / "a.zarr"), numbers("float8_e5m2", (4,))
    write_with_tensorstore(ref, array, "float8_e5m2", (2,))
    change(ref, {"codecs": [{"name": "bytes", "configuration": {"endian": "big"}}]})
    assert cs.fetch(ref).tobytes() == array.tobytes()
    cs.concat([ref, ref], str(tmp_path / "y.zarr"))
    assert by_tensorstore(str(tmp_path / "y.zarr")).tobytes() == 2 * array.tobytes()


def test_filters_of_format_2_are_refused_by_name(tmp_path: Path) -> None:
    ref = str(tmp_path / "a.zarr")
    write_with_tensorstore(ref, np.zeros(4, ml_dtypes.bfloat16), "bfloat16", (2,), 2)
    change(ref, {"filters": [{"id": "delta", "dtype": "<u2"}]})
    with pytest.raises(UnsupportedDtype, match=r"filters \[{'id': 'delta'"):
        cs.fetch(ref)
    change(ref, {"filters": None, "dtype": "bfloat17"})
    with pytest.raises(MalformedInput, match="descr 'bfloat17' is not a dtype"):
        cs.fetch(ref)


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


def test_the_page_on_checkpoints_lists_all_types() -> None:
    page = Path(__file__).parents[2] / "docs/checkpoints.md"
    row = r"^\| `(\w+)` \| `(\w+)` \| `?(\w+)`? \| (\d) \|$"
    rows = re.findall(row, page.read_text(), re.MULTILINE)
    assert {data_type: name for name, data_type, *_ in rows} == TYPES | LACKED
    for name, data_type, kind, nbytes in rows:
        dtype = raw_dtype(np.dtype(getattr(ml_dtypes, data_type)))
        assert (dtype.names, dtype.itemsize) == ((name,), int(nbytes))
        if kind != "none":
            assert type_of(dtype) == kind
            continue
        with pytest.raises(UnsupportedDtype):
            type_of(dtype)

"""The schemas of Zarr's documents: what is wrong is named, what is odd but sound passes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from concatsplit_core.formats.zarr.schema import read_document
from concatsplit_core.foundation.errors import (
    ConcatsplitError,
    MalformedInput,
    OverBudget,
    UnsafeContent,
)
from concatsplit_core.stores.local import local

V3: dict[str, Any] = {
    "zarr_format": 3,
    "node_type": "array",
    "shape": [4, 6],
    "data_type": "float32",
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 3]}},
    "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
    "fill_value": 0.0,
    "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
    "attributes": {},
}
V2: dict[str, Any] = {
    "zarr_format": 2, "shape": [4], "chunks": [2], "dtype": "<f4", "fill_value": None,
    "order": "C", "filters": None, "compressor": None,
}  # fmt: skip


def _named(name: str, **configuration: Any) -> dict[str, Any]:
    return {"name": name, "configuration": configuration}


def _read(folder: Path, document: Any, name: str = "zarr.json") -> dict[str, Any]:
    (folder / name).write_text(json.dumps(document))
    return read_document(local(folder), name, "x.zarr")


def _sharded(**changed: Any) -> list[Any]:
    inner = {"chunk_shape": [1, 3], "codecs": V3["codecs"], "index_codecs": V3["codecs"]}
    return [_named("sharding_indexed", **(inner | changed))]


WRONG_V3: dict[str, tuple[dict[str, Any], str]] = {
    "format": ({"zarr_format": 4}, "$.zarr_format"),
    "length of text": ({"shape": ["4", 6]}, "$.shape[0]"),
    "length that is a truth": ({"shape": [True, 6]}, "$.shape[0]"),
    "length beyond 2^63": ({"shape": [4, 1 << 63]}, "$.shape[1]"),
    "negative length": ({"shape": [-4, 6]}, "$.shape[0]"),
    "more axes than NumPy has": ({"shape": [1] * 65}, "65 axes"),
    "grid of text": ({"chunk_grid": "regular"}, "$.chunk_grid"),
    "chunk of no length": (
        {"chunk_grid": _named("rectilinear", kind="inline", chunk_shapes=[[4], [[3, 1], 0]])},
        "chunk_shapes: 0",
    ),
    "no count": (
        {"chunk_grid": _named("rectilinear", kind="inline", chunk_shapes=[[4], [[3]]])},
        "chunk_shapes: [3]",
    ),
    "no codecs": ({"codecs": []}, "$.codecs"),
    "codec without a name": ({"codecs": [{"id": "gzip"}]}, "$.codecs[0]"),
    "settings of text": ({"codecs": [{"name": "gzip", "configuration": "x"}]}, "$.codecs[0]"),
    "gzip level": ({"codecs": [_named("gzip", level=99)]}, "gzip"),
    "zstd level of text": ({"codecs": [_named("zstd", level="x")]}, "zstd"),
    "blosc by another name": ({"codecs": [_named("blosc", cname="evil")]}, "blosc"),
    "blosc level": ({"codecs": [_named("blosc", clevel=10)]}, "blosc"),
    "shuffle of nothing": ({"codecs": [_named("numcodecs.shuffle", elementsize=-1)]}, "shuffle"),
    "no such axis": ({"codecs": [_named("transpose", order=[0, 64])]}, "transpose"),
    "byte order": ({"codecs": [_named("bytes", endian="middle")]}, "bytes"),
    "inside a shard": ({"codecs": _sharded(codecs=[_named("gzip", level=99)])}, "gzip"),
    "shard index": ({"codecs": _sharded(index_codecs=5)}, "sharding_indexed"),
    "where the index is": ({"codecs": _sharded(index_location="middle")}, "sharding_indexed"),
    "attributes": ({"attributes": [1]}, "$.attributes"),
    "names of numbers": ({"dimension_names": [1, 2]}, "$.dimension_names[0]"),
    "too many names": ({"dimension_names": ["a", "b", "c"]}, "3 dimension_names for 2 axes"),
    "half a character": ({"attributes": {"s": "\ud800"}}, "half a character"),
    "dtype of a filter": ({"codecs": [_named("numcodecs.delta", dtype="<M8[Y/3]")]}, "dtype"),
}

WRONG_V2: dict[str, tuple[dict[str, Any], str]] = {
    "format": ({"zarr_format": 3}, "$.zarr_format"),
    "order": ({"order": "A"}, "$.order"),
    "separator": ({"dimension_separator": "../"}, "$.dimension_separator"),
    "filters": ({"filters": {"id": "delta"}}, "$.filters"),
    "compressor without a name": ({"compressor": {"level": 1}}, "$.compressor"),
    "compressor of text": ({"compressor": "gzip"}, "$.compressor"),
    "lzma of no such format": ({"compressor": {"id": "lzma", "format": 9}}, "lzma"),
    "dtype of a filter": ({"filters": [{"id": "astype", "encode_dtype": "<M8[Y/3]"}]}, "dtype"),
    "dtype": ({"dtype": "evil"}, "dtype"),
}


@pytest.mark.parametrize("what", WRONG_V3)
def test_what_is_wrong_in_format_3_is_named(tmp_path: Path, what: str) -> None:
    changed, says = WRONG_V3[what]
    with pytest.raises(MalformedInput) as caught:
        _read(tmp_path, V3 | changed)
    assert says in caught.value.message
    assert caught.value.message.startswith("x.zarr: zarr.json ")


@pytest.mark.parametrize("what", WRONG_V2)
def test_what_is_wrong_in_format_2_is_named(tmp_path: Path, what: str) -> None:
    changed, says = WRONG_V2[what]
    with pytest.raises(MalformedInput) as caught:
        _read(tmp_path, V2 | changed, ".zarray")
    assert says in caught.value.message
    assert caught.value.message.startswith("x.zarr: .zarray ")


@pytest.mark.parametrize("key", [key for key in V3 if key != "attributes"])
def test_what_is_missing_is_named(tmp_path: Path, key: str) -> None:
    with pytest.raises(MalformedInput, match=key):
        _read(tmp_path, {k: v for k, v in V3.items() if k != key})


ODD_BUT_SOUND: dict[str, dict[str, Any]] = {
    "a bare name": {"codecs": ["bytes"], "chunk_key_encoding": "default"},
    "settings of null": {"codecs": [{"name": "bytes", "configuration": None}]},
    "chunks that zarr-python repairs": {"chunk_grid": _named("regular", chunk_shape=[2.0, 0])},
    "no attributes": {},
    "a codec of others": {"codecs": [_named("https://example.org/codec", level="high")]},
    "attributes that NumPy wrote": {"attributes": {"a": float("nan")}},
    "an attribute called pickle": {"attributes": {"a": "pickle"}},
    "no names": {"dimension_names": None},
    "zero lengths": {"shape": [0, 6]},
}


@pytest.mark.parametrize("what", ODD_BUT_SOUND)
def test_what_is_odd_but_sound_passes(tmp_path: Path, what: str) -> None:
    document = V3 | ODD_BUT_SOUND[what]
    assert str(_read(tmp_path, document)) == str(document)


@pytest.mark.parametrize(
    "codecs", [[_named("numcodecs.pickle")], _sharded(codecs=[_named("numcodecs.pickle")])]
)
def test_pickled_objects_are_unsafe_wherever_they_hide(tmp_path: Path, codecs: list[Any]) -> None:
    with pytest.raises(UnsafeContent, match="pickle"):
        _read(tmp_path, V3 | {"codecs": codecs})


LARGE = 2_000_000_000


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        (".zarray", {"dtype": "<U500000000"}),
        (".zarray", {"dtype": [["a", "<i4"], ["b", "|V999999999"]]}),
        ("zarr.json", {"data_type": "r16000000000"}),
        ("zarr.json", {"data_type": _named("null_terminated_bytes", length_bytes=LARGE)}),
        ("zarr.json", {"data_type": _named("structured", fields=[
            ["a", _named("raw_bytes", length_bytes=LARGE)]])}),
    ],
)  # fmt: skip
def test_an_element_larger_than_any_chunk(
    tmp_path: Path, name: str, changed: dict[str, Any]
) -> None:
    with pytest.raises(OverBudget, match="an element claims"):
        _read(tmp_path, (V2 if name == ".zarray" else V3) | changed, name)


def test_lengths_of_chunks_that_would_fill_the_memory(tmp_path: Path) -> None:
    runs = [[[3, 1 << 40]], [6]]
    grid = {"chunk_grid": _named("rectilinear", kind="inline", chunk_shapes=runs)}
    with pytest.raises(OverBudget, match="1099511627776 chunks along an axis"):
        _read(tmp_path, V3 | grid)
    _read(tmp_path, V3 | {"chunk_grid": _named("rectilinear", kind="inline", chunk_shapes=[2, 3])})


@pytest.mark.parametrize("name", [".zgroup", ".zattrs", ".zarray", "zarr.json"])
@pytest.mark.parametrize("document", [None, 5, "x", [], [[]]], ids=str)
def test_a_document_is_an_object(tmp_path: Path, name: str, document: Any) -> None:
    with pytest.raises(ConcatsplitError) as caught:
        _read(tmp_path, document, name)
    assert caught.value.exit_code == 3

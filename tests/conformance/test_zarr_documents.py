"""Metadata documents read and written here, against those of zarr-python."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import concatsplit_core as cs
from concatsplit_core.array.layouts import Chunked, Sharded
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.codecs.pipeline import parse_codec
from concatsplit_core.formats.storage import Grid, Storage
from concatsplit_core.formats.zarr import document_v3, library
from concatsplit_core.formats.zarr.dialect import meaning_as_written
from concatsplit_core.meaning.model import Meaning
from concatsplit_core.stores.local import local

DTYPES = ("?", "i1", "u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8", "<c8")
CODECS = ("none", "gzip:1", "zstd:3", "blosc:zstd:5:shuffle", "shuffle+zlib:4", "lz4", "crc32c")
FILLS = (None, 1, np.nan, np.inf, -np.inf, -0.0)


def both(
    folder: Path, spec: ArraySpec, storage: Storage, attrs: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The document of an array as it is made here and by zarr-python."""
    storage = replace(storage, meaning=replace(storage.meaning, attrs=attrs))
    wanted = meaning_as_written(storage, spec.dtype, spec.shape, 3)
    facts = document_v3.create(local(folder / "own"), spec, storage, wanted)
    assert facts is not None
    library.create_array(local(folder / "theirs"), "", spec, storage, wanted)
    own, theirs = folder / "own/zarr.json", folder / "theirs/zarr.json"
    assert list(json.loads(own.read_bytes())) == list(json.loads(theirs.read_bytes()))
    return json.loads(own.read_bytes()), json.loads(theirs.read_bytes())


def read(folder: Path) -> document_v3.Facts | None:
    """What is read of a document here."""
    return document_v3.facts_of(json.loads((folder / document_v3.NAME).read_bytes()))


def the_same(folder: Path) -> None:
    """What is read of a document here is what zarr-python reads."""
    own, theirs = read(folder), library.facts_of(library.open_by_library(local(folder)))
    assert own is not None
    assert own.key((3,) * len(own.shape)) == theirs.key((3,) * len(own.shape))
    assert np.asarray(own.fill_value).tobytes() == np.asarray(theirs.fill_value).tobytes()
    ignored = {"key": None, "fill_value": None}
    assert own._replace(**ignored) == theirs._replace(**ignored)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("fill", FILLS, ids=str)
def test_dtypes_and_fill_values(tmp_path: Path, dtype: str, fill: Any) -> None:
    kind = np.dtype(dtype).kind
    if fill is not None and fill != 1 and kind not in "fc":
        fill = np.dtype(dtype).type(1)
    spec = ArraySpec((7, 9), np.dtype(dtype), Chunked((3, 4)))
    storage = Storage(fill_value=fill, dialect="zarr3")
    own, theirs = both(tmp_path, spec, storage, {})
    assert own == theirs
    the_same(tmp_path / "own")


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("shards", [None, (6, 8)], ids=str)
def test_codecs_and_shards(tmp_path: Path, codec: str, shards: tuple[int, ...] | None) -> None:
    chunks = (3, 4)
    lies = Chunked(chunks) if shards is None else Sharded(shards, chunks)
    form = ArraySpec((7, 9), np.dtype("<f4"), lies)
    steps = parse_codec(codec)
    steps = type(steps)(
        tuple(s if s.name != "shuffle" else s._replace(settings=(4,)) for s in steps.steps)
    )
    own, theirs = both(tmp_path, form, Storage(codec=steps, dialect="zarr3"), {})
    assert own == theirs
    the_same(tmp_path / "own")


@pytest.mark.parametrize("lengths", [(4, 4, 2, 4, 1), (3, 4, 5, 2, 1), (15,), (5, 5, 5)], ids=str)
@pytest.mark.parametrize("axis", [0, 1])
def test_rectilinear_grids(tmp_path: Path, lengths: tuple[int, ...], axis: int) -> None:
    spec = ArraySpec((15, 15), np.dtype("<f4"), Chunked((4, 4)))
    storage = Storage(codec=parse_codec("zstd:3"), grid=Grid(axis, lengths), dialect="zarr3")
    own, theirs = both(tmp_path, spec, storage, {})
    assert own == theirs
    assert own["chunk_grid"]["name"] == "rectilinear"
    the_same(tmp_path / "own")


@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 0, 3)], ids=str)
def test_shapes_names_and_attributes(tmp_path: Path, shape: tuple[int, ...]) -> None:
    chunks = tuple(max(1, n) for n in shape)
    spec = ArraySpec(shape, np.dtype("<i4"), Chunked(chunks))
    names = ("a", None, "é")[: len(shape)]
    storage = Storage(dialect="zarr3", meaning=Meaning(dims=names))
    own, theirs = both(tmp_path, spec, storage, {"units": "K", "n": [1, {"x": None}]})
    assert own == theirs
    the_same(tmp_path / "own")


@pytest.mark.parametrize(
    "made",
    [
        {"chunk_key_encoding": {"name": "v2", "separator": "."}},
        {"chunk_key_encoding": {"name": "default", "separator": "."}},
        {"filters": [zarr.codecs.TransposeCodec(order=(1, 0))]},
        {"serializer": zarr.codecs.BytesCodec(endian="big")},
        {"compressors": [zarr.codecs.GzipCodec(level=2), zarr.codecs.Crc32cCodec()]},
        {"shards": (6, 8), "compressors": None},
    ],
    ids=lambda made: next(iter(made)),
)
def test_what_zarr_python_makes_is_read(tmp_path: Path, made: dict[str, Any]) -> None:
    path = str(tmp_path / "x.zarr")
    zarr.create_array(path, shape=(7, 9), chunks=(3, 4), dtype="f8", **made)
    the_same(tmp_path / "x.zarr")


def _changed(**entries: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda plain: plain | entries


ODD = {
    "another key": _changed(must_understand_me=1),
    "storage transformers": _changed(storage_transformers=[{"name": "x"}]),
    "a dtype of its own": _changed(data_type={"name": "numpy.datetime64"}),
    "a fill value in hex": _changed(fill_value="0x7fc00001"),
    "a fill value of another kind": _changed(fill_value=[1]),
    "a codec unknown": _changed(codecs=[{"name": "bytes"}, {"name": "x", "configuration": {}}]),
    "no byte order": _changed(codecs=[{"name": "bytes"}]),
    "a negative length": _changed(shape=[-7, 9]),
    "a length of text": _changed(shape=["7", 9]),
    "chunks of nothing": _changed(
        chunk_grid={"name": "regular", "configuration": {"chunk_shape": [0, 4]}}
    ),
    "chunks of other axes": _changed(
        chunk_grid={"name": "regular", "configuration": {"chunk_shape": [3]}}
    ),
    "chunks that end before the axis": _changed(
        chunk_grid={
            "name": "rectilinear",
            "configuration": {"kind": "inline", "chunk_shapes": [[3, [2, 1]], 4]},
        }
    ),
    "a rectilinear grid of another kind": _changed(
        chunk_grid={
            "name": "rectilinear",
            "configuration": {"kind": "x", "chunk_shapes": [[[1, 7]], 4]},
        }
    ),
    "a grid of its own": _changed(chunk_grid={"name": "x", "configuration": {}}),
    "keys of their own": _changed(chunk_key_encoding={"name": "x"}),
    "a separator of its own": _changed(
        chunk_key_encoding={"name": "default", "configuration": {"separator": "../"}}
    ),
    "too few names": _changed(dimension_names=["a"]),
    "format 4": _changed(zarr_format=4),
}


@pytest.mark.parametrize("odd", ODD)
def test_what_is_not_plain_is_left_to_zarr_python(tmp_path: Path, odd: str) -> None:
    zarr.create_array(str(tmp_path / "x.zarr"), shape=(7, 9), chunks=(3, 4), dtype="f4")
    path = tmp_path / "x.zarr/zarr.json"
    path.write_text(json.dumps(ODD[odd](json.loads(path.read_bytes()))))
    assert read(tmp_path / "x.zarr") is None


def test_plain_arrays_need_no_zarr_python(tmp_path: Path) -> None:
    zarr.create_array(str(tmp_path / "x.zarr"), data=np.arange(63.0).reshape(7, 9), chunks=(3, 4))
    code = (
        "import sys, concatsplit_core as cs; cs.concat(['x.zarr', 'x.zarr'], 'y.zarr'); "
        "cs.concat('y.zarr', 'z.zarr', codec='gzip:1');"
        "cs.split('z.zarr', 'p{index}.npy', parts=2);"
        "sys.exit('zarr' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    expected = np.concatenate([np.arange(63.0).reshape(7, 9)] * 2)
    np.testing.assert_array_equal(zarr.open_array(str(tmp_path / "z.zarr"))[...], expected)
    assert cs.info(str(tmp_path / "z.zarr"))[0].codec == "gzip:1"

"""Documents of format 2, and of groups, read and written here, against those of zarr-python."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
from conformance.arrays import tree_bytes

import concatsplit_core as cs
from concatsplit_core.array.layouts import Chunked
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.codecs.pipeline import parse_codec
from concatsplit_core.formats.storage import Storage
from concatsplit_core.formats.zarr import document_v2, library
from concatsplit_core.formats.zarr.dialect import meaning_as_written
from concatsplit_core.formats.zarr.facts import Facts
from concatsplit_core.formats.zarr.writing import ZarrWriter
from concatsplit_core.meaning.model import Meaning
from concatsplit_core.stores.local import local

DTYPES = ("?", "i1", "u1", "<i2", ">i4", "<u8", ">f2", "<f4", ">f8", "<c8", ">c16")
CODECS = ("none", "gzip:1", "zstd:3", "blosc:zstd:5:bitshuffle", "shuffle+zlib:4", "lz4", "bz2:3")
FILLS = (None, 1, np.nan, np.inf, -np.inf, -0.0)


def read(folder: Path) -> Facts | None:
    """What is read of the documents of an array here."""
    found = [json.loads((folder / name).read_bytes()) for name in (".zarray", ".zattrs")]
    return document_v2.facts_of(*found)


def the_same(folder: Path) -> None:
    """What is read of an array here is what zarr-python reads."""
    own, theirs = read(folder), library.facts_of(library.open_by_library(local(folder)))
    assert own is not None
    assert np.asarray(own.fill_value).tobytes() == np.asarray(theirs.fill_value).tobytes()
    assert own._replace(fill_value=None) == theirs._replace(fill_value=None)


def both(folder: Path, spec: ArraySpec, storage: Storage) -> None:
    """The documents of an array as they are made here are those of zarr-python."""
    wanted = meaning_as_written(storage, spec.dtype, spec.shape, 2)
    assert document_v2.create(local(folder / "own"), spec, storage, wanted) is not None
    library.create_array(local(folder / "theirs"), "", spec, storage, wanted)
    assert tree_bytes(folder / "own") == tree_bytes(folder / "theirs")
    the_same(folder / "own")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("fill", FILLS, ids=str)
def test_dtypes_and_fill_values(tmp_path: Path, dtype: str, fill: Any) -> None:
    if fill is not None and fill != 1 and np.dtype(dtype).kind not in "fc":
        fill = np.dtype(dtype).type(1)
    spec = ArraySpec((7, 9), np.dtype(dtype), Chunked((3, 4)))
    both(tmp_path, spec, Storage(fill_value=fill, dialect="zarr2"))


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("separator", [".", "/"])
def test_codecs_and_separators(tmp_path: Path, codec: str, separator: str) -> None:
    steps = parse_codec(codec)
    steps = type(steps)(
        tuple(s if s.name != "shuffle" else s._replace(settings=(4,)) for s in steps.steps)
    )
    storage = Storage(codec=steps, dialect="zarr2", key_encoding=("zarr2", separator))
    both(tmp_path, ArraySpec((7, 9), np.dtype("<f4"), Chunked((3, 4))), storage)


@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 0, 3)], ids=str)
def test_shapes_names_and_attributes(tmp_path: Path, shape: tuple[int, ...]) -> None:
    spec = ArraySpec(shape, np.dtype("<i4"), Chunked(tuple(max(1, n) for n in shape)))
    attrs = {"units": "K", "n": [1, {"é": None}]}
    meaning = Meaning(attrs, ("a", "b", "é")[: len(shape)])
    both(tmp_path, spec, Storage(dialect="zarr2", meaning=meaning))


MADE = {
    "order": {"order": "F"},
    "separator": {"chunk_key_encoding": {"name": "v2", "separator": "/"}},
    "no fill value": {"fill_value": None},
    "filters": {"filters": [numcodecs.Shuffle(8)], "compressors": numcodecs.Blosc("lz4", 3, 0)},
    "autoshuffle": {"compressors": numcodecs.Blosc("zstd", 3, -1)},
    "checksum": {"compressors": numcodecs.Zstd(2, checksum=True)},
    "fletcher32": {"filters": [numcodecs.Fletcher32()], "compressors": None},
    "nothing": {"compressors": None, "attributes": {"a": [1.5, "x"]}},
}


@pytest.mark.parametrize("made", MADE)
def test_what_zarr_python_makes_is_read(tmp_path: Path, made: str) -> None:
    path = str(tmp_path / "x.zarr")
    settings: dict[str, Any] = MADE[made]
    zarr.create_array(path, shape=(7, 9), chunks=(3, 4), dtype="f8", zarr_format=2, **settings)
    the_same(tmp_path / "x.zarr")
    facts = read(tmp_path / "x.zarr")
    assert facts is not None
    storage = Storage(facts.neutral, facts.native, facts.fill_value, dialect="zarr2")
    storage = replace(storage, key_encoding=facts.key_encoding)
    (tmp_path / "copy").mkdir()
    both(tmp_path / "copy", ArraySpec((7, 9), np.dtype("f8"), Chunked((3, 4))), storage)


def test_settings_that_a_document_leaves_out_are_as_numcodecs_has_them(tmp_path: Path) -> None:
    for codec in ("zlib", "gzip", "zstd", "blosc", "lz4", "bz2", "shuffle", "fletcher32", "crc32c"):
        path = tmp_path / f"{codec}.zarr"
        zarr.create_array(path, shape=(8,), chunks=(4,), dtype="f4", zarr_format=2)
        document = json.loads((path / ".zarray").read_bytes())
        (path / ".zarray").write_text(json.dumps(document | {"compressor": {"id": codec}}))
        the_same(path)


def _changed(**entries: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda plain: plain | entries


ODD = {
    "another key": _changed(must_understand_me=1),
    "records": _changed(dtype=[["a", "<i2"]]),
    "times": _changed(dtype="<M8[ns]"),
    "texts": _changed(dtype="|O"),
    "a codec unknown": _changed(compressor={"id": "x"}),
    "a codec of its own": _changed(compressor={"id": "lzma"}),
    "a setting of its own": _changed(compressor={"id": "zstd", "level": 1, "x": 1}),
    "a filter of its own": _changed(filters=[{"id": "delta", "dtype": "<f4"}]),
    "a fill value of another kind": _changed(fill_value="AAAA"),
    "a negative length": _changed(shape=[-7, 9]),
    "chunks of nothing": _changed(chunks=[0, 4]),
    "chunks of other axes": _changed(chunks=[3]),
    "another order": _changed(order="A"),
    "another separator": _changed(dimension_separator="../"),
    "format 1": _changed(zarr_format=1),
}


@pytest.mark.parametrize("odd", ODD)
def test_what_is_not_plain_is_left_to_zarr_python(tmp_path: Path, odd: str) -> None:
    path = tmp_path / "x.zarr"
    zarr.create_array(path, shape=(7, 9), chunks=(3, 4), dtype="f4", zarr_format=2)
    plain = json.loads((path / ".zarray").read_bytes())
    assert document_v2.facts_of(plain, {}) is not None
    assert document_v2.facts_of(ODD[odd](plain), {}) is None


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_groups_are_those_of_zarr_python(tmp_path: Path, zarr_format: int) -> None:
    spec = ArraySpec((7, 9), np.dtype("<f4"), Chunked((3, 4)))
    storage = Storage(dialect=f"zarr{zarr_format}")
    wanted = meaning_as_written(storage, spec.dtype, spec.shape, zarr_format)
    writer = ZarrWriter(local(tmp_path / "own.zarr"))
    for member in ("a/b/x", "a/y", "z"):
        writer.add(member, spec, storage)
        library.create_array(local(tmp_path / "theirs.zarr"), member, spec, storage, wanted)
    assert tree_bytes(tmp_path / "own.zarr") == tree_bytes(tmp_path / "theirs.zarr")


def test_plain_arrays_need_no_zarr_python(tmp_path: Path) -> None:
    array = np.arange(63.0).reshape(7, 9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        group = zarr.create_group(tmp_path / "x.zarr", zarr_format=2)
        group.create_array("g/a", data=array, chunks=(3, 4))
    code = (
        "import sys, concatsplit_core as cs; cs.concat(['x.zarr::g/a'] * 2, 'y.zarr::h/b'); "
        "cs.concat('y.zarr::h/b', 'y.zarr::h/c', codec='gzip:1');"
        "cs.split('y.zarr::h/c', 'p{index}.npy', parts=2);"
        "sys.exit('zarr' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    found = zarr.open_array(tmp_path / "y.zarr/h/c")
    assert found.metadata.zarr_format == 2
    np.testing.assert_array_equal(found[...], np.concatenate([array] * 2))
    assert cs.info(str(tmp_path / "y.zarr::h/c"))[0].codec == "gzip:1"

"""Inputs with anything at any place: what comes of them is a result, or an error of ours."""

from __future__ import annotations

import io
import json
import lzma
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
from click.testing import CliRunner
from conformance.arrays import tree_bytes
from examples import examples
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from concatsplit_cli.main import main

FUZZ = examples(100, suppress_health_check=[HealthCheck.function_scoped_fixture])
A = np.arange(480, dtype="f4").reshape(24, 20)
ODD: list[Any] = [
    None, True, 0, -1, 1, 2, 1 << 31, 1 << 63, 1 << 64, 10**30, 1.5, float("nan"), "", "x", "\0",
    "\ud800", "NaN", [], {}, [[]], [0], [-1], [1 << 40, 1 << 40], [1, 2, 3], [None], ["a"],
    {"name": "zstd"}, {"a": {}}, "../x", "int8", "<f8", "|O", "|V8", "|V2000000000", ">M8[ns]",
    [["a", "<f8"]], {"name": "gzip", "configuration": {"level": 99}}, {"id": "zlib", "level": "x"},
    {"name": "sharding_indexed", "configuration": {}}, {"id": "pickle"}, {"id": "json2"},
    {"name": "transpose", "configuration": {"order": [5, 5]}}, {"id": "packbits"},
    {"name": "numcodecs.pickle", "configuration": {}}, {"id": "vlen-utf8"},
    {"id": "fixedscaleoffset", "scale": 0, "offset": 0, "dtype": "<f4"},
    {"id": "astype", "encode_dtype": "O", "decode_dtype": "<f4"},
    {"id": "blosc", "cname": "snappy"}, {"id": "lzma", "format": 9},
]  # fmt: skip

CODES = {0, 2, 3, 4, 6, 10, 11}
"""A wrong request, and all that can be wrong with an input."""


def _numbers(path: str, **options: Any) -> None:
    zarr.create_array(path, shape=A.shape, **{"dtype": "f4", "chunks": (8, 20)} | options)[...] = A


def _texts(path: str) -> None:
    zarr.create_array(path, shape=(6,), dtype=str, chunks=(3,))[...] = np.array(list("abcdef"))


STORES: dict[str, Any] = {
    "plain": lambda path: _numbers(path, compressors=None),
    "zstd": _numbers,
    "shards": lambda path: _numbers(path, shards=(16, 20)),
    "transposed": lambda path: _numbers(path, filters=[zarr.codecs.TransposeCodec(order=(1, 0))]),
    "blosc, named": lambda path: _numbers(
        path,
        compressors=zarr.codecs.BloscCodec(cname="lz4"),
        dimension_names=("x", "y"),
        attributes={"a": [1, {"b": None}]},
    ),
    "format 2": lambda path: _numbers(path, zarr_format=2),
    "format 2, filters": lambda path: _numbers(
        path, zarr_format=2, filters=[numcodecs.Shuffle(4)], compressors=numcodecs.LZMA()
    ),
    "texts": _texts,
}


@cache
def _files(kind: str) -> dict[str, bytes]:
    """The files of a store by name; zarr-python takes longer to write it than a test to read it."""
    with tempfile.TemporaryDirectory() as folder:
        STORES[kind](folder)
        return tree_bytes(folder)


def _write_store(kind: str) -> None:
    """Write the store in.zarr, in place of one that is there."""
    shutil.rmtree("in.zarr", ignore_errors=True)
    for name, content in _files(kind).items():
        path = Path("in.zarr", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _documents(store: Path) -> list[Path]:
    return [p for p in sorted(store.iterdir()) if p.name in {"zarr.json", ".zarray", ".zattrs"}]


def _places(node: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    keys = node if isinstance(node, dict) else range(len(node) if isinstance(node, list) else 0)
    for key in keys:
        yield (*above, key)
        yield from _places(node[key], (*above, key))


def _put(document: Any, place: tuple[Any, ...], value: Any) -> None:
    for key in place[:-1]:
        document = document[key]
    document[place[-1]] = deepcopy(value)


def _damaged(data: st.DataObject, raw: bytes) -> bytes:
    """Bytes with some of them changed, taken out or put in."""
    content = bytearray(raw)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, max(0, len(content) - 1)))
        length = data.draw(st.integers(0, 8))
        content[at : at + length] = data.draw(st.binary(max_size=8))
    return bytes(content)


def _ends_well(*args: str) -> None:
    result = CliRunner().invoke(main, list(args))
    assert result.exit_code in CODES, f"{args}: {result.exit_code}: {result.stderr}"
    if result.exit_code:
        assert "internal error" not in result.stderr
        assert len(result.stderr.splitlines()) == 1 or result.exit_code == 2, result.stderr
    assert not list(Path().glob(".concatsplit-*"))


COMMANDS = st.sampled_from(
    [("info",), ("concat", "-o", "y.npy", "-f"), ("concat", "-o", "y.zarr", "-f")]
)


@FUZZ
@given(data=st.data())
def test_headers_of_safetensors(shell: Any, data: st.DataObject) -> None:
    save_file({"w": A, "b": A[0]}, "good.safetensors", metadata={"format": "pt"})
    good = Path("good.safetensors").read_bytes()
    length = int.from_bytes(good[:8], "little")
    if data.draw(st.booleans()):
        said = json.loads(good[8 : 8 + length])
        place = data.draw(st.sampled_from(list(_places(said))))
        _put(said, place, data.draw(st.sampled_from(ODD)))
        text = json.dumps(said).encode("utf-8", "surrogatepass")
        bad = len(text).to_bytes(8, "little") + text + good[8 + length :]
    else:
        bad = _damaged(data, good[: 8 + length]) + good[8 + length :]
    Path("in.safetensors").write_bytes(bad)
    _ends_well("info", "in.safetensors")
    _ends_well("concat", "in.safetensors", "-o", "y.safetensors", "-f")


@pytest.mark.parametrize("kind", STORES)
@FUZZ
@given(data=st.data())
def test_metadata_of_zarr(shell: Any, kind: str, data: st.DataObject) -> None:
    _write_store(kind)
    path = data.draw(st.sampled_from(_documents(Path("in.zarr"))))
    document = json.loads(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 2))):
        places = sorted(_places(document), key=str)
        if places:
            _put(document, data.draw(st.sampled_from(places)), data.draw(st.sampled_from(ODD)))
    path.write_text(json.dumps(document))
    command, *options = data.draw(COMMANDS)
    _ends_well(command, "in.zarr", *options)


@pytest.mark.parametrize("kind", STORES)
@FUZZ
@given(data=st.data())
def test_chunks_of_zarr(shell: Any, kind: str, data: st.DataObject) -> None:
    _write_store(kind)
    chunks = [p for p in sorted(Path("in.zarr").rglob("*")) if p.is_file()]
    path = data.draw(st.sampled_from([p for p in chunks if p not in _documents(Path("in.zarr"))]))
    path.write_bytes(_damaged(data, path.read_bytes()))
    command, *options = data.draw(COMMANDS)
    _ends_well(command, "in.zarr", *options)


@cache
def _archive(method: int) -> bytes:
    member, archive = io.BytesIO(), io.BytesIO()
    np.save(member, A)
    with zipfile.ZipFile(archive, "w", method) as file:
        file.writestr("x.npy", member.getvalue())
    return archive.getvalue()


@pytest.mark.parametrize("method", [0, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@FUZZ
@given(data=st.data())
def test_archives(shell: Any, method: int, data: st.DataObject) -> None:
    Path("in.npz").write_bytes(_damaged(data, _archive(method)))
    command, *options = data.draw(COMMANDS)
    _ends_well(command, "in.npz::x", *options)


def test_a_dictionary_larger_than_all_data_is_refused(shell: Any) -> None:
    _numbers("in.zarr", zarr_format=2, compressors=numcodecs.LZMA())
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 29}]
    chunk = lzma.compress(A[:8].tobytes(), filters=filters)
    Path("in.zarr/0.0").write_bytes(chunk)
    shell.fails(10, "concat", "in.zarr", "-o", "y.npy", says=("in.zarr", "dictionary"))

"""Variable-length text in Zarr: damaged chunks, and the memory that long texts take."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr

MIB = 1 << 20
TEXTS = np.array(["a", "", "grüße", "日本", "x" * 500, "b", "c"], dtype=np.dtypes.StringDType())

STORES: dict[str, dict[str, Any]] = {
    "zstd": {},
    "plain": {"compressors": None},
    "gzip": {"compressors": zarr.codecs.GzipCodec(level=1)},
    "checked": {"compressors": (zarr.codecs.ZstdCodec(level=1), zarr.codecs.Crc32cCodec())},
    "shards": {"shards": (6,)},
    "format 2": {"zarr_format": 2},
    "format 2, zlib": {"zarr_format": 2, "compressors": numcodecs.Zlib(1)},
    "format 2, blosc": {"zarr_format": 2, "compressors": numcodecs.Blosc("lz4")},
    "format 2, bz2": {"zarr_format": 2, "compressors": numcodecs.BZ2(1)},
    "format 2, lzma": {"zarr_format": 2, "compressors": numcodecs.LZMA()},
}


def _store(path: str, texts: np.ndarray, **options: Any) -> list[Path]:
    """An array of texts; its chunk files."""
    options = {"chunks": (3,)} | options
    array = zarr.create_array(path, shape=texts.shape, dtype=str, **options)
    array[...] = texts
    found = (p for p in Path(path).rglob("*") if p.is_file())
    return sorted(p for p in found if not p.name.startswith((".z", "zarr")))


@pytest.mark.parametrize("what", STORES)
def test_texts_are_what_zarr_python_reads(shell: Any, what: str) -> None:
    _store("x.zarr", TEXTS, **STORES[what])
    np.testing.assert_array_equal(zarr.open_array("x.zarr")[...], TEXTS)
    shell.ok("concat", "x.zarr", "x.zarr", "-o", "y.zarr", "--routes", "decoded")
    np.testing.assert_array_equal(zarr.open_array("y.zarr")[...], np.concatenate([TEXTS] * 2))


@pytest.mark.parametrize("fill", ["", "none"])
def test_absent_chunks_are_the_text_to_fill_them_with(shell: Any, fill: str) -> None:
    array = zarr.create_array("x.zarr", shape=(7,), dtype=str, chunks=(3,), fill_value=fill)
    array[:3] = TEXTS[:3]
    shell.ok("concat", "x.zarr", "-o", "y.zarr", "--routes", "decoded")
    np.testing.assert_array_equal(zarr.open_array("y.zarr")[...], [*TEXTS[:3], *[fill] * 4])


def _claims_many(raw: bytearray) -> None:
    raw[:4] = struct.pack("<I", (1 << 32) - 1)


def _claims_long(raw: bytearray) -> None:
    raw[4:8] = struct.pack("<I", 1 << 31)


def _claims_few(raw: bytearray) -> None:
    raw[:4] = struct.pack("<I", 2)


def _is_cut(raw: bytearray) -> None:
    del raw[-1:]


def _is_empty(raw: bytearray) -> None:
    raw[:] = b""


def _is_no_text(raw: bytearray) -> None:
    raw[8] = 0xFF


DAMAGE: dict[str, tuple[Callable[[bytearray], None], str]] = {
    "count": (_claims_many, "claims 4294967295 texts where 3 belong"),
    "too few": (_claims_few, "claims 2 texts where 3 belong"),
    "length": (_claims_long, "ends inside text 0 of 3"),
    "cut": (_is_cut, "ends inside text 2 of 3"),
    "empty": (_is_empty, "cut short"),
    "not UTF-8": (_is_no_text, "text 0 is not UTF-8"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_counts_and_lengths_are_checked_against_the_buffer(shell: Any, what: str) -> None:
    first = _store("x.zarr", TEXTS, compressors=None)[0]
    content = bytearray(first.read_bytes())
    DAMAGE[what][0](content)
    first.write_bytes(content)
    shell.fails(3, "concat", "x.zarr", "-o", "y.zarr", "--routes", "decoded",
                says=("x.zarr: chunk 0", DAMAGE[what][1]))  # fmt: skip


@pytest.mark.parametrize("what", ["zstd", "plain", "format 2, blosc", "format 2, zlib"])
def test_long_texts_count_with_their_real_bytes(shell: Any, what: str) -> None:
    texts = np.array(["x" * MIB] * 25, dtype=np.dtypes.StringDType())
    _store("x.zarr", texts, **STORES[what] | {"chunks": (25,)})
    args = ("concat", "x.zarr", "-o", "y.zarr", "--routes", "decoded")
    shell.fails(10, *args, "--memory", "16MiB", says="--memory")
    planned = shell.ok(*args, "--memory", "256MiB", "--dry-run", "--json").json
    assert planned["peak_memory_bytes"] >= 2 * 25 * MIB
    assert planned["peak_memory_bytes"] <= 256 * MIB


def test_chunks_of_an_output_of_long_texts_hold_few_of_them(shell: Any) -> None:
    texts = np.array(["x" * MIB] * 12, dtype=np.dtypes.StringDType())
    _store("x.zarr", texts, chunks=(2,))
    shell.ok("concat", "x.zarr", "-o", "y.zarr", "--chunks", "auto", "--memory", "64MiB")
    array = zarr.open_array("y.zarr")
    assert array.chunks == (1,)
    np.testing.assert_array_equal(array[...], texts)


def test_a_text_with_a_nul_has_no_place_in_hdf5(shell: Any) -> None:
    array = zarr.create_array("x.zarr", shape=(3,), dtype=str)
    array[:] = np.array(["a", "b\0c", ""], object)
    shell.fails(3, "concat", "x.zarr", "-o", "y.h5", says="holds a NUL")
    shell.ok("concat", "x.zarr", "-o", "y.zarr")

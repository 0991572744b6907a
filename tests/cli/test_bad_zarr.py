"""Zarr inputs that are damaged or hostile, in their metadata and in their chunks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

NOISE = np.random.default_rng(0).integers(0, 99, (40, 50)).astype("<i4")


def _make(path: Path, **options: Any) -> list[Path]:
    """A store of four chunks; its chunk files."""
    options = {"chunks": (20, 25), "zarr_format": 3} | options
    array = zarr.create_array(str(path), shape=NOISE.shape, dtype=NOISE.dtype, **options)
    array[...] = NOISE
    return sorted(
        p for p in path.rglob("*") if p.is_file() and not p.name.startswith((".z", "zarr"))
    )


def _flip(path: Path, at: float = 0.5) -> None:
    content = bytearray(path.read_bytes())
    middle = int(len(content) * at)
    content[middle : middle + 16] = bytes(b ^ 0x5A for b in content[middle : middle + 16])
    path.write_bytes(content)


def _damaged(**options: Any) -> Callable[[Path], None]:
    return lambda path: _flip(_make(path, **options)[1])


def _cut(**options: Any) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        chunk = _make(path, **options)[1]
        chunk.write_bytes(chunk.read_bytes()[:-10])

    return make


def _emptied(path: Path) -> None:
    _make(path)[1].write_bytes(b"")


def _shard(damage: Callable[[bytearray], None]) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        file = _make(path, chunks=(10, 25), shards=(20, 50))[0]
        content = bytearray(file.read_bytes())
        damage(content)
        file.write_bytes(content)

    return make


def _index_checksum(content: bytearray) -> None:
    content[-1] ^= 0xFF


def _index_cut(content: bytearray) -> None:
    del content[10:]


def _index_points_out(content: bytearray) -> None:
    import google_crc32c

    index = np.frombuffer(bytes(content[-68:-4]), "<u8").copy()
    index[0] = 1 << 40
    content[-68:-4] = index.tobytes()
    content[-4:] = google_crc32c.value(index.tobytes()).to_bytes(4, "little")


def _index_claims_all(content: bytearray) -> None:
    import google_crc32c

    index = np.frombuffer(bytes(content[-68:-4]), "<u8").copy()
    index[0:2] = 1, (1 << 64) - 2
    content[-68:-4] = index.tobytes()
    content[-4:] = google_crc32c.value(index.tobytes()).to_bytes(4, "little")


GZIP = zarr.codecs.GzipCodec(level=1)
BLOSC = zarr.codecs.BloscCodec(cname="lz4", clevel=1)
CHECKED = (zarr.codecs.ZstdCodec(level=1), zarr.codecs.Crc32cCodec())

DAMAGED: dict[str, Callable[[Path], None]] = {
    "gzip": _damaged(compressors=GZIP),
    "gzip cut": _cut(compressors=GZIP),
    "zstd cut": _cut(),
    "blosc cut": _cut(compressors=BLOSC),
    "checksum": _damaged(compressors=CHECKED),
    "plain cut": _cut(compressors=None),
    "format 2 cut": _cut(zarr_format=2),
    "chunk of no bytes": _emptied,
    "index checksum": _shard(_index_checksum),
    "index cut": _shard(_index_cut),
    "index points out": _shard(_index_points_out),
    "index claims all": _shard(_index_claims_all),
}


@pytest.mark.parametrize("what", DAMAGED)
@pytest.mark.parametrize("output", ["y.npy", "y.zarr"])
def test_a_damaged_chunk_is_exit_3(shell: Any, what: str, output: str) -> None:
    DAMAGED[what](shell.folder / "bad.zarr")
    args = ("concat", "bad.zarr", "-o", output, "--routes", "mapped,decoded")
    shell.fails(3, *args, says="bad.zarr")


def _chunks_of(store: Path) -> dict[str, bytes]:
    names = [p for p in store.rglob("*") if p.is_file() and not p.name.startswith((".z", "zarr"))]
    return {str(path.relative_to(store)): path.read_bytes() for path in names}


TOO_SHORT = ("plain cut", "chunk of no bytes")
"""What can be seen without looking into a chunk."""


@pytest.mark.parametrize("what", TOO_SHORT)
def test_a_chunk_that_is_too_short_does_not_move(shell: Any, what: str) -> None:
    DAMAGED[what](shell.folder / "bad.zarr")
    args = ("concat", "bad.zarr", "-o", "y.zarr", "--routes", "encoded")
    shell.fails(3, *args, says=("bad.zarr", "bytes"))


SEEN = "checksum"
"""What costs next to nothing to be found."""
UNSEEN = [what for what in DAMAGED if what not in {*TOO_SHORT, SEEN}]


def test_a_checksum_that_does_not_match_is_exit_3_where_chunks_move(shell: Any) -> None:
    DAMAGED[SEEN](shell.folder / "bad.zarr")
    args = ("concat", "bad.zarr", "-o", "y.zarr", "--routes", "encoded")
    shell.fails(3, *args, says=("bad.zarr", "chunk 0", "crc32c"))


@pytest.mark.parametrize("what", UNSEEN)
def test_a_damaged_chunk_that_moves_is_looked_into_when_asked(shell: Any, what: str) -> None:
    DAMAGED[what](shell.folder / "bad.zarr")
    moved = shell.ok("concat", "bad.zarr", "-o", "y.zarr", "--json").json
    assert moved["routes"]["encoded"] == moved["bytes_written"]
    assert _chunks_of(shell.folder / "y.zarr") == _chunks_of(shell.folder / "bad.zarr")
    for more in (("--routes", "decoded"), ("--check",)):
        shell.fails(3, "concat", "bad.zarr", "-o", "z.zarr", *more, says="bad.zarr")


@pytest.mark.parametrize("what", [what for what in DAMAGED if what.startswith("index")])
def test_the_index_of_a_large_shard_is_looked_at(
    shell: Any, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr("concatsplit_core.formats.zarr.reading._LARGE_SHARD", 0)
    DAMAGED[what](shell.folder / "bad.zarr")
    args = ("concat", "bad.zarr", "-o", "y.zarr", "--routes", "encoded")
    shell.fails(3, *args, says=("bad.zarr", "shard"))


@pytest.mark.parametrize("what", [what for what in DAMAGED if what.startswith("index")])
def test_an_index_that_leads_astray_is_exit_3_where_its_chunks_move(shell: Any, what: str) -> None:
    DAMAGED[what](shell.folder / "bad.zarr")
    args = ("split", "bad.zarr", "-o", "p{index}.zarr", "--at", 10, "--routes", "encoded")
    shell.fails(3, *args, says="bad.zarr")


def _set(**entries: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda document: document | entries


def _grid(*chunks: Any) -> Callable[[dict[str, Any]], Any]:
    grid = {"name": "regular", "configuration": {"chunk_shape": chunks}}
    return lambda document: document | {"chunk_grid": grid}


METADATA: dict[str, Callable[[dict[str, Any]], Any]] = {
    "list": lambda document: [document],
    "negative shape": _set(shape=[-40, 50]),
    "shape of text": _set(shape="40"),
    "shape of another rank": _set(shape=[40]),
    "chunks negative": _grid(-20, 25),
    "chunks of another rank": _grid(20),
    "unknown dtype": _set(data_type="float1024"),
    "no codecs": _set(codecs=[]),
    "unknown codec": _set(codecs=[{"name": "bytes"}, {"name": "evil"}]),
    "codecs of text": _set(codecs="bytes"),
    "unknown key encoding": _set(chunk_key_encoding={"name": "evil"}),
    "format 9": _set(zarr_format=9),
    "no shape": lambda document: {k: v for k, v in document.items() if k != "shape"},
    "fill value of text": _set(fill_value="evil"),
    "attributes of text": _set(attributes="evil"),
}


@pytest.mark.parametrize("what", METADATA)
def test_wrong_metadata_is_exit_3(shell: Any, what: str) -> None:
    _make(shell.folder / "bad.zarr")
    document = shell.folder / "bad.zarr/zarr.json"
    document.write_text(json.dumps(METADATA[what](json.loads(document.read_bytes()))))
    shell.fails(3, "concat", "bad.zarr", "-o", "y.npy", says="bad.zarr")
    shell.fails(3, "info", "bad.zarr", says="bad.zarr")


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\xff\xfe", "null", "NaN"])
@pytest.mark.parametrize("name", ["zarr.json", ".zarray"])
def test_what_is_no_json_is_exit_3(shell: Any, text: str, name: str) -> None:
    (shell.folder / "bad.zarr").mkdir()
    (shell.folder / "bad.zarr" / name).write_bytes(text.encode("latin-1"))
    shell.fails(3, "concat", "bad.zarr", "-o", "y.npy", says="bad.zarr")


@pytest.mark.parametrize("codec", [{"id": "pickle", "protocol": 5}])
def test_pickled_objects_are_exit_11(shell: Any, codec: dict[str, Any]) -> None:
    _make(shell.folder / "bad.zarr", zarr_format=2)
    document = shell.folder / "bad.zarr/.zarray"
    metadata = json.loads(document.read_bytes())
    document.write_text(json.dumps(metadata | {"dtype": "|O", "filters": [codec]}))
    shell.fails(11, "concat", "bad.zarr", "-o", "y.npy", says=("bad.zarr", "pickle"))


@pytest.mark.parametrize("shape", [[1 << 62, 1 << 62], [1 << 50, 50], [50, 1 << 50]])
def test_a_shape_beyond_every_disk_is_refused_in_time(shell: Any, shape: list[int]) -> None:
    _make(shell.folder / "bad.zarr")
    document = shell.folder / "bad.zarr/zarr.json"
    document.write_text(json.dumps(json.loads(document.read_bytes()) | {"shape": shape}))
    before = shell.snapshot()
    done = shell.bash("ulimit -v 3000000; timeout 5 concatsplit concat bad.zarr -o y.npy")
    assert done.returncode in {3, 6, 10}, done.stderr
    shell.one_line(done.stderr)
    assert shell.snapshot() == before


@pytest.mark.parametrize(
    ("ref", "code", "says"),
    [("s.zarr::z", 4, ("'z'", "g/x")), ("s.zarr/g/z", 4, ("'g/z'",)), ("s.zarr::g", 4, ("'g'",)),
     ("none.zarr", 4, ("none.zarr",)), ("none.zarr::x", 4, ("none.zarr",)),
     ("s.zarr::g/x/c/0/0", 4, ("s.zarr",)), ("s.zarr", 2, ("g/x", "y")),
     ("e.zarr", 2, ("holds no array",)), ("plain", 4, ("plain", "folder"))],
)  # fmt: skip
def test_what_is_not_in_the_store(shell: Any, ref: str, code: int, says: tuple[str, ...]) -> None:
    group = zarr.open_group("s.zarr", mode="w")
    group.create_array("g/x", data=NOISE)
    group.create_array("y", data=NOISE)
    zarr.open_group("e.zarr", mode="w")
    (shell.folder / "plain").mkdir()
    shell.fails(code, "concat", ref, "-o", "y.npy", says=says)


def test_absent_chunks_are_fill_values(shell: Any) -> None:
    array = zarr.create_array("s.zarr", shape=(4, 4), chunks=(2, 2), dtype="<i2", fill_value=7)
    array[:2, :2] = 1
    shell.ok("concat", "s.zarr", "s.zarr", "-o", "y.npy")
    np.testing.assert_array_equal(shell.read("y.npy"), np.concatenate([array[...]] * 2))

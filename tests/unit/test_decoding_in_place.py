"""Large chunks are decoded to where they belong, and nothing else changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr
from zstandard import ZstdCompressor

import concatsplit_core as cs
from concatsplit_core.codecs.chunks import decode, encode
from concatsplit_core.codecs.pipeline import Step, parse_codec
from concatsplit_core.foundation.errors import ConcatsplitError, MalformedInput, OverBudget
from concatsplit_core.routes import blocks

PLAIN = np.arange(30_000, dtype="<i4").tobytes()
IN_PLACE = ("zstd:1", "zstd:3+crc32c", "blosc:zstd:3:shuffle", "shuffle+gzip:1")
ELSEWHERE = ("gzip:1", "lz4", "none", "crc32c")
NUMBERS = np.random.default_rng(3).integers(0, 99, (50, 1024)).astype("<f4")
CHUNKS = (16, 1024)  # of 64 KiB


def steps_of(codec: str) -> tuple[Step, ...]:
    return tuple(s._replace(settings=(4,)) if s.name == "shuffle" else s
                 for s in parse_codec(codec).steps)  # fmt: skip


@pytest.mark.parametrize("codec", [*IN_PLACE, *ELSEWHERE])
def test_a_chunk_is_decoded_to_its_place_if_the_codec_can(codec: str) -> None:
    space = memoryview(bytearray(len(PLAIN)))
    steps = steps_of(codec)
    found = decode(encode(PLAIN, steps, 4), steps, len(PLAIN), space)
    assert (found is space) == (codec in IN_PLACE)
    assert bytes(found) == PLAIN


@pytest.mark.parametrize("codec", IN_PLACE)
@pytest.mark.parametrize("change", ["cut", "flipped", "longer", "shorter"])
def test_damage_is_said_as_without_a_place(codec: str, change: str) -> None:
    steps = steps_of(codec)
    data: Any = PLAIN + b"more" if change == "longer" else PLAIN
    data = bytearray(encode(data[4:] if change == "shorter" else data, steps, 4))
    if change == "flipped":
        data[2] ^= 0xFF
    elif change == "cut":
        del data[-5:]
    messages = []
    for space in (None, memoryview(bytearray(len(PLAIN)))):
        with pytest.raises((MalformedInput, OverBudget)) as caught:
            decode(data, steps, len(PLAIN), space)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_a_chunk_of_two_frames_is_decoded_elsewhere() -> None:
    compress = ZstdCompressor(level=1).compress
    data, space = compress(PLAIN[:9]) + compress(PLAIN[9:]), memoryview(bytearray(len(PLAIN)))
    found = decode(data, (Step("zstd", (1,)),), len(PLAIN), space)
    assert found is not space
    assert bytes(found) == PLAIN


def made(name: str, values: np.ndarray) -> str:
    if name.endswith(".zarr"):
        zarr.create_array(name, data=values, chunks=CHUNKS)
    else:
        with h5py.File(name, "w") as file:
            file.create_dataset("x", data=values, chunks=CHUNKS, compression=1, shuffle=True)
    return name


def read(name: str) -> np.ndarray:
    if name.endswith(".zarr"):
        return np.asarray(zarr.open_array(name, mode="r")[...])
    with h5py.File(name.partition("::")[0]) as file:
        return np.asarray(file["x"])


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[int, ...]]:
    """Shapes of the parts that are copied into blocks."""
    monkeypatch.chdir(tmp_path)
    shapes: list[tuple[int, ...]] = []
    real = blocks.copy_elements

    def counted(target: np.ndarray, source: np.ndarray) -> None:
        shapes.append(source.shape)
        real(target, source)

    monkeypatch.setattr(blocks, "copy_elements", counted)
    return shapes


@pytest.mark.parametrize("suffix", [".zarr", ".h5"])
@pytest.mark.parametrize("manifest", [False, True])
def test_only_chunks_at_edges_are_copied(
    suffix: str, manifest: bool, copied: list[tuple[int, ...]]
) -> None:
    names = [made(f"{letter}{suffix}", NUMBERS + n) for n, letter in enumerate("ab")]
    out = "y.h5::/x" if suffix == ".h5" else "y.zarr"
    cs.concat(names, out, jobs=2, manifest="m.json" if manifest else None)
    assert np.array_equal(read(out), np.concatenate([NUMBERS, NUMBERS + 1]))
    assert set(copied) == {(2, 1024)}
    if manifest:
        assert cs.verify("m.json").exit_code == 0


@pytest.mark.parametrize("suffix", [".zarr", ".h5"])
def test_elements_of_another_order_or_dtype_are_copied(
    suffix: str, copied: list[tuple[int, ...]]
) -> None:
    name = made(f"a{suffix}", NUMBERS)
    cs.concat([name, name], "y.npy", dtype="f8")
    assert np.array_equal(np.load("y.npy"), np.concatenate([NUMBERS] * 2).astype("f8"))
    cs.stack([name, name], "z.npy", axis=2)
    assert np.array_equal(np.load("z.npy"), np.stack([NUMBERS] * 2, 2))
    assert (16, 1024) in copied


@pytest.mark.parametrize(
    "stored", [{"serializer": zarr.codecs.BytesCodec(endian="big")},
               {"filters": [zarr.codecs.TransposeCodec(order=(1, 0))]},
               {"zarr_format": 2, "order": "F"}], ids=["big", "transposed", "fortran"],
)  # fmt: skip
def test_chunks_that_are_stored_otherwise_are_put_in_order(
    stored: dict[str, Any], copied: list[tuple[int, ...]]
) -> None:
    zarr.create_array("a.zarr", data=NUMBERS, chunks=CHUNKS, **stored)
    cs.concat(["a.zarr", "a.zarr"], "y.npy")
    assert np.array_equal(np.load("y.npy"), np.concatenate([NUMBERS] * 2))
    assert (16, 1024) in copied


def test_a_damaged_chunk_fails_the_run(copied: list[tuple[int, ...]]) -> None:
    made("a.zarr", NUMBERS)
    chunk = Path("a.zarr/c/1/0")
    chunk.write_bytes(chunk.read_bytes()[:-3])
    with pytest.raises(ConcatsplitError, match=r"chunk 1\.0 .*cut short"):
        cs.concat(["a.zarr"], "y.npy")
    assert not Path("y.npy").exists()

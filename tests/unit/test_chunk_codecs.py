"""Decoding of single chunks: never more than what belongs there, and damage is said."""

from __future__ import annotations

import bz2
import gzip
import tracemalloc
import zlib

import numcodecs
import numpy as np
import pytest

from concatsplit_core.codecs import steps
from concatsplit_core.codecs.chunks import (
    announce_libraries,
    can_decode,
    can_encode,
    decode,
    encode,
)
from concatsplit_core.codecs.pipeline import Codec, Step, parse_codec
from concatsplit_core.formats.hdf5.files import malformed
from concatsplit_core.foundation.errors import MalformedInput, OverBudget, UsageError
from concatsplit_core.foundation.interrupts import BlockingLibraries

PLAIN = np.arange(1000, dtype="<i4").tobytes()
BOMB = 64 << 20


def zeros(compress: object) -> bytes:
    return bytes(compress(bytes(BOMB)))


def claiming(compress: object, at: int, size: int, value: int = 1 << 30) -> bytes:
    """A small chunk whose header claims to be a large one."""
    data = bytearray(compress(PLAIN))
    data[at : at + size] = value.to_bytes(size, "little")
    return bytes(data)


def zstd_claiming(nbytes: int) -> bytes:
    """A zstd frame with an eight byte content size and one raw block of one byte."""
    head = b"\x28\xb5\x2f\xfd\xc0\x00" + nbytes.to_bytes(8, "little")
    return head + b"\x09\x00\x00x"


def zstd_silent(data: bytes) -> bytes:
    """The frame of a streaming writer, without its content size."""
    frame = bytes(numcodecs.Zstd(1).encode(data))
    flags, at = frame[4], 5
    single = flags >> 5 & 1
    size = (single, 2, 4, 8)[flags >> 6]
    window = b"" if not single else b"\x88"
    kept = flags & 0b00001100
    return (
        frame[:4]
        + bytes([kept])
        + (window or frame[at : at + 1])
        + frame[at + (1 - single) + size :]
    )


BOMBS = {
    "gzip": lambda: zeros(gzip.compress),
    "zlib": lambda: zeros(zlib.compress),
    "bz2": lambda: zeros(bz2.compress),
    "zstd": lambda: zeros(numcodecs.Zstd(1).encode),
    "zstd claim": lambda: zstd_claiming(1 << 40),
    "blosc": lambda: zeros(numcodecs.Blosc("lz4").encode),
    "blosc claim": lambda: claiming(numcodecs.Blosc("lz4").encode, 4, 4),
    "lz4": lambda: zeros(numcodecs.LZ4().encode),
    "lz4 claim": lambda: claiming(numcodecs.LZ4().encode, 0, 4),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(name: str) -> None:
    codec = name.partition(" ")[0]
    steps = (Step(codec, (1,)),)
    assert bytes(decode(encode(PLAIN, parse_codec(codec).steps, 4), steps, len(PLAIN))) == PLAIN
    bomb = BOMBS[name]()
    tracemalloc.start()
    try:
        with pytest.raises(OverBudget, match="expand"):
            decode(bomb, steps, len(PLAIN))
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_zstd_frame_without_a_size_is_bounded() -> None:
    steps = parse_codec("zstd").steps
    assert bytes(decode(zstd_silent(PLAIN), steps, len(PLAIN))) == PLAIN
    with pytest.raises((OverBudget, MalformedInput)):
        decode(zstd_silent(PLAIN), steps, len(PLAIN) - 4)
    with pytest.raises(MalformedInput):
        decode(zstd_silent(PLAIN), steps, len(PLAIN) + 4)


@pytest.mark.parametrize(
    "codec", ["gzip:1", "zlib:1", "bz2:1", "zstd:1", "blosc:zstd:5:shuffle", "lz4", "crc32c"]
)
@pytest.mark.parametrize("keep", [0, 1, 4, 8, -10, -1])
def test_truncated(codec: str, keep: int) -> None:
    steps = parse_codec(codec).steps
    data = bytes(encode(PLAIN, steps, 4))
    with pytest.raises(MalformedInput):
        decode(data[:keep], steps, len(PLAIN))


@pytest.mark.parametrize("codec", ["gzip", "zlib", "bz2", "zstd", "blosc", "lz4", "crc32c"])
def test_junk(codec: str) -> None:
    junk = np.random.default_rng(1).bytes(300)
    with pytest.raises((MalformedInput, OverBudget)):
        decode(junk, (Step(codec, (1,)),), len(PLAIN))


@pytest.mark.parametrize(
    "codec",
    [
        "none",
        "gzip",
        "zlib:9",
        "zstd:-3",
        "lz4",
        "bz2",
        "crc32c",
        "fletcher32",
        "blosc:lz4:5:noshuffle",
        "blosc:zstd:3:bitshuffle",
        "blosc:lz4hc:9:shuffle",
        "zstd+crc32c",
        "gzip+fletcher32",
    ],
)
@pytest.mark.parametrize("data", [PLAIN, bytes(4000)], ids=["numbers", "zeros"])
def test_round_trip(codec: str, data: bytes) -> None:
    steps = parse_codec(codec).steps
    assert can_decode(steps)
    assert can_encode(steps)
    assert bytes(decode(encode(data, steps, 4), steps, len(data))) == data


@pytest.mark.parametrize(("nbytes", "error"), [(3999, OverBudget), (4001, MalformedInput)])
def test_plain_chunk_of_the_wrong_size(nbytes: int, error: type) -> None:
    with pytest.raises(error, match=str(nbytes)):
        decode(PLAIN, (), nbytes)


def test_checksum() -> None:
    steps = parse_codec("crc32c").steps
    data = bytearray(encode(PLAIN, steps, 4))
    data[7] ^= 1
    with pytest.raises(MalformedInput, match="checksum"):
        decode(data, steps, len(PLAIN))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none", ""),
        ("", ""),
        (" None ", ""),
        ("gzip", "gzip:4"),
        ("GZIP:9", "gzip:9"),
        ("zlib:0", "zlib:0"),
        ("zstd", "zstd:3"),
        ("zstd:-7", "zstd:-7"),
        ("zstd:22", "zstd:22"),
        ("bz2", "bz2:9"),
        ("lz4", "lz4"),
        ("lzf", "lzf"),
        ("blosc", "blosc:lz4:5:shuffle"),
        ("blosc:zstd", "blosc:zstd:5:shuffle"),
        ("blosc:zstd:9:bitshuffle", "blosc:zstd:9:bitshuffle"),
        ("shuffle+gzip:4+fletcher32", "shuffle+gzip:4+fletcher32"),
        (" shuffle + gzip ", "shuffle+gzip:4"),
    ],
)
def test_parse_codec(text: str, expected: str) -> None:
    codec = parse_codec(text)
    assert "+".join(map(str, codec.steps)) == expected
    assert str(codec) == (expected or "none")
    assert bool(codec) == bool(expected)
    assert parse_codec(str(codec)) == codec


@pytest.mark.parametrize(
    "text",
    [
        "gzip:10",
        "gzip:-1",
        "gzip:x",
        "gzip:4:4",
        "gzip:",
        "zstd:23",
        "lz4:3",
        "lzf:1",
        "shuffle:4",
        "blosc:gzip",
        "blosc:lz4:10",
        "blosc:lz4:5:sideways",
        "blosc:lz4:5:shuffle:1",
        "unknown",
        "gzip+",
        "+",
        "none+gzip",
    ],
)
def test_parse_codec_refuses(text: str) -> None:
    with pytest.raises(UsageError, match=r"codec|blosc"):
        parse_codec(text)


def test_codec_without_steps() -> None:
    assert Codec() == parse_codec("none")
    assert encode(PLAIN, (), 4) == PLAIN


@pytest.mark.parametrize(("name", "is_announced"), [("blosc", True), ("zstd", False)])
def test_libraries_that_may_hold_up_signals_are_announced(
    monkeypatch: pytest.MonkeyPatch, name: str, is_announced: bool
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(BlockingLibraries, "before", lambda: calls.append(name))
    for _ in range(2):
        announce_libraries((Step(name, ()),))
    assert calls == ([name] if is_announced else [])


def test_a_chunk_is_not_called_damaged_for_want_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> bytes:
        raise MemoryError

    monkeypatch.setitem(steps.DECODERS, "zlib", refuse)
    with pytest.raises(MemoryError) as caught:
        decode(zlib.compress(PLAIN), (Step("zlib", (4,)),), len(PLAIN))
    assert not isinstance(caught.value, OverBudget)


def test_an_hdf5_file_is_not_called_damaged_for_want_of_memory() -> None:
    found = malformed("a.h5::x", MemoryError((64, 3), "u1"))
    assert isinstance(found, OverBudget)
    assert found.message.startswith("a.h5::x: the system gives no memory")

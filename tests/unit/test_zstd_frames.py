"""Chunks of zstd: frames of all kinds, bounded, on contexts that threads keep."""

from __future__ import annotations

import threading
import tracemalloc

import numcodecs.zstd
import numpy as np
import pytest
from zstandard import ZstdCompressor, ZstdDecompressor, train_dictionary

from concatsplit_core.codecs.chunks import decode, decode_most, encode
from concatsplit_core.codecs.pipeline import Step
from concatsplit_core.codecs.zstd_frames import compressed, content_size
from concatsplit_core.foundation.errors import MalformedInput, OverBudget

PLAIN = bytes(range(256)) * 40
HALF = len(PLAIN) // 2
STEPS = (Step("zstd", (1,)),)
SKIPPABLE = b"\x50\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"hello"


def sized(data: bytes) -> bytes:
    return ZstdCompressor(level=1, write_checksum=True).compress(data)


def silent(data: bytes) -> bytes:
    """A frame that does not say how much it holds."""
    return ZstdCompressor(level=1, write_content_size=False).compress(data)


def changed(data: bytes, at: int, value: bytes) -> bytes:
    return b"".join((data[:at], value, data[at + len(value) :]))


GOOD = {
    "sized": sized(PLAIN),
    "silent": silent(PLAIN),
    "of numcodecs": bytes(numcodecs.zstd.compress(PLAIN, 3)),
    "two sized": sized(PLAIN[:HALF]) + sized(PLAIN[HALF:]),
    "two silent": silent(PLAIN[:HALF]) + silent(PLAIN[HALF:]),
    "sized, silent": sized(PLAIN[:HALF]) + silent(PLAIN[HALF:]),
    "silent, sized": silent(PLAIN[:HALF]) + sized(PLAIN[HALF:]),
    "skippable before": SKIPPABLE + sized(PLAIN),
    "skippable behind": sized(PLAIN) + SKIPPABLE,
    "skippable behind silent": silent(PLAIN) + SKIPPABLE,
    "skippable between": sized(PLAIN[:HALF]) + SKIPPABLE + sized(PLAIN[HALF:]),
    "empty before": sized(b"") + sized(PLAIN),
    "empty behind": silent(PLAIN) + silent(b""),
    "run of one byte": None,
}


@pytest.mark.parametrize("name", GOOD)
def test_frames_are_decoded_whatever_they_say_of_themselves(name: str) -> None:
    data = PLAIN if GOOD[name] else bytes(1 << 20)
    stored = GOOD[name] or sized(data[:HALF]) + silent(data[HALF:])
    assert bytes(decode(stored, STEPS, len(data))) == data
    assert bytes(decode(bytearray(stored), STEPS, len(data))) == data
    assert bytes(decode_most(memoryview(stored), STEPS, len(data) + 9)) == data


DAMAGED = {
    "nothing": (b"", "not a zstd frame"),
    "skippable alone": (SKIPPABLE, "holds 0 bytes"),
    "junk behind": (sized(PLAIN) + b"junk", "is not one"),
    "zeros behind silent": (silent(PLAIN) + bytes(2), "is not one"),
    "magic only": (sized(PLAIN)[:4], "cut short"),
    "head only": (sized(PLAIN)[:5], "cut short"),
    "no blocks": (silent(PLAIN)[:6], "cut short"),
    "no checksum": (sized(PLAIN)[:-4], "cut short"),
    "half of a silent one": (silent(PLAIN)[:-1], "cut short"),
    "second one cut": (sized(PLAIN[:HALF]) + sized(PLAIN[HALF:])[:-1], "cut short"),
    "skippable cut": (sized(PLAIN) + SKIPPABLE[:-1], "cut short"),
    "wrong checksum": (changed(sized(PLAIN), len(sized(PLAIN)) - 1, b"\0"), "checksum"),
    "claims less": (changed(sized(PLAIN), 5, (9000).to_bytes(2, "little")), "decode"),
    "wide window": (changed(silent(PLAIN), 5, b"\xff"), "memory"),
    "dictionary": (
        ZstdCompressor(
            dict_data=train_dictionary(1024, [bytes([n % 251] * 9) * 50 for n in range(900)])
        ).compress(PLAIN),
        "ictionary",
    ),
    "empty": (sized(b""), "holds 0 bytes"),
    "empty and silent": (silent(b""), "holds 0 bytes"),
    "one byte less": (silent(PLAIN[:-1]), f"holds {len(PLAIN) - 1} bytes"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_wrong_with_frames_is_said(name: str) -> None:
    stored, message = DAMAGED[name]
    with pytest.raises(MalformedInput, match=message):
        decode(stored, STEPS, len(PLAIN))


@pytest.mark.parametrize(
    "stored",
    [
        sized(PLAIN + b"x"),
        silent(PLAIN + b"x"),
        sized(PLAIN) * 2,
        silent(PLAIN) * 2,
        sized(PLAIN) + sized(bytes(64 << 20)),
        sized(PLAIN) + silent(bytes(64 << 20)),
        sized(b"x") + b"\x28\xb5\x2f\xfd\xe0" + (1 << 60).to_bytes(8, "little") + b"\x01\0\0",
    ],
)
def test_more_than_belongs_is_refused_and_never_made(stored: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(OverBudget, match=str(len(PLAIN))):
            decode(stored, STEPS, len(PLAIN))
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_many_tiny_frames_are_decoded_in_one_pass() -> None:
    piece = silent(b"x") + sized(b"")
    assert bytes(decode(piece * 3000, STEPS, 3000)) == b"x" * 3000


@pytest.mark.parametrize("level", [-131072, -5, 0, 1, 3, 9, 22, 99])
@pytest.mark.parametrize("checksum", [False, True])
def test_levels_and_checksums_are_those_that_numcodecs_writes(level: int, checksum: bool) -> None:
    data = np.arange(30000, dtype="<i4") // 7
    ours = compressed(data, level, checksum)
    theirs = bytes(numcodecs.zstd.compress(data, level, checksum))
    assert bytes(numcodecs.zstd.decompress(ours)) == data.tobytes()
    assert content_size(ours) == data.nbytes
    assert ours[4] == theirs[4]  # what the header holds, and whether a checksum follows
    assert len(ours) <= 1.01 * len(theirs)


def test_a_codec_with_a_checksum_writes_one() -> None:
    plain, guarded = (encode(PLAIN, (Step("zstd", s),), 1) for s in ((3,), (3, True)))
    assert len(guarded) == len(plain) + 4
    with pytest.raises(MalformedInput, match="checksum"):
        decode(changed(guarded, len(guarded) - 1, bytes([guarded[-1] ^ 1])), STEPS, len(PLAIN))


def test_threads_do_not_share_contexts() -> None:
    errors: list[BaseException] = []

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        try:
            for level in (1, 3, 1, 3, 3, 1) * 5:
                data = rng.integers(0, 9, 40_000).astype("u1").tobytes()
                frame = compressed(data, level, True)
                assert ZstdDecompressor().decompress(frame) == data
                assert decode(frame, STEPS, len(data)) == data
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors

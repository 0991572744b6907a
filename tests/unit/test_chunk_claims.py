"""What a chunk expands to, found without keeping it."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

from concatsplit_core.codecs.chunks import encode
from concatsplit_core.codecs.claims import expanded_bytes
from concatsplit_core.codecs.pipeline import Step, parse_codec
from concatsplit_core.foundation.errors import MalformedInput, UsageError
from concatsplit_core.foundation.sizes import format_size, parse_size

PLAIN = np.arange(5000, dtype="<i4").tobytes()
MOST = 1 << 40
CODECS = ("none", "gzip:1", "zlib:1", "zstd:3", "lz4", "bz2", "blosc:zstd:5:shuffle",
          "zstd:3+crc32c", "gzip:1+crc32c", "crc32c", "zlib:1+lz4", "shuffle+zstd:1")  # fmt: skip


def _load(data: bytes) -> Any:
    return lambda nbytes: data[:nbytes]


def _steps(codec: str) -> tuple[Step, ...]:
    steps = parse_codec(codec).steps
    return tuple(Step("shuffle", (4,)) if step.name == "shuffle" else step for step in steps)


@pytest.mark.parametrize("codec", CODECS)
def test_what_was_encoded(codec: str) -> None:
    steps = _steps(codec)
    data = bytes(encode(np.frombuffer(PLAIN, "u1"), steps, 4))
    assert expanded_bytes(_load(data), len(data), steps, MOST) == len(PLAIN)
    if codec != "zlib:1+lz4":  # the inner step's data are more than that
        assert expanded_bytes(_load(data), len(data), steps, 100) <= 100


@pytest.mark.parametrize("codec", ["zstd:3", "blosc:lz4:5:shuffle", "lz4"])
def test_a_header_that_says_it_is_all_that_is_read(codec: str) -> None:
    data = bytes(encode(np.frombuffer(PLAIN, "u1"), _steps(codec), 4))
    asked: list[int] = []

    def load(nbytes: int) -> bytes:
        asked.append(nbytes)
        return data[:nbytes]

    assert expanded_bytes(load, len(data), _steps(codec), MOST) == len(PLAIN)
    assert sum(asked) <= 64


@pytest.mark.parametrize("codec", ["gzip:1", "zlib:1", "bz2"])
def test_what_has_to_be_inflated_is_not_kept(codec: str) -> None:
    steps = _steps(codec)
    data = bytes(encode(np.zeros(24 << 20, "u1"), steps, 1))
    tracemalloc.start()
    try:
        assert expanded_bytes(_load(data), len(data), steps, MOST) == 24 << 20
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("codec", ["gzip:1", "zlib:1", "bz2", "blosc:lz4:5:shuffle", "lz4"])
def test_damage_is_for_the_decoder_to_tell(codec: str) -> None:
    assert expanded_bytes(_load(b"no such chunk at all"), 20, _steps(codec), MOST) >= 0


def test_what_is_no_frame() -> None:
    with pytest.raises(MalformedInput):
        expanded_bytes(_load(b"no such chunk at all"), 20, _steps("zstd:3"), MOST)


@pytest.mark.parametrize(("nbytes", "text"), [((1 << 80) - 1, "EiB"), (1 << 80, "2^80B"),
                                              (10**1200, "2^3986B")])  # fmt: skip
def test_claims_beyond_all_units_can_be_said(nbytes: int, text: str) -> None:
    assert format_size(nbytes).endswith(text)
    assert len(format_size(nbytes)) < 30


@pytest.mark.parametrize("text", ["9" * 400, "9" * 400 + "EiB", "9" * 41])
def test_sizes_beyond_all_machines_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_size(text)

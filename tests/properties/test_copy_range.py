"""Ranges copied between files: every byte of them and no other, whatever the kernel does of it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from concatsplit_core.stores import files

BLOCK, SHAREABLE, LENGTH = 16, 64, 700


@pytest.fixture(scope="module", autouse=True)
def _small_blocks() -> Iterator[None]:
    """Blocks, and buffers, as small as the files here are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "SHARED_BLOCK", BLOCK)
        patch.setattr(files, "SHAREABLE", SHAREABLE)
        yield


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int, bytes]]:
    """A file to copy from, one to copy to, and what the first one holds."""
    folder = tmp_path_factory.mktemp("files")
    data = np.random.default_rng(1).bytes(LENGTH)
    (folder / "here").write_bytes(data)
    here = os.open(folder / "here", os.O_RDONLY)
    there = os.open(folder / "there", os.O_RDWR | os.O_CREAT)
    yield here, there, data
    os.close(here)
    os.close(there)


calls = st.lists(
    st.sampled_from((0, 1, 7, 50, 10_000, errno.EXDEV * -1, errno.EIO * -1)), max_size=8
)


@examples(300)
@given(
    st.integers(0, 400),
    st.integers(0, 400),
    st.integers(0, 300),
    st.booleans(),
    st.booleans(),
    calls,
)
def test_every_byte_is_copied(
    opened: Any, start: int, to: int, size: int, aligned: bool, shares: bool, answers: list[int]
) -> None:
    """The kernel answers each call with so many bytes at most, or an error, then as it will."""
    here, there, data = opened
    if aligned:
        to = to - (to - start) % BLOCK + BLOCK
    before = bytes(range(1, 251)) * 4
    os.pwrite(there, before, 0)
    left, original = list(answers), os.copy_file_range
    aimed: list[tuple[int, int, int]] = []

    def fake(source: int, target: int, count: int, offset: int, place: int) -> int:
        aimed.append((offset, place, count))
        answer = left.pop(0) if left else 10_000
        if answer < 0:
            raise OSError(-answer, os.strerror(-answer))
        return original(source, target, min(count, answer), offset, place) if answer else 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "copy_file_range", fake)
        patch.setattr(files, "_can_share", lambda *_: shares)
        files.copy_range(here, start, there, to, size, "here", 100)
    found = os.pread(there, len(before), 0)
    assert found == before[:to] + data[start : start + size] + before[to + size :]
    assert all(place - offset == to - start for offset, place, _ in aimed)
    if aligned and shares and size >= SHAREABLE and not answers:
        offset, _, count = aimed[-1]
        assert offset % BLOCK == 0
        assert count > size - BLOCK


@given(st.integers(0, LENGTH), st.integers(1, 300), calls)
def test_a_source_that_ends_too_early_is_told(
    opened: Any, start: int, more: int, answers: list[int]
) -> None:
    here, there, _ = opened
    left, original = list(answers), os.copy_file_range

    def fake(source: int, target: int, count: int, offset: int, place: int) -> int:
        answer = left.pop(0) if left else 10_000
        if answer < 0:
            raise OSError(-answer, os.strerror(-answer))
        return original(source, target, min(count, answer), offset, place) if answer else 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "copy_file_range", fake)
        with pytest.raises(files.InputChanged, match=r"here: .*shorter"):
            files.copy_range(here, start, there, 0, LENGTH - start + more, "here", 100)

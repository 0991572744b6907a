"""Space on a disk is taken before large ranges are copied, where they share no blocks."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from concatsplit_core.array.geometry import Box
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.formats.storage import Extent
from concatsplit_core.routes import extents
from concatsplit_core.stores import disk_space, files

MIB = 1 << 20


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "target"
    path.write_bytes(b"before")
    os.truncate(path, 3 * MIB)
    return path


@pytest.mark.parametrize(
    ("device", "nbytes", "taken"),
    [(8, MIB, True), (8, MIB - 1, False), (0, MIB, False)],
    ids=["on a disk", "too short", "in memory"],
)
def test_space_is_taken_for_long_ranges_on_disks_and_nothing_else_changes(
    target: Path, monkeypatch: pytest.MonkeyPatch, device: int, nbytes: int, taken: bool
) -> None:
    monkeypatch.setattr(os, "major", lambda _: device)
    blocks, data = target.stat().st_blocks, target.read_bytes()
    with target.open("r+b") as file:
        disk_space.take_space(file.fileno(), MIB, nbytes)
    grown = (target.stat().st_blocks - blocks) * 512
    assert grown == (MIB if taken else 0)
    assert target.read_bytes() == data


@pytest.mark.parametrize(
    ("number", "takes"),
    [
        (errno.EOPNOTSUPP, True),
        (errno.ENOTTY, True),
        (errno.EXDEV, True),
        (errno.EINVAL, False),
        (0, False),
    ],
    ids=["never", "unknown", "two file systems", "whole blocks only", "shared"],
)
def test_files_that_can_share_blocks_take_no_space(
    target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, takes: bool
) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(2 * MIB))
    asked, taken = [], []

    def ioctl(fd: int, request: int, argument: bytes) -> None:
        asked.append(struct.unpack("=qQQQ", argument)[1:])
        if number:
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    monkeypatch.setattr(files, "_sharing", {})
    monkeypatch.setattr(files, "take_space", lambda _, at, nbytes: taken.append((at, nbytes)))
    start = files.SHARED_BLOCK - 100
    with source.open("rb") as here, target.open("r+b") as there:
        for _ in "ab":
            files.copy_range(here.fileno(), start, there.fileno(), start, MIB, "source")
    assert asked == [(start, 1, start)]  # the first byte, which is copied in any case
    assert taken == [(start, MIB)] * 2 * takes
    expected = b"before".ljust(start, b"\0") + source.read_bytes()[start : start + MIB]
    assert target.read_bytes() == expected.ljust(3 * MIB, b"\0")


def test_a_disk_without_room_is_left_to_the_write(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "major", lambda _: 8)
    with target.open("rb") as file:  # not open for writing: an error, as a full disk is one
        disk_space.take_space(file.fileno(), 0, MIB)


@pytest.mark.parametrize(
    ("box", "taken"),
    [
        (Box((1, 0), (3, MIB)), [(2 * MIB, 2 * MIB)]),
        (Box((0, 0), (3, 5)), []),
    ],
    ids=["one run", "several runs"],
)
def test_a_block_that_is_one_run_takes_its_space(
    target: Path, monkeypatch: pytest.MonkeyPatch, box: Box, taken: list[tuple[int, int]]
) -> None:
    found: list[tuple[int, int]] = []
    monkeypatch.setattr(extents, "take_space", lambda _, at, nbytes: found.append((at, nbytes)))
    spec, block = ArraySpec((3, MIB), np.dtype("u1")), np.full(box.size, 7, np.uint8)
    with target.open("r+b") as file:
        extents.write_runs(file.fileno(), Extent(str(target), MIB), spec, box, block)
    assert found == taken
    array = np.fromfile(target, np.uint8, offset=MIB)
    expected = np.zeros((3, MIB), np.uint8)
    expected[box.slices] = 7
    np.testing.assert_array_equal(array, expected.reshape(-1)[: array.size])

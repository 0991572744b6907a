"""Files in memory: what a thread without the turn to write copies, it copies through a map."""

from __future__ import annotations

import errno
import mmap
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

import concatsplit_core as cs
from concatsplit_core.stores import memory_files
from concatsplit_core.stores.files import copy_range
from concatsplit_core.stores.memory_files import copy_to_memory, folder_is_in_memory, is_in_memory

MIB = 1 << 20
MOST = 3 * MIB
DATA = np.random.default_rng(5).integers(0, 256, MOST, dtype=np.uint8).tobytes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in memory, with a file to copy from."""
    path = tmp_path_factory.mktemp("memory")
    if not folder_is_in_memory(str(path)):
        pytest.skip("the tests have no RAM disk here")
    (path / "source").write_bytes(DATA)
    return path


@contextmanager
def opened(folder: Path, size: int) -> Iterator[tuple[int, int]]:
    """The source, and a new file of so many zeros."""
    flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC
    source, target = os.open(folder / "source", os.O_RDONLY), os.open(folder / "target", flags)
    os.ftruncate(target, size)
    try:
        yield source, target
    finally:
        os.close(source)
        os.close(target)


@contextmanager
def turn_of_another(target: int) -> Iterator[None]:
    """Inside the context another thread has the turn to write to a file."""
    found = os.fstat(target)
    memory_files._writing.add((found.st_dev, found.st_ino))
    yield
    memory_files._writing.clear()


@contextmanager
def calls(of: object, name: str) -> Iterator[list[int]]:
    """The sizes with which `name` is called."""
    original, found = getattr(of, name), list[int]()

    def call(fd: int, there: object, size: int, *places: int) -> int:
        found.append(size)
        return original(fd, there, size, *places)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(of, name, call)
        yield found


@examples(60)
@given(st.integers(MIB, MOST), st.data(), st.booleans())
def test_bytes_lie_where_they_belong_whoever_has_the_turn(
    folder: Path, size: int, data: st.DataObject, others: bool
) -> None:
    start = data.draw(st.integers(0, MOST - size), "start")
    to = data.draw(st.integers(0, 10_000), "to")
    with (
        opened(folder, to + size + 5000) as (source, target),
        calls(os, "copy_file_range") as sizes,
    ):
        if others:
            with turn_of_another(target):
                copy_range(source, start, target, to, size, "source")
        else:
            copy_range(source, start, target, to, size, "source")
        found = os.pread(target, to + size + 5000, 0)
    assert found == bytes(to) + DATA[start : start + size] + bytes(5000)
    assert (not sizes) == others


def test_the_turn_goes_round_after_some_bytes_and_is_given_back_by_an_error(folder: Path) -> None:
    with opened(folder, MOST) as (source, target):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(memory_files, "_IN_ONE_TURN", MIB)
            assert copy_to_memory(source, target, MOST, 0, 0) == MIB
        with pytest.raises(OSError, match="Bad file descriptor"):
            copy_to_memory(target, source, MIB, 0, 0)  # the source is not open for writing
    assert not memory_files._writing


def test_what_lies_behind_the_end_is_not_lost_in_a_map(folder: Path) -> None:
    """A map shows the file's last page whole, and the file keeps nothing behind its end."""
    with opened(folder, MIB + 100) as (source, target), turn_of_another(target):
        copy_range(source, 0, target, 0, 2 * MIB, "source")
        assert os.pread(target, MOST, 0) == DATA[: 2 * MIB]


@pytest.mark.parametrize("why", ["no map", "the source cannot be read", "the source ends"])
def test_what_a_map_cannot_do_is_done_without_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise OSError(errno.ENOMEM, "refused")

    if why == "no map":
        monkeypatch.setattr(mmap, "mmap", refuse)
    if why == "the source cannot be read":
        monkeypatch.setattr(os, "preadv", refuse)
    start = MOST if why == "the source ends" else 0
    with opened(folder, 2 * MIB) as (source, target), turn_of_another(target):
        count = copy_to_memory(source, target, 2 * MIB, start, 0)
        assert os.pread(target, count, 0) == DATA[start : start + count]
        assert count == (0 if start else 2 * MIB)


def test_threads_that_fill_one_file_leave_what_one_would(folder: Path) -> None:
    """The second begins while the first copies, and so without the turn."""
    begun, go_on = threading.Event(), threading.Event()
    original = os.copy_file_range

    def slow(*where: int) -> int:
        begun.set()
        assert go_on.wait(60)
        return original(*where)

    with opened(folder, 2 * MIB) as (source, target), pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "copy_file_range", slow)
        first = threading.Thread(target=copy_range, args=(source, 0, target, 0, MIB, "source"))
        first.start()
        assert begun.wait(60)
        copy_range(source, MIB, target, MIB, MIB, "source")  # without a map it would wait for ever
        go_on.set()
        first.join()
        assert os.pread(target, MOST, 0) == DATA[: 2 * MIB]


def test_only_a_file_system_in_memory_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_files, "_known", {})
    with open("/proc/self/status", "rb") as file:
        assert not is_in_memory(file.fileno())
    assert not folder_is_in_memory("/proc/self")
    assert not folder_is_in_memory(str(tmp_path / "not there"))


@pytest.mark.parametrize(
    ("mebibytes", "options", "threads"),
    [(36, {}, 2), (36, {"jobs": 1}, 1), (36, {"manifest": "m.json"}, 2), (4, {}, 1)],
)
def test_two_threads_fill_a_large_file_in_memory(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    mebibytes: int,
    options: dict[str, Any],
    threads: int,
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    np.lib.format.open_memmap("zeros.npy", "w+", np.uint8, (mebibytes << 20,))
    plan = cs.concat(["zeros.npy", "zeros.npy"], "out.npy", dry_run=True, **options).plan
    assert plan is not None
    assert plan.workers == threads

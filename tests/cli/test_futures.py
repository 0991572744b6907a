"""Pools of concurrent.futures do what threads do, with the same bytes, errors and clean ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import Executor as Pool
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from executors import SMALL, WHOLE, A, ExecutorConformance

import concatsplit_core as cs
from concatsplit_core.foundation.errors import UsageError, WorkerDied
from concatsplit_core.run import batches, worker


@pytest.fixture(scope="module")
def processes() -> Iterator[Pool]:
    """Two processes, in a working folder that stays."""
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        with chdir("/"):
            assert [one.result() for one in [pool.submit(os.getcwd) for _ in "12"]] == ["/", "/"]
        yield pool


@pytest.fixture
def threads() -> Iterator[Pool]:
    """Two threads of this process, which tests can look into."""
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def two(shell: Any) -> Any:
    """A shell with a.npy and b.npy."""
    shell.save(a=A, b=A + 1)
    return shell


class TestPool(ExecutorConformance):
    @pytest.fixture
    def executor(self, processes: Pool) -> Any:
        return processes

    @pytest.fixture
    def threads(self, threads: Pool) -> Any:
        return threads


@pytest.mark.parametrize("suffix", ["npy", "zarr", "zarr.zip", "h5"])
def test_processes_in_another_working_folder_read_the_same_files(
    two: Any, processes: Pool, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    Path("inner").mkdir()
    monkeypatch.chdir("inner")
    for name in "ab":
        cs.concat([f"../{name}.npy"], f"../{name}{name}.{suffix}")
    cs.concat([f"../{name}{name}.{suffix}" for name in "ab"], "y.npy", executor=processes, **SMALL)
    np.testing.assert_array_equal(np.load("y.npy"), WHOLE)


def test_what_takes_no_tasks_is_refused(two: Any) -> None:
    with pytest.raises(UsageError, match="a list is no text such as 'dask', no client"):
        cs.concat(["a.npy"], "y.npy", executor=[threads])


class _Elsewhere(Pool):
    """A pool that may have processes on other machines; it counts what it has at a time."""

    def __init__(self, pool: Pool) -> None:
        self.pool, self.flying, self.most = pool, set[Future[Any]](), 0

    def submit(self, *given: Any, **named: Any) -> Future[Any]:
        future = self.pool.submit(*given, **named)
        self.flying = {one for one in self.flying if not one.done()} | {future}
        self.most = max(self.most, len(self.flying))
        return future


def test_bytes_leave_a_machine_elsewhere_and_batches_are_bounded(
    two: Any, threads: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    fsync = os.fsync

    def noting(fd: int) -> None:
        synced.append(fd)
        fsync(fd)

    monkeypatch.setattr(worker.os, "fsync", noting)
    inputs, options = ["a.npy", "b.npy"], {"sync": False, "memory": "600KiB", "jobs": 1}
    cs.concat(inputs, "y.npy", axis=1, executor=threads, **options)
    assert not synced
    pool = _Elsewhere(threads)
    cs.concat(inputs, "z.npy", axis=1, executor=pool, **options)
    np.testing.assert_array_equal(np.load("z.npy"), np.hstack([A, A + 1]))
    assert synced
    assert pool.most == 1


def test_a_process_that_dies_is_exit_13(two: Any) -> None:
    def kill(event: Any) -> None:
        if type(event).__name__ == "Started":
            os.kill(pool.submit(os.getpid).result(), signal.SIGKILL)

    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        words: dict[str, Any] = {"executor": pool, "on_event": kill, "chunks": (4, 500)}
        with pytest.raises(WorkerDied) as caught:
            cs.concat(["a.npy"], "y.zarr", **words, **SMALL)
    assert caught.value.exit_code == 13
    assert two.names() == ["a.npy", "b.npy"]


@pytest.mark.parametrize("count", [0, 1, 5, 64, 513, 100_000])
@pytest.mark.parametrize("threads", [1, 2, 7])
def test_batches_hold_every_task_once_and_get_smaller_at_the_end(count: int, threads: int) -> None:
    cut = list(batches.batches_of(range(7, 7 + count), threads))
    assert [number for batch in cut for number in batch] == list(range(7, 7 + count))
    sizes = [len(batch) for batch in cut]
    assert sizes == sorted(sizes, reverse=True)
    assert all(size == 1 for size in sizes[-threads:])
    assert max(sizes, default=0) <= max(1, min(64, count // threads // 16))
    assert len(cut) <= count / 64 + 60 * threads

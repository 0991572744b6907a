"""--executor dask: a cluster does what threads do, with the same bytes, errors and clean ends."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from executors import SMALL, A, ExecutorConformance

import concatsplit_core as cs
from concatsplit_core.foundation.errors import IOFailure, UsageError, WorkerDied
from concatsplit_core.run import batches, cluster, worker


@pytest.fixture(scope="module", autouse=True)
def distributed() -> Any:
    """Loaded where it is needed: each process that tests would load it to know the tests."""
    return pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def client(distributed: Any) -> Iterator[Any]:
    """A cluster of two threads in this process."""
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0",
            memory_limit=None,
        ) as own,
        distributed.Client(own, set_as_default=False) as found,
    ):  # fmt: skip
        yield found


@pytest.fixture
def two(shell: Any) -> Any:
    """A shell with a.npy and b.npy."""
    shell.save(a=A, b=A + 1)
    return shell


class TestCluster(ExecutorConformance):
    @pytest.fixture
    def executor(self, client: Any) -> Any:
        return client

    @pytest.fixture
    def threads(self, client: Any) -> Any:
        return client


def test_a_worker_with_too_little_memory_is_refused(
    two: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {"name": "tcp://w", "memory_limit": 1 << 10, "nthreads": 4}
    monkeypatch.setattr(cluster.ClusterExecutor, "_workers", lambda _: [small])
    with pytest.raises(cs.ConcatsplitError, match=r"worker tcp://w has 1KiB of memory") as caught:
        cs.concat(["a.npy"], "y.zarr", chunks=(4, 500), executor=client, **SMALL)
    assert caught.value.exit_code == 10


def test_a_worker_that_sees_other_files_says_so(two: Any) -> None:
    with pytest.raises(cs.ConcatsplitError, match="workers need the same files"):
        batches.do_batch("nowhere/work", "0", False, (0,))
    Path("work").write_bytes(b"x")
    with pytest.raises(IOFailure, match="is not what was written there"):
        batches.do_batch("work", "0", False, (0,))


def test_bytes_leave_the_machine_of_a_worker_before_its_batch_is_done(
    two: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fails = [True]

    def fsync(fd: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{fd}"))
        if fails and fails.pop():
            raise OSError(errno.EIO, "no")

    monkeypatch.setattr(worker.os, "fsync", fsync)
    options: dict[str, Any] = {"executor": client, "sync": False, "memory": "600KiB", "jobs": 2}
    cs.concat(["a.npy", "b.npy"], "y.npy", axis=1, **options)
    np.testing.assert_array_equal(np.load("y.npy"), np.hstack([A, A + 1]))
    assert len(synced) > 1  # the batch that could not be synced was done again
    assert len({os.path.dirname(path) for path in synced}) == 1


def test_workers_that_die_again_and_again_are_exit_13(distributed: Any) -> None:
    lost = cluster._as_ours(
        distributed.KilledWorker("do_batch-1", SimpleNamespace(address="tcp://w"), 3)
    )
    assert isinstance(lost, WorkerDied)
    assert lost.exit_code == 13


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--executor", "mpi"), "is not threads, dask or dask:ADDRESS"),
        (("--executor", "dask:"), "is not threads, dask or dask:ADDRESS"),
        (("--executor", "dask:nonsense://x"), "there is no Dask scheduler"),
    ],
)
def test_what_a_cluster_cannot_do_is_refused(two: Any, words: tuple[str, ...], says: str) -> None:
    two.fails(2, "concat", "a.npy", "-o", "y.npy", *words, says=says)


def test_a_manifest_is_that_of_threads(client: Any, two: Any) -> None:
    words: dict[str, Any] = {"manifest": "m.json", "chunks": (16, 500), **SMALL}
    cs.concat(["a.npy", "b.npy"], "y.zarr", **words)
    expected = Path("m.json").read_bytes()
    cs.concat(["a.npy", "b.npy"], "y.zarr", executor=client, force=True, **words)
    assert Path("m.json").read_bytes() == expected
    assert two.hidden() == []


def test_a_cluster_goes_on_where_threads_were_stopped(client: Any, two: Any) -> None:
    words: dict[str, Any] = {"chunks": (4, 500), "memory": "128KiB", "jobs": 1, "resume": True}
    seen: list[str] = []

    def listen(event: Any) -> None:
        seen.append(type(event).__name__)
        if seen.count("Moved") == 4:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        cs.concat(["a.npy", "b.npy"], "y.zarr", on_event=listen, **words)
    moved: list[str] = []
    result = cs.concat(["a.npy", "b.npy"], "y.zarr", executor=client, **words,
                       on_event=lambda event: moved.append(type(event).__name__))  # fmt: skip
    assert 0 < moved.count("Moved") < len(result.plan)
    np.testing.assert_array_equal(two.read("y.zarr"), np.concatenate([A, A + 1]))
    assert two.hidden() == []


def test_an_array_in_memory_is_refused(client: Any, two: Any) -> None:
    with pytest.raises(cs.ConcatsplitError, match="done by a cluster reads its inputs from files"):
        cs.concat([A], "y.npy", executor=client)


def test_a_killed_worker_costs_its_batch_and_no_byte(distributed: Any, two: Any) -> None:
    killed: list[int] = []
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", memory_limit=None,
            silence_logs=60,
        ) as own,
        distributed.Client(own, set_as_default=False) as found,
    ):  # fmt: skip

        def kill(event: Any) -> None:
            if type(event).__name__ == "Moved" and not killed:
                pid = next(iter(own.workers.values())).pid
                killed.append(pid)
                os.kill(pid, signal.SIGKILL)

        cs.concat(
            ["a.npy", "b.npy"], "y.zarr", chunks=(2, 500), codec="zstd:1", executor=found,
            on_event=kill, memory="256KiB", jobs=2,
        )  # fmt: skip
    assert killed
    np.testing.assert_array_equal(two.read("y.zarr"), np.concatenate([A, A + 1]))
    assert two.hidden() == []


_KILLED_CLIENT = """
import os, signal
import concatsplit_core as cs
def kill(event):
    if type(event).__name__ == "Moved":
        os.kill(os.getpid(), signal.SIGKILL)
cs.concat(["a.npy", "b.npy"], "y.zarr", chunks=(1, 500), executor="dask", jobs=1, on_event=kill)
"""


def test_a_killed_client_leaves_no_output_and_no_process(two: Any) -> None:
    # it returns when nobody has its standard output open any more: the workers have ended too
    command = [sys.executable, "-c", _KILLED_CLIENT]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not Path("y.zarr").exists()
    again = two.run("concat", "a.npy", "b.npy", "-o", "y.zarr")
    assert again.code == 0, again.err
    assert "that a killed run left behind were removed" in again.err
    assert two.hidden() == []
    assert two.read("y.zarr").tobytes() == np.concatenate([A, A + 1]).tobytes()


def test_dask_on_this_machine(distributed: Any, two: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    original = distributed.LocalCluster

    def quick(**how: Any) -> Any:
        return original(**how | {"processes": False, "n_workers": 1})

    monkeypatch.setattr(distributed, "LocalCluster", quick)
    two.ok("concat", "a.npy", "b.npy", "-o", "y.npy", "--executor", "dask", "-j", "2")
    np.testing.assert_array_equal(two.read("y.npy"), np.concatenate([A, A + 1]))


def test_without_dask_it_says_what_to_install(two: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Any:
        raise ImportError

    monkeypatch.setattr(cluster, "_dask", missing)
    two.fails(2, "concat", "a.npy", "-o", "y.npy", "--executor", "dask", says="pip install")


def test_the_processes_of_a_run_are_not_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dask's profiler and its health checks took a seventh of the processor time of a run."""
    import dask

    seen: list[Any] = []

    def start(**_: Any) -> None:
        seen.extend(map(dask.config.get, cluster._UNWATCHED))
        raise OSError("enough")

    monkeypatch.setattr(cluster, "_dask", lambda: SimpleNamespace(LocalCluster=start))
    before = [dask.config.get(name) for name in cluster._UNWATCHED]
    plan: Any = SimpleNamespace(workers=2)
    with pytest.raises(UsageError, match="enough"), cluster.ClusterExecutor("dask", plan):
        pass
    assert seen == [False, "1s"]
    assert [dask.config.get(name) for name in cluster._UNWATCHED] == before != seen

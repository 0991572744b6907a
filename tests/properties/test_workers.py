"""Workers in other processes, made from a pickled description, do what threads do."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
import pytest
import zarr

import concatsplit_core as cs
from concatsplit_core.run.worker import Work

_WORKER = """
import os, pickle, sys
from concatsplit_core.run.worker import Worker

while True:
    try:
        folder, data, numbers = pickle.load(sys.stdin.buffer)
    except EOFError:
        break
    os.chdir(folder)
    worker = Worker(pickle.loads(data))
    for number in numbers:
        worker.do(number)
        worker.do(number)
    worker.close()
    print("done", flush=True)
"""


class ProcessExecutor:
    """Two processes that share the tasks; each does all of its own twice, the last ones first."""

    processes: ClassVar[list[subprocess.Popen[bytes]]] = []
    used = 0

    def __init__(self, hashes: object) -> None:
        assert not hashes

    def run(
        self,
        work: Work,
        tasks: Iterable[int],
        done: Callable[[int], None],
        cancel: threading.Event,
    ) -> None:
        """As `Executor.run`."""
        numbers = list(tasks)[::-1]
        assert len(numbers) > 1
        for process, share in zip(self.processes, (numbers[::2], numbers[1::2]), strict=True):
            pickle.dump((os.getcwd(), pickle.dumps(work), share), process.stdin)
            process.stdin.flush()
            assert process.stdout.readline() == b"done\n"
        for number in numbers:
            done(number)
        assert not cancel.is_set()
        type(self).used += 1


@pytest.fixture(scope="module")
def two_processes() -> Iterator[list[subprocess.Popen[bytes]]]:
    command = [sys.executable, "-c", _WORKER]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    started = [subprocess.Popen(command, **pipes) for _ in range(2)]
    yield started
    for process in started:
        process.communicate()
        assert process.returncode == 0


@pytest.fixture
def _processes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, two_processes: Any) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("concatsplit_core.run.planned.ThreadExecutor", ProcessExecutor)
    monkeypatch.setattr(ProcessExecutor, "used", 0)
    monkeypatch.setattr(ProcessExecutor, "processes", two_processes)


def _put(name: str, array: np.ndarray, **how: Any) -> str:
    if name.endswith(".npy"):
        np.save(name, array)
    elif name.endswith(".zarr"):
        zarr.create_array(name, data=array, **how)
    else:
        with h5py.File(name, "w") as file:
            file.create_dataset("x", data=array, **how)
    return name


def _get(name: str) -> np.ndarray:
    if name.endswith(".npy"):
        return np.load(name)
    if name.endswith(".zarr"):
        return np.asarray(zarr.open_array(name, mode="r")[...])
    with h5py.File(name) as file:
        return np.asarray(file["data"][...])


@pytest.mark.parametrize(
    ("suffix", "how", "output", "axis", "route"),
    [
        ("npy", {}, "y.npy", 0, "kernel"),
        ("npy", {}, "y.npy", 1, "mapped"),
        ("npy", {}, "y.h5", 0, "kernel"),
        ("h5", {"chunks": (64, 128), "compression": "gzip"}, "y.npy", 0, "decoded"),
        ("npz", {}, "y.npy", 0, "kernel"),
        ("zarr", {"chunks": (64, 128)}, "y.zarr", 0, "encoded"),
        ("zarr", {"chunks": (60, 128)}, "y.zarr", 0, "decoded"),
        ("zarr", {"chunks": (32, 64), "shards": (64, 128)}, "y.zarr", 0, "encoded"),
        ("h5", {"chunks": (64, 128), "compression": "gzip"}, "y.zarr", 1, "encoded"),
    ],
)
@pytest.mark.usefixtures("_processes")
def test_other_processes_do_the_tasks(
    suffix: str, how: dict[str, Any], output: str, axis: int, route: str
) -> None:
    arrays = [np.arange(1024 * 256, dtype="f4").reshape(1024, 256) + i for i in range(2)]
    if suffix == "npz":
        for i, array in enumerate(arrays):
            np.savez(f"a{i}.npz", x=array)
        refs = ["a0.npz", "a1.npz"]
    else:
        refs = [_put(f"a{i}.{suffix}", array, **how) for i, array in enumerate(arrays)]
    result = cs.concat(refs, output, axis, memory="512KiB")
    assert ProcessExecutor.used == 1
    assert result.plan.routes[route]
    np.testing.assert_array_equal(_get(output), np.concatenate(arrays, axis))

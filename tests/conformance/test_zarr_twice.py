"""A task of a Zarr output can be done twice: after it was cut short, or by two workers at once."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conformance.arrays import make, tree_bytes
from conformance.zarr_arrays import create

from concatsplit_core.array.geometry import Box
from concatsplit_core.endpoints.inputs import open_inputs
from concatsplit_core.formats.sources import ChunkedSource
from concatsplit_core.formats.targets import ChunkedTarget
from concatsplit_core.formats.zarr import ZarrFormat
from concatsplit_core.stores.files import write_all
from concatsplit_core.stores.local import local

SHAPE = (48, 32)
LAYOUTS = {
    "as they are": {"compressors": None, "chunks": (8, 8)},
    "compressed": {"chunks": (8, 8)},
    "in shards": {"chunks": (4, 4), "shards": (16, 16)},
}


@pytest.fixture(params=LAYOUTS)
def task(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Path, bool], Callable]:
    """Makes a task that moves a whole array to a new store, as it is stored or encoded."""
    array = make("<i4", SHAPE)
    create(str(tmp_path / "in.zarr"), array, **LAYOUTS[request.param])

    def begin(folder: Path, moves: bool) -> Callable[[], None]:
        (source,) = open_inputs(str(tmp_path / "in.zarr"))
        assert isinstance(source, ChunkedSource)
        target = ZarrFormat().writer(local(folder), None).add("", source.spec, source.storage)
        assert isinstance(target, ChunkedTarget)
        whole = Box.whole(SHAPE)

        def run() -> None:
            if moves:
                shards = source.spec.shards is not None
                ready = {box.start: stored for box, stored in source.stored(whole, shards)}
                target.store(target.encode(whole, None, ready))
            else:
                target.store(target.encode(whole, array))

        return run

    return begin


MOVES = pytest.mark.parametrize("moves", [True, False], ids=["moved", "encoded"])


@MOVES
def test_a_task_that_was_cut_short_is_done_again(task: Any, tmp_path: Path, moves: bool) -> None:
    once, again = tmp_path / "once.zarr", tmp_path / "again.zarr"
    task(once, moves)()
    run = task(again, moves)
    run()
    files = sorted(path for path in again.rglob("*") if path.is_file() and path.suffix != ".json")
    for number, path in enumerate(files):  # as a worker leaves them that is killed
        os.truncate(path, path.stat().st_size * (number % 3) // 2)
    files[0].unlink()
    assert tree_bytes(again) != tree_bytes(once)
    run()
    assert tree_bytes(again) == tree_bytes(once)


@MOVES
def test_two_workers_do_one_task_at_once(
    task: Any, tmp_path: Path, moves: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    once, both = tmp_path / "once.zarr", tmp_path / "both.zarr"
    task(once, moves)()
    run, meet = task(both, moves), threading.Barrier(2, timeout=60)

    def write_beside_the_other(fd: int, data: Any, offset: int) -> None:
        meet.wait()  # both have opened the same file
        view = np.frombuffer(data, np.uint8)
        write_all(fd, view[: len(view) // 2], offset)
        meet.wait()  # both have written half of it
        write_all(fd, view[len(view) // 2 :], offset + len(view) // 2)

    monkeypatch.setattr("concatsplit_core.formats.zarr.writing.write_all", write_beside_the_other)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            run()
        except BaseException as error:
            errors.append(error)
            meet.abort()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not errors
    assert tree_bytes(both) == tree_bytes(once)

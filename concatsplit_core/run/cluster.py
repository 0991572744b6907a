"""Runs tasks on a Dask cluster, in batches: a graph with each chunk would be huge."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Self

from concatsplit_core.foundation.errors import (
    IOFailure,
    OverBudget,
    UsageError,
    WorkerDied,
)
from concatsplit_core.foundation.sizes import format_size
from concatsplit_core.planning.plan import Plan
from concatsplit_core.run.batches import TRIES, batches_of, do_batch, write_work
from concatsplit_core.run.worker import Work

_IN_FLIGHT = 2
"""How many batches for each thread the cluster has at the same time."""
_UNWATCHED = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
}
"""By default each process is sampled 100 times a second, and its event loop is tested 50 times."""


class ClusterExecutor:
    """Gives the tasks to a Dask cluster; inside the context, the cluster is there.

    Parameters
    ----------
    where : str or distributed.Client
        "dask" for processes on this machine, "dask:ADDRESS" for the scheduler of a cluster, or a
        client of one, which stays open.
    plan : Plan

    Raises
    ------
    UsageError
        Dask is not installed, or the scheduler is not there.
    OverBudget
        A worker has less memory than its tasks take.
    """

    shared: Path
    """A folder that all workers see."""

    def __init__(self, where: Any, plan: Plan) -> None:
        self._where, self._plan = where, plan
        self._own: list[Any] = []

    def __enter__(self) -> Self:
        try:
            self._client = self._connected()
            self._refuse_small_workers()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _connected(self) -> Any:
        try:
            distributed = _dask()
        except ImportError as error:
            raise UsageError(
                "--executor dask: Dask is not installed; pip install 'concatsplit[dask]'"
            ) from error
        if not isinstance(self._where, str):
            return self._where
        address: Any = self._where.partition(":")[2]
        try:
            if not address:
                address = self._own_cluster(distributed)
                self._own.append(address)
            client = distributed.Client(address, set_as_default=False)
        except (OSError, ValueError) as error:
            raise UsageError(
                f"--executor {self._where}: there is no Dask scheduler: {error}"
            ) from error
        self._own.append(client)
        return client

    def _own_cluster(self, distributed: Any) -> Any:
        """Processes on this machine, whose interpreters are not looked at all the time."""
        with import_module("dask").config.set(_UNWATCHED):
            return distributed.LocalCluster(
                n_workers=self._plan.workers,
                threads_per_worker=1,
                processes=True,
                memory_limit=None,
                dashboard_address=":0",
                silence_logs=logging.CRITICAL,
            )

    def _close(self) -> None:
        while self._own:
            self._own.pop().close()

    def _workers(self) -> list[Any]:
        return list(self._client.scheduler_info(n_workers=-1)["workers"].values())

    def _refuse_small_workers(self) -> None:
        one = self._plan.peak_memory_bytes // max(1, self._plan.workers)
        for worker in self._workers():
            limit, need = worker["memory_limit"], one * worker["nthreads"]
            if limit and need > limit:
                raise OverBudget(
                    f"--executor: the worker {worker['name']} has {format_size(limit)} of memory "
                    f"and {worker['nthreads']} threads, whose tasks take {format_size(need)}; "
                    "give a smaller --memory or a larger -j, or start workers with fewer threads",
                    found=limit,
                    expected=need,
                )

    def run(
        self,
        work: Work,
        tasks: Iterable[int],
        done: Callable[[int], None],
        cancel: threading.Event,
    ) -> None:
        """Do all tasks; see `Executor.run`."""
        threads = max(1, sum(worker["nthreads"] for worker in self._workers()))
        is_elsewhere = self._where != "dask"
        work_file = (*write_work(work, self.shared), is_elsewhere)
        batches = _Batches(self._client, work_file, batches_of(list(tasks), threads))
        try:
            batches.fill(_IN_FLIGHT * threads)
            for finished in batches.finished():
                if cancel.is_set():
                    break
                for number in finished:
                    done(number)
        except BaseException:
            cancel.set()
            raise
        finally:
            batches.give_up()


def _dask() -> Any:
    return import_module("distributed")


class _Batches:
    """Batches of tasks, a bounded number of which is in flight."""

    def __init__(
        self, client: Any, work_file: tuple[str, str, bool], batches: Iterator[tuple[int, ...]]
    ) -> None:
        self._client, self._work_file, self._ahead = client, work_file, batches
        self._again: deque[tuple[tuple[int, ...], int]] = deque()
        self._flying: dict[Any, tuple[tuple[int, ...], int]] = {}
        self._completed = _dask().as_completed(loop=client.loop)

    def fill(self, count: int) -> None:
        """Give some batches to the cluster."""
        for _ in range(count):
            found = self._again.popleft() if self._again else (next(self._ahead, ()), 1)
            if not found[0]:
                return
            future = self._client.submit(do_batch, *self._work_file, found[0], pure=False)
            self._flying[future] = found
            self._completed.add(future)

    def finished(self) -> Iterator[tuple[int, ...]]:
        """Batches that are done; each makes room for another one."""
        for future in self._completed:
            batch, tries = self._flying.pop(future)
            error = future.exception()
            future.release()
            if error is None:
                self.fill(1)
                yield batch
                continue
            if not isinstance(error, IOFailure) or tries == TRIES:
                raise _as_ours(error) from error
            self._again.append((batch, tries + 1))
            self.fill(1)

    def give_up(self) -> None:
        """Cancel what is in flight."""
        if self._flying:
            self._client.cancel(list(self._flying), force=True)
        self._flying.clear()


def _as_ours(error: BaseException) -> BaseException:
    """The error of a batch, as a run on threads would have raised it."""
    if isinstance(error, _dask().KilledWorker):
        return WorkerDied(
            f"a worker of the Dask cluster died with its tasks, and so did others: {error}; look "
            "at its memory limit and its log"
        )
    return error

"""Executors give the tasks of a run to workers, here on threads of this process."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self

from concatsplit_core.run.threads import run_on_threads
from concatsplit_core.run.worker import Work, Worker

if TYPE_CHECKING:
    from pathlib import Path

    from concatsplit_core.planning.plan import Plan
    from concatsplit_core.routes.base import Hashes


class Executor(Protocol):
    """Has the tasks of a run done, here or elsewhere."""

    def run(
        self,
        work: Work,
        tasks: Iterable[int],
        done: Callable[[int], None],
        cancel: threading.Event,
    ) -> None:
        """Do all tasks, and raise the first error.

        Parameters
        ----------
        work : Work
        tasks : iterable of int
            Numbers of tasks, in the order in which to start them.
        done : callable
            Called with the number of every task that is done, in the calling thread.
        cancel : threading.Event
            When it is set, no more tasks are started; a task that fails sets it.
        """
        ...


class ThreadExecutor:
    """Does tasks on threads of this process, which share one worker.

    Parameters
    ----------
    hashes : sequence of Hashes
        One per move, if a manifest is written.
    """

    def __init__(self, hashes: Sequence[Hashes] = ()) -> None:
        self._hashes = hashes

    def run(
        self,
        work: Work,
        tasks: Iterable[int],
        done: Callable[[int], None],
        cancel: threading.Event,
    ) -> None:
        """Do all tasks; see `Executor.run`."""
        worker = Worker(work, self._hashes)
        try:
            run_on_threads(
                tasks,
                worker.do,
                jobs=work.plan.workers,
                done=done,
                cancel=worker.cancel,
                stop=cancel,
            )
        finally:
            worker.close()


class SharingExecutor(Executor, Protocol):
    """Has tasks done by other processes; inside the context they are there."""

    shared: Path
    """A folder that all of them see."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def other_processes(where: Any, plan: Plan) -> SharingExecutor:
    """What has the tasks of a plan done by other processes.

    Parameters
    ----------
    where : str, concurrent.futures.Executor or distributed.Client
        What was asked for: see `Options`.
    plan : Plan
    """
    futures = sys.modules.get("concurrent.futures")
    if futures is not None and isinstance(where, futures.Executor):
        from concatsplit_core.run.futures import FuturesExecutor

        return FuturesExecutor(where, plan)
    from concatsplit_core.run.cluster import ClusterExecutor

    return ClusterExecutor(where, plan)

"""Runs tasks on an executor of `concurrent.futures`, such as a pool of processes, or one of MPI."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from concurrent.futures import Executor as Pool
from pathlib import Path
from typing import Self

from concatsplit_core.foundation.errors import IOFailure, WorkerDied
from concatsplit_core.planning.plan import Plan
from concatsplit_core.run.batches import TRIES, batches_of, do_batch, write_work
from concatsplit_core.run.worker import Work

_Tried = tuple[tuple[int, ...], int]
"""A batch, and which try of it this is."""


class FuturesExecutor:
    """Gives the tasks to an executor of `concurrent.futures`, which stays open.

    Parameters
    ----------
    pool : concurrent.futures.Executor
        Its processes see the same files. It gets one batch for each thread of the plan at a time,
        so that more processes take no more memory.
    plan : Plan
    """

    shared: Path
    """A folder that all processes see."""

    def __init__(self, pool: Pool, plan: Plan) -> None:
        self._pool, self._plan = pool, plan

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the pool to whoever made it."""

    def run(
        self,
        work: Work,
        tasks: Iterable[int],
        done: Callable[[int], None],
        cancel: threading.Event,
    ) -> None:
        """Do all tasks; see `Executor.run`."""
        threads = max(1, self._plan.workers)
        is_elsewhere = not isinstance(self._pool, ProcessPoolExecutor | ThreadPoolExecutor)
        work_file = (*write_work(work, self.shared), is_elsewhere)
        ahead: deque[_Tried] = deque((batch, 1) for batch in batches_of(list(tasks), threads))
        flying: dict[Future[None], _Tried] = {}
        try:
            while (ahead or flying) and not cancel.is_set():
                while ahead and len(flying) < threads:
                    batch, tries = ahead.popleft()
                    flying[self._pool.submit(do_batch, *work_file, batch)] = batch, tries
                for future in wait(flying, return_when=FIRST_COMPLETED).done:
                    batch, tries = flying.pop(future)
                    error = future.exception()
                    if isinstance(error, IOFailure) and tries < TRIES:
                        ahead.append((batch, tries + 1))
                        continue
                    if error is not None:
                        raise error
                    for number in batch:
                        done(number)
        except BrokenExecutor as error:
            raise WorkerDied(f"a process of the executor died with its tasks: {error}") from error
        except BaseException:
            cancel.set()
            raise
        finally:
            for future in flying:
                future.cancel()
            wait(flying)  # what is staged is removed, or gone on with, when nobody writes any more

"""Running tasks on threads; one thread is the caller's own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import SimpleQueue

from concatsplit_core.planning.plan import Task
from concatsplit_core.routes.base import Cancelled
from concatsplit_core.stores.interrupts import deferred_signals


def run_tasks(
    tasks: Iterator[Task],
    work: Callable[[Task], None],
    *,
    jobs: int,
    done: Callable[[Task], None],
    cancel: Callable[[], None],
) -> None:
    """Run all tasks, started in their order, and raise the first error.

    Parameters
    ----------
    tasks : iterator of Task
    work : callable
        Does one task; called by many threads at once.
    jobs : int
        Number of threads; with 1 everything happens in the calling thread.
    done : callable
        Told of every task that is done, in the calling thread.
    cancel : callable
        Wakes tasks that wait for others, when one has failed.
    """
    if jobs == 1:
        for task in tasks:
            work(task)
            done(task)
        return
    _Crew(tasks, work, cancel).run(jobs, done)


class _Crew:
    """Threads that take tasks from one iterator until it ends or one of them fails."""

    def __init__(
        self, tasks: Iterator[Task], work: Callable[[Task], None], cancel: Callable[[], None]
    ) -> None:
        self._tasks, self._work, self._cancel = tasks, work, cancel
        self._taking = threading.Lock()
        self._stop = threading.Event()
        self._news: SimpleQueue[Task | BaseException | None] = SimpleQueue()

    def run(self, jobs: int, done: Callable[[Task], None]) -> None:
        threads: list[threading.Thread] = []
        failure: BaseException | None = None
        try:
            with deferred_signals():
                self._start(threads, jobs)
            if not threads:
                self._loop()
            working = max(1, len(threads))
            while working:
                news = self._news.get()
                if news is None:
                    working -= 1
                elif isinstance(news, Task):
                    done(news)
                elif failure is None or isinstance(failure, Cancelled):
                    failure = news
        finally:
            with deferred_signals():
                self._halt()
                for thread in threads:
                    thread.join()
        if failure is not None:
            raise failure

    def _start(self, threads: list[threading.Thread], jobs: int) -> None:
        """Start as many threads as the system has room for; those that run do all the work."""
        with suppress(RuntimeError, MemoryError):
            while len(threads) < jobs:
                thread = threading.Thread(target=self._loop, daemon=True)
                thread.start()
                threads.append(thread)

    def _halt(self) -> None:
        self._stop.set()
        self._cancel()

    def _loop(self) -> None:
        try:
            while not self._stop.is_set():
                with self._taking:
                    task = next(self._tasks, None)
                if task is None:
                    break
                self._work(task)
                self._news.put(task)
        except BaseException as error:  # the caller's thread raises it
            self._news.put(error)
            self._halt()
        finally:
            self._news.put(None)

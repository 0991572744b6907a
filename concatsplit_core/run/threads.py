"""Doing work on several threads; with one thread, on the caller's own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from concatsplit_core.foundation.interrupts import deferred_signals
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.routes.base import Cancelled


def run_on_threads[T](
    items: Iterable[T],
    work: Callable[[T], None],
    *,
    jobs: int,
    done: Callable[[T], None],
    cancel: Callable[[], None] = lambda: None,
    stop: threading.Event | None = None,
) -> None:
    """Work on all items, in their order, and raise the first error.

    Parameters
    ----------
    items : iterable
    work : callable
        Does one item; several threads call it at the same time.
    jobs : int
        Number of threads; with 1, everything is done in the calling thread.
    done : callable
        Called for every item that is done, in the calling thread.
    cancel : callable
        Called when an item fails; wakes threads that wait for other ones.
    stop : threading.Event, optional
        When it is set, no more items are started; a failure sets it.
    """
    stop = threading.Event() if stop is None else stop
    if jobs > 1:
        _Threads(iter(items), work, cancel, stop).run(jobs, done)
        return
    for item in items:
        if stop.is_set():
            break
        work(item)
        done(item)


class _Done[T](NamedTuple):
    """A message from a thread: an item is done."""

    item: T


class _Threads[T]:
    """Threads that take items from one iterator, until it ends or an item fails."""

    def __init__(
        self,
        items: Iterator[T],
        work: Callable[[T], None],
        cancel: Callable[[], None],
        stop: threading.Event,
    ) -> None:
        self._items, self._work, self._cancel = items, work, cancel
        self._taking = threading.Lock()
        self._stop = stop
        from queue import SimpleQueue  # imported late: one thread needs none

        self._messages: SimpleQueue[_Done[T] | BaseException | None] = SimpleQueue()

    def run(self, jobs: int, done: Callable[[T], None]) -> None:
        threads: list[threading.Thread] = []
        failure: BaseException | None = None
        try:
            with deferred_signals():
                self._start(threads, jobs)
            if not threads:
                self._loop()
            working = max(1, len(threads))
            while working:
                message = self._messages.get()
                if message is None:
                    working -= 1
                elif isinstance(message, _Done):
                    done(message.item)
                elif failure is None or isinstance(failure, Cancelled):
                    failure = message
        finally:
            with deferred_signals():
                self._halt()
                for thread in threads:
                    thread.join()
        if failure is not None:
            raise failure

    def _start(self, threads: list[threading.Thread], jobs: int) -> None:
        """Start the threads; if the system refuses some, the others do all the work."""
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
                    item = next(self._items, _NOTHING)
                if isinstance(item, _Nothing):
                    break
                self._work(item)
                self._messages.put(_Done(item))
        except BaseException as error:  # the calling thread raises it
            self._messages.put(error)
            self._halt()
        finally:
            self._messages.put(None)


class _Nothing:
    """Marks the end of the items; None could be an item."""


_NOTHING = _Nothing()

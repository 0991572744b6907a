"""Runs zarr-python without threads: handing over a small file takes longer than reading it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import pytest

_ITS_THREAD = "zarr_io"
"""The name of the thread in which zarr-python wants its event loop to run."""


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that runs in whichever thread asks for something, for one of them at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()
        self.set_task_factory(asyncio.eager_task_factory)

    def run_forever(self) -> None:
        if threading.current_thread().name != _ITS_THREAD:
            super().run_forever()


async def _to_thread(function: Callable[..., Any], *args: Any, **named: Any) -> Any:
    return function(*args, **named)


@contextmanager
def no_threads() -> Iterator[None]:
    """Let zarr-python read and write where it is called.

    What then has nothing to wait for runs to its end at once, without a turn of the event loop.
    """
    from_another_thread = asyncio.run_coroutine_threadsafe

    def run(wanted: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop) -> Future[Any]:
        if not isinstance(loop, _Loop):
            return from_another_thread(wanted, loop)
        done: Future[Any] = Future()
        with loop.lock:
            done.set_result(loop.run_until_complete(wanted))
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "to_thread", _to_thread)
        patch.setattr(asyncio, "new_event_loop", _Loop)
        patch.setattr(asyncio, "run_coroutine_threadsafe", run)
        yield

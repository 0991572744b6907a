"""Records what is done of a staged run, every now and then."""

from __future__ import annotations

import time
from collections.abc import Callable

from concatsplit_core.run.staged.done import DoneRecord

_SECONDS, _BYTES = 30.0, 1 << 30
"""What is done is made durable and recorded after so long, or after so many bytes."""


class Keeper:
    """Makes the data durable, and then the record of the tasks that wrote them.

    Parameters
    ----------
    record : DoneRecord
    make_durable : callable
        Makes durable what tasks have written.
    sync : bool
        Call it.
    """

    def __init__(self, record: DoneRecord, make_durable: Callable[[], None], sync: bool) -> None:
        self._record, self._make_durable, self._sync = record, make_durable, sync
        self._waiting: list[int] = []
        self._bytes, self._since = 0, time.monotonic()

    def note(self, number: int, nbytes: int) -> None:
        """Note a task that is done."""
        self._waiting.append(number)
        self._bytes += nbytes
        if self._bytes >= _BYTES or time.monotonic() - self._since >= _SECONDS:
            self.flush()

    def flush(self) -> None:
        """Record all tasks that are done."""
        if self._waiting:
            if self._sync:
                self._make_durable()
            self._record.add(self._waiting)
        self._waiting.clear()
        self._bytes, self._since = 0, time.monotonic()

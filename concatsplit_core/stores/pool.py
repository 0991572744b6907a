"""A pool of open files, which is bounded."""

from __future__ import annotations

import resource
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager

_POOLS, _SPARE, _FEWEST = 4, 24, 16
"""Pools that may be full at the same time, descriptors kept for other uses, and the least limit."""


class Pool[K: Hashable, V]:
    """Open files by key; closes the least recently used ones when too many are open.

    Parameters
    ----------
    open : callable
        Opens the file of a key.
    close : callable
        Closes an open file.
    limit : int
        The most files open at once, if the process may have that many descriptors.
    descriptors : int
        The descriptors that one open file takes.
    """

    def __init__(
        self,
        open: Callable[[K], V],
        close: Callable[[V], None],
        limit: int = 512,
        descriptors: int = 1,
    ) -> None:
        self._open, self._close = open, close
        allowed = max(_FEWEST, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _SPARE)
        self._limit = max(1, min(limit, allowed // (_POOLS * descriptors)))
        self._opened: OrderedDict[K, V] = OrderedDict()
        self._users: dict[K, int] = {}
        self._lock = threading.Lock()

    def use(self, key: K) -> AbstractContextManager[V]:
        """The open file of a key; it stays open inside the context."""
        return _InUse(self, key)

    def take(self, key: K) -> V:
        """Open the file of a key if it is not open, and keep it open until `give_back`."""
        with self._lock:
            opened = self._opened.get(key)
            if opened is None:
                self._shrink(self._limit - 1)
                opened = self._opened[key] = self._open(key)
            self._opened.move_to_end(key)
            self._users[key] = self._users.get(key, 0) + 1
            return opened

    def peek(self, key: K) -> V | None:
        """The file of a key if it is open."""
        with self._lock:
            return self._opened.get(key)

    def give_back(self, key: K) -> None:
        """Say that one of those who took a file does not need it any more."""
        with self._lock:
            self._users[key] -= 1

    def keys(self) -> list[K]:
        """The keys of the files that are open now."""
        with self._lock:
            return list(self._opened)

    def _shrink(self, to: int) -> None:
        while len(self._opened) > to:
            key = next((k for k in self._opened if not self._users.get(k)), None)
            if key is None:
                break
            self._users.pop(key, None)
            self._close(self._opened.pop(key))

    def discard(self, key: K) -> None:
        """Close the file of a key, if it is open and not in use."""
        with self._lock:
            if key in self._opened and not self._users.get(key):
                self._close(self._opened.pop(key))

    def close(self) -> None:
        """Close all open files."""
        with self._lock:
            while self._opened:
                self._close(self._opened.popitem()[1])


class _InUse[K: Hashable, V]:
    """A file of a pool, which is used inside a context."""

    __slots__ = ("_key", "_pool")

    def __init__(self, pool: Pool[K, V], key: K) -> None:
        self._pool, self._key = pool, key

    def __enter__(self) -> V:
        return self._pool.take(self._key)

    def __exit__(self, *_: object) -> None:
        self._pool.give_back(self._key)

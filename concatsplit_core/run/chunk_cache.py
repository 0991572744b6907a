"""Decoded chunks, kept while there is room for them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

import numpy as np


class ChunkCache:
    """Decoded chunks; forgets those that were not used for the longest time.

    Parameters
    ----------
    most_bytes : int
        Bytes of all chunks together.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most, self._bytes = most_bytes, 0
        self._kept: OrderedDict[Hashable, tuple[np.ndarray, int]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: Hashable) -> np.ndarray | None:
        """The chunk of a key, if it is here."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def keep(self, key: Hashable, chunk: np.ndarray, nbytes: int) -> None:
        """Keep a chunk, unless it alone is more than there is room for."""
        if nbytes > self._most:
            return
        with self._lock:
            _, before = self._kept.pop(key, (None, 0))
            self._kept[key] = chunk, nbytes
            self._bytes += nbytes - before
            while self._bytes > self._most:
                self._bytes -= self._kept.popitem(last=False)[1][1]

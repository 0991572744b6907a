"""Hashing leaves whose parts arrive from several threads, mostly in order."""

from __future__ import annotations

import threading
from typing import Any

from concatsplit_core.run.hashing.leaves import LeafCut, Leaves, Part, digest

WAITING_BYTES = 16 << 20
"""The most bytes of parts that wait for earlier ones; leaves for which this is too little are read
again."""


class WaitingMemory:
    """The memory left for parts that arrived too early, and the lock of all hashers that use it."""

    def __init__(self, nbytes: int = WAITING_BYTES) -> None:
        self.left = nbytes
        self.lock = threading.Lock()


class _OpenLeaf:
    """A leaf that is hashed in part, with the parts that wait for earlier ones."""

    __slots__ = ("done", "lost", "state", "waiting")

    def __init__(self) -> None:
        self.state: Any = None
        self.done = 0
        self.lost = False
        self.waiting: dict[int, tuple[int, bytes]] = {}


class LeafHasher:
    """Hashes the leaves of one sequence of units.

    Parameters
    ----------
    cut : LeafCut
    waiting : WaitingMemory
    """

    __slots__ = ("_memory", "_opened", "cut", "leaves")

    def __init__(self, cut: LeafCut, waiting: WaitingMemory) -> None:
        self.cut = cut
        self.leaves = Leaves(cut.leaves)
        self._memory = waiting
        self._opened: dict[int, _OpenLeaf] = {}

    def put(self, part: Part, data: Any) -> None:
        """Hash the bytes of a part; a part that was hashed before is ignored.

        Parameters
        ----------
        part : Part
        data : buffer
            Used only during the call.
        """
        if part.length == part.whole:
            self.leaves.put(part.leaf, digest(data))
            return
        with self._memory.lock:
            self._put_part(part, data)

    def put_bytes(self, start: int, data: memoryview) -> None:
        """Hash bytes; `start` is the number of the unit that the first byte is."""
        left = len(data)
        while left:
            part = self.cut.part(start, left)
            self.put(part, data if part.length == left else data[: part.length])
            start, left = start + part.length, left - part.length
            if left:
                data = data[part.length :]

    def _put_part(self, part: Part, data: Any) -> None:
        if part.leaf in self.leaves:
            return
        opened = self._opened.get(part.leaf)
        if opened is None:
            opened = self._opened[part.leaf] = _OpenLeaf()
        if opened.lost or part.start < opened.done:
            return
        if part.start > opened.done:
            self._keep(opened, part, data)
            return
        self._update(opened, part.length, data)
        while opened.done in opened.waiting:
            length, kept = opened.waiting.pop(opened.done)
            self._memory.left += len(kept)
            self._update(opened, length, kept)
        if opened.done == part.whole:
            self.leaves.put(part.leaf, opened.state.digest())
            self._forget(opened)
            del self._opened[part.leaf]

    @staticmethod
    def _update(opened: _OpenLeaf, length: int, data: Any) -> None:
        if opened.state is None:
            import xxhash

            opened.state = xxhash.xxh3_128()
        opened.state.update(data)
        opened.done += length

    def _keep(self, opened: _OpenLeaf, part: Part, data: Any) -> None:
        """Keep a part until the earlier ones arrive; without memory left, give up the leaf."""
        size = memoryview(data).nbytes
        if size > self._memory.left:
            opened.lost = True
            self._forget(opened)
        elif part.start not in opened.waiting:
            opened.waiting[part.start] = (part.length, bytes(data))
            self._memory.left -= size

    def _forget(self, opened: _OpenLeaf) -> None:
        self._memory.left += sum(len(kept) for _, kept in opened.waiting.values())
        opened.waiting.clear()
        opened.state = None

    def drop_incomplete(self) -> None:
        """Forget the leaves that are hashed in part, so that they can be hashed from the start."""
        with self._memory.lock:
            for opened in self._opened.values():
                self._forget(opened)
            self._opened.clear()

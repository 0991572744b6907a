"""Hashing leaves whose parts come from many threads, mostly in order."""

from __future__ import annotations

import threading
from typing import Any

from concatsplit_core.run.hashing.leaves import Cut, Leaves, Part, digest

ROOM = 16 << 20
"""Bytes of parts that may wait for those before them; leaves beyond that are read once more."""


class Room:
    """Memory for parts that came too early, and the lock of all who use it."""

    def __init__(self, nbytes: int = ROOM) -> None:
        self.left = nbytes
        self.lock = threading.Lock()


class _Open:
    """A leaf of which some is hashed, or waits."""

    __slots__ = ("done", "lost", "state", "waiting")

    def __init__(self) -> None:
        self.state: Any = None
        self.done = 0
        self.lost = False
        self.waiting: dict[int, tuple[int, bytes]] = {}


class Stream:
    """Digests the leaves of one sequence of units.

    Parameters
    ----------
    cut : Cut
    room : Room
    """

    __slots__ = ("_opened", "_room", "cut", "leaves")

    def __init__(self, cut: Cut, room: Room) -> None:
        self.cut = cut
        self.leaves = Leaves(cut.leaves)
        self._room = room
        self._opened: dict[int, _Open] = {}

    def put(self, part: Part, data: Any) -> None:
        """Take the bytes of a part; what has been there before is passed over.

        Parameters
        ----------
        part : Part
        data : buffer
            Valid for the time of the call only.
        """
        if part.length == part.whole:
            self.leaves.put(part.leaf, digest(data))
            return
        with self._room.lock:
            self._put_some(part, data)

    def put_bytes(self, start: int, data: memoryview) -> None:
        """Take bytes whose first one is the unit of this number."""
        left = len(data)
        while left:
            part = self.cut.part(start, left)
            self.put(part, data if part.length == left else data[: part.length])
            start, left = start + part.length, left - part.length
            if left:
                data = data[part.length :]

    def _put_some(self, part: Part, data: Any) -> None:
        if part.leaf in self.leaves:
            return
        opened = self._opened.get(part.leaf)
        if opened is None:
            opened = self._opened[part.leaf] = _Open()
        if opened.lost or part.start < opened.done:
            return
        if part.start > opened.done:
            self._keep(opened, part, data)
            return
        self._go_on(opened, part.length, data)
        while opened.done in opened.waiting:
            length, kept = opened.waiting.pop(opened.done)
            self._room.left += len(kept)
            self._go_on(opened, length, kept)
        if opened.done == part.whole:
            self.leaves.put(part.leaf, opened.state.digest())
            self._forget(opened)
            del self._opened[part.leaf]

    @staticmethod
    def _go_on(opened: _Open, length: int, data: Any) -> None:
        if opened.state is None:
            import xxhash

            opened.state = xxhash.xxh3_128()
        opened.state.update(data)
        opened.done += length

    def _keep(self, opened: _Open, part: Part, data: Any) -> None:
        """Keep a part for later; where there is no room the leaf is given up."""
        size = memoryview(data).nbytes
        if size > self._room.left:
            opened.lost = True
            self._forget(opened)
        elif part.start not in opened.waiting:
            opened.waiting[part.start] = (part.length, bytes(data))
            self._room.left -= size

    def _forget(self, opened: _Open) -> None:
        self._room.left += sum(len(kept) for _, kept in opened.waiting.values())
        opened.waiting.clear()
        opened.state = None

    def start_again(self) -> None:
        """Give up leaves that are not complete: all of their bytes come once more."""
        with self._room.lock:
            for opened in self._opened.values():
                self._forget(opened)
            self._opened.clear()

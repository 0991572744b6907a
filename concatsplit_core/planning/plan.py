"""The plan: frozen values that say which task moves which boxes, by which route, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal, NamedTuple

from concatsplit_core.array.geometry import Box, Interval, Shape
from concatsplit_core.array.layouts import Order

Route = Literal["kernel", "encoded", "mapped", "decoded"]

ROUTES: tuple[Route, ...] = ("kernel", "encoded", "mapped", "decoded")
"""Cheapest first."""

WINDOW = 1 << 20
"""Most bytes that are read from a contiguous source at once."""


LOOKED_AT = 128 << 20
"""Most bytes that move as they are stored and have their checksums compared without being asked."""

CONVERTED_AT_ONCE = 1 << 18
"""Most bytes of elements whose values are converted in one step."""


class Piece(NamedTuple):
    """A box of the logical array that lies in one source, or in one target, of that number."""

    array: int
    box: Box


class Task(NamedTuple):
    """Boxes to read and boxes to write, all on the logical array.

    A task owns what it writes: no other task writes any part of a chunk, shard or byte range
    of its boxes. Its reads and moves together cover its writes.

    Parameters
    ----------
    number : int
    route : str
        Who does the task.
    reads : tuple of Piece
        What goes through memory as array elements.
    writes : tuple of Piece
    moves : tuple of Piece
        What goes as it is stored: runs of bytes, chunks, or shards.
    shards : bool
        The moves are of whole shards.
    """

    number: int
    route: Route
    reads: tuple[Piece, ...]
    writes: tuple[Piece, ...]
    moves: tuple[Piece, ...] = ()
    shards: bool = False


class Band(NamedTuple):
    """What one step along the axis reads and writes.

    Parameters
    ----------
    reads, writes : tuple of (int, Interval)
        Source, or target, and the interval of the logical axis.
    route : str
        Who does its tasks.
    moves : tuple of (int, Interval)
        What goes as it is stored, from which source.
    shards : bool
        The moves are of whole shards.
    """

    reads: tuple[tuple[int, Interval], ...]
    writes: tuple[tuple[int, Interval], ...]
    route: Route
    moves: tuple[tuple[int, Interval], ...] = ()
    shards: bool = False


@dataclass(frozen=True, slots=True)
class Sweep:
    """Tasks over one group of targets: a grid on the other axes, bands along the axis.

    Parameters
    ----------
    axis : int
    order : {"C", "F"}
        Which way the tasks follow each other: as the elements of the targets do.
    grid : tuple of tuple of Interval
        Per axis the intervals that blocks cover; the entry of `axis` is empty.
    bands : tuple of Band
    """

    axis: int
    order: Order
    grid: tuple[tuple[Interval, ...], ...]
    bands: tuple[Band, ...]

    def __len__(self) -> int:
        count = len(self.bands)
        for d, intervals in enumerate(self.grid):
            count *= 1 if d == self.axis else len(intervals)
        return count

    def tasks(self, first: int) -> Iterator[Task]:
        """The tasks, numbered from ``first``."""
        ranges = [
            range(len(self.bands)) if d == self.axis else range(len(intervals))
            for d, intervals in enumerate(self.grid)
        ]
        if self.order == "F":
            ranges.reverse()
        for number, at in enumerate(product(*ranges), first):
            index = at[::-1] if self.order == "F" else at
            band = self.bands[index[self.axis]]
            outer = Box(
                tuple(
                    0 if d == self.axis else g[i].start for d, (g, i) in enumerate(self._at(index))
                ),
                tuple(
                    1 if d == self.axis else g[i].stop for d, (g, i) in enumerate(self._at(index))
                ),
            )
            yield Task(
                number,
                band.route,
                tuple(Piece(i, outer.with_axis(self.axis, along)) for i, along in band.reads),
                tuple(Piece(i, outer.with_axis(self.axis, along)) for i, along in band.writes),
                tuple(Piece(i, outer.with_axis(self.axis, along)) for i, along in band.moves),
                band.shards,
            )

    def _at(self, index: Shape) -> Iterator[tuple[tuple[Interval, ...], int]]:
        return zip(self.grid, index, strict=True)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does, decided before anything is created.

    Parameters
    ----------
    sweeps : tuple of Sweep
        Where the tasks come from; they are enumerated, never all held at once.
    routes : dict
        Array bytes by the way they move.
    reasons : dict
        Per route that carries bytes, why a cheaper one could not.
    block : tuple of int
        Shape of the largest block, on the logical array.
    workers : int
        Tasks in flight at once.
    window : int
        Bytes to read from a contiguous source at once.
    peak_memory_bytes : int
        Bytes of all buffers that may be alive at once.
    bytes_read, bytes_written : int
        Array bytes; what is decoded twice counts twice.
    """

    sweeps: tuple[Sweep, ...]
    routes: dict[Route, int]
    reasons: dict[Route, tuple[str, ...]]
    block: Shape
    workers: int
    window: int
    peak_memory_bytes: int
    bytes_read: int
    bytes_written: int

    def __len__(self) -> int:
        return sum(len(sweep) for sweep in self.sweeps)

    def tasks(self) -> Iterator[Task]:
        """All tasks, in the order in which they are to be started."""
        first = 0
        for sweep in self.sweeps:
            yield from sweep.tasks(first)
            first += len(sweep)

    @property
    def looks(self) -> bool:
        """Whether to compare the checksums of what moves as it is stored takes little of the run.

        Where start-up is most of it, it is less than a fifth.
        """
        return self.routes.get("encoded", 0) <= LOOKED_AT

    @property
    def read_amplification(self) -> float:
        """Array bytes read for every byte written; 1 where nothing is read twice."""
        return self.bytes_read / self.bytes_written if self.bytes_written else 1.0

    def to_dict(self) -> dict[str, Any]:
        """The parts of the plan that ``--json`` shows under ``plan``."""
        return {
            "block": list(self.block),
            "workers": self.workers,
            "read_amplification": round(self.read_amplification, 4),
            "reasons": {route: list(why) for route, why in self.reasons.items()},
        }

"""One task of a plan: boxes that are read, copied and written by one route."""

from __future__ import annotations

from typing import Literal

from concatsplit_core.array.geometry import Box
from concatsplit_core.array.runs import CommonRuns
from concatsplit_core.foundation.records import NamedTuple

Route = Literal["kernel", "encoded", "mapped", "decoded"]

ROUTES: tuple[Route, ...] = ("kernel", "encoded", "mapped", "decoded")
"""Cheapest first."""

CONVERTED_AT_ONCE = 1 << 18
"""Most bytes of elements whose values are converted in one step."""


class Piece(NamedTuple):
    """A box of the logical array that lies in one source, or in one target, of that number."""

    array: int
    box: Box


class Task(NamedTuple):
    """Boxes to read and boxes to write, all on the logical array.

    A task owns what it writes: no other task writes any part of a chunk, shard or byte range
    of its boxes. What it reads and what it copies together cover what it writes.

    Parameters
    ----------
    number : int
        In the whole plan.
    route : str
        Who does the task.
    reads : tuple of Piece
        What goes through memory as array elements.
    writes : tuple of Piece
    copies : tuple of Piece
        What goes as it is stored: runs of bytes, chunks, or shards.
    shards : bool
        The copies are of whole shards.
    move : int
        Number of the logical array that the boxes are of.
    runs : CommonRuns, optional
        Of the only copy, where it is runs of bytes.
    """

    number: int
    route: Route
    reads: tuple[Piece, ...]
    writes: tuple[Piece, ...]
    copies: tuple[Piece, ...] = ()
    shards: bool = False
    move: int = 0
    runs: CommonRuns | None = None

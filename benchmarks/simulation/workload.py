"""The join that is simulated: its plan is the one that a real run would have."""

from __future__ import annotations

import resource
import time
from math import prod
from typing import NamedTuple

import numpy as np

from concatsplit_core.array.geometry import Interval
from concatsplit_core.array.layouts import Chunked, Encoding
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.array.tiling import Segment, Tiling
from concatsplit_core.planning.move import MoveSpec
from concatsplit_core.planning.plan import Plan
from concatsplit_core.planning.planner import make_plan
from concatsplit_core.planning.task import Piece, Task

DTYPE = np.dtype("<f4")
CHUNK = (256, 1024)
CHUNKS_EACH = 1024
INPUT_BYTES = CHUNKS_EACH * prod(CHUNK) * DTYPE.itemsize
"""1 GiB in 1024 chunks of 1 MiB."""


class Planned(NamedTuple):
    """A plan, and what it took to make it.

    Parameters
    ----------
    plan : Plan
    inputs : int
    seconds : float
    peak_bytes : int
        Most memory that the process has had.
    """

    plan: Plan
    inputs: int
    seconds: float
    peak_bytes: int


class Load(NamedTuple):
    """What one task asks of a store and of a processor, on average.

    Parameters
    ----------
    requests : float
    moved : float
        Bytes read and written.
    coded : float
        Bytes of elements decoded or encoded.
    """

    requests: float
    moved: float
    coded: float


def plan_join(inputs: int, *, astride: bool, memory: int, jobs: int) -> Planned:
    """Plan a join of so many Zarr arrays of 1 GiB.

    Parameters
    ----------
    inputs : int
    astride : bool
        Every input is a row longer than its chunks, so that all later chunks cross a boundary of
        the output and have to be decoded.
    memory, jobs : int
        Budget and threads of one machine.
    """
    start = time.perf_counter()
    rows, columns = CHUNKS_EACH * CHUNK[0] + astride, CHUNK[1]
    chunked = Chunked(CHUNK, Encoding(DTYPE, "zstd"))
    spec = ArraySpec((rows, columns), DTYPE, chunked)
    sources = tuple(Segment(Interval(i * rows, (i + 1) * rows), spec) for i in range(inputs))
    total = inputs * rows
    target = Segment(Interval(0, total), ArraySpec((total, columns), DTYPE, chunked))
    move = MoveSpec((total, columns), Tiling(0, sources), Tiling(0, (target,)))
    plan = make_plan([move], memory=memory, jobs=jobs)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    return Planned(plan, inputs, time.perf_counter() - start, peak)


def sample_load(plan: Plan, ratio: float, samples: int = 1000) -> Load:
    """What the tasks of a plan ask for, from every so many-th of them.

    Parameters
    ----------
    plan : Plan
    ratio : float
        Elements' bytes for every stored byte.
    samples : int
        Tasks to look at, at most.
    """
    step = max(1, len(plan) // samples)
    rows = plan.moves[0].move.sources.segments[0].interval.length
    loads = [_load_of(plan.task(number), ratio, rows) for number in range(0, len(plan), step)]
    return Load(*(sum(column) / len(loads) for column in zip(*loads, strict=True)))


def _load_of(task: Task, ratio: float, rows: int) -> Load:
    chunk = prod(CHUNK) * DTYPE.itemsize
    copied = sum(_chunks(piece.box.shape[0]) for piece in task.copies)
    read = sum(_touched(piece, rows) for piece in task.reads)
    written = sum(_chunks(piece.box.shape[0]) for piece in task.writes) if task.reads else 0
    requests = 2 * copied + read + written
    return Load(requests, requests * chunk / ratio, (read + written) * chunk)


def _chunks(rows: int) -> int:
    return -(-rows // CHUNK[0])


def _touched(piece: Piece, rows: int) -> int:
    """Chunks of an input that hold a piece of it."""
    start, stop = (edge[0] - piece.array * rows for edge in piece.box)
    return (stop - 1) // CHUNK[0] - start // CHUNK[0] + 1

"""Two arrays that are read side by side, in blocks that suit the chunks of both."""

from __future__ import annotations

import os

import numpy as np

from concatsplit_core.array.geometry import Box, Interval, Shape
from concatsplit_core.array.layouts import InMemory, Opaque, Order
from concatsplit_core.array.sizes import format_size
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.array.tiling import Segment, Tiling
from concatsplit_core.errors import OverBudget
from concatsplit_core.formats.sources import Source
from concatsplit_core.planning.plan import Piece, Plan, Route, Task
from concatsplit_core.planning.planner import make_plan
from concatsplit_core.routes.base import Context
from concatsplit_core.routes.blocks import fill_blocks
from concatsplit_core.stores.files import Pool, open_input

_TWICE, _BETTER = 1.25, 0.75
"""Elements read for every one compared that are too many, and the part that fewer must save."""

_MARGIN = 0.75
"""What is left of the memory when a chunk of the second array is being decoded."""

_DECODED: tuple[Route, ...] = ("decoded",)


class Reader:
    """Reads one array block by block, for many threads at once.

    Parameters
    ----------
    source : Source
    order : {"C", "F"}
        In which the elements of blocks follow each other.
    window : int
        Bytes to read from a contiguous array at once.
    """

    def __init__(self, source: Source, order: Order, window: int) -> None:
        self._context = Context(
            sources=[source],
            targets=[],
            source_tiling=_alone(source.spec),
            target_tiling=_alone(ArraySpec(source.spec.shape, source.spec.dtype, InMemory(order))),
            output_refs=[],
            window=window,
            reading=Pool(open_input, os.close),
            writing=Pool(open_input, os.close),
        )

    def block(self, box: Box) -> np.ndarray:
        """The elements of a box, valid until this thread asks for the next ones."""
        pieces = (Piece(0, box),)
        return fill_blocks(Task(0, "decoded", pieces, pieces), self._context)[0]

    def close(self) -> None:
        """Let go of descriptors."""
        self._context.reading.close()


def logical_shape(spec: ArraySpec) -> Shape:
    """The shape of an array as it is walked: what has no axis is seen with one of length 1."""
    return spec.shape or (1,)


def common_order(a: ArraySpec, b: ArraySpec) -> Order:
    """The order in which both are read in the longest runs."""
    flat = [spec.order for spec in (a, b) if spec.is_strided and not spec.is_string]
    return flat[0] if flat else "C"


def plan_blocks(a: Source, b: Source, memory: int, jobs: int) -> Plan:
    """Blocks of whole chunks of one array, as far as two of them a thread fit the memory.

    Of which one is found out by trying: so that as few chunks of the other as may be are decoded
    twice, on fewer threads with larger blocks where that helps.

    Raises
    ------
    OverBudget
        The smallest block does not fit, or next to nothing of what is claimed is stored.
    """
    plans: list[Plan] = []
    needed: list[int] = []
    for one, other in ((a, b), (b, a)):
        share = _share(one.spec, other.spec)
        room = max(1, int(memory * share))
        try:
            plans.append(_least_decoded(one, other, room, jobs))
        except OverBudget as error:
            if error.expected != room or not isinstance(error.found, int):
                raise
            needed.append(int(error.found / share) + 1)
    if not plans:
        need = min(needed)
        raise OverBudget(
            f"{a.ref} and {b.ref}: the smallest step holds {format_size(need)} of array data, more "
            f"than --memory {format_size(memory)}: chunks have to be decoded as a whole; give "
            f"--memory {format_size(need, up=True)}",
            found=need,
            expected=memory,
        )
    return min(plans, key=lambda plan: (round(plan.read_amplification, 1), -plan.workers))


def _least_decoded(a: Source, b: Source, room: int, jobs: int) -> Plan:
    """A plan with as many threads as can work without decoding chunks again and again."""
    best = _plan(a, b, room, jobs)
    while best.read_amplification > _TWICE and best.workers > 1:
        other = _plan(a, b, room, best.workers // 2)
        if other.read_amplification > _BETTER * best.read_amplification:
            break
        best = other
    return best


def _plan(a: Source, b: Source, memory: int, jobs: int) -> Plan:
    """Read one array and have blocks with the chunks of the other, and with room for them twice."""
    order = b.spec.order if b.spec.is_strided else common_order(a.spec, b.spec)
    layout = Opaque(order, b.spec.chunks)
    blocks = ArraySpec(a.spec.shape, a.spec.dtype, layout, string_bytes=a.spec.string_bytes)
    return make_plan(
        logical_shape(a.spec),
        _alone(a.spec),
        _alone(blocks),
        memory=memory,
        jobs=jobs,
        routes=_DECODED,
        names=[a.ref],
    )


def _share(a: ArraySpec, b: ArraySpec) -> float:
    """The part of the memory that a plan for the first one's elements alone may take."""
    one, other = max(1, a.memory_itemsize), max(1, b.memory_itemsize)
    return _MARGIN * min(1.0, 2 * one / (one + other))


def _alone(spec: ArraySpec) -> Tiling:
    length = logical_shape(spec)[0]
    return Tiling(0, (Segment(Interval(0, length), spec),), new_axis=not spec.shape)

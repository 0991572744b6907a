"""Reading two arrays side by side, in blocks that suit the chunks of both."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from concatsplit_core.array.geometry import Box, Interval, Shape
from concatsplit_core.array.layouts import InMemory, Opaque, Order
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.array.tiling import Segment, Tiling
from concatsplit_core.formats.sources import Source
from concatsplit_core.foundation.errors import OverBudget
from concatsplit_core.foundation.sizes import format_size
from concatsplit_core.planning.move import MoveSpec
from concatsplit_core.planning.plan import Plan
from concatsplit_core.planning.planner import make_plan
from concatsplit_core.planning.task import Piece, Route, Task
from concatsplit_core.routes.base import Context
from concatsplit_core.routes.blocks import fill_blocks

_MOST_AMPLIFICATION, _WORTH_IT = 1.25, 0.75
"""Elements read per element compared, above which fewer threads with larger blocks are tried; and
the part of the reading that must remain at most for that to be worth it."""

_BLOCK_SHARE = 0.75
"""The part of the memory for blocks; the rest is for chunks of the second array while they are
decoded."""

_DECODED: tuple[Route, ...] = ("decoded",)


class BlockReader:
    """Reads one array block by block, from several threads.

    Parameters
    ----------
    source : Source
    order : {"C", "F"}
        The memory order of the blocks.
    window : int
        Bytes to read from a contiguous array at once.
    """

    def __init__(self, source: Source, order: Order, window: int) -> None:
        self._context = Context(
            sources=[source],
            targets=[],
            source_tiling=_whole_tiling(source.spec),
            target_tiling=_whole_tiling(
                ArraySpec(source.spec.shape, source.spec.dtype, InMemory(order=order))
            ),
            output_refs=[],
            window=window,
        )

    def block(self, box: Box) -> np.ndarray:
        """The elements of a box; the array is reused when this thread reads the next block."""
        pieces = (Piece(0, box),)
        return fill_blocks(Task(0, "decoded", pieces, pieces), self._context)[0]

    def close(self) -> None:
        """Close the file descriptors."""
        self._context.reading.close()


def logical_shape(spec: ArraySpec) -> Shape:
    """The shape of an array, with an axis of length 1 for a scalar."""
    return spec.shape or (1,)


def common_order(a: ArraySpec, b: ArraySpec) -> Order:
    """The memory order in which both arrays can be read in the longest runs."""
    flat = [spec.order for spec in (a, b) if spec.is_strided and not spec.is_string]
    return flat[0] if flat else "C"


def plan_blocks(a: Source, b: Source, memory: int, jobs: int) -> Plan:
    """Plan the blocks in which two arrays are compared.

    A block consists of whole chunks of one of the arrays; every thread needs two blocks. Both
    arrays are tried, and fewer threads with larger blocks. The plan that decodes the fewest chunks
    more than once is taken. An array that is read alone stands for both.

    Raises
    ------
    OverBudget
        The smallest block does not fit, or an array claims far more chunks than it stores.
    """
    plans: list[Plan] = []
    needed: list[int] = []
    for one, other in ((a, b), (b, a))[: 1 if a is b else 2]:
        share = _share(one.spec, other.spec)
        room = max(1, int(memory * share))
        try:
            plans.append(_least_decoded(one, other, room, jobs))
        except OverBudget as error:
            if error.expected != room or not isinstance(error.found, int):
                raise
            needed.append(int(error.found / share) + 1)
    if not plans:
        need, names = min(needed), " and ".join(dict.fromkeys((a.ref, b.ref)))
        raise OverBudget(
            f"{names}: the smallest step needs {format_size(need)} of array data, more "
            f"than --memory {format_size(memory)}, since whole chunks have to be decoded; give "
            f"--memory {format_size(need, up=True)}",
            found=need,
            expected=memory,
        )
    return min(plans, key=lambda plan: (round(plan.read_amplification, 1), -plan.workers))


def boxes_of(plan: Plan) -> Iterator[Box]:
    """The blocks of a plan."""
    return (write.box for task in plan.tasks() for write in task.writes)


def _least_decoded(a: Source, b: Source, room: int, jobs: int) -> Plan:
    """A plan with as many threads as possible that decodes few chunks more than once."""
    best = _plan(a, b, room, jobs)
    while best.read_amplification > _MOST_AMPLIFICATION and best.workers > 1:
        other = _plan(a, b, room, best.workers // 2)
        if other.read_amplification > _WORTH_IT * best.read_amplification:
            break
        best = other
    return best


def _plan(a: Source, b: Source, memory: int, jobs: int) -> Plan:
    """Plan to read one array in blocks of whole chunks of the other."""
    order = b.spec.order if b.spec.is_strided else common_order(a.spec, b.spec)
    layout = Opaque(order, b.spec.chunks)
    blocks = ArraySpec(a.spec.shape, a.spec.dtype, layout, string_bytes=a.spec.string_bytes)
    move = MoveSpec(logical_shape(a.spec), _whole_tiling(a.spec), _whole_tiling(blocks), [a.ref])
    return make_plan([move], memory=memory, jobs=jobs, routes=_DECODED)


def _share(a: ArraySpec, b: ArraySpec) -> float:
    """The part of the memory that a plan for the first array's blocks alone may take.

    A plan counts two blocks of the first array, but a thread holds one block of each array.
    """
    one, other = max(1, a.memory_itemsize), max(1, b.memory_itemsize)
    return _BLOCK_SHARE * min(1.0, 2 * one / (one + other))


def _whole_tiling(spec: ArraySpec) -> Tiling:
    """The tiling of an array that is its only segment."""
    length = logical_shape(spec)[0]
    return Tiling(0, (Segment(Interval(0, length), spec),), new_axis=not spec.shape)

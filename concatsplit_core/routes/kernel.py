"""Between contiguous arrays: long runs are copied, or shared, by the kernel."""

from __future__ import annotations

from concatsplit_core.files import copy_range
from concatsplit_core.geometry import Box
from concatsplit_core.plan import Piece, Task
from concatsplit_core.routes.base import Context
from concatsplit_core.routes.extents import common_runs
from concatsplit_core.spec import Tiling


def run(task: Task, context: Context) -> None:
    """Copy what a task says, run by run."""
    for move, write in zip(task.moves, task.writes, strict=True):
        source, target = context.sources[move.array].extent, context.targets[write.array].extent
        if source is None or target is None:
            raise AssertionError("only contiguous arrays have runs")
        runs = common_runs(
            context.source_tiling.view(move.array),
            _shifted(context.source_tiling, move),
            context.target_tiling.view(write.array),
            _shifted(context.target_tiling, write),
        )
        with (
            context.reading_from(move.array),
            context.reading.use(source.path) as here,
            context.writing_to(write.array),
            context.writing.use(target.path) as there,
        ):
            for start, to, size in runs:
                copy_range(
                    here, source.offset + start, there, target.offset + to, size, source.path
                )


def _shifted(tiling: Tiling, piece: Piece) -> Box:
    """A box in the array's own indices, with all axes of the logical array."""
    start = tiling.segments[piece.array].interval.start
    return piece.box.shift(tiling.axis, -start)

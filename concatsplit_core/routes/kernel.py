"""Between contiguous arrays: long runs are copied, or shared, by the kernel."""

from __future__ import annotations

from concatsplit_core.files import copy_range
from concatsplit_core.plan import Task
from concatsplit_core.routes.base import Context
from concatsplit_core.routes.extents import common_runs


def run(task: Task, context: Context) -> None:
    """Copy what a task says, run by run."""
    for move, write in zip(task.moves, task.writes, strict=True):
        source, target = context.sources[move.array].extent, context.targets[write.array].extent
        if source is None or target is None:
            raise AssertionError("only contiguous arrays have runs")
        runs = common_runs(
            context.source_tiling.view(move.array),
            context.source_tiling.within(move.array, move.box),
            context.target_tiling.view(write.array),
            context.target_tiling.within(write.array, write.box),
        )
        with (
            context.reading_from(move.array),
            context.reading.use(source.path) as here,
            context.writing_to(write.array),
            context.writing.use(target.path) as there,
        ):
            for start, to, size in runs:
                copy_range(
                    here,
                    source.offset + start,
                    there,
                    target.offset + to,
                    size,
                    context.sources[move.array].ref,
                    context.window,
                )

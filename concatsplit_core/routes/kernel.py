"""Between contiguous arrays: long runs are copied, or shared, by the kernel."""

from __future__ import annotations

from concatsplit_core.foundation.errors import ConcatsplitError
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.planning.task import Task
from concatsplit_core.routes.base import Context
from concatsplit_core.routes.extents import extent_of
from concatsplit_core.stores.disk_space import take_space
from concatsplit_core.stores.durability import start_writing
from concatsplit_core.stores.files import (
    copy_range,
    input_error,
    make_room,
    read_exactly,
    share_range,
    write_all,
)

_HASHED_AT_ONCE = 512 << 10
"""Bytes that are read, hashed and written while they are in the processor's cache."""


class _End(NamedTuple):
    """Where a run starts on one side.

    Parameters
    ----------
    array : int
        Number of the input or output.
    fd : int
    offset : int
        Of the first element of the array, in the file.
    start : int
        Of the run, from the first element on.
    """

    array: int
    fd: int
    offset: int
    start: int


def run(task: Task, context: Context) -> None:
    """Copy what a task says, run by run."""
    (copy,), (write,), runs = task.copies, task.writes, task.runs
    if runs is None:
        raise AssertionError("the plan has not worked out the runs")
    source = extent_of(context.sources[copy.array])
    target = extent_of(context.targets[write.array])
    with (
        context.reading_from(copy.array),
        context.reading.use(source.path) as here,
        context.writing_to(write.array),
        context.writing.use(target.path) as there,
    ):
        first = target.offset + runs.to
        # without space each of several runs would get a place of its own, were it written early
        is_early = context.targets[write.array].is_durable and (
            not runs.counts
            or make_room(here, source.offset + runs.start, there, first, runs.span_to)
        )
        for start, to in runs.each():
            _copy(
                context,
                _End(copy.array, here, source.offset, start),
                _End(write.array, there, target.offset, to),
                runs.nbytes,
            )
        if is_early:
            start_writing(there, first, runs.span_to)


def _copy(context: Context, here: _End, there: _End, size: int) -> None:
    start, to = here.offset + here.start, there.offset + there.start
    ref = context.sources[here.array].ref
    hashes = context.hashes
    if hashes is None:
        copy_range(here.fd, start, there.fd, to, size, ref, context.window)
        return
    shared = share_range(here.fd, start, there.fd, to, size)
    if not shared:
        take_space(there.fd, to, size)
    take = hashes.of_bytes(here.array, there.array)
    buffer = context.buffers.scratch(min(size, context.window, _HASHED_AT_ONCE)).data
    cuts = ((0, shared.start), (shared.start, shared.stop), (shared.stop, size))
    for first, stop in cuts:
        for done in range(first, stop, len(buffer)):
            view = buffer[: stop - done]
            _read(here.fd, view, start + done, ref)
            take(here.start + done, there.start + done, view)
            if done not in shared:
                write_all(there.fd, view, to + done)


def _read(fd: int, view: memoryview, offset: int, ref: str) -> None:
    """Read, where an error of the system would else be taken for one of the output's."""
    try:
        read_exactly(fd, view, offset, ref)
    except OSError as error:
        if isinstance(error, ConcatsplitError):
            raise
        raise input_error(ref, error) from error

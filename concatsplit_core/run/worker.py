"""The worker: does the tasks of a plan, one at a time, from a description of the work."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from concatsplit_core.array.tiling import Tiling
from concatsplit_core.formats.sources import Source
from concatsplit_core.formats.targets import Target
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.planning.plan import Plan
from concatsplit_core.planning.task import Route
from concatsplit_core.routes.base import Context, RunTask, Turns
from concatsplit_core.stores.files import close_file, open_input, open_staged, output_error
from concatsplit_core.stores.pool import Pool

if TYPE_CHECKING:
    from concatsplit_core.meaning.conversions import Conversion
    from concatsplit_core.routes.base import Hashes


@cache
def _way(route: Route) -> RunTask:
    """What does the tasks of a route, imported with the first of them."""
    match route:
        case "kernel":
            from concatsplit_core.routes.kernel import run
        case "encoded":
            from concatsplit_core.routes.encoded import run
        case "mapped":
            from concatsplit_core.routes.strided import run
        case "decoded":
            from concatsplit_core.routes.decoded import run
    return run


class MoveWork(NamedTuple):
    """What a worker needs to know about one logical array.

    Parameters
    ----------
    sources, targets : sequence
        One per segment of the tilings.
    source_tiling, target_tiling : Tiling
    output_refs : sequence of str
        The names of the targets in messages.
    conversions : sequence of Conversion or None
        One per source: how its elements change after they are read.
    """

    sources: Sequence[Source]
    targets: Sequence[Target]
    source_tiling: Tiling
    target_tiling: Tiling
    output_refs: Sequence[str]
    conversions: Sequence[Conversion | None] = ()


class Work(NamedTuple):
    """Everything that a worker needs to know about a run.

    It can be pickled if all sources and targets are files; another process opens them again.

    Parameters
    ----------
    plan : Plan
    moves : sequence of MoveWork
        The moves of the plan.
    compares_checksums : bool
        Compare the checksums of chunks that are copied as they are stored.
    decodes : bool
        Decode chunks without such a checksum, only to check them.
    """

    plan: Plan
    moves: Sequence[MoveWork]
    compares_checksums: bool = False
    decodes: bool = False


class Worker:
    """Does the tasks of one run; several threads may share it.

    Parameters
    ----------
    work : Work
    hashes : sequence of Hashes, optional
        One per move, if a manifest is written.
    """

    def __init__(self, work: Work, hashes: Sequence[Hashes] = ()) -> None:
        self._work = work
        self._turns = Turns()
        turns = [self._turns, *(each.turns for each in hashes)]
        is_ordered = any(target.ordered for move in work.moves for target in move.targets)
        self._waiting = list(dict.fromkeys(turns if is_ordered else turns[1:]))
        self._reading: Pool[str, int] = Pool(open_input, close_file)
        self._writing: Pool[str, int] = Pool(open_staged, close_file)
        buffers = threading.local()
        self._contexts = [
            Context(
                sources=move.sources,
                targets=move.targets,
                source_tiling=move.source_tiling,
                target_tiling=move.target_tiling,
                output_refs=move.output_refs,
                window=work.plan.window,
                conversions=move.conversions,
                compares_checksums=work.compares_checksums,
                check=work.decodes,
                hashes=hashes[index] if hashes else None,
                reading=self._reading,
                writing=self._writing,
                turns=self._turns,
                _local=buffers,
            )
            for index, move in enumerate(work.moves)
        ]

    def do(self, number: int) -> None:
        """Do one task; to do it twice leaves the same bytes.

        Raises
        ------
        ConcatsplitError
        Cancelled
            It waited for another task, and `cancel` was called.
        """
        task = self._work.plan.task(number)
        _way(task.route)(task, self._contexts[task.move])
        for turns in self._waiting:
            turns.finish(number)

    def flush(self) -> None:
        """Let the bytes of all outputs that are open leave this machine.

        On a network file system others may not see them before: the server gets what was written
        when the file is closed or synced, and a worker of a cluster keeps its files open.

        Raises
        ------
        IOFailure, NoSpace
            The system could not write them.
        """
        for path in self._writing.keys():  # noqa: SIM118 - a pool is no mapping
            try:
                with self._writing.use(path) as fd:
                    os.fsync(fd)
            except OSError as error:
                raise output_error(path, error) from error

    def cancel(self) -> None:
        """Wake the tasks that wait for other ones; they raise `Cancelled`."""
        for turns in self._waiting:
            turns.cancel()

    def close(self) -> None:
        """Close the files that the worker has opened."""
        self._reading.close()
        self._writing.close()

"""Does tasks of a staged run, and records what is done."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from concatsplit_core.foundation.errors import (
    ConcatsplitError,
    InputUnavailable,
    OutputBusy,
    ResumeMismatch,
)
from concatsplit_core.run.events import Moved, Started
from concatsplit_core.run.staged.done import DoneRecord, read_done
from concatsplit_core.run.staged.keeper import Keeper
from concatsplit_core.run.staged.locks import refuse_if_committing
from concatsplit_core.run.staged.record import RunRecord
from concatsplit_core.run.staged.step import share_of

if TYPE_CHECKING:
    from concatsplit_core.run.executor import Executor
    from concatsplit_core.run.worker import Work


class Doing(Protocol):
    """What `do_tasks` needs to know of a staged run."""

    def compare(self, record: RunRecord, numbers: list[int], /) -> None:
        """Compare what some tasks read with what it was when the run was staged.

        Raises
        ------
        ResumeMismatch
            It has changed.
        """

    def begin(self, record: RunRecord) -> Work:
        """Open what the tasks write to."""

    def executor(self, record: RunRecord, /) -> AbstractContextManager[Executor]:
        """Who does the tasks; inside the context it is there."""

    def bytes_of(self, number: int) -> int:
        """Array bytes that a task writes."""

    def emit(self, event: Any) -> None:
        """Tell the listener of an event."""

    def make_durable(self, record: RunRecord) -> None:
        """Make durable what tasks have written."""

    def check(self) -> None:
        """Raise `InputChanged` if what the tasks read was changed meanwhile."""

    def end(self) -> None:
        """Close what is open."""


def do_tasks(folder: Path, record: RunRecord, share: tuple[int, int], run: Doing) -> None:
    """Do the tasks of a share that are not done yet.

    Parameters
    ----------
    folder : Path
        Of the run.
    record : RunRecord
    share : tuple of (int, int)
        Share I of N.
    run : Doing
    """
    done = read_done(folder, record.nonce, record.tasks)
    wanted = [number for number in share_of(record.tasks, share) if not done[number]]
    if not wanted:
        return
    run.compare(record, wanted)
    own = DoneRecord(folder, record.nonce, record.sync)
    try:
        refuse_if_committing(folder)
        work = run.begin(record)
        run.emit(Started(work.plan.bytes_written * len(wanted) // record.tasks))
        keeper = Keeper(own, lambda: run.make_durable(record), record.sync)

        def finished(number: int) -> None:
            nbytes = run.bytes_of(number)
            run.emit(Moved(nbytes))
            keeper.note(number, nbytes)

        try:
            with run.executor(record) as executor:
                executor.run(work, wanted, finished, threading.Event())
        except Exception:
            run.check()  # if an input has changed, that is the cause of the error
            raise
        finally:
            keeper.flush()
        run.check()
    finally:
        own.close()
        run.end()


def say_how_to_go_on(error: BaseException, phase: str, folder: Path) -> None:
    """Add to an error what becomes of the work that is done."""
    if isinstance(error, ResumeMismatch | OutputBusy | InputUnavailable):
        return  # its message says what to do
    nothing, kept = "nothing was left behind", "what is done is kept"
    if isinstance(error, ConcatsplitError) and nothing in error.message:
        error.message = error.message.replace(nothing, kept)
        kept = ""
    how = (
        "the same command with --resume goes on"
        if phase == "resume"
        else f"'concatsplit {phase} {folder}' goes on"
    )
    how += f", 'concatsplit discard {folder}' gives it up"
    error.add_note("; ".join(filter(None, (kept, how))))

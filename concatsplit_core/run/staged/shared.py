"""Does tasks of a staged run that another process has planned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from concatsplit_core.foundation.errors import ConcatsplitError, InputChanged
from concatsplit_core.run.executor import Executor, ThreadExecutor
from concatsplit_core.run.staged.doing import do_tasks, say_how_to_go_on
from concatsplit_core.run.staged.record import RunRecord, refuse_changes
from concatsplit_core.run.staged.task_file import SharedWork
from concatsplit_core.run.worker import Work
from concatsplit_core.stores.durability import make_durable
from concatsplit_core.stores.files import input_error, output_error

if TYPE_CHECKING:
    from concatsplit_core.endpoints.touched import Touched
    from concatsplit_core.formats.sources import Source


class SharedRun:
    """A staged run as one of the processes sees it that do its tasks.

    Parameters
    ----------
    folder : Path
        Of the run.
    shared : SharedWork
    listener : callable, optional
        Gets every event.
    """

    _touched: Touched | None = None

    def __init__(
        self, folder: Path, shared: SharedWork, listener: Callable[[Any], None] | None
    ) -> None:
        self._folder, self._shared, self._listener = folder, shared, listener

    def do_share(self, record: RunRecord, share: tuple[int, int]) -> None:
        """Do the tasks of a share that are not done yet."""
        try:
            do_tasks(self._folder, record, share, self)
        except BaseException as error:
            say_how_to_go_on(error, "run", self._folder)
            raise

    def compare(self, record: RunRecord, numbers: list[int], /) -> None:
        """Compare the files that the tasks read with what they were."""
        self._touched = touched = self._shared.touched(numbers)
        for source in touched.changed():
            self._refuse_changed(record, source)

    def begin(self, record: RunRecord) -> Work:
        """Make the inputs ready that the tasks read; the targets are known."""
        for source in self._sources:
            source.prepare(Path(record.folders[0]), self._shared.check)
        return self._shared.work

    @property
    def _sources(self) -> Iterable[Source]:
        """The inputs that the tasks read."""
        return () if self._touched is None else self._touched.sources.values()

    def _refuse_changed(self, record: RunRecord, source: Source) -> None:
        place = source.place
        if place is not None and place.kind is None:
            gone = FileNotFoundError(2, "No such file or directory", place.key)
            raise input_error(source.ref, gone)
        was = record.facts.get("inputs", [])
        now = [[ref, "changed" if ref == source.ref else number] for ref, number in was]
        refuse_changes(self._folder, {"inputs": was}, {"inputs": now})

    @contextmanager
    def executor(self, _record: RunRecord, /) -> Iterator[Executor]:
        """Threads of this process."""
        yield ThreadExecutor()

    def bytes_of(self, number: int) -> int:
        """Array bytes that a task writes."""
        return self._shared.work.plan.bytes_of(number)

    def emit(self, event: Any) -> None:
        """Tell the listener of an event."""
        if self._listener is not None:
            self._listener(event)

    def make_durable(self, record: RunRecord) -> None:
        """Make durable what tasks have written."""
        try:
            make_durable(map(Path, record.folders), may_vanish=True)
        except OSError as error:
            if isinstance(error, ConcatsplitError):
                raise
            raise output_error(record.outputs[0].final, error) from error

    def check(self) -> None:
        """Compare the files that the tasks have read once more."""
        for source in () if self._touched is None else self._touched.changed():
            raise InputChanged(
                f"{source.ref}: changed while it was read; nothing was written, run again",
                ref=source.ref,
            )

    def end(self) -> None:
        """Close the inputs."""
        for source in self._sources:
            with suppress(OSError):
                source.close()

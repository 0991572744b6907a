"""What an operator does if its run is staged: one step of it, instead of all at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from concatsplit_core.foundation.errors import UsageError
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.stores.keeping import KeptRun, name_when_complete, read_kept
from concatsplit_core.stores.staging_folders import find_staging_folders


class RunStep(NamedTuple):
    """One step of a staged run.

    Parameters
    ----------
    phase : {"stage", "run", "commit", "resume", "published", "once"}
        "resume" is all of the first three, as far as they are still to be done; "published" is
        nothing, since all is done; "once" is all of it, and an error leaves nothing behind.
    folder : str
        Of the run; empty for a resumed run that has not begun.
    share : tuple of (int, int)
        Do the tasks of share I of N, from 1 to N.
    request : dict, optional
        The operator and its arguments, to be recorded while staging.
    """

    phase: Literal["stage", "run", "commit", "resume", "published", "once"]
    folder: str = ""
    share: tuple[int, int] = (1, 1)
    request: dict[str, Any] | None = None


def parse_share(text: str) -> tuple[int, int]:
    """The share that ``I/N`` says; 0/N is the same as N/N, for batch systems that count from 0.

    Raises
    ------
    UsageError
        It is not a share.
    """
    first, slash, second = text.partition("/")
    if not (slash and first.strip().isdecimal() and second.strip().isdecimal()):
        raise UsageError(f"--tasks {text}: is not I/N, such as 3/64 for the third of 64 shares")
    number, count = int(first), int(second)
    if not count:
        raise UsageError(f"--tasks {text}: 0 shares hold nothing; give I/N, such as 3/64")
    if number > count:
        raise UsageError(f"--tasks {text}: there are {count} shares; give 1 to {count}")
    return number or count, count


def share_of(tasks: int, share: tuple[int, int]) -> range:
    """The numbers of the tasks in a share: neighbours, as many in each as in every other."""
    number, count = share
    return range((number - 1) * tasks // count, number * tasks // count)


class Completions:
    """Hands on the events of a run, and knows which runs with ``--resume`` were complete.

    Such a run may have been killed while its outputs got their names, or after that. Recovery
    gives its outputs the names that are missing, and clears what tells of the run. So this looks
    before it.

    Parameters
    ----------
    listener : callable, optional
        Gets every event.
    """

    def __init__(self, listener: Callable[[Any], None] | None) -> None:
        self._listener = listener
        self._names: set[str] = set()
        self._kept: list[KeptRun] = []

    def __call__(self, event: Any) -> None:
        if self._listener is not None:
            self._listener(event)

    def look(self, path: Path) -> None:
        """Note what a staging folder tells of its run."""
        self._names.add(path.name)
        kept = read_kept(path)
        if kept is not None and kept.resumes:
            self._kept.append(kept)

    def has_completed(self, finals: set[Path], decided: Callable[[], str]) -> bool:
        """Whether outputs are there that one of the runs has made, after the recovery.

        Parameters
        ----------
        finals : set of Path
            Their names.
        decided : callable
            Gives a digest of all that decides what they hold.
        """
        if not self._names or not all(map(os.path.lexists, finals)):
            return False
        if name_when_complete(decided(), map(str, finals)) in self._names:
            return True
        return any(
            kept.is_published
            and {Path(output.final) for output in kept.outputs} == finals
            and kept.decided == decided()
            for kept in self._kept
        )


def look_before_recovery(listener: Callable[[Any], None] | None, folders: Iterable[str]) -> None:
    """Have `Completions` note what tells of runs in folders."""
    if isinstance(listener, Completions):
        for path in chain.from_iterable(map(find_staging_folders, folders)):
            listener.look(path)

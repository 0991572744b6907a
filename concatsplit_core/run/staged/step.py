"""What an operator does if its run is staged: one step of it, instead of all at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from concatsplit_core.foundation.errors import UsageError
from concatsplit_core.foundation.records import NamedTuple


class Step(NamedTuple):
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
    if not count or number > count:
        raise UsageError(f"--tasks {text}: there are {count} shares; give 1 to {count}")
    return number or count, count


def share_of(tasks: int, share: tuple[int, int]) -> range:
    """The numbers of the tasks in a share: neighbours, as many in each as in every other."""
    number, count = share
    return range((number - 1) * tasks // count, number * tasks // count)


class Completions:
    """Listens to the events of a run, and notes the outputs whose run has been completed.

    A run with ``--resume`` that was killed while its outputs got their names may find that the
    recovery has given them the others.

    Parameters
    ----------
    listener : callable, optional
        Gets every event.
    """

    def __init__(self, listener: Callable[[Any], None] | None) -> None:
        self._listener = listener
        self.finals: set[Path] = set()

    def __call__(self, event: Any) -> None:
        if getattr(event, "action", None) == "completed":
            folder = os.path.realpath(event.folder)
            self.finals.update(Path(os.path.normpath(f"{folder}/{n}")) for n in event.names)
        if self._listener is not None:
            self._listener(event)

"""What killed runs left behind is completed, taken back or cleared before anything else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Literal, NamedTuple

from concatsplit_core.errors import ConcatsplitError, IOFailure
from concatsplit_core.stores.folders import (
    PREFIX,
    candidates,
    read_claims,
    read_others,
    remove_folder,
    remove_unmarked,
)
from concatsplit_core.stores.interrupts import deferred_signals
from concatsplit_core.stores.journal import Journal, read_journal
from concatsplit_core.stores.markers import Marker, lock, open_marker, read_marker

State = Literal["alive", "dead", "foreign"]
_LISTED = 4
"""Names that a message lists."""


class Recovered(NamedTuple):
    """What was found of a run that was killed, and what was done about it.

    Parameters
    ----------
    action : {"completed", "taken back", "cleared", "left"}
        Its outputs have their names; what they were to replace has its name again; they were not
        complete and are removed; it is not ours to touch.
    folder : Path
        Where it was found.
    names : tuple of str
        The outputs, or what was left.
    why : str
        Of what was left.
    """

    action: Literal["completed", "taken back", "cleared", "left"]
    folder: Path
    names: tuple[str, ...] = ()
    why: str = ""

    @property
    def text(self) -> str:
        """One line for people."""
        if self.action == "left":
            return f"{self.folder / self.names[0]}: {self.why}; it is left alone"
        count = len(self.names)
        listed = ", ".join(self.names[:_LISTED]) + (", ..." if count > _LISTED else "")
        outputs = f"{count} output{'s' * (count != 1)} ({listed})" if count else "no output"
        done = {
            "completed": f"{outputs} of a run that was killed were given their names",
            "taken back": f"{outputs} of a run that was killed were taken back, because somebody "
            "has changed one of the names since",
            "cleared": "what a run that was killed left behind was removed",
        }
        return f"{self.folder}: {done[self.action]}"


def recover(folders: Iterable[Path]) -> Iterator[Recovered]:
    """Complete or undo what killed runs left in these folders.

    Raises
    ------
    IOFailure
        Neither is possible. Nothing is lost: the next try goes on from there.
    """
    for folder in dict.fromkeys(folders):
        for path in candidates(folder):
            with deferred_signals():
                found = _recover(path)
            if found is not None:
                yield found


def is_alive(path: Path) -> bool:
    """Whether the run of a staging folder still goes on."""
    with _examined(path) as (state, _):
        return state == "alive"


def claimed(path: Path) -> set[Path]:
    """The names that a run which goes on is going to give; none if it has ended."""
    return read_claims(path) if is_alive(path) else set()


@contextmanager
def _examined(path: Path) -> Iterator[tuple[State, Marker | None]]:
    """What a folder is; while this lasts nobody else takes it for a dead run's."""
    fd = open_marker(path)
    if fd is None:
        yield "foreign", None
        return
    try:
        locked, marker = lock(fd), read_marker(fd, path)
        if marker is None:  # one that is locked is being written
            yield ("alive" if locked is False else "foreign"), None
        elif locked or (marker.fate == "dead" if locked is None else marker.is_gone):
            yield "dead", marker  # a child that is on its way out may hold the lock
        else:
            yield "alive", marker
    finally:
        os.close(fd)


def _recover(path: Path) -> Recovered | None:
    with _examined(path) as (state, marker):
        if state == "alive" or not os.path.lexists(path):
            return None
        if marker is None:
            return _foreign(path)
        home = Path(os.path.normpath(path / marker.home))
        if home == path:
            return _from_home(path, marker.made, ())
        if not home.exists():
            why = "the folder that says what its run meant is gone"
            return Recovered("left", path.parent, (path.name,), why)
        with _examined(home) as (state_of_home, of_home):
            if state_of_home != "dead" or of_home is None:
                return None
            made = (os.path.relpath(path / name, home) for name in marker.made)
            return _from_home(home, (*of_home.made, *made), (path,))


def _foreign(path: Path) -> Recovered | None:
    """Leave alone what is not ours, unless it is empty: then nothing can be lost."""
    with suppress(OSError):
        if not path.is_symlink() and path.lstat().st_uid == os.geteuid():
            remove_unmarked(path)
            return None
    if not os.path.lexists(path):
        return None
    why = "is named as what a killed run leaves, but holds no marker of a run of this user"
    return Recovered("left", path.parent, (path.name,), why)


def _from_home(home: Path, made: Sequence[str], more: tuple[Path, ...]) -> Recovered:
    """Do what the journal of a dead run says, and remove its folders.

    Parameters
    ----------
    home : Path
        The folder with the journal.
    made : sequence of str
        Folders that the run made, as seen from there.
    more : tuple of Path
        Other folders that it staged in.
    """
    try:
        journal = read_journal(home)
        if journal is None:
            for path in (*more, *read_others(home), home):
                _remove(path)
            for folder in (Path(os.path.normpath(home / name)) for name in reversed(made)):
                if any(folder in path.parents for path in (*more, home)):
                    with suppress(OSError):  # others have put something there
                        folder.rmdir()
            return Recovered("cleared", home.parent)
        return _carry_out(journal)
    except ConcatsplitError:
        raise
    except (ValueError, RecursionError) as error:
        why = f"its journal cannot be read ({error}): look at what is in it, then remove it"
        return Recovered("left", home.parent, (home.name,), why)
    except OSError as error:
        raise IOFailure(
            f"{home.parent}: a run that was killed can be neither completed nor taken back: "
            f"{error}; nothing of it is lost, see {home}",
            ref=str(home),
        ) from error


def _carry_out(journal: Journal) -> Recovered:
    with ExitStack() as held:
        for folder in journal.folders:
            if folder != journal.home:
                held.enter_context(_examined(folder))
        if journal.away:
            why = f"its run wrote to {journal.away[0]} as well, which is not there now"
            return Recovered("left", journal.home.parent, (journal.home.name,), why)
        done = journal.carry_out(sync=True)
        if not done:  # it would be begun anew where this is killed as well
            journal.erase(sync=True)
        for folder in (*(f for f in journal.folders if f != journal.home), journal.home):
            _remove(folder)
    names = tuple(os.path.relpath(e.final, journal.home.parent) for e in journal.entries)
    return Recovered("completed" if done else "taken back", journal.home.parent, names)


def _remove(path: Path) -> None:
    """Remove a staging folder, and what was on its way to a name beside it."""
    for beside in path.parent.glob(f"{PREFIX}{path.name.removeprefix(PREFIX)}-*"):
        if beside.is_dir() and not beside.is_symlink():
            shutil.rmtree(beside, ignore_errors=True)
        else:
            beside.unlink(missing_ok=True)
    remove_folder(path)

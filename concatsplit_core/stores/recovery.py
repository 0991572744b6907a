"""Recovery: a run first completes, rolls back or removes what killed runs left in its folders."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Literal

from concatsplit_core.foundation.errors import ConcatsplitError, IOFailure
from concatsplit_core.foundation.interrupts import deferred_signals
from concatsplit_core.stores.journal import Journal, has_journal, read_journal
from concatsplit_core.stores.keeping import KeptRun, read_kept
from concatsplit_core.stores.owner import OWNER_FILE, Owner, lock, open_owner_file, read_owner
from concatsplit_core.stores.publishing import Recovered
from concatsplit_core.stores.staging_folders import (
    PREFIX,
    find_staging_folders,
    read_announced,
    read_siblings,
    remove_empty,
    remove_folder,
)

State = Literal["alive", "dead", "foreign"]


def recover(folders: Iterable[Path]) -> Iterator[Recovered]:
    """Complete, roll back or remove what killed runs left in these folders.

    Raises
    ------
    IOFailure
        None of these is possible. Nothing is lost: the next call continues.
    """
    for folder in dict.fromkeys(folders):
        for path in find_staging_folders(folder):
            with deferred_signals():
                recovered = _recover(path)
            if recovered is not None:
                yield recovered


def is_alive(path: Path) -> bool:
    """Whether the run of a staging folder is still running."""
    with _state_of(path) as (state, _):
        return state == "alive"


def outputs_of_live_run(path: Path) -> set[Path]:
    """The outputs that the run of a staging folder is going to publish; none if it has ended."""
    return read_announced(path) if is_alive(path) else set()


@contextmanager
def _state_of(path: Path) -> Iterator[tuple[State, Owner | None]]:
    """The state and owner of a staging folder; inside the context no other run recovers it.

    "alive" if its run is still running, "dead" if it has ended, "foreign" if no run of this user
    made it.
    """
    fd = open_owner_file(path)
    if fd is None:
        yield "foreign", None
        return
    try:
        locked, owner = lock(fd), read_owner(fd, path)
        if owner is None:  # if it is locked, its run is just writing it
            yield ("alive" if locked is False else "foreign"), None
        elif locked or (owner.fate == "dead" if locked is None else owner.is_gone):
            yield "dead", owner  # a child of the ended run may still hold the lock
        else:
            yield "alive", owner
    finally:
        os.close(fd)


def _recover(path: Path) -> Recovered | None:
    with _state_of(path) as (state, owner):
        if state == "alive" or not os.path.lexists(path):
            return None
        if owner is None:
            return _leave_foreign(path)
        home = Path(os.path.normpath(path / owner.home))
        kept = read_kept(path)
        if kept is not None and not has_journal(home):
            return _recover_kept(home, kept)
        if home == path:
            return _recover_home(path, owner.made, ())
        if not home.exists():
            why = f"{home}, the folder with the journal of its run, is gone"
            return Recovered("left", path.parent, (path.name,), why)
        with _state_of(home) as (home_state, home_owner):
            if home_state != "dead" or home_owner is None:
                return None
            made = (os.path.relpath(path / name, home) for name in owner.made)
            return _recover_home(home, (*home_owner.made, *made), (path,))


def _recover_kept(home: Path, kept: KeptRun) -> Recovered | None:
    """Leave a staged run as it is, unless all its outputs have their names already."""
    if not kept.is_published:
        return None
    _remove(home)
    names = tuple(os.path.relpath(output.final, home.parent) for output in kept.outputs)
    return Recovered("completed", home.parent, names)


def _leave_foreign(path: Path) -> Recovered | None:
    """Leave a folder alone that no run of this user made, unless it is empty: then remove it."""
    with suppress(OSError):
        if not path.is_symlink() and path.lstat().st_uid == os.geteuid():
            remove_empty(path)
            return None
    if not os.path.lexists(path):
        return None
    why = f"has the name of a staging folder, but no {OWNER_FILE} of a run of this user"
    return Recovered("left", path.parent, (path.name,), why)


def _recover_home(home: Path, made: Sequence[str], siblings: tuple[Path, ...]) -> Recovered:
    """Follow the journal of an ended run, or without one remove what the run staged.

    Parameters
    ----------
    home : Path
        The staging folder that holds the journal.
    made : sequence of str
        Folders that the run made for its outputs, relative to `home`.
    siblings : tuple of Path
        Other staging folders of the run.
    """
    try:
        journal = read_journal(home)
        if journal is None:
            for path in (*siblings, *read_siblings(home), home):
                _remove(path)
            for folder in (Path(os.path.normpath(home / name)) for name in reversed(made)):
                if any(folder in path.parents for path in (*siblings, home)):
                    with suppress(OSError):  # it is not empty: others have put something there
                        folder.rmdir()
            return Recovered("cleared", home.parent)
        return _follow_journal(journal)
    except ConcatsplitError:
        raise
    except (ValueError, RecursionError) as error:
        why = f"its journal cannot be read ({error}); look at what is in the folder, then remove it"
        return Recovered("left", home.parent, (home.name,), why)
    except OSError as error:
        raise IOFailure(
            f"{home.parent}: the outputs of a killed run can be neither completed nor taken back: "
            f"{error}; nothing is lost: they are in {home}",
            ref=str(home),
        ) from error


def _follow_journal(journal: Journal) -> Recovered:
    with ExitStack() as held:
        for folder in journal.folders:
            if folder != journal.home:
                held.enter_context(_state_of(folder))
        if journal.missing_folders:
            why = f"its run also wrote to {journal.missing_folders[0]}, which is not there now"
            return Recovered("left", journal.home.parent, (journal.home.name,), why)
        done = journal.complete_or_roll_back(sync=True)
        if not done:  # else, if this run is killed too, the next one would start over
            journal.erase(sync=True)
        is_kept = not done and read_kept(journal.home) is not None
        others = (folder for folder in journal.folders if folder != journal.home)
        for folder in () if is_kept else (*others, journal.home):
            _remove(folder)
    names = tuple(os.path.relpath(e.final, journal.home.parent) for e in journal.entries)
    return Recovered("completed" if done else "taken back", journal.home.parent, names)


def _remove(path: Path) -> None:
    """Remove a staging folder, and the copies of its outputs beside their names."""
    for beside in path.parent.glob(f"{PREFIX}{path.name.removeprefix(PREFIX)}-*"):
        if beside.is_dir() and not beside.is_symlink():
            shutil.rmtree(beside, ignore_errors=True)
        else:
            beside.unlink(missing_ok=True)
    remove_folder(path)

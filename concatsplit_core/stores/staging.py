"""Outputs appear complete or not at all.

Every output is staged in a hidden folder beside its place, `.concatsplit-*`, and moved to its
name when all of them are complete and durable. The folder is locked while its run lives. Before
the first of several names is given a journal says what is meant, so that a run which is killed
between two of them can be completed by the next one: see `recovery`.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from concatsplit_core.errors import (
    IOFailure,
    OutputBusy,
    OutputChanged,
    OutputExists,
    OutputRefused,
)
from concatsplit_core.stores.durability import make_durable, sync_path
from concatsplit_core.stores.files import output_error
from concatsplit_core.stores.folders import StagingFolder, candidates
from concatsplit_core.stores.identity import Identity, identify
from concatsplit_core.stores.interrupts import deferred_signals
from concatsplit_core.stores.journal import Entry, Journal, entries_of
from concatsplit_core.stores.permissions import create_like, keep_mode, resemble

if TYPE_CHECKING:
    from concatsplit_core.stores.amendment import Amendment


_PAUSE, _SHORT, _LONG = 0.01, 2.0, 30.0
"""Seconds between two tries for a lock, and for how long it is tried: for a moment's work of
another run, and for its publishing."""


class _Claim:
    """An output: what is staged for which name, and what that may replace."""

    __slots__ = ("exact", "final", "found", "last", "staged")

    def __init__(
        self,
        final: Path,
        staged: Path,
        found: Identity | None,
        exact: bool,
        last: bool = False,
    ) -> None:
        self.final, self.staged, self.found = final, staged, found
        self.exact, self.last = exact, last


class Staging:
    """Stages outputs and publishes them together.

    Parameters
    ----------
    sync : bool
        Make everything durable before it is published, and the publishing itself after it.
    """

    def __init__(self, sync: bool = True) -> None:
        self._sync = sync
        self._claims: list[_Claim] = []
        self._folders: dict[Path, StagingFolder] = {}
        self._made: list[Path] = []
        self._stuck = False

    def claim(
        self,
        final: Path,
        *,
        found: Identity | None = None,
        exact: bool = False,
        beside: Path | None = None,
        last: bool = False,
    ) -> Path:
        """Reserve the place of an output and say where to build it.

        What replaces something is created empty, with the permissions of what it replaces.

        Parameters
        ----------
        final : Path
            The file or folder to appear.
        found : Identity, optional
            What is there and may be replaced; nothing else will be.
        exact : bool
            It must not have been changed either: its content is part of what is built.
        beside : Path, optional
            Folder to stage in, where that is not the output's own.
        last : bool
            It gets its name after all others: it says that they are there.
        """
        parent = beside or final.parent
        try:
            with deferred_signals():  # what is made is known, so that it can be removed
                self._make_folders(final.parent)
                folder = self._folders.get(parent)
                if folder is None:
                    home = next(iter(self._folders.values()), None)
                    folder = self._folders[parent] = StagingFolder(parent, home, self._made)
                    if home is not None:
                        home.note_other(folder.path)
            staged = folder.place(final.name)
            if found is not None:
                create_like(staged, final)
        except FileNotFoundError as error:
            raise _changed(final) if found is not None else output_error(str(final), error) from (
                error
            )
        except PermissionError as error:
            raise OutputRefused(
                f"{final}: the folder {parent} may not be written to: "
                f"{os.strerror(error.errno or 0)}; write elsewhere, or ask for permission",
                ref=str(final),
            ) from error
        except OSError as error:
            raise output_error(str(final), error) from error
        self._claims.append(_Claim(final, staged, found, exact, last))
        return staged

    def refuse_rivals(self) -> None:
        """Announce the outputs to other runs, and heed those that go on.

        Raises
        ------
        OutputBusy
            Another run is writing one of the outputs.
        """
        finals = [claim.final for claim in self._claims]
        own = {folder.path for folder in self._folders.values()}
        with _locked(self._folders, _SHORT):  # of two runs at once one has to see the other
            for folder in self._folders.values():
                folder.announce(finals)
            for other in (path for parent in self._folders for path in candidates(parent)):
                if other not in own:
                    _refuse_rival(other, finals)

    def _make_folders(self, folder: Path) -> None:
        missing = []
        while not folder.exists():
            missing.append(folder)
            folder = folder.parent
        for path in reversed(missing):
            path.mkdir()
            self._made.append(path)

    def publish(
        self,
        amend: Callable[[Path], Iterable[Amendment]] = lambda _: (),
        shared: Iterable[Path] = (),
        done: Callable[[], None] = lambda: None,
    ) -> None:
        """Move all outputs to their names, or none of them.

        Parameters
        ----------
        amend : callable
            Builds documents that have to change with the outputs, in a folder that it is given.
        shared : iterable of Path
            Containers that they belong to: while they change no other run amends them.
        done : callable
            Told that all is in its place, before any signal is heard again: a request to end
            comes too late then. Its own failure is not that of the run.
        """
        if not self._claims:
            done()
            return
        for claim in self._claims:
            if claim.found is not None:
                try:
                    keep_mode(claim.staged, claim.final)
                except FileNotFoundError:
                    raise _changed(claim.final) from None
        if self._sync:
            make_durable(claim.staged for claim in self._claims)
        with _locked(shared, _LONG):
            entries = self._entries(self._amended(amend))
            journal = self._journal(entries)
            with deferred_signals(forget=True):
                if len(entries) > 1:  # one name is given in one step, and needs no journal
                    journal.write(self._sync)
                self._give_names(entries, journal)
                self._made.clear()
                self._clean()  # may take long, but the run has succeeded
                with suppress(Exception):
                    done()

    def _amended(self, amend: Callable[[Path], Iterable[Amendment]]) -> list[_Claim]:
        """All claims, those of amended documents behind the members that they speak of."""
        folder = next(iter(self._folders.values()))
        more = []
        for final, staged, found in amend(folder.path / "amended"):
            resemble(staged, final)
            keep_mode(staged, final)
            more.append(_Claim(final, staged, found, exact=True))
        if self._sync:
            make_durable(claim.staged for claim in more)
            for path in self._made:
                sync_path(path)
                sync_path(path.parent)
        outputs = [claim for claim in self._claims if not claim.last]
        return [*outputs, *more, *(claim for claim in self._claims if claim.last)]

    def _entries(self, claims: list[_Claim]) -> tuple[Entry, ...]:
        """What is to be moved, each name checked once more."""
        checked = []
        for claim in claims:
            now = identify(claim.final)
            if claim.found is None and now is not None:
                raise _appeared(claim.final)
            if claim.found is not None:
                whole = claim.exact or claim.found.kind == "folder"
                same = claim.found == now if whole else claim.found.is_same_entry(now)
                if not same:
                    raise _changed(claim.final)
            checked.append((claim.staged, claim.final, now))
        return entries_of(checked)

    def _journal(self, entries: tuple[Entry, ...]) -> Journal:
        folders = tuple(folder.path for folder in self._folders.values())
        return Journal(folders[0], folders, entries)

    def _give_names(self, entries: tuple[Entry, ...], journal: Journal) -> None:
        done: list[Entry] = []

        def before_steps() -> None:
            if len(entries) == 1:
                journal.write(self._sync)

        try:
            for entry in entries:
                done.append(entry)
                entry.do(self._sync, before_steps)
            if self._sync:
                for folder in {entry.final.parent for entry in entries}:
                    sync_path(folder)
        except BaseException as error:
            self._take_back(done, journal)
            if isinstance(error, FileExistsError):
                last = done[-1]
                raise (_appeared if last.old is None else _changed)(last.final) from None
            raise

    def _take_back(self, done: list[Entry], journal: Journal) -> None:
        """Give every name back to what had it; what cannot be is left for the next run to do."""
        try:
            for entry in reversed(done):
                if not entry.undo(self._sync):
                    raise OSError(f"{entry.final} is no longer what it was")
            journal.erase(self._sync)
        except OSError as error:
            self._stuck = True
            with suppress(OSError):
                journal.write(self._sync)
            raise IOFailure(
                f"{done[0].final}: the outputs could be neither published nor taken back: {error}; "
                f"nothing is lost: 'concatsplit recover {journal.home.parent}' goes on from there",
                ref=str(done[0].final),
            ) from error

    def rollback(self) -> None:
        """Remove all that was staged, and the folders made for it."""
        if self._stuck:
            return
        with deferred_signals(forget=True):
            self._clean()
            for path in reversed(self._made):
                with suppress(OSError):
                    path.rmdir()

    def _clean(self) -> None:
        """Remove the staging folders, that with the journal last."""
        for folder in reversed(self._folders.values()):
            folder.remove()
        self._folders.clear()


def _refuse_rival(other: Path, finals: list[Path]) -> None:
    """Heed the run of another staging folder, if it goes on and writes what this one does."""
    from concatsplit_core.stores.recovery import claimed

    own = set(finals)
    above = {parent for final in finals for parent in final.parents}
    for final in claimed(other):
        if final in own or final in above or not own.isdisjoint(final.parents):
            raise OutputBusy(
                f"{final}: another run is writing it; wait for it to end", ref=str(final)
            )


@contextmanager
def _locked(folders: Iterable[Path], patience: float) -> Iterator[None]:
    """Wait for other runs that change these folders, and keep them waiting.

    Somebody else may have locked a folder for reasons of his own: after some seconds it goes on
    without, for what is replaced is compared once more in any case.
    """
    with ExitStack() as held:
        until = time.monotonic() + patience
        for folder in sorted(set(folders)):
            fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
            held.callback(_close, fd)
            with suppress(OSError):  # a file system without locks
                while not _lock_at_once(fd) and time.monotonic() < until:
                    time.sleep(_PAUSE)
        yield


def _lock_at_once(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _close(fd: int) -> None:
    with suppress(OSError):  # the run has succeeded, or failed for another reason
        os.close(fd)


def _appeared(final: Path) -> OutputExists:
    return OutputExists(
        f"{final}: appeared while its replacement was built; nothing was changed", ref=str(final)
    )


def _changed(final: Path) -> OutputChanged:
    return OutputChanged(
        f"{final}: was changed or replaced by someone else meanwhile; nothing was changed, "
        "run again",
        ref=str(final),
    )

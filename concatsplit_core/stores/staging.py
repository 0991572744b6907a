"""Staging and publishing: all outputs of a run appear complete, or none of them.

1. Claim: a hidden folder `.concatsplit-*` is made beside every output and locked. The outputs are
   announced in it, and a run that would write one of them at the same time is refused.
2. Build: every output is written inside its staging folder.
3. Publish: when all outputs are complete they are made durable, a journal is written if there are
   several, and they are renamed to their names one after the other.
4. Clean: the staging folders are removed, the one with the journal last.

An error before the end rolls back. If the process is killed, the next run does: see `recovery`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from concatsplit_core.foundation.errors import (
    ConcatsplitError,
    IOFailure,
    OutputBusy,
    OutputChanged,
    OutputExists,
    OutputRefused,
)
from concatsplit_core.foundation.interrupts import deferred_signals
from concatsplit_core.foundation.paths import split_path
from concatsplit_core.stores.durability import make_durable, sync_path
from concatsplit_core.stores.files import identify, output_error
from concatsplit_core.stores.folders import Folders
from concatsplit_core.stores.identity import Identity
from concatsplit_core.stores.journal import Journal, JournalEntry, make_entries
from concatsplit_core.stores.locks import locked
from concatsplit_core.stores.permissions import copy_mode, copy_owner_and_attributes, create_like
from concatsplit_core.stores.renames import was_copied_from
from concatsplit_core.stores.staging_folders import StagingFolder, find_staging_folders, folder_for

if TYPE_CHECKING:
    from concatsplit_core.stores.publishing import Amendment


_CLAIM_SECONDS, _PUBLISH_SECONDS = 2.0, 30.0
"""The longest waits for other runs that claim outputs, or publish them."""


class StagedClaim:
    """One output: its name, where it is staged and what it may replace.

    There may be very many: their paths are texts, which are made faster than a `Path`.
    """

    __slots__ = ("final", "last", "must_be_unchanged", "replaces", "staged")

    def __init__(
        self,
        final: str,
        staged: str,
        replaces: Identity | None,
        must_be_unchanged: bool,
        last: bool = False,
    ) -> None:
        self.final, self.staged = final, staged
        self.replaces, self.must_be_unchanged, self.last = replaces, must_be_unchanged, last


class LocalStaging:
    """Stages the outputs of a run on the local disk and publishes them together.

    Parameters
    ----------
    sync : bool
        Make all outputs durable before they are published, and their names after it.
    """

    def __init__(self, sync: bool = True) -> None:
        self._sync = sync
        self._claims: list[StagedClaim] = []
        self._folders: dict[Path, StagingFolder] = {}
        self._beside: dict[str, StagingFolder] = {}
        """By the folder of an output, as text, where it is staged: many outputs lie in one."""
        self._made: list[Path] = []
        self._must_recover = False

    def claim(
        self,
        final: str,
        *,
        container: str | None = None,
        replaces: Identity | None = None,
        must_be_unchanged: bool = False,
        last: bool = False,
    ) -> str:
        """Register an output and return the path where it has to be built.

        If the output replaces something, it is created empty, with the permissions of the old one.

        Parameters
        ----------
        final, container, replaces, must_be_unchanged, last
            As of `stores.publishing.Staging`.
        """
        where, name = split_path(final)
        is_beside = container is None or container == final
        folder = self._beside.get(where) if is_beside else None
        if folder is None:
            folder = self._folder_for(final, container or final, replaces)
            if is_beside:
                self._beside[where] = folder
        try:
            staged = folder.name_for(name)
            if replaces is not None:
                create_like(Path(staged), Path(final))
        except OSError as error:
            raise _not_staged(final, folder.path.parent, replaces, error) from error
        self._claims.append(StagedClaim(final, staged, replaces, must_be_unchanged, last))
        return staged

    def _folder_for(self, final: str, container: str, replaces: Identity | None) -> StagingFolder:
        """The staging folder of an output; it is made, and so is the folder of the output."""
        above = parent = Path(final).parent
        if container != final:
            parent = folder_for(Path(final), Path(container))
        try:
            if parent not in self._folders or above not in self._folders:
                self._make_folders(above, parent)
        except OSError as error:
            raise _not_staged(final, parent, replaces, error) from error
        return self._folders[parent]

    def refuse_if_busy(self) -> None:
        """Announce the outputs, and refuse the run if another one is writing one of them.

        Raises
        ------
        OutputBusy
            Another run is writing one of the outputs.
        """
        finals = [claim.final for claim in self._claims]
        own = {folder.path for folder in self._folders.values()}
        # Locked, so that of two runs at the same time the later one sees the other.
        with locked(self._folders, _CLAIM_SECONDS):
            for folder in self._folders.values():
                folder.announce_outputs(finals)
            for other in (
                path for parent in self._folders for path in find_staging_folders(parent)
            ):
                if other not in own:
                    _refuse_if_busy(other, [Path(final) for final in finals])

    def _make_folders(self, folder: Path, parent: Path) -> None:
        """Make the folder of an output, and the staging folder in another one or the same."""
        with deferred_signals():  # else a folder could be made and not be noted for removal
            missing = []
            while not folder.exists():
                missing.append(folder)
                folder = folder.parent
            for path in reversed(missing):
                path.mkdir()
                self._made.append(path)
            if parent in self._folders:
                return
            home = next(iter(self._folders.values()), None)
            self._folders[parent] = made = StagingFolder(parent, home, self._made)
            if home is not None:
                home.note_sibling(made.path)

    def publish(
        self,
        amend: Callable[[str], Iterable[Amendment]] = lambda _: (),
        shared: Iterable[str] = (),
        done: Callable[[], None] = lambda: None,
    ) -> None:
        """Move all outputs to their names, or none of them.

        Parameters
        ----------
        amend, shared
            As of `stores.publishing.Staging`.
        done : callable
            Called while signals are still held back.
        """
        if not self._claims:
            done()
            return
        for claim in self._claims:
            if claim.replaces is not None:
                try:
                    copy_mode(Path(claim.staged), Path(claim.final))
                except FileNotFoundError:
                    raise _changed(claim.final) from None
        if self._sync:
            make_durable(claim.staged for claim in self._claims)
        with locked(map(Path, shared), _PUBLISH_SECONDS):
            entries = self._entries(self._amended(amend))
            journal = self._journal(entries)
            with deferred_signals(forget=True):
                if len(entries) > 1:  # one output is renamed in one step and needs no journal
                    journal.write(self._sync)
                self._publish_entries(entries, journal)
                self._made.clear()
                self._clean()
                with suppress(Exception):
                    done()

    def _amended(self, amend: Callable[[str], Iterable[Amendment]]) -> list[StagedClaim]:
        """All claims in the order of publishing: documents after the members that they list."""
        folder = next(iter(self._folders.values()))
        more = []
        for amendment in amend(str(folder.path / "amended")):
            final, staged, found = amendment
            copy_owner_and_attributes(Path(staged), Path(final))
            copy_mode(Path(staged), Path(final))
            more.append(StagedClaim(final, staged, found, must_be_unchanged=True))
        if self._sync:
            make_durable(claim.staged for claim in more)
            for path in self._made:
                sync_path(path)
                sync_path(path.parent)
        outputs = [claim for claim in self._claims if not claim.last]
        return [*outputs, *more, *(claim for claim in self._claims if claim.last)]

    def _entries(self, claims: list[StagedClaim]) -> tuple[JournalEntry, ...]:
        """The journal entries of all claims, after a last check of what each one replaces."""
        outputs, known = [], Folders()
        for claim in claims:
            final, before = claim.final, claim.replaces
            is_free = before is None and not known.may_hold(*split_path(final))
            now = None if is_free else identify(final)
            if before is None and now is not None:
                raise _appeared(final)
            if before is not None:
                is_exact = claim.must_be_unchanged or before.kind == "folder"
                if not (before == now if is_exact else before.is_same_entry(now)):
                    raise _changed(final)
            outputs.append((claim.staged, final, now))
        return make_entries(outputs)

    def _journal(self, entries: tuple[JournalEntry, ...]) -> Journal:
        folders = tuple(folder.path for folder in self._folders.values())
        return Journal(folders[0], folders, entries)

    def _publish_entries(self, entries: tuple[JournalEntry, ...], journal: Journal) -> None:
        done: list[JournalEntry] = []

        def before_steps() -> None:
            if len(entries) == 1:
                journal.write(self._sync)

        folders = {entry.staged.rpartition("/")[0] for entry in entries}
        is_first = not any(map(was_copied_from, folders))
        try:
            for entry in entries:
                done.append(entry)
                entry.publish(self._sync, before_steps, is_first)
            if self._sync:
                for folder in {split_path(entry.final)[0] for entry in entries}:
                    sync_path(Path(folder))
        except BaseException as error:
            self._roll_back(done, journal)
            if isinstance(error, FileExistsError):
                last = done[-1]
                raise (_appeared if last.old is None else _changed)(last.final) from None
            raise

    def _roll_back(self, done: list[JournalEntry], journal: Journal) -> None:
        """Undo the renames; if that fails, leave the journal for the next run to recover."""
        try:
            for entry in reversed(done):
                if not entry.roll_back(self._sync):
                    raise OSError(f"{entry.final} is no longer what it was")
            journal.erase(self._sync)
        except OSError as error:
            self._must_recover = True
            with suppress(OSError):
                journal.write(self._sync)
            raise IOFailure(
                f"{done[0].final}: the outputs could be neither published nor taken back: {error}; "
                f"nothing is lost: run 'concatsplit recover {journal.home.parent}' to try again",
                ref=done[0].final,
            ) from error

    def rollback(self) -> None:
        """Remove the staging folders, and the folders that were made for the outputs."""
        if self._must_recover:
            return
        with deferred_signals(forget=True):
            self._clean()
            for path in reversed(self._made):
                with suppress(OSError):
                    path.rmdir()

    def _clean(self) -> None:
        """Remove the staging folders, the one with the journal last."""
        for folder in reversed(self._folders.values()):
            folder.remove()
        self._folders.clear()


def _refuse_if_busy(other: Path, finals: list[Path]) -> None:
    """Refuse the run if another one, live or kept, writes one of its outputs."""
    from concatsplit_core.stores.keeping import read_kept
    from concatsplit_core.stores.recovery import outputs_of_live_run
    from concatsplit_core.stores.staging_folders import read_announced

    own, kept = set(finals), read_kept(other)
    above = {parent for final in finals for parent in final.parents}
    for final in outputs_of_live_run(other) if kept is None else read_announced(other):
        if final in own or final in above or not own.isdisjoint(final.parents):
            if kept is not None:
                raise OutputBusy(
                    f"{final}: a staged run is going to write it; {kept.advice}", ref=str(final)
                )
            raise OutputBusy(
                f"{final}: another run is writing it; wait for it to end", ref=str(final)
            )


def _not_staged(
    final: str, parent: Path, replaces: Identity | None, error: OSError
) -> ConcatsplitError:
    """Our error where an output cannot be staged in a folder."""
    if isinstance(error, FileNotFoundError) and replaces is not None:
        return _changed(final)
    if isinstance(error, PermissionError):
        return OutputRefused(
            f"{final}: no permission to write to the folder {parent}: "
            f"{os.strerror(error.errno or 0)}; write elsewhere, or ask for permission",
            ref=final,
        )
    return output_error(final, error)


def _appeared(final: Path | str) -> OutputExists:
    return OutputExists(
        f"{final}: appeared while the output was built; nothing was changed; "
        "use --force to replace it",
        ref=str(final),
    )


def _changed(final: Path | str) -> OutputChanged:
    return OutputChanged(
        f"{final}: was changed or replaced by another program during the run; nothing of it was "
        "overwritten; run again",
        ref=str(final),
    )

"""What a run means to publish, written down before the first name is given.

A run that is killed between two of its renames leaves its journal behind. Whoever finds it knows
for every name what had it, what was to have it, and where both are: so the set is completed, or,
where somebody else has taken one of the names meanwhile, taken back.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from concatsplit_core.stores.durability import sync_path
from concatsplit_core.stores.folders import is_of, write_new
from concatsplit_core.stores.identity import Identity, has_changed, identify, is_moved
from concatsplit_core.stores.renames import exchange, is_on_its_way, kept_beside, put

_NAME = "journal.json"
_SCHEMA = 1


class Entry:
    """One name that is to be given.

    Parameters
    ----------
    staged, final : Path
        Where its file or folder was built, and where it is to appear.
    new : Identity
        What was built.
    old : Identity, optional
        What it replaces; it takes the place that the new one leaves.
    folder : Identity
        That of `final`.
    """

    __slots__ = ("final", "folder", "new", "old", "staged")

    def __init__(
        self, staged: Path, final: Path, new: Identity, old: Identity | None, folder: Identity
    ) -> None:
        self.staged, self.final, self.folder = staged, final, folder
        self.new, self.old = new, old

    @property
    def is_done(self) -> bool:
        """Whether the name has been given, whatever became of it since."""
        gone = not self.new.is_same_entry(identify(self.staged))
        return gone and not is_on_its_way(self.staged, self.final)

    @property
    def can_be_done(self) -> bool:
        """Whether the name is free, or what has it is what was to be replaced."""
        if not self._is_in_its_folder:
            return False
        return self._is_half_exchanged or identify(self.final) == self.old

    @property
    def _is_half_exchanged(self) -> bool:
        """Whether what is replaced has left its name, and its replacement has not come yet."""
        return identify(self.final) is None and identify(kept_beside(self.staged)) is not None

    @property
    def _is_in_its_folder(self) -> bool:
        return self.folder.is_same_entry(identify(self.final.parent))

    def do(self, sync: bool, before: Callable[[], None] = lambda: None) -> None:
        """Give the name.

        Parameters
        ----------
        sync : bool
        before : callable
            Called first where it cannot be done in one step.

        Raises
        ------
        FileExistsError
            Something else has the name by now; it keeps it.
        """
        if self.old is None or self._is_half_exchanged:
            put(self.staged, self.final, sync)
            return
        exchange(self.staged, self.final, sync, self._has_old, before)

    def _has_old(self, path: Path) -> bool:
        return self.old is not None and is_moved(identify(path), self.old)

    def _has_new(self, path: Path) -> bool:
        return self.new.is_same_entry(identify(path))

    def undo(self, sync: bool, when_ns: int | None = None) -> bool:
        """Take the name back, and give it to what had it; whether that was possible.

        Parameters
        ----------
        sync : bool
        when_ns : int, optional
            When the journal was written: what somebody has changed since keeps its name.
        """
        if self._is_half_exchanged:
            put(kept_beside(self.staged), self.final, sync)
            return True
        if not self.is_done:
            return True
        if not self._is_in_its_folder:
            return self.old is None
        is_here = self.new.is_same_entry(identify(self.final))
        if is_here and when_ns is not None and has_changed(self.final, self.new, when_ns):
            return True
        if self.old is None:
            if is_here:
                put(self.final, self.staged, sync)
            return True  # else somebody has taken it away or replaced it
        if is_here:
            exchange(self.staged, self.final, sync, self._has_new)
        elif identify(self.final) is None:
            put(self.staged, self.final, sync)
            return True
        return is_here or when_ns is not None  # what somebody has put there since stays


class Journal:
    """All names that a run gives, in this order, and the folders that it staged them in."""

    __slots__ = ("entries", "folders", "home")

    def __init__(self, home: Path, folders: tuple[Path, ...], entries: tuple[Entry, ...]) -> None:
        self.home, self.folders, self.entries = home, folders, entries

    def write(self, sync: bool) -> None:
        """Write it into the home folder; it is there as a whole, or not at all."""
        root = self.home.parent
        document = {
            "concatsplit": _SCHEMA,
            "folders": [os.path.relpath(path, root) for path in self.folders],
            "entries": [
                {
                    "staged": os.path.relpath(entry.staged, root),
                    "final": os.path.relpath(entry.final, root),
                    "new": entry.new,
                    "old": entry.old,
                    "folder": entry.folder,
                }
                for entry in self.entries
            ],
        }
        draft = self.home / f"{_NAME}.draft"
        write_new(draft, json.dumps(document).encode())
        if sync:
            sync_path(draft)
        os.rename(draft, self.home / _NAME)
        if sync:
            for path in {*self.folders, *(path.parent for path in self.folders)}:
                sync_path(path)

    def erase(self, sync: bool) -> None:
        """Forget what was meant: all of it has been taken back."""
        (self.home / _NAME).unlink(missing_ok=True)
        if sync:
            sync_path(self.home)

    @property
    def away(self) -> list[Path]:
        """Folders of outputs that are not where they were."""
        folders = {entry.final.parent: entry.folder for entry in self.entries}
        return [path for path, found in folders.items() if not found.is_same_entry(identify(path))]

    def carry_out(self, sync: bool) -> bool:
        """Give all names that are not given yet, or else take those back that are.

        Returns
        -------
        bool
            Whether all names are given; if not, what had them has them again.

        Raises
        ------
        OSError
            Neither could be done: nothing is lost, and the journal still says what is where.
        """
        waiting = [entry for entry in self.entries if not entry.is_done]
        given = [entry for entry in self.entries if entry.is_done]
        kept = all(identify(entry.final) is not None for entry in given)
        forward = not waiting or (kept and all(entry.can_be_done for entry in waiting))
        if forward:
            for entry in waiting:
                entry.do(sync)
        else:
            when_ns = (self.home / _NAME).lstat().st_mtime_ns
            for entry in reversed(self.entries):
                if not entry.undo(sync, when_ns):
                    raise OSError(f"{entry.final} is no longer what it was")
        if sync:
            for folder in {entry.final.parent for entry in self.entries}:
                with suppress(FileNotFoundError):
                    sync_path(folder)
        return forward


def read_journal(home: Path) -> Journal | None:
    """The journal in a home folder; None where the run was not that far.

    Raises
    ------
    ValueError
        It is no journal of ours, though only we can have written it.
    """
    try:
        text = (home / _NAME).read_bytes()
    except FileNotFoundError:
        return None
    try:
        found = json.loads(text)
        if found["concatsplit"] != _SCHEMA:
            raise ValueError(f"schema {found['concatsplit']}")
        root = home.parent
        folders = tuple(_path(root, name) for name in found["folders"])
        entries = tuple(_entry(root, entry) for entry in found["entries"])
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    if not all(path == home or not path.exists() or is_of(path, home) for path in folders):
        raise ValueError("it names a folder that is not of its run")
    if not all(any(path in entry.staged.parents for path in folders) for entry in entries):
        raise ValueError("it names an output that was not staged by its run")
    return Journal(home, folders, entries)


def _entry(root: Path, found: Any) -> Entry:
    new, old, folder = (Identity.from_json(found[key]) for key in ("new", "old", "folder"))
    if new is None or folder is None:
        raise ValueError("an entry without an identity")
    return Entry(_path(root, found["staged"]), _path(root, found["final"]), new, old, folder)


def _path(root: Path, name: str) -> Path:
    return Path(os.path.normpath(root / name))


def entries_of(claims: Sequence[tuple[Path, Path, Identity | None]]) -> tuple[Entry, ...]:
    """Entries for what is staged, where, and what it replaces."""
    folders = {final.parent: identify(final.parent) for _, final, _ in claims}
    made = []
    for staged, final, old in claims:
        new, folder = identify(staged), folders[final.parent]
        if new is None or folder is None:
            raise FileNotFoundError(2, os.strerror(2), str(staged if new is None else final.parent))
        made.append(Entry(staged, final, new, old, folder))
    return tuple(made)

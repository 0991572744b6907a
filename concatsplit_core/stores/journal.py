"""The journal: what a run is about to publish, written before its first rename.

A run that is killed between two renames leaves its journal behind. The journal says for every
output where it was staged, which name it gets and what it replaces. The next run reads it and
completes the set. If another program has taken one of the names meanwhile, it rolls the set back::

    write journal -> rename output 0 -> rename output 1 -> ... -> remove staging folders
                  |                                            |
                  +-- killed in here: the next run completes --+
                      the other renames, or undoes these
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from concatsplit_core.foundation.paths import split_path
from concatsplit_core.stores.durability import sync_path
from concatsplit_core.stores.files import identify
from concatsplit_core.stores.identity import Identity, is_same_after_move
from concatsplit_core.stores.renames import (
    exchange,
    has_copy_beside,
    move_to_free_name,
    waiting_path,
)
from concatsplit_core.stores.staging_folders import belongs_to, write_new

_NAME = "journal.json"
_SCHEMA = 1


class JournalEntry:
    """One output that is to be published.

    Parameters
    ----------
    staged, final : str
        The path where the output was built, and the one that it gets.
    new : Identity
        The output itself.
    old : Identity, optional
        What it replaces. The two change places: the old one ends up in the staging folder.
    folder : Identity
        The folder of `final`.
    """

    __slots__ = ("final", "folder", "new", "old", "staged")

    def __init__(
        self,
        staged: str,
        final: str,
        new: Identity,
        old: Identity | None,
        folder: Identity,
    ) -> None:
        self.staged, self.final = staged, final
        self.folder, self.new, self.old = folder, new, old

    @property
    def is_published(self) -> bool:
        """Whether the output has got its name; someone may have moved or removed it since."""
        gone = not self.new.is_same_entry(identify(self.staged))
        return gone and not has_copy_beside(self.staged, self.final)

    @property
    def can_publish(self) -> bool:
        """Whether the name is free, or still belongs to what the output replaces."""
        if not self._is_in_its_folder:
            return False
        return self._is_half_exchanged or identify(self.final) == self.old

    @property
    def _is_half_exchanged(self) -> bool:
        """Whether the old entry was moved away and the new one is not there yet."""
        return identify(self.final) is None and identify(waiting_path(self.staged)) is not None

    @property
    def _is_in_its_folder(self) -> bool:
        return self.folder.is_same_entry(identify(Path(self.final).parent))

    def publish(
        self, sync: bool, before: Callable[[], None] = lambda: None, is_first: bool = False
    ) -> None:
        """Move the output to its name.

        Parameters
        ----------
        sync : bool
            Make copies durable, where the file system needs a copy instead of a rename.
        before : callable
            Called before an exchange that takes more than one step.
        is_first : bool
            No killed run has tried it before and left a part of the work behind.

        Raises
        ------
        FileExistsError
            Something else has the name now, and keeps it.
        """
        if self.old is None or self._is_half_exchanged:
            move_to_free_name(self.staged, self.final, sync, is_first)
            return
        exchange(self.staged, self.final, sync, self._has_old, before)

    def _has_old(self, path: Path) -> bool:
        return self.old is not None and is_same_after_move(identify(path), self.old)

    def _has_new(self, path: Path) -> bool:
        return self.new.is_same_entry(identify(path))

    def roll_back(self, sync: bool, when_ns: int | None = None) -> bool:
        """Take the name back from the output, and give it back to what had it before.

        Parameters
        ----------
        sync : bool
            As in `publish`.
        when_ns : int, optional
            When the journal was written, in a recovery. What another program has changed or
            created since then keeps its name.

        Returns
        -------
        bool
            Whether that was possible.
        """
        if self._is_half_exchanged:
            move_to_free_name(waiting_path(self.staged), self.final, sync)
            return True
        if not self.is_published:
            return True
        if not self._is_in_its_folder:
            return self.old is None
        is_here = self.new.is_same_entry(identify(self.final))
        if is_here and when_ns is not None and _was_changed_since(self.final, self.new, when_ns):
            return True
        if self.old is None:
            if is_here:
                move_to_free_name(self.final, self.staged, sync)
            return True  # if it is not there, another program has moved or replaced it
        if is_here:
            exchange(self.staged, self.final, sync, self._has_new)
        elif identify(self.final) is None:
            move_to_free_name(self.staged, self.final, sync)
            return True
        return is_here or when_ns is not None  # in a recovery, what others put there stays


class Journal:
    """All outputs of a run, in the order of publishing, and its staging folders.

    Parameters
    ----------
    home : Path
        The staging folder that holds the journal.
    folders : tuple of Path
        All staging folders of the run.
    entries : tuple of JournalEntry
    """

    __slots__ = ("entries", "folders", "home")

    def __init__(
        self, home: Path, folders: tuple[Path, ...], entries: tuple[JournalEntry, ...]
    ) -> None:
        self.home, self.folders, self.entries = home, folders, entries

    def write(self, sync: bool) -> None:
        """Write the journal into its home folder: as a draft that gets its name when complete."""
        root = self.home.parent
        beginnings: dict[str, str] = {}

        def below(path: str) -> str:
            folder, name = split_path(path)
            if folder not in beginnings:  # many outputs lie in few folders
                relative = os.path.relpath(folder, root)
                beginnings[folder] = "" if relative == "." else f"{relative}/"
            return beginnings[folder] + name

        document = {
            "concatsplit": _SCHEMA,
            "folders": [os.path.relpath(path, root) for path in self.folders],
            "entries": [
                {
                    "staged": below(entry.staged),
                    "final": below(entry.final),
                    "new": entry.new,
                    "old": entry.old,
                    "folder": entry.folder,
                }
                for entry in self.entries
            ],
        }
        draft = self.home / f"{_NAME}.draft"
        draft.unlink(missing_ok=True)  # of a commit of the same staged run that was killed
        write_new(draft, json.dumps(document, check_circular=False).encode())
        if sync:
            sync_path(draft)
        os.rename(draft, self.home / _NAME)
        if sync:
            for path in {*self.folders, *(path.parent for path in self.folders)}:
                sync_path(path)

    def erase(self, sync: bool) -> None:
        """Remove the journal, after everything in it has been rolled back."""
        (self.home / _NAME).unlink(missing_ok=True)
        if sync:
            sync_path(self.home)

    @property
    def missing_folders(self) -> list[Path]:
        """Folders of outputs that were moved, removed or replaced."""
        folders = {Path(entry.final).parent: entry.folder for entry in self.entries}
        return [path for path, was in folders.items() if not was.is_same_entry(identify(path))]

    def complete_or_roll_back(self, sync: bool) -> bool:
        """Publish all outputs that have no name yet, or else roll back those that have.

        Completing needs two things: every output still to come can be published, and every
        output that has its name is still there. Else all are rolled back, the last one first.

        Returns
        -------
        bool
            Whether all outputs have their names; if not, all are rolled back.

        Raises
        ------
        OSError
            Neither is possible. Nothing is lost, and the journal still says what is where.
        """
        waiting = [entry for entry in self.entries if not entry.is_published]
        published = [entry for entry in self.entries if entry.is_published]
        are_there = all(identify(entry.final) is not None for entry in published)
        can_complete = not waiting or (are_there and all(entry.can_publish for entry in waiting))
        if can_complete:
            for entry in waiting:
                entry.publish(sync)
        else:
            when_ns = (self.home / _NAME).lstat().st_mtime_ns
            for entry in reversed(self.entries):
                if not entry.roll_back(sync, when_ns):
                    raise OSError(f"{entry.final} is no longer what it was")
        if sync:
            for folder in {Path(entry.final).parent for entry in self.entries}:
                with suppress(FileNotFoundError):
                    sync_path(folder)
        return can_complete


def has_journal(home: Path) -> bool:
    """Whether a run was about to publish what is staged."""
    return os.path.lexists(home / _NAME)


def read_journal(home: Path) -> Journal | None:
    """The journal in a home folder; None if the run was killed before it wrote one.

    Raises
    ------
    ValueError
        The journal is damaged or names files that its run did not stage.
    """
    try:
        text = (home / _NAME).read_bytes()
    except FileNotFoundError:
        return None
    try:
        document = json.loads(text)
        if document["concatsplit"] != _SCHEMA:
            raise ValueError(f"schema {document['concatsplit']}")
        root = home.parent
        folders = tuple(_path(root, name) for name in document["folders"])
        entries = tuple(_entry(root, entry) for entry in document["entries"])
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    if not all(path == home or not path.exists() or belongs_to(path, home) for path in folders):
        raise ValueError("it names a folder that does not belong to its run")
    if not all(any(path in Path(entry.staged).parents for path in folders) for entry in entries):
        raise ValueError("it names an output that its run did not stage")
    return Journal(home, folders, entries)


def _entry(root: Path, item: Any) -> JournalEntry:
    new, old, folder = (Identity.from_json(item[key]) for key in ("new", "old", "folder"))
    if new is None or folder is None:
        raise ValueError("an entry has no identity")
    staged, final = (str(_path(root, item[key])) for key in ("staged", "final"))
    return JournalEntry(staged, final, new, old, folder)


def _path(root: Path, name: str) -> Path:
    return Path(os.path.normpath(root / name))


def make_entries(outputs: Sequence[tuple[str, str, Identity | None]]) -> tuple[JournalEntry, ...]:
    """Journal entries for outputs: each is its staged path, its name and what it replaces."""
    folders: dict[str, Identity | None] = {}
    entries = []
    for staged, final, old in outputs:
        where = split_path(final)[0]
        if where not in folders:
            folders[where] = identify(where)
        new, folder = identify(staged), folders[where]
        if new is None or folder is None:
            missing = staged if new is None else os.path.dirname(final)
            raise FileNotFoundError(2, os.strerror(2), missing)
        entries.append(JournalEntry(staged, final, new, old, folder))
    return tuple(entries)


def _was_changed_since(path: str, before: Identity, when_ns: int) -> bool:
    """Whether a file is not as it was before, or a file in a folder was changed after a time."""
    if before.kind != "folder":
        return identify(path) != before
    files = (os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names)
    return any(os.lstat(file).st_mtime_ns > when_ns for file in files)

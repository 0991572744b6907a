"""The identity of a file or folder: only the one that was looked at before may be replaced."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any, NamedTuple


class Identity(NamedTuple):
    """The facts by which a file or folder is recognised, also whether it was changed.

    Parameters
    ----------
    kind : {"file", "folder", "link", "other"}
    inode : int
    size : int
        Bytes of a file; 0 for a folder, whose size has no meaning.
    mtime_ns : int
        When it was last changed. A folder changes when an entry is added or removed, and on some
        file systems when it is moved to another parent.
    """

    kind: str
    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Identity:
        """Make one from the result of `os.lstat`."""
        mode = status.st_mode
        if stat.S_ISREG(mode):
            return cls("file", status.st_ino, status.st_size, status.st_mtime_ns)
        kind = "folder" if stat.S_ISDIR(mode) else "link" if stat.S_ISLNK(mode) else "other"
        return cls(kind, status.st_ino, 0, status.st_mtime_ns if kind == "folder" else 0)

    @classmethod
    def from_json(cls, value: Any) -> Identity | None:
        """Make one from a JSON list; None from None."""
        if value is None:
            return None
        kind, *numbers = value
        if type(kind) is not str or [type(n) for n in numbers] != [int] * 3:
            raise ValueError(f"{value} is not the identity of a file")
        return cls(kind, *numbers)

    def is_same_entry(self, other: Identity | None) -> bool:
        """Whether both are the same file or folder; its content may have changed."""
        return other is not None and self[:2] == other[:2]


def is_same_after_move(now: Identity | None, before: Identity) -> bool:
    """Whether this is the unchanged file, or the same folder, after a move to another parent."""
    return before.is_same_entry(now) if before.kind == "folder" else now == before


def was_changed_since(path: Path, before: Identity, when_ns: int) -> bool:
    """Whether a file is not as it was before, or a file in a folder was changed after a time."""
    if before.kind != "folder":
        return identify(path) != before
    files = (os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names)
    return any(os.lstat(file).st_mtime_ns > when_ns for file in files)


def identify(path: Path | str) -> Identity | None:
    """The identity of what is at a path; links are not followed; None if nothing is there."""
    try:
        return Identity.of(os.lstat(path))
    except FileNotFoundError:
        return None

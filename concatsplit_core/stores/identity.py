"""Which file or folder a name leads to, so that nothing else is replaced in its place."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any, NamedTuple


class Identity(NamedTuple):
    """What tells one file or folder from another, also from what it was before a change.

    Parameters
    ----------
    kind : {"file", "folder", "link", "other"}
    inode : int
    size : int
        In bytes; 0 of a folder, whose size says nothing.
    mtime_ns : int
        Of a folder it changes when something is put right into it, and on some file systems when
        it gets another parent.
    """

    kind: str
    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Identity:
        """From what `os.lstat` gives."""
        mode = status.st_mode
        if stat.S_ISREG(mode):
            return cls("file", status.st_ino, status.st_size, status.st_mtime_ns)
        kind = "folder" if stat.S_ISDIR(mode) else "link" if stat.S_ISLNK(mode) else "other"
        return cls(kind, status.st_ino, 0, status.st_mtime_ns if kind == "folder" else 0)

    @classmethod
    def from_json(cls, found: Any) -> Identity | None:
        """From a list as `json` gives it, or None."""
        if found is None:
            return None
        kind, *numbers = found
        if type(kind) is not str or [type(n) for n in numbers] != [int] * 3:
            raise ValueError(f"{found} is no identity of a file")
        return cls(kind, *numbers)

    def is_same_entry(self, other: Identity | None) -> bool:
        """Whether both are one file or folder, though it may have been changed."""
        return other is not None and self[:2] == other[:2]


def is_moved(found: Identity | None, expected: Identity) -> bool:
    """Whether this is what was expected, after it may have got another parent."""
    return expected.is_same_entry(found) if expected.kind == "folder" else found == expected


def has_changed(path: Path, since: Identity, when_ns: int) -> bool:
    """Whether a file has changed, or any file in a folder has since a time."""
    if since.kind != "folder":
        return identify(path) != since
    files = (os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names)
    return any(os.lstat(file).st_mtime_ns > when_ns for file in files)


def identify(path: Path | str) -> Identity | None:
    """What lies at a path itself, a link not followed; None where nothing does."""
    try:
        return Identity.of(os.lstat(path))
    except FileNotFoundError:
        return None

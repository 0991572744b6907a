"""The identity of a file or folder: only the one that was looked at before may be replaced."""

from __future__ import annotations

from typing import Any

from concatsplit_core.foundation.records import NamedTuple


class Identity(NamedTuple):
    """The facts by which a file or folder is recognised, also whether it was changed.

    Parameters
    ----------
    kind : {"file", "folder", "link", "other"}
    inode : int
        Its number in the file system. A store other than a file system gives a number of its own,
        which differs between two versions of a file.
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

"""Folders in which a run looks up many names."""

from __future__ import annotations

import os
import stat

from concatsplit_core.foundation.paths import split_path

_MANY_NAMES = 32
"""Names in one folder from which on it is listed, which is less work than to look at each."""


class Folders:
    """What is known of folders in which a run looks up many names.

    It holds for the moment in which a folder was first looked at. What appears later is noticed
    when outputs get their names, which no other file may have then.
    """

    __slots__ = ("_counts", "_kinds", "_names", "_real")

    def __init__(self) -> None:
        self._real: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._names: dict[str, set[str] | None] = {}
        self._kinds: dict[str, dict[str, bool]] = {}

    def resolve(self, path: str) -> str:
        """A path with all links followed, from the root."""
        folder, name = split_path(path)
        if name in {"", ".", ".."} or (self.may_hold(folder, name) and os.path.islink(path)):
            return os.path.realpath(path)
        if folder not in self._real:
            self._real[folder] = os.path.realpath(folder)
        real = self._real[folder]
        return f"{real}/{name}" if real != "/" else f"/{name}"

    def may_hold(self, folder: str, name: str) -> bool:
        """Whether there may be something of a name; False only if there certainly was nothing."""
        if folder not in self._names:
            count = self._counts.get(folder, 0)
            if count < _MANY_NAMES:
                self._counts[folder] = count + 1
                return True
            self._names[folder] = _names_in(folder)
        names = self._names[folder]
        return names is None or name in names

    def is_folder(self, path: str) -> bool | None:
        """Whether a path, links followed, is a folder; None if there is nothing."""
        folder, name = split_path(path)
        count = self._counts.get(folder, 0)
        self._counts[folder] = count + 1
        if count >= _MANY_NAMES and name not in {"", ".", ".."}:
            if folder not in self._kinds:
                self._kinds[folder] = _kinds_in(folder)
            if name in self._kinds[folder]:
                return self._kinds[folder][name]
        try:
            return stat.S_ISDIR(os.stat(path).st_mode)
        except (OSError, ValueError):
            return None


def _kinds_in(folder: str) -> dict[str, bool]:
    """Whether each name in a folder is that of a folder; links, and what is odd, are left out."""
    try:
        with os.scandir(folder or ".") as entries:
            return {
                entry.name: entry.is_dir(follow_symlinks=False)
                for entry in entries
                if not entry.is_symlink()
            }
    except OSError:
        return {}


def _names_in(folder: str) -> set[str] | None:
    """All names in a folder; None if it cannot be listed."""
    try:
        return set(os.listdir(folder or "."))
    except FileNotFoundError:
        return set()
    except OSError:
        return None

"""What inputs look like: a change while they are read is seen, and a link out of a store."""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from concatsplit_core.errors import InputChanged, UnsafeContent
from concatsplit_core.formats.sources import Source
from concatsplit_core.stores.files import input_error


class Fingerprints:
    """What the files of inputs looked like before anything was read of their elements.

    Parameters
    ----------
    sources : sequence of Source
    follow_links : bool
        Read also through links that leave a store.

    Raises
    ------
    UnsafeContent
        A link leads out of a store.
    """

    def __init__(self, sources: Sequence[Source], follow_links: bool = False) -> None:
        self._seen: dict[Path, tuple[str, int | None]] = {}
        for source in sources:
            if source.path is None or source.path in self._seen:
                continue
            looks, links = _seen(source.path, source.ref)
            self._seen[source.path] = (source.ref, looks)
            if not follow_links:
                refuse_links(source, links)

    def check(self) -> None:
        """Compare with what they look like now.

        Raises
        ------
        InputChanged
            A file was written to, replaced or removed.
        """
        for path, (ref, before) in self._seen.items():
            if _seen(path, ref)[0] != before:
                raise InputChanged(
                    f"{ref}: changed while it was read; nothing was written, run again",
                    ref=ref,
                )


def _seen(path: Path, ref: str) -> tuple[int | None, list[str]]:
    try:
        return _look(path)
    except OSError as error:
        raise input_error(ref, error) from error


def refuse_links(source: Source, links: Iterable[str]) -> None:
    """Refuse an array of a store of which something is not in the store.

    Parameters
    ----------
    source : Source
    links : iterable of str
        Those below its folder.
    """
    if source.root is None or source.path is None:
        return
    inside = os.path.realpath(source.root)
    for link in (str(source.path), *links):
        place = os.path.realpath(link)
        if place != inside and not place.startswith(f"{inside}{os.sep}"):
            raise UnsafeContent(
                f"{source.ref}: {link} leads out of the store, to {place}; --follow-links reads "
                "it nevertheless",
                ref=source.ref,
            )


def _look(path: Path) -> tuple[int | None, list[str]]:
    """One number for what a file, or everything below a folder, looks like; and the links there.

    The number is the same in every process. It is None if the file is gone.
    """
    links: list[str] = []
    try:
        looks = _look_at(path.stat())
        if path.is_dir():
            start = len(str(path))
            for folder, _, _ in os.walk(path, onerror=_fail):
                with os.scandir(folder) as entries:
                    for entry in entries:
                        if entry.is_symlink():
                            links.append(entry.path)
                        if entry.is_file():
                            name = zlib.crc32(os.fsencode(entry.path[start:]))
                            looks ^= hash((name, _look_at(entry.stat())))
    except (FileNotFoundError, NotADirectoryError):
        return None, links
    return looks, links


def _fail(error: OSError) -> None:
    raise error


def _look_at(status: os.stat_result) -> int:
    """Of numbers only: the hash of a text differs between processes."""
    if stat.S_ISDIR(status.st_mode):
        return hash((status.st_dev, status.st_ino))
    times = status.st_mtime_ns, status.st_ctime_ns
    return hash((status.st_dev, status.st_ino, status.st_size, *times))

"""Notices that an input changes while it is read, and that a link leads out of a store."""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Iterable, Sequence

from concatsplit_core.errors import InputChanged, UnsafeContent
from concatsplit_core.formats.sources import Source
from concatsplit_core.stores.files import input_error


class Fingerprints:
    """The size, times and identity of the inputs' files before their elements are read.

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
        self._sources: list[Source] = []
        self._looks: list[int | None] = []
        seen: set[str] = set()
        for source in sources:
            path = None if source.path is None else str(source.path)
            if path is None or path in seen:
                continue
            seen.add(path)
            looks, links = _seen(path, source.ref)
            self._sources.append(source)
            self._looks.append(looks)
            if not follow_links:
                refuse_links(source, links)

    def check(self) -> None:
        """Compare with the files as they are now.

        Raises
        ------
        InputChanged
            A file was written to, replaced or removed.
        """
        for source, before in zip(self._sources, self._looks, strict=True):
            if _seen(str(source.path), source.ref)[0] != before:
                raise InputChanged(
                    f"{source.ref}: changed while it was read; nothing was written, run again",
                    ref=source.ref,
                )


def _seen(path: str, ref: str) -> tuple[int | None, list[str]]:
    try:
        return _look(path)
    except OSError as error:
        raise input_error(ref, error) from error


def refuse_links(source: Source, links: Iterable[str]) -> None:
    """Refuse an array if one of its links leads out of the store.

    Parameters
    ----------
    source : Source
    links : iterable of str
        The links below the folder of the array.
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


def _look(path: str) -> tuple[int | None, list[str]]:
    """A number made of the size, times and identity of all files below a path; and the links there.

    The number is the same in every process. It is None if the file is gone.
    """
    links: list[str] = []
    try:
        status = os.stat(path)
        looks = _look_at(status)
        if stat.S_ISDIR(status.st_mode):
            start = len(path)
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
    """Hashes numbers only, because the hash of a text differs between processes."""
    if stat.S_ISDIR(status.st_mode):
        return hash((status.st_dev, status.st_ino))
    times = status.st_mtime_ns, status.st_ctime_ns
    return hash((status.st_dev, status.st_ino, status.st_size, *times))

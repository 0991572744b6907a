"""Notices that files which some tasks read are not as they were when the tasks were planned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from concatsplit_core.array.geometry import Box
from concatsplit_core.formats.sources import Source
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.stores.base import Location, join
from concatsplit_core.stores.files import input_error

if TYPE_CHECKING:
    from concatsplit_core.endpoints.fingerprints import Fingerprints


class FolderLooks(NamedTuple):
    """How each file below a folder looked.

    Parameters
    ----------
    names : numpy.ndarray
        Hashes of their names, in order.
    looks : numpy.ndarray
        The number of each; see `Store.look_at`.
    """

    names: np.ndarray
    looks: np.ndarray

    @classmethod
    def of(cls, files: Iterable[tuple[str, int]]) -> FolderLooks:
        """Keep the number of each file, by a hash of its name."""
        found = [(_hash(name), look) for name, look in files]
        names = np.array([name for name, _ in found], np.uint64)
        looks = np.array([look for _, look in found], np.int64)
        order = np.argsort(names)
        return cls(names[order], looks[order])

    def look_of(self, name: str) -> int | None:
        """How a file looked; None if it was not there."""
        hashed = np.uint64(_hash(name))
        at = int(np.searchsorted(self.names, hashed))
        is_there = at < len(self.names) and self.names[at] == hashed
        return int(self.looks[at]) if is_there else None


def _hash(name: str) -> int:
    import xxhash

    return xxhash.xxh3_64_intdigest(name.encode("utf-8", "surrogateescape"))


class InputLooks(NamedTuple):
    """How the files of all inputs looked when a run was planned; other processes read it.

    Parameters
    ----------
    whole : dict
        By the place of an input, how all of it looked.
    folders : dict
        By the place of an input that is a folder, how each file in it looked.
    """

    whole: dict[Location, int | None]
    folders: dict[Location, FolderLooks]

    @classmethod
    def of(cls, sources: Iterable[Source], fingerprints: Fingerprints) -> InputLooks:
        """Look at the inputs whose fingerprints were taken."""
        numbers = fingerprints.numbers
        whole: dict[Location, int | None] = {}
        folders: dict[Location, FolderLooks] = {}
        for source in sources:
            place = source.place
            if place is None or place in whole:
                continue
            whole[place] = numbers[source.ref]
            files = place.store.looks(place.key)
            if files is not None:
                folders[place] = FolderLooks.of(files)
        return cls(whole, folders)


class Touched:
    """The files of inputs that some tasks read.

    Parameters
    ----------
    looks : InputLooks
    reads : iterable of (Source, Box)
        What the tasks read, in the indices of each input.
    """

    def __init__(self, looks: InputLooks, reads: Iterable[tuple[Source, Box]]) -> None:
        self._looks = looks
        self._files: dict[Location, tuple[Source, dict[str, None]]] = {}
        self.sources: dict[int, Source] = {}
        """The inputs, by their `id`."""
        self._whole: dict[Location, Source] = {}
        for source, box in reads:
            self.sources[id(source)] = source
            self._add(source, box)

    def _add(self, source: Source, box: Box) -> None:
        place = source.place
        if place is None or place in self._whole:
            return
        files = source.files(box) if place in self._looks.folders else None
        if files is None:
            self._whole[place] = source
        else:
            self._files.setdefault(place, (source, {}))[1].update(dict.fromkeys(files))

    def changed(self) -> Iterator[Source]:
        """The inputs that are not as they were."""
        for place, source in self._whole.items():
            try:
                now = place.store.look(place.key).number
            except OSError as error:
                raise input_error(source.ref, error) from error
            if now != self._looks.whole.get(place):
                yield source
        for place, (source, names) in self._files.items():
            before, store = self._looks.folders[place], place.store
            try:
                is_same = all(
                    store.look_at(join(place.key, name)) == before.look_of(name) for name in names
                )
            except OSError as error:
                raise input_error(source.ref, error) from error
            if not is_same:
                yield source

"""Notices that an input changes while it is read, and that a link leads out of a store."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from concatsplit_core.formats.sources import Source
from concatsplit_core.foundation.errors import InputChanged, UnsafeContent
from concatsplit_core.stores.base import Location, Look, Store
from concatsplit_core.stores.files import input_error


class Fingerprints:
    """The size, times and identity of the inputs' files before their elements are read.

    Parameters
    ----------
    sources : sequence of Source
    follow_links : bool
        Read also through links that leave a store.
    is_checked : bool
        `check` is going to be called. If not, as in a dry run, only what may hold links is
        looked at.

    Raises
    ------
    UnsafeContent
        A link leads out of a store.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        follow_links: bool = False,
        is_checked: bool = True,
    ) -> None:
        self._all = sources
        self._sources: list[Source] = []
        self._numbers: list[int | None] = []
        self._newest: list[int] = []
        self._by_place: dict[Location | None, tuple[int | None, int]] | None = None
        known: dict[Store, set[str]] = {}
        for source in sources:
            if not is_checked and (follow_links or source.root is None):
                continue
            place = source.place
            if place is None or place.key in known.setdefault(place.store, set()):
                continue
            known[place.store].add(place.key)
            looked = _look(source)
            self._sources.append(source)
            self._numbers.append(looked.number)
            self._newest.append(looked.newest_ns)
            if not follow_links:
                refuse_links(source, looked.links)

    @property
    def numbers(self) -> dict[str, int | None]:
        """How the files of each input look, by its reference: the same number in every process."""
        known = {
            source.place: number
            for source, number in zip(self._sources, self._numbers, strict=True)
        }
        return {source.ref: known.get(source.place) for source in self._all}

    def check(
        self, then: str = "changed while it was read; nothing was written, run again"
    ) -> None:
        """Compare with the files as they are now.

        Parameters
        ----------
        then : str
            The end of the message.

        Raises
        ------
        InputChanged
            A file was written to, replaced or removed.
        """
        for source, before in zip(self._sources, self._numbers, strict=True):
            if _look(source).number != before:
                raise InputChanged(f"{source.ref}: {then}", ref=source.ref)

    def check_one(self, source: Source, then: str, files: Sequence[Location] = ()) -> None:
        """As `check`, of the file of one source, or of some files of its folder.

        Parameters
        ----------
        source : Source
        then : str
            The end of the message.
        files : sequence of Location
            Files in the source's folder, whether they are there or not. They are right if neither
            they nor the folders that they lie in were changed after anything else in the folder.
            To compare the folder as a whole would take too long for some of its files.
        """
        if self._by_place is None:
            places = (known.place for known in self._sources)
            looked = zip(self._numbers, self._newest, strict=True)
            self._by_place = dict(zip(places, looked, strict=True))
        number, newest_ns = self._by_place.get(source.place, (None, 0))
        if files and source.place is not None:
            is_changed = _is_any_newer(source.place, files, newest_ns)
        else:
            is_changed = _look(source).number != number
        if is_changed:
            raise InputChanged(f"{source.ref}: {then}", ref=source.ref)


def _is_any_newer(root: Location, files: Sequence[Location], newest_ns: int) -> bool:
    """Whether one of the files, or the root, was changed later than that, or the root is gone.

    A file that is not there is unchanged if the folder that it would lie in is.
    """
    store, top = root
    changed = store.changed_ns(top)
    if changed is None or changed > newest_ns:
        return True
    seen = {top, ""}
    for file in files:
        key, changed = file.key, None
        while changed is None and key not in seen:
            seen.add(key)
            changed = store.changed_ns(key)
            if changed is not None and changed > newest_ns:
                return True
            key = key.rpartition("/")[0]
    return False


def _look(source: Source) -> Look:
    place = source.place
    try:
        return Look(None, []) if place is None else place.store.look(place.key)
    except OSError as error:
        raise input_error(source.ref, error) from error


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

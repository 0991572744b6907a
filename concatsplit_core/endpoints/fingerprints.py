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
        self, sources: Sequence[Source], follow_links: bool = False, is_checked: bool = True
    ) -> None:
        self._all = sources
        self._sources: list[Source] = []
        self._numbers: list[int | None] = []
        self._by_place: dict[Location | None, int | None] | None = None
        known: dict[Store, set[str]] = {}
        for source in sources:
            if not is_checked and (follow_links or source.root is None):
                continue
            place = source.place
            if place is None or place.key in known.setdefault(place.store, set()):
                continue
            known[place.store].add(place.key)
            number, links = _look(source)
            self._sources.append(source)
            self._numbers.append(number)
            if not follow_links:
                refuse_links(source, links)

    @property
    def numbers(self) -> dict[str, int | None]:
        """By the reference of an input, what its files look like: the same in every process."""
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

    def check_one(self, source: Source, then: str) -> None:
        """As `check`, of the file of one source."""
        if self._by_place is None:
            places = (known.place for known in self._sources)
            self._by_place = dict(zip(places, self._numbers, strict=True))
        if _look(source).number != self._by_place.get(source.place):
            raise InputChanged(f"{source.ref}: {then}", ref=source.ref)


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

"""Zarr stores in one zip archive, as zarr-python's ZipStore has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from concatsplit_core.formats.base import Candidate
from concatsplit_core.formats.sources import Source
from concatsplit_core.formats.targets import Writer
from concatsplit_core.formats.zarr.stores import DOCUMENTS, ZarrStores
from concatsplit_core.foundation.errors import ConcatsplitError
from concatsplit_core.stores.base import Location

if TYPE_CHECKING:
    from concatsplit_core.stores.zips.store import ZipStore

_ZIP = b"PK\x03\x04"


class ZippedZarrFormat(ZarrStores):
    """The format of zipped Zarr stores."""

    suffixes = (".zarr.zip",)
    default_member = ""

    def sniff(self, found: Candidate) -> bool:
        """By the documents in the root of a zip archive."""
        path = found.place.path
        if path is None or not found.start.startswith(_ZIP):
            return False
        from concatsplit_core.stores.zips.directory import directory_of

        try:
            directory = directory_of(path, path)
        except ConcatsplitError:
            return False
        return any(entry.filename in DOCUMENTS for entry in directory.entries)

    def _archive(self, place: Location, ref: str) -> ZipStore:
        from concatsplit_core.stores.zips.store import ZipStore

        return ZipStore(self.path_of(place, ref), ref)

    def root(self, place: Location, ref: str) -> Location:
        """The root of the store in the archive."""
        return Location(self._archive(place, ref), "")

    def open(self, place: Location, member: str | None, ref: str) -> Source:
        """Open an array."""
        from concatsplit_core.formats.zarr.describing import open_member

        source = open_member(self.root(place, ref), member, ref)
        source.member = self.members(place, ref)[0] if member is None else member
        return source

    def writer(self, place: Location, base: Location | None) -> Writer:
        """A writer of a staged archive."""
        from concatsplit_core.formats.zarr.zip_writing import ZippedZarrWriter

        return ZippedZarrWriter(place, None if base is None else self._archive(base, base.key))

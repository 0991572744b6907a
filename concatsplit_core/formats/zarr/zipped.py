"""Zarr stores in one zip archive, as zarr-python's ZipStore has them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.errors import ConcatsplitError, UsageError
from concatsplit_core.formats.base import Candidate, InputFormat, OutputFormat
from concatsplit_core.formats.sources import Source
from concatsplit_core.formats.storage import Storage, Wish
from concatsplit_core.formats.targets import Writer
from concatsplit_core.formats.zarr import OWN_NAMES
from concatsplit_core.stores.base import Location

if TYPE_CHECKING:
    from concatsplit_core.formats.structure import Structure
    from concatsplit_core.stores.zips.store import ZipStore

_ZIP = b"PK\x03\x04"
_DOCUMENTS = ("zarr.json", ".zarray", ".zgroup")


class ZippedZarrFormat(InputFormat, OutputFormat):
    """The format of zipped Zarr stores."""

    name = "zarr"
    suffixes = (".zarr.zip",)
    has_members = True
    default_member = ""
    is_rectilinear = True
    own_names = OWN_NAMES

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
        return any(entry.filename in _DOCUMENTS for entry in directory.entries)

    def _archive(self, place: Location, ref: str) -> ZipStore:
        from concatsplit_core.stores.zips.store import ZipStore

        return ZipStore(self.path_of(place, ref), ref)

    def _inside(self, place: Location, ref: str) -> Location:
        """The root of the store in the archive."""
        return Location(self._archive(place, ref), "")

    def open(self, place: Location, member: str | None, ref: str) -> Source:
        """Open an array."""
        from concatsplit_core.formats.zarr.describing import open_member

        source = open_member(self._inside(place, ref), member, ref)
        source.member = self.members(place, ref)[0] if member is None else member
        return source

    def members(self, place: Location, ref: str) -> list[str]:
        """Names of all arrays."""
        from concatsplit_core.formats.zarr.describing import list_members

        return list_members(self._inside(place, ref), ref)

    def structure(self, place: Location, ref: str) -> Structure:
        """Groups, empty ones too, and their attributes."""
        from concatsplit_core.formats.zarr.structure import read_structure

        return read_structure(self._inside(place, ref))

    def layout(
        self, spec: ArraySpec, inherited: Storage, wish: Wish, like: ArraySpec | None
    ) -> tuple[ArraySpec, Storage]:
        """Lay out an array, as in a folder."""
        from concatsplit_core.formats.zarr.layout import lay_out

        return lay_out(spec, inherited, wish, like)

    def narrowed(self, wish: Wish, place: Location, base: Location | None) -> Wish:
        """A store has one format, for all its arrays."""
        if base is None:
            return wish
        found = 3 if (self._inside(base, base.name) / "zarr.json").kind else 2
        if wish.zarr_format not in (None, found):
            raise UsageError(
                f"--zarr-format {wish.zarr_format}: {base} is a store of format {found}"
            )
        return replace(wish, zarr_format=found)

    def writer(self, place: Location, base: Location | None) -> Writer:
        """A writer of a staged archive."""
        from concatsplit_core.formats.zarr.zip_writing import ZippedZarrWriter

        return ZippedZarrWriter(place, None if base is None else self._archive(base, base.key))

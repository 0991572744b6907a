"""Zarr stores in folders, formats 2 and 3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from concatsplit_core.formats.base import Candidate, InputFormat, LibraryFormat
from concatsplit_core.formats.sources import Source
from concatsplit_core.formats.targets import Writer
from concatsplit_core.formats.zarr.stores import DOCUMENTS, ZarrStores
from concatsplit_core.stores.base import Location

if TYPE_CHECKING:
    from concatsplit_core.stores.publishing import Amendment


class ZarrFormat(LibraryFormat, ZarrStores):
    """The format of Zarr stores; what needs zarr-python is imported when it is used."""

    suffixes = (".zarr",)
    library = "zarr"
    is_folder = True
    needs_paths = False

    def root(self, place: Location, ref: str) -> Location:
        """The folder itself."""
        return place

    def sniff(self, found: Candidate) -> bool:
        """By the metadata of an array or a group."""
        return any((found.place / name).kind for name in DOCUMENTS)

    def open(self, place: Location, member: str | None, ref: str) -> Source:
        """Open an array."""
        from concatsplit_core.formats.zarr.describing import open_member

        return open_member(place, member, ref)

    def wrap(self, array: Any) -> Source:
        """An open `zarr.Array` as an input."""
        from concatsplit_core.formats.zarr.describing import wrap

        return wrap(array)

    def is_data_set(self, place: Location, ref: str) -> bool:
        """Whether it holds images, which OME-Zarr describes in groups."""
        from concatsplit_core.formats.zarr.structure import holds_images

        return holds_images(place)

    def writes_data_sets(self, name: str) -> bool:
        """Always: images keep the groups that describe them."""
        return True

    def takes_data_sets_of(self, form: InputFormat) -> bool:
        """Only those of other stores: the one variable of a netCDF file becomes a root array."""
        return form.is_folder

    def amend(
        self, base: Location, added: Mapping[Location, Location], folder: Location
    ) -> Iterator[Amendment]:
        """Renew consolidated metadata of the groups that have them: readers look nowhere else."""
        from concatsplit_core.formats.zarr.consolidating import consolidated_groups, renewed

        inside = [place for place in added if place.is_within(base)]  # a link may lead outside
        groups = consolidated_groups(base, (place.below(base) for place in inside))
        yield from renewed(base, groups, added, folder)

    def writer(self, place: Location, base: Location | None) -> Writer:
        """A writer of a staged folder."""
        from concatsplit_core.formats.zarr.writing import ZarrWriter

        return ZarrWriter(place)

"""Zarr stores in folders, formats 2 and 3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.errors import UsageError
from concatsplit_core.formats.base import Candidate, LibraryFormat, OutputFormat
from concatsplit_core.formats.sources import Source
from concatsplit_core.formats.storage import Storage, Wish
from concatsplit_core.formats.targets import Writer
from concatsplit_core.stores.base import Location

if TYPE_CHECKING:
    from concatsplit_core.formats.structure import Structure
    from concatsplit_core.stores.publishing import Amendment

_DOCUMENTS = ("zarr.json", ".zarray", ".zgroup")
OWN_NAMES = frozenset({*_DOCUMENTS, ".zattrs", ".zmetadata"})
"""Names of the documents of a store: an array or group of such a name would be taken for one."""


class ZarrFormat(LibraryFormat, OutputFormat):
    """The format of Zarr stores; what needs zarr-python is imported when it is used."""

    name = "zarr"
    suffixes = (".zarr",)
    library = "zarr"
    is_folder = True
    needs_paths = False
    has_members = True
    is_rectilinear = True
    own_names = OWN_NAMES

    def sniff(self, found: Candidate) -> bool:
        """By the metadata of an array or a group."""
        return any((found.place / name).kind for name in _DOCUMENTS)

    def open(self, place: Location, member: str | None, ref: str) -> Source:
        """Open an array."""
        from concatsplit_core.formats.zarr.describing import open_member

        return open_member(place, member, ref)

    def wrap(self, array: Any) -> Source:
        """An open `zarr.Array` as an input."""
        from concatsplit_core.formats.zarr.describing import wrap

        return wrap(array)

    def members(self, place: Location, ref: str) -> list[str]:
        """Names of all arrays."""
        from concatsplit_core.formats.zarr.describing import list_members

        return list_members(place, ref)

    def structure(self, place: Location, ref: str) -> Structure:
        """Groups, empty ones too, and their attributes."""
        from concatsplit_core.formats.zarr.structure import read_structure

        return read_structure(place)

    def is_data_set(self, place: Location, ref: str) -> bool:
        """Whether it holds images, which OME-Zarr describes in groups."""
        from concatsplit_core.formats.zarr.structure import holds_images

        return holds_images(place)

    def writes_data_sets(self, name: str) -> bool:
        """Whether images go to it as they are, with what describes them."""
        return True

    def layout(
        self, spec: ArraySpec, inherited: Storage, wish: Wish, like: ArraySpec | None
    ) -> tuple[ArraySpec, Storage]:
        """Lay out an array: chunks, shards and codecs of its inputs where they agree on them."""
        from concatsplit_core.formats.zarr.layout import lay_out

        return lay_out(spec, inherited, wish, like)

    def narrowed(self, wish: Wish, place: Location, base: Location | None) -> Wish:
        """A store has one format, for all its arrays."""
        if base is None:
            return wish
        found = 3 if (base / "zarr.json").kind else 2
        if wish.zarr_format not in (None, found):
            raise UsageError(
                f"--zarr-format {wish.zarr_format}: {base} is a store of format {found}"
            )
        return replace(wish, zarr_format=found)

    def amend(
        self, base: Location, added: Mapping[Location, Location], folder: Location
    ) -> Iterator[Amendment]:
        """Renew consolidated metadata of the groups that have them: readers look nowhere else."""
        from concatsplit_core.formats.zarr.consolidating import consolidated_groups, renewed

        inside = [place for place in added if place.is_within(base)]  # not so behind a link
        groups = consolidated_groups(base, (place.below(base) for place in inside))
        yield from renewed(base, groups, added, folder)

    def writer(self, place: Location, base: Location | None) -> Writer:
        """A writer of a staged folder."""
        from concatsplit_core.formats.zarr.writing import ZarrWriter

        return ZarrWriter(place)

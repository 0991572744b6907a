"""Writes a Zarr store into one zip archive: first as files in a folder, which are then packed.

Threads write chunks in any order; packed in the order of their names, the files make the same
archive every time.
"""

from __future__ import annotations

from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.formats.packing import pack
from concatsplit_core.formats.storage import Storage
from concatsplit_core.formats.structure import Structure
from concatsplit_core.formats.targets import ChunkedTarget, Writer
from concatsplit_core.formats.zarr.consolidating import consolidated_groups
from concatsplit_core.formats.zarr.stores import OWN_NAMES
from concatsplit_core.formats.zarr.writing import ZarrDivided, ZarrWriter
from concatsplit_core.foundation.errors import OutputRefused
from concatsplit_core.stores.base import Location
from concatsplit_core.stores.zips.kept import KeptMembers
from concatsplit_core.stores.zips.store import ZipStore


class ZippedZarrWriter(Writer):
    """One staged archive.

    Parameters
    ----------
    place : Location
        On the local disk.
    base : ZipStore, optional
        The archive whose other members are kept.
    """

    def __init__(self, place: Location, base: ZipStore | None) -> None:
        super().__init__()
        self._place, self._base = place, base
        self._folder = Location(place.store, f"{place.key}.files")
        self._inner = ZarrWriter(self._folder)
        self._kept = None if base is None else KeptMembers(base.archive, may_repeat=True)
        self._added: list[str] = []

    def add(self, member: str, spec: ArraySpec, storage: Storage) -> ChunkedTarget | ZarrDivided:
        """Create an array and the groups above it."""
        base = self._base
        if base is not None and consolidated_groups(Location(base, ""), [member]):
            raise OutputRefused(
                f"{base.archive}: lists the metadata of all arrays in one place, to which no "
                "array is added; write to another store",
                ref=base.archive,
            )
        self._added.append(member)
        return self._inner.add(member, spec, storage)

    def add_groups(self, structure: Structure) -> None:
        """Keep the groups until all arrays are there."""
        self._inner.add_groups(structure)

    def finish(self) -> None:
        """Pack the files, after the members that are kept."""
        self._inner.finish()
        self.notes = self._inner.notes
        folder, archive = self._folder.path, self._place.path
        if folder is None or archive is None:
            raise AssertionError("archives are written on the local disk")
        pack(folder, archive, self._kept, self._added, OWN_NAMES, self.frees_room)

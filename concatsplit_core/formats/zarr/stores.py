"""What Zarr stores in folders and in zip archives have in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.formats.base import InputFormat, OutputFormat
from concatsplit_core.formats.storage import Storage, Wish
from concatsplit_core.foundation.errors import UsageError
from concatsplit_core.foundation.records import replace
from concatsplit_core.stores.base import Location

if TYPE_CHECKING:
    from concatsplit_core.array.low_precision import LowPrecision
    from concatsplit_core.formats.structure import Structure

DOCUMENTS = ("zarr.json", ".zarray", ".zgroup")
"""The root of every store has one of these documents."""
OWN_NAMES = frozenset({*DOCUMENTS, ".zattrs", ".zmetadata"})
"""Names of documents in a store; an array or group of such a name would be taken for one."""


class ZarrStores(InputFormat, OutputFormat):
    """Reads and lays out the arrays of a store, wherever its root is."""

    name = "zarr"
    has_members = True
    is_rectilinear = True
    marks_records = False
    honours = frozenset({"zarr_format"})
    own_names = OWN_NAMES
    adds_again = True

    @abstractmethod
    def root(self, place: Location, ref: str) -> Location:
        """The folder that holds the documents of the store."""

    def members(self, place: Location, ref: str) -> list[str]:
        """Names of all arrays."""
        from concatsplit_core.formats.zarr.describing import list_members

        return list_members(self.root(place, ref), ref)

    def structure(self, place: Location, ref: str) -> Structure:
        """Groups, empty ones too, and their attributes."""
        from concatsplit_core.formats.zarr.structure import read_structure

        return read_structure(self.root(place, ref))

    def layout(
        self, spec: ArraySpec, inherited: Storage, wish: Wish, like: ArraySpec | None
    ) -> tuple[ArraySpec, Storage]:
        """Lay out an array: chunks, shards and codecs of its inputs where they agree on them."""
        from concatsplit_core.formats.zarr.layout import lay_out

        return lay_out(spec, inherited, wish, like)

    def low_precision_note(self, low: LowPrecision, storage: Storage) -> str:
        """Who reads it, unless the inputs are such arrays themselves."""
        from concatsplit_core.formats.zarr.low_precision import data_type_of, note_of

        if data_type_of(low.dtype) is None:
            return super().low_precision_note(low, storage)
        return note_of(low, storage)

    def narrowed(self, wish: Wish, place: Location, base: Location | None) -> Wish:
        """A store has one format, for all its arrays."""
        if base is None:
            return wish
        found = 3 if (self.root(base, base.name) / "zarr.json").kind else 2
        if wish.zarr_format not in (None, found):
            raise UsageError(
                f"--zarr-format {wish.zarr_format}: {base} is a store of format {found}"
            )
        return replace(wish, zarr_format=found)

"""safetensors: a header in JSON, then named tensors one after the other; and indexes of shards.

https://github.com/huggingface/safetensors defines the format.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.formats.base import Candidate, InputFormat, OutputFormat
from concatsplit_core.formats.sources import Source
from concatsplit_core.formats.storage import Storage, Wish
from concatsplit_core.formats.targets import Writer
from concatsplit_core.stores.base import Location

if TYPE_CHECKING:
    from collections.abc import Mapping

    from concatsplit_core.array.low_precision import LowPrecision
    from concatsplit_core.formats.structure import Structure

_LENGTH_BYTES = 8
"""A file starts with the length of its header, in so many bytes."""


class SafetensorsFormat(InputFormat, OutputFormat):
    """The format of .safetensors files."""

    name = "safetensors"
    suffixes = (".safetensors",)
    has_members = True
    adds_again = True
    has_groups = False
    index_suffix = ".index.json"

    def low_precision_note(self, low: LowPrecision, storage: Storage) -> str:
        """Nothing: its readers have all types that it takes."""
        return ""

    def sniff(self, found: Candidate) -> bool:
        """By the brace that a header starts with, if it fits into the file; by the name if not."""
        length = int.from_bytes(found.start[:_LENGTH_BYTES], "little")
        if found.start[_LENGTH_BYTES : _LENGTH_BYTES + 1] != b"{":
            return False
        fits = _LENGTH_BYTES + length <= found.size
        return fits or found.place.name.lower().endswith(self.suffixes)  # then it is cut off

    def members(self, place: Location, ref: str) -> list[str]:
        """Names of the tensors, in the order in which they lie."""
        from concatsplit_core.formats.safetensors.reading import header_of

        return list(header_of(self.path_of(place, ref), ref).tensors)

    def open(self, place: Location, member: str | None, ref: str) -> Source:
        """Open a tensor."""
        from concatsplit_core.formats.safetensors.reading import open_member

        return open_member(self.path_of(place, ref), member, ref)

    def is_data_set(self, place: Location, ref: str) -> bool:
        """A single tensor has a name as well, and the file has attributes."""
        return True

    def structure(self, place: Location, ref: str) -> Structure:
        """The texts of ``__metadata__``, as attributes of the file."""
        from concatsplit_core.formats.safetensors.reading import structure_of

        return structure_of(self.path_of(place, ref), ref)

    def writes_data_sets(self, name: str) -> bool:
        """Every file is one."""
        return True

    def layout(
        self, spec: ArraySpec, inherited: Storage, wish: Wish, like: ArraySpec | None
    ) -> tuple[ArraySpec, Storage]:
        """Contiguous, in C order and little-endian."""
        from concatsplit_core.formats.safetensors.writing import lay_out

        return lay_out(spec, wish)

    def writer(self, place: Location, base: Location | None) -> Writer:
        """A writer of a staged file."""
        from concatsplit_core.formats.safetensors.writing import SafetensorsWriter

        kept = None if base is None else self.path_of(base, str(base))
        return SafetensorsWriter(self.path_of(place, place.key), kept)

    def index(self, files: Mapping[str, str], nbytes: int) -> bytes:
        """The index of a sharded checkpoint, as transformers writes it."""
        from concatsplit_core.formats.safetensors.index import format_index

        return format_index(files, nbytes)


class SafetensorsIndexFormat(InputFormat):
    """The format of .safetensors.index.json files: a sharded checkpoint as one container."""

    name = "safetensors index"
    suffixes = (".safetensors.index.json",)
    has_members = True

    def sniff(self, found: Candidate) -> bool:
        """By its name and a brace; JSON has no signature."""
        is_named = found.place.name.lower().endswith(".index.json")
        return is_named and found.start.lstrip().startswith(b"{")

    def members(self, place: Location, ref: str) -> list[str]:
        """Names of the tensors in all shards, in the order of the index."""
        from concatsplit_core.formats.safetensors.index import list_members

        return list_members(self.path_of(place, ref), ref)

    def open(self, place: Location, member: str | None, ref: str) -> Source:
        """Open a tensor in its shard."""
        from concatsplit_core.formats.safetensors.index import open_member

        return open_member(self.path_of(place, ref), member, ref)

    def is_data_set(self, place: Location, ref: str) -> bool:
        """Every index is one."""
        return True

    def structure(self, place: Location, ref: str) -> Structure:
        """The texts of ``__metadata__`` that the shards agree on, as attributes of the file."""
        from concatsplit_core.formats.safetensors.index import structure_of

        return structure_of(self.path_of(place, ref), ref)

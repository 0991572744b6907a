"""HDF5, and what is built on it: netCDF-4 and HDF-EOS5 files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.formats.base import Candidate, LibraryFormat, OutputFormat
from concatsplit_core.formats.hdf5 import naming
from concatsplit_core.formats.sources import Source
from concatsplit_core.formats.storage import Storage, Wish
from concatsplit_core.formats.targets import Target, Writer
from concatsplit_core.foundation.interrupts import BlockingLibraries
from concatsplit_core.foundation.records import replace

if TYPE_CHECKING:
    from concatsplit_core.formats.structure import Structure
from concatsplit_core.stores.base import Location

_MAGIC = b"\x89HDF\r\n\x1a\n"
_FIRST_BLOCK = 512
"""Bytes of the smallest user block that may lie before the signature."""


class Hdf5Format(LibraryFormat, OutputFormat):
    """The format of HDF5 files; what needs h5py is imported when it is used."""

    name = "hdf5"
    suffixes = (".h5", ".hdf5", ".hdf", ".he5", *naming.NETCDF, *naming.APPLICATIONS)
    library = "h5py"
    has_members = True
    most_axes = 32
    takes_parts = True

    def sniff(self, found: Candidate) -> bool:
        """By its signature: at the start, or after a user block, whose size is a power of two."""
        if found.fd is None:
            return found.start.startswith(_MAGIC)
        at, size = 0, os.fstat(found.fd).st_size
        while at < size:
            if os.pread(found.fd, len(_MAGIC), at) == _MAGIC:
                return True
            at = max(_FIRST_BLOCK, at * 2)
        return False

    def open(self, place: Location, member: str | None, ref: str) -> Source:
        """Open a dataset."""
        from concatsplit_core.formats.hdf5.trials import open_member

        return open_member(self.path_of(place, ref), member, ref)

    def expect(self, place: Location, members: Sequence[str]) -> None:
        """Have the first of the datasets tried by a child process, which opens the file once."""
        from concatsplit_core.formats.hdf5.trials import try_members

        if place.path is not None:
            try_members(place.path, members)

    def wrap(self, array: Any) -> Source:
        """An open `h5py.Dataset` as an input."""
        from concatsplit_core.formats.hdf5.describing import wrap

        return wrap(array)

    def members(self, place: Location, ref: str) -> list[str]:
        """Names of all datasets."""
        from concatsplit_core.formats.hdf5.contents import list_members

        return list_members(self.path_of(place, ref), ref)

    def structure(self, place: Location, ref: str) -> Structure:
        """Groups, empty ones too, their attributes, and soft links."""
        from concatsplit_core.formats.hdf5.contents import structure_of

        return structure_of(self.path_of(place, ref), ref)

    def is_data_set(self, place: Location, ref: str) -> bool:
        """Whether it is a netCDF file, or one of a program that looks for its groups."""
        from concatsplit_core.formats.hdf5.contents import is_netcdf_file

        is_of_application = naming.is_of_application(place.name)
        return is_of_application or is_netcdf_file(self.path_of(place, ref), ref)

    def members_and_links(self, place: Location, ref: str) -> list[str]:
        """Names of all datasets, and of links that lead out of the file, or nowhere."""
        from concatsplit_core.formats.hdf5.contents import list_members

        return list_members(self.path_of(place, ref), ref, with_links=True)

    def layout(
        self, spec: ArraySpec, inherited: Storage, wish: Wish, like: ArraySpec | None
    ) -> tuple[ArraySpec, Storage]:
        """Lay out a dataset: contiguous as its inputs and without a codec, else chunked."""
        from concatsplit_core.formats.hdf5.layout import lay_out

        return lay_out(spec, inherited, wish, like)

    def writes_data_sets(self, name: str) -> bool:
        """Whether it is to be a netCDF file, or one of a program that looks for its groups."""
        return naming.has_netcdf_name(name) or naming.is_of_application(name)

    def narrowed(self, wish: Wish, place: Location, base: Location | None) -> Wish:
        """A file with a netCDF name has to be a netCDF file."""
        return replace(wish, netcdf=naming.has_netcdf_name(place.name))

    def writer(self, place: Location, base: Location | None) -> Writer:
        """A writer of a staged file."""
        from concatsplit_core.formats.hdf5.writing import Hdf5Writer

        BlockingLibraries.announce()
        kept = None if base is None else Path(self.path_of(base, base.key))
        return Hdf5Writer(Path(self.path_of(place, place.key)), kept)

    def part_target(self, spec: ArraySpec, storage: Storage, folder: str) -> Target:
        """A target that encodes chunks, and keeps those of each task in a file."""
        from concatsplit_core.formats.hdf5.parts import Hdf5PartTarget

        BlockingLibraries.announce()
        return Hdf5PartTarget(spec, storage, folder)

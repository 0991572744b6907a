"""Classic netCDF files, versions 1, 2 and 5 (netCDF-3, CDF-5); they are read only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from concatsplit_core.formats.base import Candidate, InputFormat
from concatsplit_core.formats.sources import Source
from concatsplit_core.stores.base import Location

if TYPE_CHECKING:
    from concatsplit_core.formats.structure import Structure

_VERSIONS = (b"CDF\x01", b"CDF\x02", b"CDF\x05")


class Netcdf3Format(InputFormat):
    """The format of classic netCDF files."""

    name = "netcdf3"
    has_members = True

    def sniff(self, found: Candidate) -> bool:
        """By its first bytes."""
        return found.start.startswith(_VERSIONS)

    def open(self, place: Location, member: str | None, ref: str) -> Source:
        """Open a variable."""
        from concatsplit_core.formats.netcdf3.describing import open_variable

        return open_variable(self.path_of(place, ref), member, ref)

    def members(self, place: Location, ref: str) -> list[str]:
        """Names of all variables, in the order of the file."""
        from concatsplit_core.formats.netcdf3.describing import header_of

        return list(header_of(self.path_of(place, ref), ref).variables)

    def is_data_set(self, place: Location, ref: str) -> bool:
        """Every netCDF file is one."""
        return True

    def structure(self, place: Location, ref: str) -> Structure:
        """Attributes of the file, and its dimensions."""
        from concatsplit_core.formats.netcdf3.describing import structure_of

        return structure_of(self.path_of(place, ref), ref)

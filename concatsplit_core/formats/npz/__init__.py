"""NumPy's .npz archives of .npy files; they are read only."""

from __future__ import annotations

from concatsplit_core.formats.base import Candidate, InputFormat
from concatsplit_core.formats.sources import Source
from concatsplit_core.stores.base import Location


class NpzFormat(InputFormat):
    """The format of .npz archives; what reads zip archives is imported when it is used."""

    name = "npz"
    suffixes = (".npz",)
    has_members = True

    def sniff(self, found: Candidate) -> bool:
        """By the first bytes of a zip archive, which may be empty."""
        return found.start.startswith((b"PK\x03\x04", b"PK\x05\x06"))

    def members(self, place: Location, ref: str) -> list[str]:
        """Names of the arrays, without the .npy that their files end in."""
        from concatsplit_core.formats.npz.archive import list_members

        return list_members(self.path_of(place, ref), ref)

    def open(self, place: Location, member: str | None, ref: str) -> Source:
        """Open a member of an archive."""
        from concatsplit_core.formats.npz.archive import open_member

        return open_member(self.path_of(place, ref), member, ref)

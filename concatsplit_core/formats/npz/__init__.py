"""NumPy's .npz archives of .npy files."""

from __future__ import annotations

from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.formats.base import Candidate, InputFormat, OutputFormat
from concatsplit_core.formats.sources import Source
from concatsplit_core.formats.storage import Storage, Wish
from concatsplit_core.formats.targets import Writer
from concatsplit_core.stores.base import Location


class NpzFormat(InputFormat, OutputFormat):
    """The format of .npz archives; what reads zip archives is imported when it is used."""

    name = "npz"
    suffixes = (".npz",)
    has_members = True
    has_groups = False
    adds_again = True
    honours = frozenset({"memory_order"})

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

    def layout(
        self, spec: ArraySpec, inherited: Storage, wish: Wish, like: ArraySpec | None
    ) -> tuple[ArraySpec, Storage]:
        """Lay out a member: stored, unless deflating was asked for or is the inputs'."""
        from concatsplit_core.formats.npz.layout import lay_out

        return lay_out(spec, inherited, wish, like)

    def writer(self, place: Location, base: Location | None) -> Writer:
        """A writer of a staged archive."""
        from concatsplit_core.formats.npz.writing import NpzWriter

        kept = None if base is None else self.path_of(base, base.key)
        return NpzWriter(self.path_of(place, place.key), kept)

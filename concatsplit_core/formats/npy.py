"""NumPy's .npy files: a short header, then one contiguous array."""

from __future__ import annotations

from concatsplit_core.array.layouts import Contiguous
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.formats.base import Candidate, InputFormat, OutputFormat
from concatsplit_core.formats.chunking import refuse_chunks_and_codec
from concatsplit_core.formats.npy_header import (
    MAGIC,
    format_header,
    offset_step,
    refuse_dtype,
    spec_of_file,
    spec_of_open_file,
)
from concatsplit_core.formats.sources import ContiguousSource
from concatsplit_core.formats.storage import Extent, Storage, Wish
from concatsplit_core.formats.targets import WAITING_BYTES, ContiguousTarget, Writer
from concatsplit_core.foundation.errors import UsageError
from concatsplit_core.foundation.records import replace
from concatsplit_core.stores.base import Location

_PLAIN = Storage()
"""All that a file says beside its spec; thousands of inputs share it."""


class NpySource(ContiguousSource):
    """An .npy file, described."""

    __slots__ = ()
    format = "npy"


class NpyFormat(InputFormat, OutputFormat):
    """The format of .npy files."""

    name = "npy"
    suffixes = (".npy",)
    is_piped = True
    adds_again = True
    honours = frozenset({"memory_order"})

    def sniff(self, found: Candidate) -> bool:
        """By its first bytes."""
        return found.start.startswith(MAGIC)

    def open(self, place: Location, member: str | None, ref: str) -> NpySource:
        """Open an .npy file.

        Raises
        ------
        MalformedInput
            The header cannot be read, or the file is shorter or longer than the header says.
        UnsafeContent
            The file holds pickled objects.
        """
        _refuse_member(member, ref)
        path = self.path_of(place, ref)
        return NpySource(path, ref, spec_of_file(path, ref), _PLAIN)

    def open_found(self, found: Candidate, member: str | None, ref: str) -> NpySource:
        """As `open`, without opening the file again."""
        if found.fd is None:
            return self.open(found.place, member, ref)
        try:
            _refuse_member(member, ref)
            spec = spec_of_open_file(found.fd, found.start, found.size, ref)
            return NpySource(self.path_of(found.place, ref), ref, spec, _PLAIN)
        finally:
            found.close()

    def layout(
        self, spec: ArraySpec, inherited: Storage, wish: Wish, like: ArraySpec | None
    ) -> tuple[ArraySpec, Storage]:
        """C order, unless Fortran order was asked for or is the inputs'."""
        refuse_chunks_and_codec(wish, "an .npy file")
        inherited_order = like.order if like is not None and like.is_contiguous else "C"
        order = wish.memory_order or inherited_order
        refuse_dtype(spec)
        laid = Contiguous(order if spec.ndim > 1 else "C", offset_step=offset_step(spec))
        return replace(spec, layout=laid), Storage()

    def writer(self, place: Location, base: Location | None) -> Writer:
        """A writer of a staged .npy file."""
        return NpyWriter(self.path_of(place, place.key))


def _refuse_member(member: str | None, ref: str) -> None:
    if member:
        raise UsageError(
            f"{ref}: an .npy file is one array and has no member '{member}'; leave out ::{member}"
        )


class NpyWriter(Writer):
    """Creates one .npy file at its final size."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self._target: ContiguousTarget | None = None

    def add(self, member: str, spec: ArraySpec, storage: Storage) -> ContiguousTarget:
        """Make the file, unless it is so small that it can wait for its elements."""
        header = format_header(spec, storage.offset_modulo_block)
        target = ContiguousTarget(spec, Extent(self._path, len(header)), header)
        if not self.may_wait or spec.nbytes > WAITING_BYTES:
            target.create()
        self._target = target
        return target

    def finish(self) -> None:
        """Make the file of an array without elements, which nobody has written to."""
        if self._target is not None:
            self._target.create()

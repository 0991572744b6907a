"""What a format is: the base classes, and what a format does unless it says otherwise."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.formats.sources import Source
from concatsplit_core.formats.storage import Storage, Wish
from concatsplit_core.formats.targets import Target, Writer
from concatsplit_core.foundation.errors import UsageError
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.stores.base import Location

if TYPE_CHECKING:
    from concatsplit_core.array.low_precision import LowPrecision
    from concatsplit_core.formats.structure import Structure
    from concatsplit_core.stores.publishing import Amendment


class Candidate(NamedTuple):
    """A file or folder whose format is to be found.

    Parameters
    ----------
    place : Location
    start : bytes
        The first bytes of a file.
    fd : int, optional
        The file, open for reading; None for a folder, and in a store without paths.
    size : int
        Bytes of the file.
    """

    place: Location
    start: bytes = b""
    fd: int | None = None
    size: int = 0

    def close(self) -> None:
        """Close the file."""
        if self.fd is not None:
            os.close(self.fd)


class Format(ABC):
    """A format, whether it is read, written or both."""

    name: ClassVar[str]
    """What users call it."""
    suffixes: ClassVar[tuple[str, ...]] = ()
    """What names of its files end in, in lower case."""
    is_folder: ClassVar[bool] = False
    """Whether a container is a folder, which gets new members in place."""
    has_members: ClassVar[bool] = False
    """Whether a file holds several arrays by name."""

    own_names: ClassVar[frozenset[str]] = frozenset()
    """Names of the format's own files, which no array and no group can have."""
    needs_paths: ClassVar[bool] = True
    """Whether its files have to be on the local disk: it maps them, or a library opens them."""

    @abstractmethod
    def sniff(self, found: Candidate) -> bool:
        """Whether a file, or a folder if `is_folder`, is of this format."""

    def path_of(self, place: Location, ref: str) -> str:
        """The path of a file on the local disk, for formats that know no other store.

        Raises
        ------
        UsageError
            It lies in another store.
        """
        path = place.path
        if path is None:
            raise UsageError(
                f"{ref}: a file of the format {self.name} is read and written on the local disk "
                "only; copy it from or to there",
                ref=ref,
            )
        return path


class InputFormat(Format):
    """A format that is read."""

    is_piped: ClassVar[bool] = False
    """Whether stdin may be a file of it."""

    @abstractmethod
    def open(self, place: Location, member: str | None, ref: str) -> Source:
        """Open one array read-only; without a member the only one there is."""

    def open_found(self, found: Candidate, member: str | None, ref: str) -> Source:
        """As `open`, for a file whose format was just found; closes the descriptor of `found`."""
        found.close()
        return self.open(found.place, member, ref)

    def expect(self, place: Location, members: Sequence[str]) -> None:
        """Be told which arrays of a container will be opened next, one by one."""

    def members(self, place: Location, ref: str) -> list[str]:
        """Names of the arrays that a container holds; ``[""]`` where the file is the array."""
        return [""]

    def is_data_set(self, place: Location, ref: str) -> bool:
        """Whether a file says more than its arrays do, even if it holds only one (netCDF)."""
        return False

    def structure(self, place: Location, ref: str) -> Structure:
        """What a container holds beside its arrays: groups, their attributes, links inside it."""
        from concatsplit_core.formats.structure import Structure

        return Structure()

    def members_and_links(self, place: Location, ref: str) -> list[str]:
        """Names of members, also of links that lead out of the container, or to nothing."""
        return self.members(place, ref)


class LibraryFormat(InputFormat):
    """A format that a library in C reads, whose open arrays are inputs as well."""

    library: ClassVar[str]
    """The Python package of the library."""

    @abstractmethod
    def wrap(self, array: Any) -> Source:
        """An open array of the library as an input."""


class OutputFormat(Format):
    """A format that is written."""

    default_member: ClassVar[str] = "data"
    """What an array is called in a new file whose name says no member."""
    most_axes: ClassVar[int] = 64
    """The most axes that an output may have; NumPy's arrays have 64 at most."""
    is_rectilinear: ClassVar[bool] = False
    """Whether chunks of an output may differ in length."""
    honours: ClassVar[frozenset[str]] = frozenset()
    """Names of the options that it honours, among those that most formats ignore."""
    marks_records: ClassVar[bool] = True
    """Whether an array of records, or of raw items such as BF16, can have a `_FillValue`."""
    has_groups: ClassVar[bool] = True
    """Whether ``a/b`` is in a group ``a``, so that no array can be called ``a`` as well."""
    index_suffix: ClassVar[str] = ""
    """What the name of an index ends in, which lists the arrays of several files; "" for none."""
    adds_again: ClassVar[bool] = False
    """Whether its writer can add all arrays to a staged file again without losing elements."""
    takes_parts: ClassVar[bool] = False
    """Whether its targets take what other processes encoded: they are of the class PartTarget."""

    def low_precision_note(self, low: LowPrecision, storage: Storage) -> str:
        """What readers of an output should know of a type such as BF16; empty for nothing."""
        numbers = "; --dtype float32 makes numbers of them" if low.ml_name else ""
        return (
            f"{self.name} has no {low.name}, so its elements are kept as raw items of a field "
            f"'{low.field}'{numbers}"
        )

    @abstractmethod
    def layout(
        self, spec: ArraySpec, inherited: Storage, wish: Wish, like: ArraySpec | None
    ) -> tuple[ArraySpec, Storage]:
        """Lay out an output: its chunks, order and codec. Pure.

        Parameters
        ----------
        spec : ArraySpec
            Shape and dtype of the output.
        inherited : Storage
            What the inputs agree on.
        wish : Wish
            What was asked for.
        like : ArraySpec, optional
            The layout that the inputs agree on, with the output's axes.
        """

    @abstractmethod
    def writer(self, place: Location, base: Location | None) -> Writer:
        """A writer of a staged file; `base` is a container whose other members are to be kept."""

    def part_target(self, spec: ArraySpec, storage: Storage, folder: str) -> Target:
        """What encodes an array without its file, for a format that `takes_parts`.

        Parameters
        ----------
        spec : ArraySpec
        storage : Storage
        folder : str
            Where each task leaves what it encoded.
        """
        raise NotImplementedError

    def description_of(self, spec: ArraySpec) -> str:
        """What a reference has to add to the name of an output for it to be read again."""
        return ""

    def is_description(self, text: str, ref: str) -> bool:
        """Whether the text after ``::`` is one of `description_of`, and not a member's name."""
        return False

    def writes_data_sets(self, name: str) -> bool:
        """Whether inputs that are data sets stay such in a file of this name."""
        return False

    def takes_data_sets_of(self, form: InputFormat) -> bool:
        """Whether inputs of a format may be data sets of one array here."""
        return True

    def narrowed(self, wish: Wish, place: Location, base: Location | None) -> Wish:
        """The wish, with what the output's name or the container that it goes to demands."""
        return wish

    def index(self, files: Mapping[str, str], nbytes: int) -> bytes:
        """An index of the arrays in several files, for a format that has an `index_suffix`.

        Parameters
        ----------
        files : mapping of str to str
            The name of the file that holds each array.
        nbytes : int
            Of all arrays together.
        """
        raise NotImplementedError

    def amend(
        self, base: Location, added: Mapping[Location, Location], folder: Location
    ) -> Iterator[Amendment]:
        """Rebuild the documents that list the members of a container, in a new folder.

        Parameters
        ----------
        base : Location
            The container.
        added : mapping of Location to Location
            Folders that are to appear, and where they are staged.
        folder : Location
            Where to build them, in the same store.
        """
        return iter(())

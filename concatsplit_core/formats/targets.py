"""Arrays that are written: contiguous ones by their offset, all others by being encoded."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from concatsplit_core.array.geometry import Box, Shape
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.formats.storage import Extent, Storage
from concatsplit_core.formats.stored import Stored
from concatsplit_core.stores.files import create_staged, write_file, write_staged

if TYPE_CHECKING:
    from concatsplit_core.formats.structure import Structure

ReadyChunks = Mapping[Shape, "Stored | np.ndarray | None"]
"""Chunks, or shards, that are not cut out of a block, by the index of their first element.

Each is as it is stored in an input, or decoded as an array, or None where it stays absent.
"""


WAITING_BYTES = 64 << 10
"""The most bytes of elements of a file that may be made only when they are written.

A larger file is made first, so that a full disk shows before anything is copied.
"""


class BaseTarget:
    """One array that is written, in a staged file.

    A target of a file can be pickled: what it has open is opened again where it is needed.
    """

    def __init__(self, spec: ArraySpec) -> None:
        self.spec = spec

    is_durable: bool = False
    """Whether it has to be durable in the end, so that its disk is to start with it early."""

    @property
    def ordered(self) -> bool:
        """Whether one thread at a time has to call `place`, in the order of the tasks."""
        return False


class ContiguousTarget(BaseTarget):
    """An array whose elements are one run of bytes in a staged file.

    Parameters
    ----------
    spec : ArraySpec
    extent : Extent
        Where the run lies.
    header : bytes, optional
        What stands before the run in a file that is made when it is first needed; None where the
        file is there already.
    """

    def __init__(self, spec: ArraySpec, extent: Extent, header: bytes | None = None) -> None:
        super().__init__(spec)
        self._extent, self._header = extent, header

    @property
    def extent(self) -> Extent:
        """Where the run lies, in a file that is there and as long as it is going to be."""
        self.create()
        return self._extent

    @extent.setter
    def extent(self, extent: Extent) -> None:
        self._extent = extent

    def create(self) -> None:
        """Make the file, unless that has been done; doing it twice keeps its elements."""
        if self._header is not None:
            create_staged(self._extent.path, self._header, self.spec.nbytes)
            self._header = None

    def write_whole(self, data: memoryview) -> None:
        """Write all elements at once, which makes the file if it is not there yet.

        Parameters
        ----------
        data : memoryview
            Their bytes, as they lie in the file.
        """
        if self._header is None:
            write_file(self._extent.path, data, self._extent.offset)
        else:
            write_staged(self._extent.path, self._header, data)
            self._header = None


class EncodedTarget(BaseTarget, ABC):
    """An array that takes its elements block by block."""

    @abstractmethod
    def encode(self, box: Box, block: np.ndarray) -> Any:
        """Encode a block that covers whole chunks; called by many threads."""

    def place(self, encoded: Any) -> Any:
        """Find places for what `encode` gave, where the order of the tasks decides on them.

        Returns
        -------
        object
            What `store` takes.
        """
        return encoded

    @abstractmethod
    def store(self, placed: Any) -> None:
        """Write what `place` gave, in any order; done twice, it leaves the same bytes."""


class ChunkedTarget(EncodedTarget):
    """An array in chunks of one shape; an input's chunks may be copied to it as stored."""

    takes_skipped: ClassVar[bool] = False
    """Whether a chunk that skipped steps of its codec can be stored as it is."""

    @property
    @abstractmethod
    def fill(self) -> np.ndarray | None:
        """The element that an absent chunk is full of; None for strings."""

    def unit_paths(self, shards: bool) -> Callable[[Shape], str] | None:
        """A function from the grid index of a chunk, or shard, to the path that its file gets.

        None unless each becomes a file, with the bytes that come from an input.
        """
        return None

    @abstractmethod
    def encode(self, box: Box, block: np.ndarray | None, ready: ReadyChunks | None = None) -> Any:
        """Encode a block that covers whole chunks; called by many threads.

        Parameters
        ----------
        box : Box
        block : numpy.ndarray, optional
            None where all chunks are ready.
        ready : mapping, optional
            Chunks that come in the place of those in the block.
        """


class PartTarget(ABC):
    """An array that takes what tasks of other processes encoded, from files: their parts."""

    @abstractmethod
    def take_part(self, box: Box, folder: str) -> None:
        """Store what one task has encoded.

        Parameters
        ----------
        box : Box
            What the task wrote.
        folder : str
            Where a target of `OutputFormat.part_target` has left it.
        """


class DivisibleTarget(BaseTarget, ABC):
    """An array with a rectilinear grid, which is written in regions whose own grid is regular."""

    @abstractmethod
    def region(self, spec: ArraySpec, element: int, chunk: int) -> ChunkedTarget:
        """A region, to be written like a whole array.

        Parameters
        ----------
        spec : ArraySpec
            Of the region.
        element, chunk : int
            Where the region starts along the axis of the grid.
        """


Target = ContiguousTarget | EncodedTarget
"""What the tasks of a run write to."""


class Writer(ABC):
    """A staged file or folder in which arrays are created."""

    has_kept = False
    """Whether another process has copied what is kept of an older file."""
    frees_room = True
    """Whether `finish` removes what it packs as soon as it is in the archive."""
    may_wait = False
    """Whether a file need not be there before its elements are written."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        """What could not be written, though the array could."""
        self.expected: set[str] = set()
        """Names of all arrays that are going to be added."""

    @abstractmethod
    def add(self, member: str, spec: ArraySpec, storage: Storage) -> Target | DivisibleTarget:
        """Create an array; nothing is written to it yet."""

    def add_groups(self, structure: Structure) -> None:
        """Give a new container the groups of others; called before any array is added."""
        if any(info.attrs for info in structure.groups.values()):
            self.notes.append("attributes of groups are left out: the format has no place for them")

    def give_places(self) -> None:
        """Find places for all arrays, when each has been added and none is written to yet."""

    def finish(self) -> None:
        """Complete the staged file."""

    def abort(self) -> None:
        """Close the staged file, which is about to be removed."""

"""What a format has to offer: the protocols between the engine and the files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from concatsplit_core.array.geometry import Box, Shape
from concatsplit_core.array.layouts import Order
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.codecs.checksums import Checksum
from concatsplit_core.codecs.pipeline import Codec
from concatsplit_core.formats.stored import Stored
from concatsplit_core.meaning.model import BARE, Meaning

if TYPE_CHECKING:
    from concatsplit_core.stores.amendment import Amendment


class Extent(NamedTuple):
    """Where the bytes of a contiguous array lie.

    Parameters
    ----------
    path : Path
    offset : int
        Of the first element, in bytes.
    """

    path: Path
    offset: int


class Grid(NamedTuple):
    """A rectilinear chunk grid: the lengths of the chunks along one axis."""

    axis: int
    lengths: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Storage:
    """How an array is kept, beyond its spec; what an output inherits from its inputs.

    Parameters
    ----------
    codec : Codec, optional
        In neutral terms; None where it cannot be put in them.
    native : tuple of (str, object), optional
        The codec in the format's own terms: a dialect, and what only that dialect reads.
    fill_value : object, optional
        What an element that was never written reads as; None where nothing says it.
    meaning : Meaning
    dialect : str
        Such as ``zarr3``: the version of the format.
    phase : int, optional
        Where the elements best start in the file, modulo the block size of file systems.
    grid : Grid, optional
        Chunk lengths along one axis, where they differ.
    maxshape : tuple of int or None, optional
        How long each axis may grow, None without a limit, where the format can say it.
    key_encoding : tuple of str, optional
        How the keys of chunks are spelled in a Zarr store: its name and its separator.
    notes : tuple of str
        What of the input could not be read, and did not cost the array.
    own : dict
        What only the format itself can keep, as it is stored: types and attributes of HDF5.
    item_shape : tuple of int
        The last axes, where they lie inside each item (HDF5's array type).
    aligned : bool
        Every chunk of the outputs is one of the inputs', so that all of them can move as stored.
    """

    codec: Codec | None = Codec()
    native: tuple[str, Any] | None = None
    fill_value: Any = None
    meaning: Meaning = BARE
    dialect: str = ""
    phase: int | None = None
    grid: Grid | None = None
    maxshape: tuple[int | None, ...] | None = None
    key_encoding: tuple[str, str] | None = None
    notes: tuple[str, ...] = ()
    own: dict[str, Any] = field(default_factory=dict)
    item_shape: Shape = ()
    aligned: bool = False


Moved = Mapping[Shape, "Stored | np.ndarray | None"]
"""What has been found of chunks that are not to be encoded from a block."""


class Source(Protocol):
    """One array that is read."""

    ref: str
    format: str
    spec: ArraySpec
    storage: Storage
    extent: Extent | None
    root: Path | None
    """The store that no link should lead out of."""

    @property
    def fill(self) -> np.ndarray | None:
        """What an absent chunk stands for; None without chunks, and for strings."""

    @property
    def path(self) -> Path | None:
        """The file or folder; None where the array is in memory."""

    def read(self, box: Box) -> Iterator[tuple[Box, np.ndarray]]:
        """Parts that cover a box, decoded one after another; never called with an extent.

        An array handed out is valid until the next one is asked for.
        """

    def stored(self, box: Box, shards: bool) -> Iterator[tuple[Box, Stored | None]]:
        """Every chunk, or shard, that lies in a box, as it is stored; None where it is absent."""

    def guarded(self, box: Box, stored: Stored, full: bool) -> Stored:
        """What `stored` gave for a box, with a look at it on its way.

        Parameters
        ----------
        box : Box
        stored : Stored
        full : bool
            What has no checksum of its stored bytes is decoded; else only those are compared.
        """

    def prepare(self, folder: Path, check: bool = False) -> None:
        """Make ready to be read; what has to be spooled goes into the folder.

        Parameters
        ----------
        folder : Path
        check : bool
            Look at a checksum of the whole array, where there is one.
        """

    def stored_bytes(self) -> int:
        """Bytes that the array takes in its file."""

    def check(self) -> None:
        """Look for damage that reading all of it here does not show, and other readers meet."""

    def close(self) -> None: ...


class Unchunked:
    """What a source without chunks, or a target that is written by its extent, need not have."""

    __slots__ = ()
    fill: np.ndarray | None = None
    takes_skipped: bool = False
    root: Path | None = None

    def stored(self, box: Box, shards: bool) -> Iterator[tuple[Box, Stored | None]]:
        raise AssertionError("there are no chunks")

    def guarded(self, box: Box, stored: Stored, full: bool) -> Stored:
        raise AssertionError("there are no chunks")

    def check(self) -> None:
        """There is one way to read it."""

    def encode(self, box: Box, block: np.ndarray | None, moved: Moved | None = None) -> Any:
        raise AssertionError("it is written through its extent")

    def store(self, encoded: Any) -> None:
        raise AssertionError("it is written through its extent")

    def part(self, spec: ArraySpec, element: int, chunk: int) -> Target:
        raise AssertionError("it has no rectilinear grid")


class Target(Protocol):
    """One array that is written, in a staged file."""

    spec: ArraySpec
    extent: Extent | None
    ordered: bool
    """Whether `store` has to be called in the order of the tasks, by one thread at a time."""

    @property
    def fill(self) -> np.ndarray | None:
        """As of a source."""

    takes_skipped: bool
    """Whether a chunk that skipped steps of its codec can be stored as it is."""

    def encode(self, box: Box, block: np.ndarray | None, moved: Moved | None = None) -> Any:
        """Encode a block that covers whole chunks; called by many threads.

        Parameters
        ----------
        box : Box
        block : numpy.ndarray, optional
            Not needed where all chunks are moved.
        moved : mapping, optional
            By its first index, a chunk, or shard, that is stored already, or decoded as an
            array; None for one that stays absent.
        """

    def store(self, encoded: Any) -> None:
        """Write what `encode` gave."""

    def part(self, spec: ArraySpec, element: int, chunk: int) -> Target:
        """A part of an array with a rectilinear grid whose own grid is regular, to be written.

        Parameters
        ----------
        spec : ArraySpec
            Of the part.
        element, chunk : int
            Where the part starts along the axis of the grid.
        """


class Writer(Protocol):
    """A staged file or folder in which arrays are created."""

    notes: list[str]
    """What could not be written, and did not cost the array."""

    def add(self, member: str, spec: ArraySpec, storage: Storage) -> Target:
        """Create an array; nothing is written to it yet."""

    def finish(self) -> None:
        """Complete the staged file."""

    def abort(self) -> None:
        """Let go of the staged file, which is about to be removed."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of an output's layout; None means: as the inputs, else what is sane."""

    chunks: Shape | str | None = None
    codec: Codec | None = None
    memory_order: Order | None = None
    zarr_format: int | None = None
    rectilinear: bool = False
    netcdf: bool = False
    """The output is to be read as netCDF-4."""
    hint: Shape | None = None
    """Chunks of the largest input, to follow where the inputs disagree."""
    checksum: Checksum = "auto"
    """What the chunks are to carry beside their codec."""


class Format(Protocol):
    """What the registry knows of a format."""

    name: str
    rectilinear: bool
    """Whether chunks of an output may differ in length."""
    most_axes: int
    """Axes that an output may have; NumPy, which all goes through, has 64 at most."""

    def open(self, path: Path, member: str | None, ref: str) -> Source:
        """Open one array read-only; without a member the only one there is."""

    def members(self, path: Path, ref: str) -> list[str]:
        """Names of the arrays that a container holds; ``[""]`` where the file is the array."""

    def astray(self, path: Path, ref: str) -> list[str]:
        """Names of members that are links out of the container, or to nothing."""

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

    def adapt(self, wish: Wish, path: Path, base: Path | None) -> Wish:
        """The wish as the output's name, or a container that is added to, narrows it down."""

    def amend(self, base: Path, added: Mapping[Path, Path], folder: Path) -> Iterator[Amendment]:
        """Build what `base` says of its members anew, in a new `folder`, for what is `added`.

        Its keys are folders that are to appear, its values where they are staged.
        """

    def writer(self, path: Path, base: Path | None) -> Writer:
        """A writer of a staged file; `base` is a container whose other members are to be kept."""

"""How an array is kept in its file, and what is asked of an output's layout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from concatsplit_core.array.geometry import Shape
from concatsplit_core.array.layouts import Order
from concatsplit_core.codecs.checksums import Checksum, agreed_steps
from concatsplit_core.codecs.pipeline import Codec
from concatsplit_core.foundation.records import NamedTuple, dataclass, field
from concatsplit_core.meaning.model import BARE, Meaning


class Extent(NamedTuple):
    """Where the bytes of a contiguous array lie.

    Parameters
    ----------
    path : str
    offset : int
        Of the first element, in bytes.
    """

    path: str
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
        In neutral terms; None where it cannot be expressed in them.
    native : tuple of (str, object), optional
        The codec in the format's own terms: a dialect, and what only that dialect reads.
    fill_value : object, optional
        What an element that was never written reads as; None where the format does not say.
    meaning : Meaning
    dialect : str
        Such as ``zarr3``: the version of the format.
    dialects : frozenset of str
        Of an output: the dialects of its inputs, with "" for a format that has only one.
    offset_modulo_block : int, optional
        Where the elements are to start in the file, modulo the block that file systems share.
    grid : Grid, optional
        Chunk lengths along one axis, where they differ.
    maxshape : tuple of int or None, optional
        How long each axis may grow, None without a limit, where the format can say it.
    key_encoding : tuple of str, optional
        How the keys of chunks are spelled in a Zarr store: its name and its separator.
    notes : tuple of str
        What of the input could not be read, though the array could.
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
    dialects: frozenset[str] = frozenset()
    offset_modulo_block: int | None = None
    grid: Grid | None = None
    maxshape: tuple[int | None, ...] | None = None
    key_encoding: tuple[str, str] | None = None
    notes: tuple[str, ...] = ()
    own: dict[str, Any] = field(default_factory=dict)
    item_shape: Shape = ()
    aligned: bool = False


def agreed_codec(storages: Sequence[Storage]) -> Codec | None:
    """The codec of several arrays; if only checksums differ, the one with the most steps."""
    return agreed_steps([storage.codec for storage in storages])


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of an output's layout; None means: as the inputs, else the default."""

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
    shards: Shape | str | None = None

"""What the metadata of a Zarr array say, as the rest of the library needs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from concatsplit_core.array.geometry import Shape
from concatsplit_core.codecs.pipeline import Codec
from concatsplit_core.formats.zarr.forms import ChunkForm, ShardForm
from concatsplit_core.foundation.records import NamedTuple, dataclass

SPELLINGS = {"default", "v2", "zarr2"}


@dataclass(frozen=True, slots=True)
class ChunkKeys:
    """The names of chunks in a store, from their indices in the grid.

    Parameters
    ----------
    name : str
        ``default``, ``v2``, or ``zarr2`` in format 2.
    separator : str
    """

    name: str
    separator: str

    def __call__(self, index: Shape) -> str:
        if self.name == "default":
            return self.separator.join(("c", *map(str, index)))
        return self.separator.join(map(str, index)) or "0"


class Facts(NamedTuple):
    """What the metadata of an array say, whether they were read here or by zarr-python.

    Parameters
    ----------
    zarr_format : int
    shape : tuple of int
    dtype : numpy.dtype
    chunks, shards : tuple of int, optional
        None where the grid is not regular, or there are no shards.
    fill_value : object
        An element; None for strings.
    attrs : mapping
    dimension_names : tuple of str or None, optional
    form : ChunkForm or ShardForm, optional
        None where zarr-python has to decode.
    neutral : Codec, optional
    native : tuple of (str, object)
        The dialect, and the codecs in its own terms.
    key : callable
        From a chunk's index in the grid to its name in the store.
    key_encoding : tuple of str
        The name of that spelling, ``zarr2`` for format 2, and its separator.
    """

    zarr_format: int
    shape: Shape
    dtype: np.dtype
    chunks: Shape | None
    shards: Shape | None
    fill_value: Any
    attrs: Mapping[str, Any]
    dimension_names: tuple[str | None, ...] | None
    form: ChunkForm | ShardForm | None
    neutral: Codec | None
    native: tuple[str, Any]
    key: Callable[[Shape], str]
    key_encoding: tuple[str, str]

"""HDF5, and what is built on it: netCDF-4 and HDF-EOS5 files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from concatsplit_core.codecs.pipeline import Codec, Step
from concatsplit_core.errors import UsageError
from concatsplit_core.formats.base import Storage, Wish
from concatsplit_core.formats.chunking import choose_chunks
from concatsplit_core.spec import ArraySpec, Encoding

if TYPE_CHECKING:
    from concatsplit_core.formats.hdf5.reading import Hdf5Source
    from concatsplit_core.formats.hdf5.writing import Hdf5Writer

name = "hdf5"
rectilinear = False
most_axes = 32

_SANE = Codec((Step("shuffle", (0,)), Step("zlib", (4,))))
"""For inputs whose codecs differ, or would need a plugin to be read: any HDF5 library has these."""


def open(path: Path, member: str | None, ref: str) -> Hdf5Source:
    """Open a data set."""
    from concatsplit_core.formats.hdf5.describing import open_member

    return open_member(path, member, ref)


def members(path: Path, ref: str) -> list[str]:
    """Names of all data sets."""
    from concatsplit_core.formats.hdf5.describing import list_members

    return list_members(path, ref)


def layout(
    spec: ArraySpec, inherited: Storage, wish: Wish, like: ArraySpec | None
) -> tuple[ArraySpec, Storage]:
    """Lay out a data set: contiguous as its inputs and without a codec, else chunked."""
    from concatsplit_core.formats.hdf5.filters import available, settled
    from concatsplit_core.formats.hdf5.writing import stored_dtype

    stored_dtype(spec.dtype)
    codec = wish.codec if wish.codec is not None else inherited.codec
    own = inherited.dialect == "hdf5"
    if codec is None or (wish.codec is None and not all(available(s, own) for s in codec.steps)):
        codec = _SANE
    codec = settled(codec, spec.dtype.itemsize)
    if spec.is_string:  # the chunks hold references into a heap: nothing to shuffle
        codec = codec.without("shuffle")
    flat = like is not None and like.chunks is None
    if wish.chunks == "none" and codec:
        raise UsageError(
            f"--chunks none: codec {codec} needs chunks; give --codec none or a chunk shape"
        )
    if spec.ndim == 0 or wish.chunks == "none" or (wish.chunks is None and flat and not codec):
        plain = not spec.is_string
        laid = replace(spec, order="C", contiguous=plain, chunks=None, shards=None)
        return laid, replace(inherited, codec=Codec(), native=None)
    chunks = choose_chunks(spec, wish, like)
    chunks = tuple(min(c, max(1, n)) for c, n in zip(chunks, spec.shape, strict=True))
    laid = replace(
        spec,
        order="C",
        contiguous=False,
        chunks=chunks,
        shards=None,
        encoding=None if spec.is_string else Encoding(spec.dtype, codec.steps),
    )
    return laid, replace(inherited, codec=codec, native=None)


def settle(base: Path, members: Sequence[str]) -> None:
    """Nothing speaks of the members beside the members themselves."""


def adapt(wish: Wish, base: Path | None) -> Wish:
    """Any HDF5 file takes any data set."""
    return wish


def writer(path: Path, base: Path | None) -> Hdf5Writer:
    """A writer of a staged file."""
    from concatsplit_core.formats.hdf5.writing import Hdf5Writer

    return Hdf5Writer(path, base)

"""How a Zarr array is laid out: its chunks, shards and codecs."""

from __future__ import annotations

from typing import Any

import numpy as np

from concatsplit_core.array.fields import packed
from concatsplit_core.array.layouts import ArrayLayout, Chunked, Sharded
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.codecs.chunks import announce_libraries
from concatsplit_core.codecs.pipeline import Codec, Step
from concatsplit_core.formats.storage import Storage, Wish
from concatsplit_core.formats.zarr.checksums import Chosen, with_checksum
from concatsplit_core.formats.zarr.codecs import (
    as_written,
    available,
    encoding,
    in_own_steps,
    packing,
)
from concatsplit_core.formats.zarr.dialect import meaning_as_written
from concatsplit_core.formats.zarr.lossless import is_lossless
from concatsplit_core.formats.zarr.sharding import grid_of
from concatsplit_core.foundation.errors import UnsupportedDtype, UsageError
from concatsplit_core.foundation.records import replace

_DEFAULT = Codec((Step("zstd", (3,)),))
"""For inputs whose codecs differ or have no name in Zarr."""


def lay_out(
    spec: ArraySpec, inherited: Storage, wish: Wish, like: ArraySpec | None
) -> tuple[ArraySpec, Storage]:
    """Lay out an array: chunks, shards and codecs of its inputs where they agree on them."""
    if wish.chunks == "none":
        raise UsageError("--chunks none: a Zarr array has chunks; leave it out, or write to .h5")
    _check_dtype(spec.dtype)
    spec = replace(spec, dtype=packed(spec.dtype))  # Zarr's structured data type has no padding
    dialect = f"zarr{wish.zarr_format}" if wish.zarr_format else _common_dialect(inherited)
    dialect = dialect or "zarr3"
    number = int(dialect[-1])
    if dialect == "zarr3" and not spec.is_string:
        spec = replace(spec, dtype=spec.dtype.newbyteorder("<"))
    if wish.rectilinear:
        _check_rectilinear(wish, number)
    chunks, shards = grid_of(spec, wish, None if wish.rectilinear else like, number)
    ragged = wish.rectilinear and wish.hint is not None
    may_move = ragged or _may_move(spec, inherited, chunks, like)
    native = _kept_native(inherited, wish, dialect)
    if native is not None and not (may_move and inherited.aligned and not shards):
        native = native if is_lossless(native) else None  # other codecs would round elements
    found, ours = _codec(inherited, native, wish, spec.dtype, number)
    if spec.is_string:  # texts have no item size to shuffle by
        found = found.without("shuffle")
    ours = ours or (wish.codec is None and not found and not may_move)
    chosen = Chosen(found, native, ours, may_move)
    codec, native = with_checksum(chosen, wish.checksum, inherited.codec, number)
    if codec is not None:
        announce_libraries(codec.steps)
    fill = as_written(
        meaning_as_written(inherited, spec.dtype, spec.shape, number).fill_value, spec.dtype
    )
    made = encoding(spec.dtype, spec.ndim, codec, native or (dialect, None), bool(shards))
    laid: ArrayLayout = Chunked(chunks, made)
    if shards:
        laid = Sharded(shards, chunks, made, packing(True, True, fill, spec.dtype))
    storage = replace(inherited, codec=codec, native=native, dialect=dialect)
    if spec.dtype.names is not None and fill is not None:
        from concatsplit_core.formats.zarr.low_precision import check_fill

        check_fill(fill, spec.dtype, storage, number)
    return replace(spec, layout=laid), storage


def _common_dialect(inherited: Storage) -> str:
    """The dialect of those inputs that are Zarr arrays; empty where they have several, or none."""
    found = inherited.dialects & {"zarr2", "zarr3"}
    return min(found) if len(found) == 1 else ""


def _check_rectilinear(wish: Wish, zarr_format: int) -> None:
    if zarr_format == 2:
        raise UsageError("--grid rectilinear: format 2 has no such grids; give --zarr-format 3")
    if wish.chunks is not None:
        raise UsageError(
            "--grid rectilinear keeps the inputs' chunks as they lie, --chunks makes others; "
            "give one of them"
        )


def _check_dtype(dtype: np.dtype) -> None:
    """Refuse what zarr-python has no data type for."""
    if dtype.subdtype is not None:
        raise UnsupportedDtype(
            f"dtype {dtype} is an array inside a record, which Zarr lacks; write to .npy or .h5"
        )
    wide = dtype.kind in "fc" and dtype.itemsize > (8 if dtype.kind == "f" else 16)
    if dtype.kind not in "biufcmMSUVT" or wide or not dtype.itemsize:
        raise UnsupportedDtype(f"dtype {dtype} has no data type in Zarr; --dtype converts it")
    for name, field in (dtype.fields or {}).items():
        if len(field) > 2:
            raise UnsupportedDtype(
                f"dtype {dtype}: field '{name}' has a title, which Zarr lacks; write to .npy"
            )
        _check_dtype(field[0])


def _kept_native(inherited: Storage, wish: Wish, dialect: str) -> tuple[str, Any] | None:
    """The inputs' own codec settings, unless others were asked for."""
    if wish.codec is not None or inherited.native is None or inherited.native[0] != dialect:
        return None
    return inherited.native


def _may_move(spec: ArraySpec, inherited: Storage, chunks: Any, like: ArraySpec | None) -> bool:
    """Whether chunks of the inputs can become chunks of the output as they are stored."""
    if like is None or not like.chunks or like.chunks != chunks or like.dtype != spec.dtype:
        return False
    return not spec.is_string or inherited.native is not None


def _codec(
    inherited: Storage, native: Any, wish: Wish, dtype: np.dtype, zarr_format: int
) -> tuple[Codec, bool]:
    """The codec as asked for, else as in the inputs, else the default; and whether it is that."""
    if wish.codec is not None:
        return in_own_steps(wish.codec, dtype.itemsize, zarr_format), False
    codec = inherited.codec
    if codec is None:
        return _DEFAULT, native is None
    if zarr_format == 2 and _common_dialect(inherited) != "zarr2":
        codec = codec.without("crc32c")  # only some readers of format 2 have it
    if not all(available(step) for step in codec.steps):
        return _DEFAULT, native is None
    if dtype.names is not None and native is None:
        from concatsplit_core.formats.zarr.low_precision import data_type_of, is_read

        if data_type_of(dtype) is not None and not is_read(codec, zarr_format):
            return _DEFAULT, True
    return in_own_steps(codec, dtype.itemsize, zarr_format), False

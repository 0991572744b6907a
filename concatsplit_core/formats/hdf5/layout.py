"""How a dataset is laid out: contiguous or in chunks, its filters and its type."""

from __future__ import annotations

from math import prod

import numpy as np

from concatsplit_core.array.geometry import Shape
from concatsplit_core.array.layouts import Chunked, Contiguous, Opaque
from concatsplit_core.array.spec import STRING_BYTES, ArraySpec
from concatsplit_core.codecs.checksums import Checksum, bare, guarded, in_frames, is_guarded
from concatsplit_core.codecs.pipeline import Codec, Step
from concatsplit_core.formats.chunking import COMFORTABLE, choose_chunks
from concatsplit_core.formats.hdf5 import netcdf
from concatsplit_core.formats.hdf5.filters import (
    FLETCHER32,
    NOT_OF_NETCDF,
    are_of_netcdf,
    available,
    has_one_shuffle,
    in_own_steps,
)
from concatsplit_core.formats.hdf5.items import as_items, kept_items
from concatsplit_core.formats.hdf5.types import (
    encoding,
    has_numpy_bytes,
    loses_text,
    stored_dtype,
    takes_items,
)
from concatsplit_core.formats.storage import Storage, Wish
from concatsplit_core.foundation.errors import UsageError
from concatsplit_core.foundation.records import replace

_DEFAULT = Codec((Step("shuffle", (0,)), Step("zlib", (4,))))
"""The codec for inputs whose codecs differ or need a plugin: every HDF5 library has it."""


def lay_out(
    spec: ArraySpec, inherited: Storage, wish: Wish, like: ArraySpec | None
) -> tuple[ArraySpec, Storage]:
    """Lay out a dataset: contiguous as its inputs and without a codec, else chunked."""
    if spec.dtype.kind == "U":
        spec, inherited = _as_strings(spec, inherited)
    if wish.netcdf:
        spec, inherited = _as_netcdf(spec, inherited)
    stored_dtype(spec.dtype)
    if spec.is_string or _is_lost(inherited.own.get("type")):  # such text is written as UTF-8
        inherited = replace(inherited, own=inherited.own | {"type": None})
    stored_type = inherited.own.get("type")
    codec = _with_checksum(_codec(inherited, wish), spec, wish.checksum)
    if spec.is_string:  # the chunks hold references into a heap: nothing to shuffle
        codec = codec.without("shuffle")
    flat = like is not None and like.chunks is None and None not in (inherited.maxshape or ())
    if wish.chunks == "none" and codec:
        raise UsageError(
            f"--chunks none: {'checksum' if is_guarded(codec.steps) else 'codec'} {codec} needs "
            "chunks; give a chunk shape, or --codec none without --checksum"
        )
    if spec.ndim == 0 or wish.chunks == "none" or (wish.chunks is None and flat and not codec):
        items = kept_items(spec, None, inherited.fill_value, inherited.item_shape)
        plain = _has_plain_type(spec, stored_type)
        laid = replace(spec, layout=Contiguous() if plain else Opaque())
        return laid, replace(inherited, codec=Codec(), native=None, item_shape=items)
    chunks = choose_chunks(spec, wish, like)
    chunks = _clipped(chunks, spec, inherited)
    items = kept_items(spec, chunks, inherited.fill_value, inherited.item_shape)
    laid = replace(spec, layout=Chunked(chunks))
    if _keeps_filters(laid, items, inherited, wish, like):
        kept = encoding(spec.dtype, inherited.native and inherited.native[1], stored_type)
        return replace(spec, layout=Chunked(chunks, kept)), replace(inherited, item_shape=items)
    codec = in_own_steps(codec, spec.dtype.itemsize * prod(items))
    made = encoding(spec.dtype, bare(codec).steps, stored_type)
    laid = replace(spec, layout=Chunked(chunks, made))
    return laid, replace(inherited, codec=codec, native=None, item_shape=items)


def _clipped(chunks: Shape, spec: ArraySpec, inherited: Storage) -> Shape:
    """A chunk shape no longer than the array, unless it is small and the axis may grow."""
    limits = inherited.maxshape
    is_small = prod(chunks) * spec.memory_itemsize <= COMFORTABLE
    free = [limits is not None and is_small and limits[d] is None for d in range(spec.ndim)]
    return tuple(
        c if may_grow else min(c, max(1, n))
        for c, n, may_grow in zip(chunks, spec.shape, free, strict=True)
    )


def _with_checksum(codec: Codec, spec: ArraySpec, checksum: Checksum) -> Codec:
    """The codec with the checksum that was asked for, else with checksums in zstd's frames."""
    if checksum == "crc32c":
        raise UsageError("--checksum crc32c: HDF5 has no such filter; give fletcher32")
    if checksum != "fletcher32":
        return codec if checksum == "none" else in_frames(codec)
    if spec.ndim == 0:
        raise UsageError("--checksum fletcher32: a scalar has no chunks that could carry it")
    if spec.is_string:
        raise UsageError(
            "--checksum fletcher32: HDF5 keeps texts of any length beside their chunks, where "
            "nothing covers them; write to .zarr with --checksum crc32c"
        )
    return guarded(codec, checksum)


def _keeps_filters(
    spec: ArraySpec, items: Shape, inherited: Storage, wish: Wish, like: ArraySpec | None
) -> bool:
    """Whether chunks of filters that have no neutral name can all move as they are stored."""
    native, chunks = inherited.native, spec.chunks
    if wish.codec is not None or inherited.codec is not None or not inherited.aligned:
        return False
    if native is None or native[0] != "hdf5" or like is None or like.chunks != chunks:
        return False
    if wish.netcdf and not are_of_netcdf(native[1]):
        return False
    if wish.checksum == "fletcher32" and native[1][-1].code != FLETCHER32:
        return False
    from concatsplit_core.formats.hdf5.replicas import can_be_kept

    own = as_items(spec, items)
    return len(items) == len(inherited.item_shape) and can_be_kept(native[1], own.dtype, own.chunks)


def _codec(inherited: Storage, wish: Wish) -> Codec:
    """The codec that was asked for, else that of the inputs if HDF5 has it, else the default."""
    if wish.codec is not None:
        if wish.netcdf and "lzf" in wish.codec.names:
            raise UsageError("codec 'lzf' is h5py's own, which netCDF lacks; write to .h5")
        return wish.codec
    codec, own = inherited.codec, inherited.dialects == {"hdf5"}
    codec = codec and codec.without("crc32c")  # Zarr's, which changes no elements
    if codec is None or not all(available(s, own) for s in codec.steps):
        return _DEFAULT
    if wish.netcdf and not NOT_OF_NETCDF.isdisjoint(codec.names):
        return _DEFAULT
    return codec if has_one_shuffle(codec) else _DEFAULT


def _is_lost(stored_type: bytes | None) -> bool:
    """Whether HDF5 would lose text if a type were kept."""
    return stored_type is not None and loses_text(stored_type)


def _has_plain_type(spec: ArraySpec, stored_type: bytes | None) -> bool:
    """Whether the bytes of the items in the file are NumPy's."""
    return not spec.is_string and (stored_type is None or has_numpy_bytes(stored_type, spec.dtype))


def _as_strings(spec: ArraySpec, inherited: Storage) -> tuple[ArraySpec, Storage]:
    """Text of a fixed number of letters as strings, which HDF5 has in UTF-8."""
    in_memory = max(STRING_BYTES, STRING_BYTES // 4 + 2 * spec.dtype.itemsize)
    spec = replace(spec, dtype=np.dtypes.StringDType(), string_bytes=in_memory)
    return spec, replace(inherited, fill_value=None, native=None)


def _as_netcdf(spec: ArraySpec, inherited: Storage) -> tuple[ArraySpec, Storage]:
    """The array in types that netCDF has: NumPy's times become numbers with units (CF 4.4)."""
    meaning = inherited.meaning
    if spec.dtype.kind in "mM":
        attrs = {**meaning.attrs, **netcdf.time_attributes(spec.dtype)}
        meaning = replace(meaning, attrs=attrs, missing=netcdf.not_a_time())
        spec = replace(spec, dtype=np.dtype(np.int64))
        inherited = replace(inherited, own={}, fill_value=netcdf.not_a_time())
    if spec.dtype.kind == "b" and "dtype" not in meaning.attrs:
        meaning = replace(meaning, attrs={**meaning.attrs, "dtype": "bool"})
    from concatsplit_core.formats.hdf5.netcdf_types import refuse_dtype

    refuse_dtype(spec.dtype)
    stored_type = inherited.own.get("type")
    if stored_type is not None and not spec.is_string and not takes_items(stored_type, spec.dtype):
        inherited = replace(inherited, own=inherited.own | {"type": None})  # such as bitfields
    if meaning.missing is not None:  # netCDF-C takes one for the other
        inherited = replace(inherited, fill_value=meaning.missing)
    return spec, replace(inherited, meaning=meaning, item_shape=())  # netCDF has no array types

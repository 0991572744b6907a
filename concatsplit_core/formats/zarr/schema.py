"""Checks Zarr's metadata documents before they are used: one schema for each kind of document.

Checks the types and ranges of all entries that this library or another one uses. Chunk lengths are
checked later, because zarr-python repairs those that old writers got wrong.
"""

from __future__ import annotations

import json
from typing import Any

from concatsplit_core.array.descr import check_descr
from concatsplit_core.codecs.pipeline import BLOSC_AVAILABLE
from concatsplit_core.formats.zarr.facts import Facts
from concatsplit_core.formats.zarr.kinds import (
    Kind,
    anything,
    array,
    fields,
    number,
    one_of,
    optional,
    table,
    text,
    text_or,
    truth,
)
from concatsplit_core.foundation.errors import (
    ConcatsplitError,
    MalformedInput,
    OverBudget,
    UnsafeContent,
)
from concatsplit_core.stores.base import Location

METADATA_LIMIT = 64 << 20
MOST_AXES = 64
"""The most axes of a NumPy array."""
LARGEST_ITEM = 64 << 20
"""Bytes of an element; opening an array puts one into memory, its fill value."""

MOST_LENGTHS = 1 << 20
"""Chunks along an axis whose lengths are listed one by one when zarr-python reads them."""

_ORDERS = ("<", ">", "|", "=")
_MOST_DIGITS = 18
"""Of the size in the name of a data type."""
_BYTES_A_SIZE = {"S": 1, "a": 1, "V": 1, "U": 4, "r": 1 / 8}

_LENGTH = number(0, (1 << 63) - 1)
_SMALL = number(0, (1 << 31) - 1)

_EXTENSION = fields({"name": text}, {"configuration": optional(table), "must_understand": truth})
"""A name with settings, as format 3 has it for codecs, grids and data types."""
_NAMED = text_or(_EXTENSION)
_CHAIN = array(_NAMED, fewest=1)

_ARRAY_V3 = fields(
    {
        "zarr_format": one_of(3),
        "node_type": one_of("array"),
        "shape": array(_LENGTH),
        "data_type": _NAMED,
        "chunk_grid": _EXTENSION,
        "chunk_key_encoding": _NAMED,
        "fill_value": anything,
        "codecs": _CHAIN,
    },
    {
        "attributes": table,
        "dimension_names": optional(array(optional(text))),
        "storage_transformers": optional(array(anything)),
    },
)
_GROUP_V3 = fields(
    {"zarr_format": one_of(3), "node_type": one_of("group")},
    {"attributes": table, "consolidated_metadata": optional(table)},
)

_CODEC_V2 = fields({"id": text})
"""What the settings of every codec of numcodecs have."""
_ARRAY_V2 = fields(
    {
        "zarr_format": one_of(2),
        "shape": array(_LENGTH),
        "chunks": array(anything),
        "dtype": text_or(array(anything)),
        "fill_value": anything,
    },
    {
        "order": one_of("C", "F"),
        "filters": optional(array(_CODEC_V2)),
        "compressor": optional(_CODEC_V2),
        "dimension_separator": one_of(".", "/"),
    },
)
_GROUP_V2 = fields({"zarr_format": one_of(2)})

_DOCUMENTS = {".zarray": _ARRAY_V2, ".zgroup": _GROUP_V2, ".zattrs": table}

_BLOSC = {
    "cname": one_of(*BLOSC_AVAILABLE),
    "clevel": number(0, 9),
    "shuffle": optional(text_or(number(-1, 2))),
    "typesize": optional(_SMALL),
    "blocksize": optional(_SMALL),
}
_LZMA = {
    "format": number(0, 3),
    "check": number(-1, 16),
    "preset": optional(number(0, (1 << 32) - 1)),
    "filters": optional(array(table)),
}
_SHARDING = "sharding_indexed"
_SETTINGS: dict[str, Kind] = {
    "gzip": fields({}, {"level": number(-1, 9)}),
    "zlib": fields({}, {"level": number(-1, 9)}),
    "zstd": fields({}, {"level": number(-131072, 22), "checksum": optional(truth)}),
    "bz2": fields({}, {"level": number(1, 9)}),
    "blosc": fields({}, _BLOSC),
    "lz4": fields({}, {"acceleration": number(-(1 << 31), (1 << 31) - 1)}),
    "lzma": fields({}, _LZMA),
    "shuffle": fields({}, {"elementsize": _SMALL}),
    "transpose": fields({"order": text_or(array(number(0, MOST_AXES - 1)))}),
    "bytes": fields({}, {"endian": optional(one_of("little", "big"))}),
    "endian": fields({}, {"endian": optional(one_of("little", "big"))}),
    _SHARDING: fields(
        {"codecs": _CHAIN, "index_codecs": _CHAIN, "chunk_shape": array(anything)},
        {"index_location": one_of("start", "end")},
    ),
}
"""What the settings of a codec have to be, by its name."""


def read_document(folder: Location, name: str, ref: str) -> dict[str, Any]:
    """Read a document of an array or a group, and check its types and ranges.

    Raises
    ------
    MalformedInput
        It is not JSON, or an entry has a wrong type or range.
    UnsafeContent
        The elements are pickled.
    FileNotFoundError
        There is none.
    """
    place = folder / name
    size = place.store.size(place.key)
    if size > METADATA_LIMIT:
        raise MalformedInput(
            f"{ref}: {name} has {size} bytes; metadata have {METADATA_LIMIT} at most",
            ref=ref,
            found=size,
            expected=METADATA_LIMIT,
        )
    try:
        found = json.loads(place.read())
        _check(found, name, ref)
    except (ValueError, RecursionError) as error:
        if isinstance(error, ConcatsplitError):
            raise
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise MalformedInput(f"{ref}: {name} is not valid metadata: {reason}", ref=ref) from error
    document: dict[str, Any] = found
    return document


def _check(found: Any, name: str, ref: str) -> None:
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError("it holds half a character, which is not text") from error
    kind = _DOCUMENTS.get(name)
    if kind is None:
        is_group = isinstance(found, dict) and found.get("node_type") == "group"
        kind = _GROUP_V3 if is_group else _ARRAY_V3
    kind(found, "$")
    if kind in {_ARRAY_V3, _ARRAY_V2} and len(found["shape"]) > MOST_AXES:
        raise ValueError(f"shape has {len(found['shape'])} axes; {MOST_AXES} is the most")
    if kind is _ARRAY_V3:
        names = found.get("dimension_names")
        if names and len(names) != len(found["shape"]):
            raise ValueError(f"{len(names)} dimension_names for {len(found['shape'])} axes")
        _check_item(found["data_type"], ref)
        _check_grid(found["chunk_grid"], ref)
        _check_chain(found["codecs"], ref)
    elif kind is _ARRAY_V2:
        _check_dtype(found["dtype"])
        _check_item(found["dtype"], ref)
        for codec in (*(found.get("filters") or ()), found.get("compressor")):
            if codec is not None:
                _check_settings(codec["id"], codec, ref)


def _check_dtype(dtype: Any) -> None:
    try:
        check_descr(dtype)
    except ValueError:
        from concatsplit_core.formats.zarr import low_precision

        if low_precision.dtype_of(dtype) is None:
            raise


def _check_grid(grid: dict[str, Any], ref: str) -> None:
    """Refuse a few bytes of a rectilinear grid that stand for more lengths than memory holds."""
    settings = grid.get("configuration") or {}
    if grid["name"] != "rectilinear" or settings.get("kind") != "inline":
        return
    runs: Any = settings.get("chunk_shapes")
    array(anything)(runs, "chunk_shapes")
    for lengths in runs:
        count = 0
        for run in lengths if isinstance(lengths, list) else [lengths]:
            pair = run if isinstance(run, list) else [run, 1]
            if len(pair) != 2 or not all(type(n) is int and 0 < n < 1 << 63 for n in pair):
                raise ValueError(f"chunk_shapes: {run} is neither a length nor [length, count]")
            count += pair[1]
        if count > MOST_LENGTHS:
            raise OverBudget(
                f"{ref}: a rectilinear grid has {count} chunks along an axis, more than the "
                f"{MOST_LENGTHS} that are read",
                ref=ref,
                found=count,
                expected=MOST_LENGTHS,
            )


def _check_item(data_type: Any, ref: str) -> None:
    """Refuse elements that are too large, before a library makes a fill value of one."""
    match data_type:
        case str():
            name = data_type[1:] if data_type.startswith(_ORDERS) else data_type
            kind, size = name[:1], name[1:]
            is_sized = kind in _BYTES_A_SIZE and size.isdecimal() and len(size) <= _MOST_DIGITS
            nbytes = int(size) * _BYTES_A_SIZE[kind] if is_sized else 0
        case {"length_bytes": int(nbytes)}:
            pass
        case dict():
            nbytes = 0
            for value in data_type.values():
                _check_item(value, ref)
        case list():
            nbytes = 0
            for value in data_type:
                _check_item(value, ref)
        case _:
            return
    if nbytes > LARGEST_ITEM:
        raise OverBudget(
            f"{ref}: an element claims {nbytes:.0f} bytes, more than the {LARGEST_ITEM} that are "
            "read",
            ref=ref,
            found=nbytes,
            expected=LARGEST_ITEM,
        )


def _check_chain(codecs: list[str | dict[str, Any]], ref: str) -> None:
    for codec in codecs:
        if isinstance(codec, str):
            _check_settings(codec, {}, ref)
        else:
            name = codec["name"].removeprefix("numcodecs.")
            _check_settings(name, codec.get("configuration") or {}, ref)


def _check_settings(name: str, settings: dict[str, Any], ref: str) -> None:
    """Check the settings of one codec, as far as they are known."""
    if name == "pickle":
        raise UnsafeContent(
            f"{ref}: holds pickled objects, which are not read; save it with a plain dtype",
            ref=ref,
        )
    kind = _SETTINGS.get(name, anything)
    try:
        kind(settings, "$")
    except ValueError as error:
        raise ValueError(f"codec {name}: {error}") from error
    if name == _SHARDING:
        _check_chain(settings["codecs"], ref)
        _check_chain(settings["index_codecs"], ref)
    for key, value in settings.items():
        if key.removeprefix("encode_").removeprefix("decode_") in {"dtype", "astype"}:
            check_descr(value)


def check_facts(facts: Facts, ref: str) -> None:
    """Refuse an array whose shape, chunks and shards do not fit, or whose elements are too large.

    Raises
    ------
    MalformedInput
        The chunks have another number of axes, or do not fill the shards.
    OverBudget
        One element is larger than a chunk should be.
    """
    chunks, shards = facts.chunks, facts.shards
    for what, unit in (("chunks", chunks), ("shards", shards)):
        if unit is None:
            continue
        if len(unit) != len(facts.shape) or not all(0 < n < 1 << 63 for n in unit):
            raise MalformedInput(
                f"{ref}: {what} of {unit} do not fit an array of {facts.shape}",
                ref=ref,
                found=unit,
                expected=facts.shape,
            )
    if chunks and shards and any(s % c for s, c in zip(shards, chunks, strict=True)):
        raise MalformedInput(f"{ref}: chunks of {chunks} do not fill shards of {shards}", ref=ref)
    if facts.dtype.itemsize > LARGEST_ITEM:
        raise OverBudget(
            f"{ref}: an element claims {facts.dtype.itemsize} bytes, more than the {LARGEST_ITEM} "
            "that are read",
            ref=ref,
            found=facts.dtype.itemsize,
            expected=LARGEST_ITEM,
        )

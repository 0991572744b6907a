"""Checks Zarr's metadata documents before they are used: one schema for each kind of document.

The types and ranges of all entries are checked that are used here or by a library. Chunk lengths
are checked later, because zarr-python repairs those that old writers got wrong.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from concatsplit_core.array.descr import check_descr
from concatsplit_core.formats.zarr.facts import Facts
from concatsplit_core.foundation.errors import (
    ConcatsplitError,
    MalformedInput,
    OverBudget,
    UnsafeContent,
)
from concatsplit_core.stores.base import Location

METADATA_LIMIT = 64 << 20
MOST_AXES = 64
"""Axes of the arrays that NumPy has."""
LARGEST_ITEM = 64 << 20
"""Bytes of an element; the fill value is one, and it is in memory as soon as the array is open."""

MOST_LENGTHS = 1 << 20
"""Chunks along an axis whose lengths are listed one by one when zarr-python reads them."""

_SIZED = r"[<>|=]?(?P<kind>[SaVUr])(?P<size>\d{1,18})"
_BYTES_A_SIZE = {"S": 1, "a": 1, "V": 1, "U": 4, "r": 1 / 8}

Length = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
Small = Annotated[int, Meta(ge=0, le=(1 << 31) - 1)]


class Extension(Struct):
    """A name with settings, as format 3 has it for codecs, grids and data types."""

    name: str
    configuration: dict[str, Any] | None = None
    must_understand: bool = True


Named = Extension | str


class ArrayV3(Struct):
    """``zarr.json`` of an array."""

    zarr_format: Literal[3]
    node_type: Literal["array"]
    shape: list[Length]
    data_type: Named
    chunk_grid: Extension
    chunk_key_encoding: Named
    fill_value: Any
    codecs: Annotated[list[Named], Meta(min_length=1)]
    attributes: dict[str, Any] = {}
    dimension_names: list[str | None] | None = None
    storage_transformers: list[Any] | None = None


class GroupV3(Struct):
    """``zarr.json`` of a group."""

    zarr_format: Literal[3]
    node_type: Literal["group"]
    attributes: dict[str, Any] = {}
    consolidated_metadata: dict[str, Any] | None = None


class CodecV2(Struct):
    """The part that the settings of all codecs of numcodecs have."""

    id: str


class ArrayV2(Struct):
    """``.zarray``."""

    zarr_format: Literal[2]
    shape: list[Length]
    chunks: list[Any]
    dtype: str | list[Any]
    fill_value: Any
    order: Literal["C", "F"] = "C"
    filters: list[CodecV2] | None = None
    compressor: CodecV2 | None = None
    dimension_separator: Literal[".", "/"] = "."


class GroupV2(Struct):
    """``.zgroup``."""

    zarr_format: Literal[2]


class _Level(Struct):
    level: Annotated[int, Meta(ge=-1, le=9)] = 1


class _Zstd(Struct):
    level: Annotated[int, Meta(ge=-131072, le=22)] = 0
    checksum: bool | None = None


class _Bz2(Struct):
    level: Annotated[int, Meta(ge=1, le=9)] = 1


class _Blosc(Struct):
    cname: Literal["blosclz", "lz4", "lz4hc", "zlib", "zstd"] = "lz4"
    clevel: Annotated[int, Meta(ge=0, le=9)] = 5
    shuffle: Annotated[int, Meta(ge=-1, le=2)] | str | None = 1
    typesize: Small | None = None
    blocksize: Small | None = 0


class _Lz4(Struct):
    acceleration: Annotated[int, Meta(ge=-(1 << 31), le=(1 << 31) - 1)] = 1


class _Lzma(Struct):
    format: Annotated[int, Meta(ge=0, le=3)] = 1
    check: Annotated[int, Meta(ge=-1, le=16)] = -1
    preset: Annotated[int, Meta(ge=0, le=(1 << 32) - 1)] | None = None
    filters: list[dict[str, Any]] | None = None


class _Shuffle(Struct):
    elementsize: Small = 4


class _Transpose(Struct):
    order: list[Annotated[int, Meta(ge=0, lt=MOST_AXES)]] | str


class _Bytes(Struct):
    endian: Literal["little", "big"] | None = None


class _Sharding(Struct):
    codecs: Annotated[list[Named], Meta(min_length=1)]
    index_codecs: Annotated[list[Named], Meta(min_length=1)]
    chunk_shape: list[Any]
    index_location: Literal["start", "end"] = "end"


_SETTINGS: dict[str, type[Struct]] = {
    "gzip": _Level,
    "zlib": _Level,
    "zstd": _Zstd,
    "bz2": _Bz2,
    "blosc": _Blosc,
    "lz4": _Lz4,
    "lzma": _Lzma,
    "shuffle": _Shuffle,
    "transpose": _Transpose,
    "bytes": _Bytes,
    "endian": _Bytes,
    "sharding_indexed": _Sharding,
}

_DOCUMENTS: dict[str, Any] = {
    ".zarray": ArrayV2,
    ".zgroup": GroupV2,
    ".zattrs": dict[str, Any],
}


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
    if place.store.size(place.key) > METADATA_LIMIT:
        raise MalformedInput(f"{ref}: {name} is too large to be metadata", ref=ref)
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
        kind = GroupV3 if is_group else ArrayV3
    document = msgspec.convert(found, kind)
    if isinstance(document, ArrayV3 | ArrayV2) and len(document.shape) > MOST_AXES:
        raise ValueError(f"shape has {len(document.shape)} axes; {MOST_AXES} is the most there are")
    if isinstance(document, ArrayV3):
        names = document.dimension_names
        if names and len(names) != len(document.shape):
            raise ValueError(f"{len(names)} dimension_names for {len(document.shape)} axes")
        _check_item(found["data_type"], ref)
        _check_grid(document.chunk_grid, ref)
        _check_chain(document.codecs, ref)
    elif isinstance(document, ArrayV2):
        check_descr(found["dtype"])
        _check_item(found["dtype"], ref)
        for codec in (*(found.get("filters") or ()), found.get("compressor")):
            if codec is not None:
                _check_settings(codec["id"], codec, ref)


def _check_grid(grid: Extension, ref: str) -> None:
    """Refuse a few bytes of a rectilinear grid that stand for more lengths than memory holds."""
    settings = grid.configuration or {}
    if grid.name != "rectilinear" or settings.get("kind") != "inline":
        return
    # By hand: msgspec 0.22 crashes on a union of a bounded integer and a tuple of fixed length.
    for lengths in msgspec.convert(settings.get("chunk_shapes"), list[Any]):
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
            sized = re.fullmatch(_SIZED, data_type)
            nbytes = 0 if sized is None else int(sized["size"]) * _BYTES_A_SIZE[sized["kind"]]
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


def _check_chain(codecs: list[Named], ref: str) -> None:
    for codec in codecs:
        if isinstance(codec, str):
            _check_settings(codec, {}, ref)
        else:
            name = codec.name.removeprefix("numcodecs.")
            _check_settings(name, codec.configuration or {}, ref)


def _check_settings(name: str, settings: dict[str, Any], ref: str) -> None:
    """Check the settings of one codec, as far as they are known."""
    if name == "pickle":
        raise UnsafeContent(
            f"{ref}: holds pickled objects, which are not read; save it with a plain dtype",
            ref=ref,
        )
    kind = _SETTINGS.get(name)
    try:
        known = None if kind is None else msgspec.convert(settings, kind)
    except msgspec.ValidationError as error:
        raise ValueError(f"codec {name}: {error}") from error
    if isinstance(known, _Sharding):
        _check_chain(known.codecs, ref)
        _check_chain(known.index_codecs, ref)
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

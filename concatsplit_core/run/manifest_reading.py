"""Reading a manifest: the type and range of every key are checked before it is used."""

from __future__ import annotations

import json
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from concatsplit_core.array.descr import check_descr
from concatsplit_core.array.geometry import Interval, drop
from concatsplit_core.foundation.errors import MalformedInput
from concatsplit_core.foundation.records import replace
from concatsplit_core.run.hashing.leaves import DIGEST_BYTES, MOST_SECTIONS, Sections
from concatsplit_core.run.hashing.record import KINDS, HashRecord
from concatsplit_core.run.manifest import (
    SCHEMA,
    SCHEMA_OF_SETS,
    ArrayRecord,
    Manifest,
    ManifestEntry,
    Recipe,
    is_sound,
)
from concatsplit_core.stores.files import input_error

_MOST_AXES = 64
_OLD = 1
"""The schema without hashes."""

TOP = (
    "schema",
    "operator",
    "axis",
    "stacked",
    "unstacked",
    "inputs",
    "outputs",
    "recipe",
    "sha256",
)
TOP_OF_SETS = ("schema", "operator", "arrays", "recipe", "sha256")
ARRAY = ("name", "carried", "compared", "axis", "stacked", "unstacked", "inputs", "outputs")
ENTRY = ("ref", "shape", "dtype", "start", "stop", "stored_bytes", "hash")
HASH = ("kind", "value", "ranges", "sections")
SECTIONS = ("leaves", "digests")
RECIPE = ("asked", "inputs", "outputs")
"""Keys of a manifest, of an array of a data set, of a blob, a hash, its sections and a recipe."""

_HEX = re.compile("[0-9a-f]*")


def read_manifest(path: Path) -> Manifest:
    """Read a manifest.

    Raises
    ------
    MalformedInput
        The file is not a manifest, has an unknown schema, or is damaged.
    """
    try:
        data = path.read_bytes()
        return _checked(json.loads(data), data, path)
    except OSError as error:
        raise input_error(str(path), error) from error
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        raise MalformedInput(
            f"{path}: is not a manifest of concatsplit: {_reason(error)}", ref=str(path)
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it has no {error}"
    if isinstance(error, UnicodeDecodeError):
        return "it is not text"
    return "its JSON is nested too deeply" if isinstance(error, RecursionError) else str(error)


def _checked(document: Any, data: bytes, path: Path) -> Manifest:
    """Check the type and range of every key, and make a manifest of the document."""
    if not isinstance(document, dict):
        raise TypeError("its JSON is not an object")
    schema = document["schema"]
    if type(schema) is not int or schema not in (_OLD, SCHEMA, SCHEMA_OF_SETS):
        raise ValueError(f"schema {schema} is not {SCHEMA} or {SCHEMA_OF_SETS}")
    if schema != _OLD or "sha256" in document:
        if not is_sound(data):
            raise ValueError("its sha256 does not match its text; it is damaged or was edited")
        known = TOP_OF_SETS if schema == SCHEMA_OF_SETS else TOP
        _refuse_others(document, known, "the manifest")
    operator = _typed(document, "operator", str)
    recipe = _recipe(document)
    if schema != SCHEMA_OF_SETS:
        array = _read_array(document, path, "", schema)
        return Manifest(operator, (array,), schema == SCHEMA, recipe)
    listed = _typed(document, "arrays", list)
    arrays = tuple(
        _read_named(array, path, f"arrays[{number}].") for number, array in enumerate(listed)
    )
    if len({array.name for array in arrays}) != len(arrays) or not arrays:
        raise ValueError("it has no arrays, or two of the same name")
    return Manifest(operator, arrays, recipe=recipe)


def _recipe(document: dict[str, Any]) -> Recipe | None:
    if "recipe" not in document:
        return None
    recipe = _typed(document, "recipe", dict)
    _refuse_others(recipe, RECIPE, "recipe")
    outputs = _typed(recipe, "outputs", dict)
    for key, value in {**recipe, "outputs": "", **outputs}.items():
        _digests(value, f"recipe.{key}")
    return Recipe(recipe["asked"], recipe["inputs"], outputs)


def _read_named(document: Any, path: Path, where: str) -> ArrayRecord:
    """One array of a data set."""
    if not isinstance(document, dict):
        raise TypeError(f"{where[:-1]} is not an object")
    _refuse_others(document, ARRAY, where[:-1])
    record = _read_array(document, path, where, SCHEMA_OF_SETS)
    name, is_carried = _typed(document, "name", str), _typed(document, "carried", bool)
    if not name:
        raise ValueError(f"{where}name is empty")
    is_compared = "compared" not in document or _typed(document, "compared", bool)
    return replace(record, name=name, is_carried=is_carried, is_compared=is_compared)


def _read_array(document: dict[str, Any], path: Path, where: str, schema: int) -> ArrayRecord:
    inputs, outputs = (
        tuple(
            _read_entry(entry, path, f"{where}{name}[{number}]", schema)
            for number, entry in enumerate(_typed(document, name, list))
        )
        for name in ("inputs", "outputs")
    )
    if not inputs or not outputs:
        raise ValueError("it has no inputs or no outputs")
    record = ArrayRecord(
        axis=_typed(document, "axis", int),
        stacked=_typed(document, "stacked", bool),
        unstacked=_typed(document, "unstacked", bool),
        inputs=inputs,
        outputs=outputs,
    )
    _check_shapes(record)
    _check_hashes(record, schema != _OLD)
    return record


def _refuse_others(document: dict[str, Any], known: tuple[str, ...], where: str) -> None:
    unknown = next((key for key in document if key not in known), None)
    if unknown is not None:
        raise ValueError(f"{where} has a key '{unknown}', which is not known")


def _typed[T](document: dict[str, Any], name: str, kind: type[T]) -> T:
    """The value of a key, which must have exactly this type: a bool is not an int."""
    value = document[name]
    if type(value) is not kind:
        raise TypeError(f"{name} is a {type(value).__name__}, not a {kind.__name__}")
    return value


def _check_shapes(record: ArrayRecord) -> None:
    """Refuse arrays whose shapes and places do not fit one run along one axis."""
    first = record.inputs[0].shape
    rank, across = len(first) + record.stacked, first
    if not record.stacked:
        across = drop(first, record.axis)
    if not 0 <= record.axis < rank:
        raise ValueError(f"axis {record.axis} is not one of 0 to {rank - 1}")
    for entries, lack in ((record.inputs, record.stacked), (record.outputs, record.unstacked)):
        for entry in entries:
            length = entry.interval.length
            if len(entry.shape) + lack != rank:
                raise ValueError(f"shape {entry.shape} has another number of axes than the others")
            if length != (1 if lack else entry.shape[record.axis]):
                raise ValueError(f"start and stop do not fit the shape {entry.shape}")
            if (entry.shape if lack else drop(entry.shape, record.axis)) != across:
                raise ValueError(f"shapes {entry.shape} and {first} differ on another axis")
    at = 0
    for entry in record.inputs:
        if entry.interval.start != at:
            raise ValueError(f"no input starts at index {at} of the axis")
        at = entry.interval.stop


def _check_hashes(record: ArrayRecord, has_hashes: bool) -> None:
    """Refuse hashes that do not fit the run: outputs need a hash without ranges."""
    if has_hashes and any(e.hash is None or e.hash.ranges for e in record.outputs):
        raise ValueError("an output has no hash, or only a hash of ranges")
    for entry in record.inputs:
        at = 0
        for start, stop in (entry.hash and entry.hash.ranges) or ():
            if record.stacked or not at <= start < stop <= entry.shape[record.axis]:
                raise ValueError(f"ranges {start}:{stop} do not fit the shape {entry.shape}")
            at = stop


def _read_entry(entry: Any, path: Path, where: str, schema: int) -> ManifestEntry:
    if not isinstance(entry, dict):
        raise TypeError(f"{where} is not an object")
    shape = tuple(_length(n, f"{where}.shape") for n in _typed(entry, "shape", list))
    if len(shape) > _MOST_AXES:
        raise ValueError(f"{where}.shape has more than {_MOST_AXES} axes")
    start, stop = (_length(entry[name], f"{where}.{name}") for name in ("start", "stop"))
    if stop < start:
        raise ValueError(f"{where} stops at {stop}, before its start {start}")
    ref = "" if entry["ref"] is None else os.path.join(path.parent, _typed(entry, "ref", str))
    dtype = entry["dtype"]
    plain = _plain_dtype(dtype) if isinstance(dtype, str) else _dtype(dtype)
    if schema == _OLD:
        return ManifestEntry(ref, shape, plain, Interval(start, stop))
    _refuse_others(entry, ENTRY, where)
    _length(entry["stored_bytes"], f"{where}.stored_bytes")
    return ManifestEntry(
        ref, shape, plain, Interval(start, stop), _hash(entry["hash"], f"{where}.hash")
    )


def _hash(document: Any, where: str) -> HashRecord | None:
    if document is None:
        return None
    if not isinstance(document, dict):
        raise TypeError(f"{where} is not an object")
    _refuse_others(document, HASH, where)
    if document["kind"] not in KINDS:
        raise ValueError(f"{where}.kind {document['kind']!r} is not one of {', '.join(KINDS)}")
    if len(_digests(document["value"], f"{where}.value")) != DIGEST_BYTES:
        raise ValueError(f"{where}.value is not a hash of {DIGEST_BYTES} bytes")
    ranges = None
    if "ranges" in document:
        pairs = _typed(document, "ranges", list)
        if not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
            raise TypeError(f"{where}.ranges are not pairs of numbers")
        ranges = tuple(Interval(*(_length(n, f"{where}.ranges") for n in p)) for p in pairs)
    return HashRecord(document["kind"], document["value"], ranges, _sections(document, where))


def _sections(document: dict[str, Any], where: str) -> Sections | None:
    if "sections" not in document:
        return None
    sections = _typed(document, "sections", dict)
    _refuse_others(sections, SECTIONS, f"{where}.sections")
    leaves = _length(sections["leaves"], f"{where}.sections.leaves")
    digests = _digests(sections["digests"], f"{where}.sections.digests")
    if not leaves or not 0 < len(digests) <= MOST_SECTIONS * DIGEST_BYTES:
        raise ValueError(f"{where}.sections are empty, or more than {MOST_SECTIONS}")
    return Sections(leaves, digests)


def _digests(value: Any, where: str) -> bytes:
    if not isinstance(value, str) or not _HEX.fullmatch(value) or len(value) % (2 * DIGEST_BYTES):
        raise ValueError(f"{where} is not the hexadecimal of hashes of {DIGEST_BYTES} bytes")
    return bytes.fromhex(value)


def _length(value: Any, where: str) -> int:
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise ValueError(f"{where}: {value!r} is not a length")
    return value


@lru_cache(maxsize=64)
def _plain_dtype(value: str) -> np.dtype:
    return _dtype(value)


def _dtype(value: Any) -> np.dtype:
    if value == "string":
        return np.dtypes.StringDType()
    check_descr(value)
    dtype = np.lib.format.descr_to_dtype(_tupled(value))
    if dtype.hasobject or dtype.subdtype is not None:
        raise ValueError(f"arrays of dtype {value!r} cannot be stored")
    return dtype


def _tupled(value: Any) -> Any:
    """Turn JSON lists into the tuples that NumPy needs for fields."""
    if not isinstance(value, list):
        return value
    return [
        tuple(tuple(part) if i == 2 else _tupled(part) for i, part in enumerate(field))
        for field in value
    ]

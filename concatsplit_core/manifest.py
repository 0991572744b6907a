"""The record of a run: what went in, what came out, and where each lies on the axis."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from concatsplit_core.errors import MalformedInput
from concatsplit_core.files import input_error
from concatsplit_core.formats.descr import check_descr, descr_of
from concatsplit_core.geometry import Interval, Shape, drop
from concatsplit_core.references import parse_input
from concatsplit_core.result import Blob, Result

SCHEMA = 1
_MOST_AXES = 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One blob of a manifest.

    Parameters
    ----------
    ref : str
        As a reference from here; empty where the blob was an array in memory.
    shape : tuple of int
    dtype : numpy.dtype
    interval : Interval
        Along the axis of the logical array.
    """

    ref: str
    shape: Shape
    dtype: np.dtype
    interval: Interval


@dataclass(frozen=True, slots=True)
class Manifest:
    """A run, read back.

    Parameters
    ----------
    operator : str
    axis : int
    stacked, unstacked : bool
        Whether the inputs, or the outputs, lack the axis.
    inputs, outputs : tuple of Entry
    """

    operator: str
    axis: int
    stacked: bool
    unstacked: bool
    inputs: tuple[Entry, ...]
    outputs: tuple[Entry, ...]


def format_manifest(result: Result, path: Path) -> bytes:
    """A manifest as it is written: the same run gives the same bytes.

    Parameters
    ----------
    result : Result
    path : Path
        Of the manifest; references are relative to its folder.
    """
    folder = Path(os.path.realpath(path)).parent
    document = {
        "schema": SCHEMA,
        "operator": result.operator,
        "axis": result.axis,
        "stacked": result.stacked,
        "unstacked": result.unstacked,
        "inputs": [_entry(blob, folder) for blob in result.inputs],
        "outputs": [_entry(blob, folder) for blob in result.outputs],
    }
    return (json.dumps(document, indent=1) + "\n").encode()


def _entry(blob: Blob, folder: Path) -> dict[str, Any]:
    ref = None
    if blob.format != "memory" and blob.ref != "-":
        path, member = parse_input(blob.ref)
        ref = os.path.relpath(os.path.realpath(path), folder) + (f"::{member}" if member else "")
    dtype = "string" if blob.dtype.kind == "T" else descr_of(blob.dtype)
    return {
        "ref": ref,
        "shape": list(blob.shape),
        "dtype": dtype,
        "start": blob.interval.start,
        "stop": blob.interval.stop,
    }


def read_manifest(path: Path) -> Manifest:
    """Read a manifest back.

    Raises
    ------
    MalformedInput
        It is no manifest, or of a schema that is not known.
    """
    try:
        document = json.loads(path.read_bytes())
        return _checked(document, path)
    except OSError as error:
        raise input_error(str(path), error) from error
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        raise MalformedInput(
            f"{path}: is no manifest of concatsplit: {_reason(error)}", ref=str(path)
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it has no {error}"
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)


def _checked(document: Any, path: Path) -> Manifest:
    """A document whose every entry is of the type and in the range that it has to be."""
    if not isinstance(document, dict):
        raise TypeError("it is no object")
    if document["schema"] != SCHEMA or type(document["schema"]) is not int:
        raise ValueError(f"schema {document['schema']} is not {SCHEMA}")
    inputs, outputs = (
        tuple(_read_entry(entry, path, f"{name}[{number}]") for number, entry in enumerate(listed))
        for name, listed in ((name, _typed(document, name, list)) for name in ("inputs", "outputs"))
    )
    if not inputs or not outputs:
        raise ValueError("it names no inputs or no outputs")
    record = Manifest(
        operator=_typed(document, "operator", str),
        axis=_typed(document, "axis", int),
        stacked=_typed(document, "stacked", bool),
        unstacked=_typed(document, "unstacked", bool),
        inputs=inputs,
        outputs=outputs,
    )
    _check_shapes(record)
    return record


def _typed[T](document: dict[str, Any], name: str, kind: type[T]) -> T:
    """An entry of exactly one type: a truth is no number here."""
    found = document[name]
    if type(found) is not kind:
        raise TypeError(f"{name} is a {type(found).__name__}, not a {kind.__name__}")
    return found


def _check_shapes(record: Manifest) -> None:
    """Refuse arrays that cannot be those of one run along one axis."""
    first = record.inputs[0].shape
    rank, across = len(first) + record.stacked, first
    if not record.stacked:
        across = drop(first, record.axis)
    if not 0 <= record.axis < rank:
        raise ValueError(f"axis {record.axis} is none of {rank} axes")
    for entries, lack in ((record.inputs, record.stacked), (record.outputs, record.unstacked)):
        for entry in entries:
            length = entry.interval.length
            if len(entry.shape) + lack != rank:
                raise ValueError(f"shape {entry.shape} is of another rank than the others")
            if length != (1 if lack else entry.shape[record.axis]):
                raise ValueError(f"start and stop do not fit the shape {entry.shape}")
            if (entry.shape if lack else drop(entry.shape, record.axis)) != across:
                raise ValueError(f"shapes {entry.shape} and {first} differ beside the axis")
    at = 0
    for entry in record.inputs:
        if entry.interval.start != at:
            raise ValueError(f"the inputs leave a gap at {at} of the axis")
        at = entry.interval.stop


def _read_entry(entry: Any, path: Path, where: str) -> Entry:
    if not isinstance(entry, dict):
        raise TypeError(f"{where} is no object")
    shape = tuple(_length(n, f"{where}.shape") for n in _typed(entry, "shape", list))
    if len(shape) > _MOST_AXES:
        raise ValueError(f"{where}.shape has more than {_MOST_AXES} axes")
    start, stop = (_length(entry[name], f"{where}.{name}") for name in ("start", "stop"))
    if stop < start:
        raise ValueError(f"{where} stops at {stop}, before its start {start}")
    ref = "" if entry["ref"] is None else os.path.join(path.parent, _typed(entry, "ref", str))
    return Entry(ref, shape, _dtype(entry["dtype"]), Interval(start, stop))


def _length(value: Any, where: str) -> int:
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise ValueError(f"{where}: {value!r} is no length")
    return value


def _dtype(value: Any) -> np.dtype:
    if value == "string":
        return np.dtypes.StringDType()
    check_descr(value)
    dtype = np.lib.format.descr_to_dtype(_tupled(value))
    if dtype.hasobject or dtype.subdtype is not None:
        raise ValueError(f"dtype {value!r} is none of an array that can be stored")
    return dtype


def _tupled(value: Any) -> Any:
    """JSON's lists as the tuples that NumPy wants for fields."""
    if not isinstance(value, list):
        return value
    return [
        tuple(tuple(part) if i == 2 else _tupled(part) for i, part in enumerate(field))
        for field in value
    ]

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
from concatsplit_core.geometry import Interval, Shape
from concatsplit_core.references import parse_input
from concatsplit_core.result import Blob, Result

SCHEMA = 1


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
        if document["schema"] != SCHEMA:
            raise ValueError(f"schema {document['schema']} is not {SCHEMA}")
        return Manifest(
            operator=str(document["operator"]),
            axis=int(document["axis"]),
            stacked=bool(document["stacked"]),
            unstacked=bool(document["unstacked"]),
            inputs=tuple(_read_entry(entry, path) for entry in document["inputs"]),
            outputs=tuple(_read_entry(entry, path) for entry in document["outputs"]),
        )
    except OSError as error:
        raise input_error(str(path), error) from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise MalformedInput(
            f"{path}: is no manifest of concatsplit: {error}", ref=str(path)
        ) from error


def _read_entry(entry: dict[str, Any], path: Path) -> Entry:
    shape = tuple(int(n) for n in entry["shape"])
    if any(n < 0 for n in shape):
        raise ValueError(f"shape {shape} is out of range")
    ref = "" if entry["ref"] is None else os.path.join(path.parent, str(entry["ref"]))
    return Entry(ref, shape, _dtype(entry["dtype"]), Interval(entry["start"], entry["stop"]))


def _dtype(value: Any) -> np.dtype:
    if value == "string":
        return np.dtypes.StringDType()
    check_descr(value)
    return np.lib.format.descr_to_dtype(_tupled(value))


def _tupled(value: Any) -> Any:
    """JSON's lists as the tuples that NumPy wants for fields."""
    if not isinstance(value, list):
        return value
    return [
        tuple(tuple(part) if i == 2 else _tupled(part) for i, part in enumerate(field))
        for field in value
    ]

"""The record of a run: what went in, what came out, where each lies on the axis, and its hash.

`docs/manifest.md` says what every key means.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from concatsplit_core.array.descr import descr_of
from concatsplit_core.array.geometry import Interval, Shape
from concatsplit_core.endpoints.references import parse_input
from concatsplit_core.run.result import ArrayResult, Blob, Result

if TYPE_CHECKING:
    from concatsplit_core.run.hashing.record import Hashed, HashRecord

SCHEMA, SCHEMA_OF_SETS = 2, 3
"""Of a bare array, and of a data set."""

_SEAL = re.compile(rb',\n "sha256": "([0-9a-f]{64})"\n\}\n')
_SEAL_BYTES = 82


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
    hash : HashRecord, optional
        None where the manifest is of schema 1, or nothing of an input was read.
    """

    ref: str
    shape: Shape
    dtype: np.dtype
    interval: Interval
    hash: HashRecord | None = None


@dataclass(frozen=True, slots=True)
class ArrayRecord:
    """What a manifest says of one logical array.

    Parameters
    ----------
    axis : int
    stacked, unstacked : bool
        Whether the inputs, or the outputs, lack the axis.
    inputs, outputs : tuple of Entry
    name : str
        Of the array in a data set; empty for a bare array.
    is_carried : bool
        It was copied as it is: all inputs of the data set had it, of which one is named.
    """

    axis: int
    stacked: bool
    unstacked: bool
    inputs: tuple[Entry, ...]
    outputs: tuple[Entry, ...]
    name: str = ""
    is_carried: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """A run, read back.

    Parameters
    ----------
    operator : str
    arrays : tuple of ArrayRecord
        At least one; a bare array is one.
    has_hashes : bool
        False for manifests of schema 1.
    """

    operator: str
    arrays: tuple[ArrayRecord, ...]
    has_hashes: bool = True


def format_manifest(
    result: Result, path: Path, hashed: Sequence[tuple[Sequence[Hashed], Sequence[Hashed]]]
) -> bytes:
    """A manifest as it is written: one blob a line, to be read and compared.

    Parameters
    ----------
    result : Result
    path : Path
        Of the manifest; references are relative to its folder.
    hashed : sequence of (sequence of Hashed, sequence of Hashed)
        Of each array the hashes of its inputs and of its outputs.
    """
    names = _Names(Path(os.path.realpath(path)).parent)
    pairs = list(zip(result.arrays, hashed, strict=True))
    if not result.arrays[0].name:
        head = [_line("schema", SCHEMA), _line("operator", result.operator)]
        lines = _array_lines(*pairs[0], names, " ")
        return sealed(("{\n" + ",\n".join([*head, *lines])).encode())
    head = [_line("schema", SCHEMA_OF_SETS), _line("operator", result.operator)]
    arrays = []
    for array, own in pairs:
        said = [_line("name", array.name, "  "), _line("carried", array.is_carried, "  ")]
        text = ",\n".join([*said, *_array_lines(array, own, names, "  ")])
        arrays.append(f"  {{\n{text}\n  }}")
    listed = ",\n".join(arrays)
    return sealed(("{\n" + ",\n".join([*head, f' "arrays": [\n{listed}\n ]'])).encode())


def _line(key: str, value: Any, indent: str = " ") -> str:
    return f'{indent}"{key}": {json.dumps(value)}'


def _array_lines(
    array: ArrayResult,
    hashed: tuple[Sequence[Hashed], Sequence[Hashed]],
    names: _Names,
    indent: str,
) -> list[str]:
    """The keys of one array, without the comma between them."""
    head = {"axis": array.axis, "stacked": array.stacked, "unstacked": array.unstacked}
    lines = [_line(key, value, indent) for key, value in head.items()]
    sides = (("inputs", array.inputs), ("outputs", array.outputs))
    for (name, blobs), found in zip(sides, hashed, strict=True):
        entries = (_entry(*pair, names) for pair in zip(blobs, found, strict=True))
        listed = ",\n".join(f"{indent} " + json.dumps(entry) for entry in entries)
        lines.append(f'{indent}"{name}": [\n{listed}\n{indent}]')
    return lines


def sealed(text: bytes) -> bytes:
    """A document, open at its end, with its own SHA-256 as its last key."""
    seal = hashlib.sha256(text).hexdigest()
    return text + f',\n "sha256": "{seal}"\n}}\n'.encode()


def is_sound(data: bytes) -> bool:
    """Whether a document holds the SHA-256 of all that stands before it."""
    seal = _SEAL.fullmatch(data, max(0, len(data) - _SEAL_BYTES))
    if seal is None:
        return False
    text = memoryview(data)[: len(data) - _SEAL_BYTES]
    return hashlib.sha256(text).hexdigest().encode() == seal[1]


class _Names:
    """References as they are written from a folder: few folders hold many files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[str, tuple[str, str]] = {}

    def of(self, blob: Blob) -> str | None:
        """The reference of a blob; None where it has no name."""
        if blob.format == "memory" or blob.ref == "-":
            return None
        path, member = parse_input(blob.ref)
        return self._relative(path) + (f"::{member}" if member else "")

    def _relative(self, path: Path) -> str:
        above, name = os.path.split(path)
        if name in {"", ".", ".."}:
            return os.path.relpath(os.path.realpath(path), self._folder)
        if above not in self._seen:
            real = os.path.realpath(above)
            self._seen[above] = real, os.path.relpath(real, self._folder)
        real, relative = self._seen[above]
        if os.path.islink(os.path.join(real, name)):
            return os.path.relpath(os.path.realpath(path), self._folder)
        return name if relative == "." else os.path.join(relative, name)


def _entry(blob: Blob, hashed: Hashed, names: _Names) -> dict[str, Any]:
    kind = blob.dtype
    fields = kind.names is not None or kind.subdtype is not None
    dtype = "string" if kind.kind == "T" else descr_of(kind) if fields else kind.str
    return {
        "ref": names.of(blob),
        "shape": list(blob.shape),
        "dtype": dtype,
        "start": blob.interval.start,
        "stop": blob.interval.stop,
        "stored_bytes": hashed.stored_bytes,
        "hash": None if hashed.hash is None else _hash(hashed.hash),
    }


def _hash(record: HashRecord) -> dict[str, Any]:
    said: dict[str, Any] = {"kind": record.kind, "value": record.value}
    if record.ranges is not None:
        said["ranges"] = [list(part) for part in record.ranges]
    if record.sections is not None:
        leaves, digests = record.sections
        said["sections"] = {"leaves": leaves, "digests": digests.hex()}
    return said

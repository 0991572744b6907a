"""The manifest of a run: its inputs and outputs, their places on the axis, and their hashes.

`docs/manifest.md` defines every key.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from concatsplit_core.array.descr import descr_of
from concatsplit_core.array.geometry import Interval, Shape
from concatsplit_core.endpoints.references import parse_input
from concatsplit_core.foundation.records import NamedTuple, dataclass
from concatsplit_core.run.result import ArrayResult, Blob, Result

if TYPE_CHECKING:
    from concatsplit_core.run.hashing.record import Hashed, HashRecord

SCHEMA, SCHEMA_OF_SETS = 2, 3
"""Of a bare array, and of a data set."""

_SEAL = re.compile(rb',\n "sha256": "([0-9a-f]{64})"\n\}\n')
_SEAL_BYTES = 82


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """One blob of a manifest.

    Parameters
    ----------
    ref : str
        The reference, relative to the current folder; empty if the blob was an array in memory.
    shape : tuple of int
    dtype : numpy.dtype
    interval : Interval
        The blob's place on the axis of the logical array.
    hash : HashRecord, optional
        None if the manifest is of schema 1, or if nothing of an input was read.
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
    stacked : bool
        The inputs do not have the axis: they were stacked.
    unstacked : bool
        The outputs do not have the axis: it was dropped.
    inputs, outputs : tuple of ManifestEntry
    name : str
        Of the array in a data set; empty for a bare array.
    is_carried : bool
        It was copied as it is from the first input; all inputs of the data set had it.
    is_compared : bool
        False if it may have been another array in other inputs.
    """

    axis: int
    stacked: bool
    unstacked: bool
    inputs: tuple[ManifestEntry, ...]
    outputs: tuple[ManifestEntry, ...]
    name: str = ""
    is_carried: bool = False
    is_compared: bool = True


class Recipe(NamedTuple):
    """What made the outputs of a run.

    Parameters
    ----------
    asked : str
        A hash of the request, of all options that decide the result, and of the names of inputs
        and outputs.
    inputs : str
        A hash of all files that were read.
    outputs : mapping of str to str
        A hash of each file or folder that was written, by its name from the manifest's folder.
    """

    asked: str
    inputs: str
    outputs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest that was read.

    Parameters
    ----------
    operator : str
    arrays : tuple of ArrayRecord
        At least one; a bare array is one.
    has_hashes : bool
        False for manifests of schema 1.
    recipe : Recipe, optional
        What made the outputs, if ``--if-changed`` was given.
    """

    operator: str
    arrays: tuple[ArrayRecord, ...]
    has_hashes: bool = True
    recipe: Recipe | None = None


def format_manifest(
    result: Result,
    path: Path,
    hashed: Sequence[tuple[Sequence[Hashed], Sequence[Hashed]]],
    recipe: Recipe | None = None,
) -> bytes:
    """Write a manifest; the same run gives the same bytes.

    Parameters
    ----------
    result : Result
    path : Path
        The path of the manifest; references are relative to its folder.
    hashed : sequence of (sequence of Hashed, sequence of Hashed)
        For each array the hashes of its inputs and of its outputs.
    recipe : Recipe, optional
        What made the outputs.
    """
    names = _Names(Path(os.path.realpath(path)).parent)
    pairs = list(zip(result.arrays, hashed, strict=True))
    if not result.arrays[0].name:
        head = [_line("schema", SCHEMA), _line("operator", result.operator)]
        lines = _array_lines(*pairs[0], names, " ")
        return sealed(("{\n" + ",\n".join([*head, *lines, *_recipe_lines(recipe)])).encode())
    head = [_line("schema", SCHEMA_OF_SETS), _line("operator", result.operator)]
    arrays = []
    for array, own in pairs:
        first = [_line("name", array.name, "  "), _line("carried", array.is_carried, "  ")]
        first += [] if array.is_compared else [_line("compared", False, "  ")]
        text = ",\n".join([*first, *_array_lines(array, own, names, "  ")])
        arrays.append(f"  {{\n{text}\n  }}")
    listed = ",\n".join(arrays)
    lines = [*head, f' "arrays": [\n{listed}\n ]', *_recipe_lines(recipe)]
    return sealed(("{\n" + ",\n".join(lines)).encode())


def _recipe_lines(recipe: Recipe | None) -> list[str]:
    return [] if recipe is None else [_line("recipe", recipe._asdict())]


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
    """Close a JSON object with the SHA-256 of its text as the last key."""
    seal = hashlib.sha256(text).hexdigest()
    return text + f',\n "sha256": "{seal}"\n}}\n'.encode()


def is_sound(data: bytes) -> bool:
    """Whether the SHA-256 at the end of a document is that of the text before it."""
    seal = _SEAL.fullmatch(data, max(0, len(data) - _SEAL_BYTES))
    if seal is None:
        return False
    text = memoryview(data)[: len(data) - _SEAL_BYTES]
    return hashlib.sha256(text).hexdigest().encode() == seal[1]


class _Names:
    """Makes references relative to a folder; resolves every folder of files only once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._resolved: dict[str, tuple[str, str]] = {}

    def of(self, blob: Blob) -> str | None:
        """The relative reference of a blob; None if it has no name."""
        if blob.is_of_program or blob.ref == "-":
            return None
        place, member = parse_input(blob.ref)
        inner = member or blob.description
        return self._relative(place.key) + (f"::{inner}" if inner else "")

    def _relative(self, path: str) -> str:
        above, name = os.path.split(path)
        if name in {"", ".", ".."}:
            return os.path.relpath(os.path.realpath(path), self._folder)
        if above not in self._resolved:
            real = os.path.realpath(above)
            self._resolved[above] = real, os.path.relpath(real, self._folder)
        real, relative = self._resolved[above]
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
    document: dict[str, Any] = {"kind": record.kind, "value": record.value}
    if record.ranges is not None:
        document["ranges"] = [list(part) for part in record.ranges]
    if record.sections is not None:
        leaves, digests = record.sections
        document["sections"] = {"leaves": leaves, "digests": digests.hex()}
    return document

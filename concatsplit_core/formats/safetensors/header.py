"""The header of a safetensors file: read strictly, and written as the reference library does.

::

    | length, 8 bytes | {"__metadata__": {..}, "a": {"dtype": .., ..}, ..} | a | b | c |
                                                                    offsets  0

The tensors fill the rest of the file, without a gap and without sharing a byte.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any

from concatsplit_core.array.geometry import Shape
from concatsplit_core.formats.safetensors.elements import BITS, rank_of
from concatsplit_core.foundation.errors import MalformedInput
from concatsplit_core.foundation.records import NamedTuple

LONGEST = 100_000_000
"""Bytes of the longest header that the reference library reads."""
LENGTH_BYTES = 8
ALIGNMENT = 8
METADATA = "__metadata__"

_MOST_AXES = 64
_LONGEST_ENTRY = 4096
"""Bytes of the description of one tensor: 64 lengths of 20 digits take less."""

_SPACE = rb"[ \t\n\r]*+"
_MARK = re.compile(_SPACE + rb"(.)", re.DOTALL)
_STRING = re.compile(_SPACE + rb'("(?:[^"\\\x00-\x1f]|\\.)*+")')
_ENTRY = re.compile(_SPACE + rb"(\{[^{}]{0,%d}\})" % _LONGEST_ENTRY)


class Tensor(NamedTuple):
    """What a header says of one tensor.

    Parameters
    ----------
    type : str
        The type of the elements, such as ``BF16``.
    shape : tuple of int
        In elements, also where several are packed into a byte.
    start, stop : int
        Bytes from the end of the header to the tensor's first one, and to the one after its last.
    """

    type: str
    shape: Shape
    start: int
    stop: int


class Header(NamedTuple):
    """A header that was read.

    Parameters
    ----------
    tensors : dict of str to Tensor
        In the order in which they lie.
    metadata : dict of str to str, optional
        None where there is none.
    data_start : int
        Where the tensors start in the file.
    """

    tensors: dict[str, Tensor]
    metadata: dict[str, str] | None
    data_start: int


def parse_header(text: bytearray, size: int, ref: str) -> Header:
    """Read a header, and check that its tensors fill the file.

    Parameters
    ----------
    text : bytearray
        The JSON, without the length before it.
    size : int
        Of the whole file.
    ref : str
        What messages call the file.

    Raises
    ------
    MalformedInput
    """
    try:
        tensors, metadata = _parsed(text)
        ordered = dict(sorted(tensors.items(), key=lambda item: item[1][2:]))
        data_start = LENGTH_BYTES + len(text)
        _check_coverage(ordered, size - data_start)
    except (ValueError, RecursionError) as error:
        raise MalformedInput(
            f"{ref}: its header is damaged: {error}; download or save the file again", ref=ref
        ) from error
    return Header(ordered, metadata, data_start)


def _parsed(text: bytearray) -> tuple[dict[str, Tensor], dict[str, str] | None]:
    """The entries of the header, read one by one: JSON as a whole could take far more memory."""
    tensors: dict[str, Tensor] = {}
    metadata: dict[str, str] | None = None
    scanner = _Scanner(text)
    for name in scanner.names():
        if name == METADATA:
            metadata = {key: scanner.string() for key in scanner.names()}
            continue
        if not name:
            raise ValueError("a tensor has an empty name")
        tensors[name] = _tensor(name, scanner.entry())
    scanner.end()
    return tensors, metadata


class _Scanner:
    """Walks through JSON objects from the start of a text."""

    def __init__(self, text: bytearray) -> None:
        self._text, self._at = text, 0

    def names(self) -> Iterator[str]:
        """The names in an object; the caller reads the value of each before it asks for more."""
        self._take(b"{")
        if self._took(b"}"):
            return
        seen: set[str] = set()
        while True:
            name = self.string()
            if name in seen:
                raise ValueError(f"the name '{name}' is there twice")
            seen.add(name)
            self._take(b":")
            yield name
            if self._took(b"}"):
                return
            self._take(b",")

    def string(self) -> str:
        """A string."""
        found = self._match(_STRING, "a string")
        if b"\\" not in found:
            return found[1:-1].decode()
        text: str = json.loads(found)
        text.encode()  # half a surrogate pair is not text
        return text

    def entry(self) -> Any:
        """An object without others in it."""
        return _DECODER.decode(self._match(_ENTRY, "the description of a tensor").decode())

    def end(self) -> None:
        """Refuse what follows the header."""
        found = _MARK.match(self._text, self._at)
        if found is not None:
            raise ValueError(f"something follows it at byte {found.start(1)}")

    def _took(self, mark: bytes) -> bool:
        found = _MARK.match(self._text, self._at)
        if found is None or found[1] != mark:
            return False
        self._at = found.end()
        return True

    def _take(self, mark: bytes) -> None:
        if not self._took(mark):
            raise ValueError(f"'{mark.decode()}' is expected at byte {self._at}")

    def _match(self, pattern: re.Pattern[bytes], what: str) -> bytes:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise ValueError(f"{what} is expected at byte {self._at}")
        self._at = found.end()
        return bytes(found[1])


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("the description of a tensor has a key twice")
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_without_twins)


def _tensor(name: str, entry: dict[str, Any]) -> Tensor:
    if set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(
            f"tensor '{name}' has the keys {', '.join(entry) or 'none'}, not dtype, shape and "
            "data_offsets"
        )
    kind, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(kind, str) or kind not in BITS:
        raise ValueError(f"tensor '{name}' has the dtype {kind!r}, which is not known")
    if not _are_sizes(shape) or len(shape) > _MOST_AXES:
        raise ValueError(f"tensor '{name}' has no shape of {_MOST_AXES} axes at most")
    if not _are_sizes(offsets) or len(offsets) != 2:
        raise ValueError(f"tensor '{name}' has no two data_offsets")
    start, stop = offsets
    nbytes, rest = divmod(prod(shape) * BITS[kind], 8)
    if rest or stop - start != nbytes:
        raise ValueError(
            f"tensor '{name}' of shape {tuple(shape)} and dtype {kind} has {nbytes} bytes, but "
            f"its data_offsets {start} and {stop} make {stop - start}"
        )
    return Tensor(kind, tuple(shape), start, stop)


def _are_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(type(n) is int and 0 <= n < 1 << 63 for n in value)


def _check_coverage(tensors: Mapping[str, Tensor], data_bytes: int) -> None:
    """Refuse tensors that do not follow each other from the first byte to the last."""
    end = 0
    for name, tensor in tensors.items():
        if tensor.start != end:
            what = "shares bytes with" if tensor.start < end else "leaves a gap after"
            raise ValueError(f"tensor '{name}' {what} the one before it, at byte {tensor.start}")
        end = tensor.stop
    if end != data_bytes:
        raise ValueError(f"the tensors have {end} bytes, and the file has {data_bytes} for them")


def in_order(kinds: Mapping[str, str]) -> list[str]:
    """Names of tensors in the order in which the reference library writes them.

    Those of the widest types come first, so that every element lies at a multiple of its size;
    tensors of one type are in the order of their names.
    """
    return sorted(kinds, key=lambda name: (-rank_of(kinds[name]), name.encode()))


def format_header(
    tensors: Sequence[tuple[str, str, Shape]],
    metadata: Mapping[str, str] | None,
    sizes: Sequence[int],
) -> bytes:
    """The header of a file, with the length before it, padded to a multiple of 8 bytes.

    Parameters
    ----------
    tensors : sequence of (str, str, tuple of int)
        The name, the type and the shape in elements of each, in the order in which they lie.
    metadata : mapping of str to str, optional
    sizes : sequence of int
        Bytes of each tensor.
    """
    header: dict[str, Any] = {} if metadata is None else {METADATA: dict(metadata)}
    at = 0
    for (name, kind, shape), nbytes in zip(tensors, sizes, strict=True):
        offsets = [at, at + nbytes]
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": offsets}
        at += nbytes
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    return len(text).to_bytes(LENGTH_BYTES, "little") + text


def with_spaces(header: bytes, spaces: int) -> bytes:
    """The same header with more spaces after its JSON."""
    length = len(header) - LENGTH_BYTES + spaces
    return length.to_bytes(LENGTH_BYTES, "little") + header[LENGTH_BYTES:] + b" " * spaces

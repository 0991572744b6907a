"""The header of an .npy file: read strictly without evaluating anything, written as NumPy does.

NumPy reads it with `ast.literal_eval`, which is as fast for the usual header, but takes 467 MiB for
a hostile one of 1 MiB; the parser here takes 3 MiB.

The format is that of NEP 1 and `numpy.lib.format`, versions 1.0 to 3.0.
"""

from __future__ import annotations

import os
import re
import struct
from functools import lru_cache
from typing import Any

import numpy as np

from concatsplit_core.array.descr import BYTE_ORDERS, check_descr, descr_of
from concatsplit_core.array.geometry import Shape
from concatsplit_core.array.layouts import Contiguous, Order
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.foundation.errors import MalformedInput, UnsafeContent, UnsupportedDtype
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.stores.files import SHARED_BLOCK, open_input

MAGIC = b"\x93NUMPY"
_FIRST_READ = 4096
LONGEST = 1 << 20
"""Bytes of the longest header that is read; NumPy itself stops at 10,000 characters."""
_NUMPY_READS = 10_000
"""Bytes from which on NumPy refuses a header, unless it is told that the file is trusted."""
DEEPEST = 32
ALIGNMENT = 64

_TOKEN = (
    r"\s*(?:(?P<number>-?\d+)L?|(?P<string>[bu]?(?:'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"))"
    r"|(?P<name>True|False|None)|(?P<mark>[{}()\[\]:,]))"
)
_ESCAPE = r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)"
_DIGITS = 20
"""More digits than a length has."""
_NAMES = {"True": True, "False": False, "None": None}
_CLOSES = {"(": ")", "[": "]", "{": "}"}


class Header(NamedTuple):
    """What an .npy header says, and where the data start."""

    spec: ArraySpec
    data_offset: int


def prefix_length(start: bytes, ref: str) -> tuple[int, int, str]:
    """Start, length and encoding of the header's text, from the first 12 bytes of the file."""
    if len(start) < 10 or start[:6] != MAGIC:
        raise MalformedInput(f"{ref}: not an .npy file, or cut off in its first bytes", ref=ref)
    version = (start[6], start[7])
    if version == (1, 0):
        return 10, struct.unpack("<H", start[8:10])[0], "latin-1"
    if version in {(2, 0), (3, 0)} and len(start) >= 12:
        return 12, struct.unpack("<I", start[8:12])[0], "utf-8" if version[0] == 3 else "latin-1"
    raise MalformedInput(
        f"{ref}: .npy format version {version[0]}.{version[1]} is not 1.0, 2.0 or 3.0", ref=ref
    )


def spec_of_file(path: str, ref: str) -> ArraySpec:
    """What an .npy file holds; its length is compared with what the header says.

    Raises
    ------
    MalformedInput
        The header cannot be read, or the file is shorter or longer than the header says.
    UnsafeContent
        The file holds pickled objects.
    """
    fd = open_input(path)
    try:
        return spec_of_open_file(fd, os.pread(fd, _FIRST_READ, 0), os.fstat(fd).st_size, ref)
    finally:
        os.close(fd)


def spec_of_open_file(fd: int, start: bytes, size: int, ref: str) -> ArraySpec:
    """As `spec_of_file`, from a descriptor, the first bytes of the file, and its size."""
    at, length, _ = prefix_length(start, ref)
    if length <= LONGEST and at + length > len(start):
        start = os.pread(fd, at + length, 0)
    header = parse_header(start, ref)
    expected = header.data_offset + header.spec.nbytes
    if size != expected:
        what = "truncated" if size < expected else "followed by bytes that do not belong to it"
        raise MalformedInput(
            f"{ref}: the array is {what}: the file has {size} bytes, its header "
            f"{header.spec.shape} {header.spec.dtype} makes {expected}",
            ref=ref,
            found=size,
            expected=expected,
        )
    return header.spec


def parse_header(start: bytes, ref: str) -> Header:
    """Read a header from the first bytes of a file.

    Raises
    ------
    MalformedInput
        It is cut off, too long, or not a header.
    UnsafeContent
        It announces pickled objects.
    """
    at, length, encoding = prefix_length(start, ref)
    if length > LONGEST:
        raise MalformedInput(
            f"{ref}: .npy header claims {length} bytes; no more than {LONGEST} are read",
            ref=ref,
            found=length,
            expected=LONGEST,
        )
    if len(start) < at + length:
        raise MalformedInput(f"{ref}: .npy file ends inside its header", ref=ref)
    try:
        return Header(_described(start[at : at + length], encoding, at + length), at + length)
    except _HoldsObjects:
        raise UnsafeContent(
            f"{ref}: holds Python objects, which only unpickling could read; "
            "save it with a fixed-size dtype",
            ref=ref,
        ) from None
    except Exception as error:  # NumPy raises errors of many kinds for an odd descr
        raise MalformedInput(f"{ref}: .npy header cannot be read: {error}", ref=ref) from error


class _HoldsObjects(Exception):
    """The elements are pickled objects."""


@lru_cache(maxsize=256)
def _described(text: bytes, encoding: str, offset: int) -> ArraySpec:
    """What a header's text says, remembered because many files often have the same one."""
    literal = text.decode(encoding)
    usual = _as_numpy_writes(literal)
    return _spec(parse_literal(literal) if usual is None else usual, offset)


def _as_numpy_writes(text: str) -> dict[str, Any] | None:
    """What a header says that has exactly NumPy's form; None for any other."""
    descr, _, rest = text.removeprefix("{'descr': '").partition("', 'fortran_order': ")
    fortran, _, rest = rest.partition(", 'shape': (")
    shape = rest.partition(")")[0]
    lengths = shape.removesuffix(",").split(", ") if shape else []
    if (
        text.rstrip(" \n")
        != f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': ({shape}), }}"
        or descr[:1] not in BYTE_ORDERS
        or not descr[1:].isalnum()
        or fortran not in {"True", "False"}
        or shape.endswith(",") != (len(lengths) == 1)
        or not all(n.isascii() and n.isdecimal() and len(n) < _DIGITS for n in lengths)
    ):
        return None
    shape_there = tuple(map(int, lengths))
    return {"descr": descr, "fortran_order": _NAMES[fortran], "shape": shape_there}


def _spec(value: Any, offset: int) -> ArraySpec:
    if not isinstance(value, dict) or set(value) != {"descr", "fortran_order", "shape"}:
        raise ValueError("it needs exactly the keys descr, fortran_order and shape")
    shape, fortran = value["shape"], value["fortran_order"]
    if not isinstance(shape, tuple) or not all(type(n) is int for n in shape):
        raise ValueError(f"shape {shape!r} is not a tuple of integers")
    if any(not 0 <= n < 1 << 63 for n in shape) or len(shape) > 64:
        raise ValueError(f"shape {shape!r} is out of range")
    if type(fortran) is not bool:
        raise ValueError(f"fortran_order is {fortran!r}, not True or False")
    dtype = _dtype(value["descr"])
    if dtype.subdtype is not None:
        if fortran:
            raise ValueError("a subarray dtype in Fortran order")
        dtype, inner = dtype.subdtype
        shape += inner
    order: Order = "F" if fortran and len(shape) > 1 else "C"
    return ArraySpec(shape, dtype, Contiguous(order, offset))


def _dtype(descr: Any) -> np.dtype:
    check_descr(descr)
    readable: Any = descr
    dtype = np.lib.format.descr_to_dtype(readable)
    if dtype.hasobject:
        raise _HoldsObjects
    return dtype


def parse_literal(text: str) -> Any:
    """Read strings, integers, True, False, None, tuples, lists and dicts, and nothing else."""
    value, at = _value(text, 0, 0)
    if text[at:].strip(" \n\t\r\0"):
        raise ValueError(f"unexpected text after it at {at}")
    return value


def _next(text: str, at: int) -> re.Match[str]:
    match = re.compile(_TOKEN).match(text, at)
    if match is None:
        raise ValueError(f"unexpected text at {at}: {text[at : at + 20]!r}")
    return match


def _value(text: str, at: int, depth: int) -> tuple[Any, int]:
    if depth > DEEPEST:
        raise ValueError(f"nested deeper than {DEEPEST}")
    token = _next(text, at)
    if token["number"]:
        if len(token["number"]) > 40:
            raise ValueError("a number is too long")
        return int(token["number"]), token.end()
    if token["name"]:
        return _NAMES[token["name"]], token.end()
    if token["string"]:
        return _unquote(token["string"]), token.end()
    mark = token["mark"]
    if mark not in _CLOSES:
        raise ValueError(f"unexpected '{mark}' at {at}")
    return _group(text, token.end(), depth + 1, mark)


def _group(text: str, at: int, depth: int, opened: str) -> tuple[Any, int]:
    items: list[Any] = []
    comma = True
    while (token := _next(text, at))["mark"] != _CLOSES[opened]:
        if not comma:
            raise ValueError(f"a comma is missing at {at}")
        item, at = _value(text, at, depth)
        if opened == "{":
            token = _next(text, at)
            if token["mark"] != ":":
                raise ValueError(f"a colon is missing at {at}")
            value, at = _value(text, token.end(), depth)
            if not isinstance(item, str) or any(item == key for key, _ in items):
                raise ValueError(f"key {item!r} is not a string or comes twice")
            item = (item, value)
        items.append(item)
        token = _next(text, at)
        comma = token["mark"] == ","
        at = token.end() if comma else at
    if opened == "{":
        return dict(items), token.end()
    if opened == "[":
        return items, token.end()
    single = len(items) == 1 and not comma
    return (items[0] if single else tuple(items)), token.end()


def _unquote(token: str) -> str:
    body = token[token.index(token[-1]) + 1 : -1]
    simple = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"'}

    def replaced(match: re.Match[str]) -> str:
        code = match[1]
        if code[0] in "xuU" and len(code) > 1:
            return chr(int(code[1:], 16))
        if code not in simple:
            raise ValueError(f"unknown escape \\{code}")
        return simple[code]

    return re.sub(_ESCAPE, replaced, body)


def offset_step(spec: ArraySpec) -> int | None:
    """The offset of the elements may be any multiple of this; None if the header is too long.

    NumPy reads no header that is longer than a few thousand bytes.
    """
    if spec.dtype.names is None or len(format_header(spec)) + SHARED_BLOCK < _NUMPY_READS:
        return ALIGNMENT
    return None


def refuse_dtype(spec: ArraySpec) -> None:
    """Refuse elements that have no place in .npy."""
    if spec.is_string or spec.dtype.hasobject:
        format_header(spec)
    if spec.dtype.names is None and spec.dtype.kind not in "biufcmMSUV":
        raise UnsupportedDtype(f"dtype {spec.dtype} cannot be stored in .npy; --dtype converts it")


def _padding(length: int, wanted: int | None) -> int:
    """How many spaces end a header: as many as NumPy's, or so many that data start as wanted."""
    usual = ALIGNMENT - length % ALIGNMENT
    if wanted is None or wanted % ALIGNMENT:
        return usual
    padding = usual + (wanted - length - usual) % SHARED_BLOCK
    return padding if length + padding < _NUMPY_READS else usual


def format_header(spec: ArraySpec, offset_modulo_block: int | None = None) -> bytes:
    """The header of an array, as `numpy.lib.format.write_array` would write it.

    Parameters
    ----------
    spec : ArraySpec
    offset_modulo_block : int, optional
        Pad the header with spaces, which NumPy does as well, so that the data start at this
        offset modulo `SHARED_BLOCK`.

    Raises
    ------
    UnsupportedDtype
        The dtype has no fixed size.
    """
    if spec.is_string or spec.dtype.hasobject:
        raise UnsupportedDtype(
            "variable-length strings have no place in .npy, whose elements are of one size; "
            "write to .h5 or .zarr"
        )
    fortran = spec.order == "F" and spec.ndim > 1
    return _formatted(spec.shape, _descr(spec.dtype), fortran, offset_modulo_block)


@lru_cache(maxsize=64)
def _descr(dtype: np.dtype) -> str:
    """A dtype as headers have it, remembered because NumPy is slow to make it."""
    return repr(descr_of(dtype))


@lru_cache(maxsize=256)
def _formatted(shape: Shape, descr: str, fortran: bool, offset_modulo_block: int | None) -> bytes:
    """A header from its parts, remembered because many outputs often have the same one."""
    text = f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape!r}, }}"
    growth = 0
    if shape:
        growth = max(0, 21 - len(repr(shape[-1 if fortran else 0])))
    text += " " * growth
    for version, pack, encoding in ((1, "<H", "latin-1"), (2, "<I", "latin-1"), (3, "<I", "utf-8")):
        try:
            body = text.encode(encoding)
        except UnicodeEncodeError:
            continue
        prefix = len(MAGIC) + 2 + struct.calcsize(pack)
        body += b" " * _padding(prefix + len(body) + 1, offset_modulo_block) + b"\n"
        if version > 1 or len(body) < 1 << 16:
            return MAGIC + bytes((version, 0)) + struct.pack(pack, len(body)) + body
    raise AssertionError("version 3 holds any header")

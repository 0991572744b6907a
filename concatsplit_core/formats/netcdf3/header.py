"""The header of a classic netCDF file.

The form is that of "The NetCDF Classic Format Specification" (docs.unidata.ucar.edu): three lists,
of dimensions, attributes and variables, with big-endian numbers, padded to 4 bytes::

    | magic | records | dimensions | attributes | variables | data ...
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from concatsplit_core.array.geometry import Shape
from concatsplit_core.foundation.errors import MalformedInput
from concatsplit_core.foundation.jsonable import text_of
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.meaning.bounds import names_bounds

_DIMENSIONS, _VARIABLES, _ATTRIBUTES = 10, 11, 12
_TYPES = {
    1: "i1", 2: "S1", 3: ">i2", 4: ">i4", 5: ">f4", 6: ">f8",
    7: "u1", 8: ">u2", 9: ">u4", 10: ">i8", 11: ">u8",
}  # fmt: skip
_OF_VERSION_5 = 7
"""The first type that only version 5 has."""
_STREAMING = {4: (1 << 32) - 1, 8: (1 << 64) - 1}
"""The number of records while a file is being written, by its bytes."""
_LONGEST = 64 << 20
"""Bytes of a header that are read: far more than any has."""
_MOST_AXES = 64
_PIECE = 1 << 16


class Variable(NamedTuple):
    """A variable.

    Parameters
    ----------
    shape : tuple of int
    dims : tuple of str
    dtype : numpy.dtype
    attrs : dict
    offset : int
        Of its first element in the file.
    is_record : bool
        Its first axis is the record dimension.
    """

    shape: Shape
    dims: tuple[str, ...]
    dtype: np.dtype
    attrs: dict[str, Any]
    offset: int
    is_record: bool

    @property
    def step_bytes(self) -> int:
        """Bytes of its elements in one record; all of its bytes if it has no records."""
        return prod(self.shape[self.is_record :]) * self.dtype.itemsize


class Header(NamedTuple):
    """What a file holds.

    Parameters
    ----------
    dimensions : dict of str to int
        Lengths; that of the record dimension is the number of records.
    record : str, optional
        The name of the record dimension.
    attrs : dict
    variables : dict of str to Variable
    record_bytes : int
        From one record to the next.
    with_bounds : list of dict
        Attributes of the variables that name their bounds.
    """

    dimensions: dict[str, int]
    record: str | None
    attrs: dict[str, Any]
    variables: dict[str, Variable]
    record_bytes: int
    with_bounds: list[dict[str, Any]]


class _Entry(NamedTuple):
    """A variable as its header has it, before the number of records is known."""

    axes: list[int]
    dtype: np.dtype
    attrs: dict[str, Any]
    offset: int
    step_bytes: int
    is_record: bool


def parse_header(fd: int, ref: str) -> Header:
    """Read the header of a file.

    Raises
    ------
    MalformedInput
        It is damaged, or the file ends before all of its elements.
    """
    return _Parser(fd, ref).header()


class _Parser:
    """Reads the parts of a header one after another."""

    def __init__(self, fd: int, ref: str) -> None:
        self._fd, self._ref = fd, ref
        self._size = os.fstat(fd).st_size
        self._at, self._start, self._bytes = 4, 0, os.pread(fd, _PIECE, 0)
        version = self._bytes[3]
        self._count_bytes = 8 if version == 5 else 4
        self._offset_bytes = 4 if version == 1 else 8
        self._types = {n: t for n, t in _TYPES.items() if version == 5 or n < _OF_VERSION_5}

    def header(self) -> Header:
        records = self._number(self._count_bytes)
        names, lengths = [], []
        for _ in self._list(_DIMENSIONS):
            names.append(self._name())
            lengths.append(self._number(self._count_bytes))
        if len(set(names)) < len(names) or lengths.count(0) > 1:
            raise self._damaged("two dimensions have the same name, or two are unlimited")
        record = lengths.index(0) if 0 in lengths else None
        attrs = self._attributes()
        found = [self._variable(lengths, record) for _ in self._list(_VARIABLES)]
        step = _record_bytes([entry for _, entry in found])
        if record is not None:
            if records == _STREAMING[self._count_bytes]:
                records = self._records_by_size([entry for _, entry in found], step)
            lengths[record] = records
        variables = {}
        for name, entry in found:
            variables[name] = Variable(
                tuple(lengths[axis] for axis in entry.axes),
                tuple(names[axis] for axis in entry.axes),
                entry.dtype,
                entry.attrs,
                entry.offset,
                entry.is_record,
            )
            self._check_end(name, variables[name], step)
        if len(variables) < len(found):
            raise self._damaged("two variables have the same name")
        dimensions = dict(zip(names, lengths, strict=True))
        bounds = [one.attrs for one in variables.values() if names_bounds(one.attrs)]
        of_records = None if record is None else names[record]
        return Header(dimensions, of_records, attrs, variables, step, bounds)

    def _variable(self, lengths: list[int], record: int | None) -> tuple[str, _Entry]:
        name = self._name()
        count = self._number(self._count_bytes)
        if count > _MOST_AXES:
            raise self._damaged(f"variable '{name}' has {count} axes, more than {_MOST_AXES}")
        axes = [self._number(self._count_bytes) for _ in range(count)]
        if any(axis >= len(lengths) for axis in axes) or record in axes[1:]:
            raise self._damaged(f"variable '{name}' has dimensions that it cannot have")
        attrs = self._attributes()
        dtype = self._type()
        self._number(self._count_bytes)  # its size in bytes, which does not hold large ones
        inner = prod(lengths[axis] for axis in axes if axis != record)
        offset, is_record = self._number(self._offset_bytes), bool(axes) and axes[0] == record
        return name, _Entry(axes, dtype, attrs, offset, inner * dtype.itemsize, is_record)

    def _check_end(self, name: str, variable: Variable, step: int) -> None:
        """Refuse a variable that ends after the end of the file, or starts in the header."""
        if not prod(variable.shape):
            return
        before = (variable.shape[0] - 1) * step if variable.is_record else 0
        end = variable.offset + before + variable.step_bytes
        if end > self._size or variable.offset < self._at:
            raise MalformedInput(
                f"{self._ref}: variable '{name}' would end at byte {end}, and the file has "
                f"{self._size}; it is truncated, copy it again",
                ref=self._ref,
                found=self._size,
                expected=end,
            )

    def _records_by_size(self, entries: list[_Entry], step: int) -> int:
        starts = [entry.offset for entry in entries if entry.is_record]
        return max(0, self._size - min(starts)) // step if starts and step else 0

    def _attributes(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for _ in self._list(_ATTRIBUTES):
            name = self._name()
            dtype = self._type()
            count = self._number(self._count_bytes)
            raw = self._padded(count * dtype.itemsize)
            if dtype.kind == "S":
                found[name] = text_of(raw.rstrip(b"\0"))
                continue
            values = np.frombuffer(raw, dtype).astype(dtype.newbyteorder("="))
            found[name] = values[0] if count == 1 else values
        return found

    def _list(self, wanted: int) -> Iterator[int]:
        """The numbers of the entries of a list, which may be absent."""
        tag, count = self._number(4), self._number(self._count_bytes)
        if tag not in (wanted, 0) or (not tag and count):
            raise self._damaged(f"a list starts with {tag}, and not with {wanted}")
        if count * 8 > self._size - self._at:
            raise self._damaged(f"a list claims {count} entries")
        return iter(range(count))

    def _name(self) -> str:
        raw = self._padded(self._number(self._count_bytes))
        if not raw or b"/" in raw or b"\0" in raw:
            raise self._damaged(f"{raw[:40]!r} is not a name")
        return text_of(raw)

    def _type(self) -> np.dtype:
        number = self._number(4)
        if number not in self._types:
            raise self._damaged(f"there is no type {number}")
        return np.dtype(self._types[number])

    def _number(self, nbytes: int) -> int:
        return int.from_bytes(self._take(nbytes), "big")

    def _padded(self, nbytes: int) -> bytes:
        return self._take(nbytes + -nbytes % 4)[:nbytes]

    def _take(self, nbytes: int) -> bytes:
        """The next bytes of the header."""
        end = self._at + nbytes
        if end > self._size:
            raise self._damaged("the file ends inside it")
        if end > _LONGEST:
            raise self._damaged(f"it is longer than {_LONGEST} bytes")
        if end > self._start + len(self._bytes):
            self._start = self._at
            self._bytes = os.pread(self._fd, max(nbytes, _PIECE), self._at)
            if len(self._bytes) < nbytes:
                raise self._damaged("the file ends inside it")
        at = self._at - self._start
        self._at = end
        return self._bytes[at : at + nbytes]

    def _damaged(self, what: str) -> MalformedInput:
        return MalformedInput(
            f"{self._ref}: the header is damaged near byte {self._at}: {what}", ref=self._ref
        )


def _record_bytes(entries: list[_Entry]) -> int:
    """Bytes of a record: each variable is padded to 4 bytes, unless it is the only one."""
    sizes = [entry.step_bytes for entry in entries if entry.is_record]
    return sizes[0] if len(sizes) == 1 else sum(size + -size % 4 for size in sizes)

"""Opens a variable of a classic netCDF file, and describes it as a source."""

from __future__ import annotations

import os
from math import prod

from concatsplit_core.array.layouts import Contiguous, Opaque
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.formats.misnamed import chosen_member
from concatsplit_core.formats.netcdf3.header import Header, Variable, parse_header
from concatsplit_core.formats.netcdf3.reading import Netcdf3Contiguous, Netcdf3Decoded
from concatsplit_core.formats.sources import Source
from concatsplit_core.formats.storage import Storage
from concatsplit_core.formats.structure import Dimension, GroupInfo, Structure
from concatsplit_core.meaning.bounds import may_be_bounds, with_units
from concatsplit_core.meaning.missing import fill_value_notes, take_fill_value
from concatsplit_core.meaning.model import Meaning
from concatsplit_core.stores.files import ReadingInput, open_input

_KEPT = 64
_known: dict[tuple[int, ...], Header] = {}
"""Headers of files by their identity and state: each is parsed once for all of its variables."""


def header_of(path: str, ref: str) -> Header:
    """The header of a file, which is remembered as long as the file is the same."""
    with ReadingInput(ref):
        fd = open_input(path)
        try:
            found = os.fstat(fd)
            key = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
            if key not in _known:
                if len(_known) >= _KEPT:
                    _known.clear()
                _known[key] = parse_header(fd, ref)
            return _known[key]
        finally:
            os.close(fd)


def open_variable(path: str, member: str | None, ref: str) -> Source:
    """Describe a variable; without a name, the only one of the file."""
    header = header_of(path, ref)
    name = chosen_member(header.variables, member and member.strip("/"), ref)
    variable = header.variables[name]
    storage, stored = _storage(header, name, variable), variable.dtype
    is_apart = variable.is_record and header.record_bytes != variable.step_bytes
    if stored.itemsize == 1 and not is_apart:
        spec = ArraySpec(variable.shape, stored, Contiguous("C", variable.offset))
        return Netcdf3Contiguous(path, ref, spec, storage, member=name)
    step = header.record_bytes
    if not variable.is_record:
        step = prod(variable.shape[1:]) * stored.itemsize
    spec = ArraySpec(variable.shape, stored.newbyteorder("="), Opaque())
    return Netcdf3Decoded(path, ref, spec, storage, variable.offset, step, stored, member=name)


def _storage(header: Header, name: str, variable: Variable) -> Storage:
    values, borrowed = dict(variable.attrs), tuple[str, ...]()
    if may_be_bounds(values, variable.shape):
        more = with_units(values, name, header.with_bounds)
        values, borrowed = more, tuple(key for key in more if key not in values)
    attrs, missing = take_fill_value(values, variable.dtype.newbyteorder("="))
    limits = tuple(None if d == header.record else 0 for d in variable.dims)
    return Storage(
        meaning=Meaning(attrs, variable.dims, missing, borrowed=borrowed),
        dialect="netcdf3",
        maxshape=limits if variable.is_record else None,
        notes=tuple(fill_value_notes(values, missing, variable.dtype)),
    )


def structure_of(path: str, ref: str) -> Structure:
    """The attributes of a file, and its dimensions in their order."""
    header = header_of(path, ref)
    used = {name for variable in header.variables.values() for name in variable.dims}
    dimensions = {
        name: Dimension(number, length, name == header.record, name in used)
        for number, (name, length) in enumerate(header.dimensions.items())
    }
    return Structure({"": GroupInfo(header.attrs, is_ordered=True)}, dimensions=dimensions)

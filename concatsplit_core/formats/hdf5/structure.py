"""Groups of an HDF5 file: read with their attributes, and made in another file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from concatsplit_core.formats.hdf5.attributes import (
    LARGE,
    attribute_bytes,
    attribute_of,
    read_attributes,
    write_attributes,
)
from concatsplit_core.formats.hdf5.dimensions import (
    dimension_length,
    has_attribute,
    is_dimension_only,
    is_scale,
)
from concatsplit_core.formats.hdf5.files import Opened
from concatsplit_core.formats.hdf5.library import h5py
from concatsplit_core.formats.hdf5.links import item_of, keeps_order, key, link_of, names_in
from concatsplit_core.formats.structure import Dimension, GroupInfo, Structure, keeper_of
from concatsplit_core.foundation.records import replace

_MOST_USER_BLOCK = 1 << 20
_WITHOUT_NUMBER = -1
"""The number of a dimension that has none: older netCDF libraries often wrote none."""
_INDEX = "_i_"
"""How PyTables begins the name of the group with the index of a table."""
_OF_A_LIBRARY = ("_NCProperties", "_nc3_strict")
"""What netCDF-C says of the version that wrote the file."""


def read_structure(file: Any, netcdf: bool) -> Structure:
    """What a file holds beside its arrays, as far as it can be read."""
    groups: dict[str, GroupInfo] = {}
    notes: list[str] = []
    found = Structure(groups, {}, {}, types={}, is_netcdf=netcdf)
    out: list[str] = []
    for path, group in _walk(file, found, out):
        attrs, own, unread = read_attributes(group, netcdf)
        for name in _OF_A_LIBRARY:
            attrs.pop(name, None)
        groups[path] = GroupInfo(attrs, own, keeps_order(group))
        notes += [f"group '/{path}': {note}" for note in unread]
    _number(found.dimensions)
    kept_by = keeper_of(groups[""].attrs)
    indexes = {
        path: _table_of(path)
        for path, info in groups.items()
        if info.attrs.get("CLASS") == "TINDEX" and path.rpartition("/")[2].startswith(_INDEX)
    }
    return replace(
        found, links_out=tuple(out), notes=tuple(notes), indexes=indexes, kept_by=kept_by
    )


def with_user_block(structure: Structure, opened: Opened) -> Structure:
    """The structure with the bytes before HDF5's own, such as a .mat file of MATLAB has."""
    if not opened.has_user_block:
        return structure
    size = opened.file.userblock_size
    if size > _MOST_USER_BLOCK:
        note = f"the user block of {size} bytes is left out; {_MOST_USER_BLOCK} are kept at most"
        return replace(structure, notes=(*structure.notes, note))
    return replace(structure, user_block=os.pread(opened.fd, size, 0))


def _walk(file: Any, found: Structure, out: list[str]) -> Iterator[tuple[str, Any]]:
    """Every group once, under the first path that leads to it; notes what else there is."""
    links: Any = found.links
    dimensions: Any = found.dimensions
    types: Any = found.types
    seen, waiting = set(), [("", file["/"])]
    while waiting:
        path, group = waiting.pop(0)
        address = h5py.h5o.get_info(group.id).addr
        if address in seen:
            continue
        seen.add(address)
        yield path, group
        for name in names_in(group):
            whole = f"{path}/{name}" if path else name
            link = link_of(group, name)
            if isinstance(link, h5py.SoftLink):
                links[whole] = link.path
                continue
            if not isinstance(link, h5py.HardLink):
                out.append(whole)
                continue
            try:
                item = item_of(group, name)
            except Exception:  # a damaged member makes h5py raise nearly anything
                continue
            if isinstance(item, h5py.Group):
                waiting.append((whole, item))
            elif isinstance(item, h5py.Datatype):
                types[whole] = item.id.encode()
            elif found.is_netcdf and (dimension := _dimension(item)) is not None:
                dimensions[whole] = dimension


def _table_of(index: str) -> str:
    """The path of the table that has an index: ``group/_i_table`` is that of ``group/table``."""
    parent, slash, name = index.rpartition("/")
    return f"{parent}{slash}{name.removeprefix(_INDEX)}"


def _number(dimensions: Any) -> None:
    """Number dimensions without a number after all others, in the order they were found in."""
    last = max((known.number for known in dimensions.values()), default=_WITHOUT_NUMBER)
    for path, dimension in dimensions.items():
        if dimension.number == _WITHOUT_NUMBER:
            last += 1
            dimensions[path] = dimension._replace(number=last)


def _dimension(item: Any) -> Dimension | None:
    """The dimension that a scale stands for; None where nothing says that it is netCDF's."""
    try:
        if not is_scale(item):
            return None
        number, alone = attribute_of(item, "_Netcdf4Dimid"), is_dimension_only(item)
        if number is None and not alone:
            return None
        return Dimension(
            _WITHOUT_NUMBER if number is None else int(number),
            dimension_length(item),
            item.maxshape[0] is None,
            not alone or has_attribute(item, "REFERENCE_LIST"),
        )
    except Exception:  # a damaged scale makes h5py raise anything; a new one gets a new number
        return None


def write_structure(file: Any, structure: Structure, netcdf: bool) -> list[str]:
    """Make groups and write their attributes; returns a line for each that HDF5 cannot hold."""
    notes: list[str] = []
    made = {path: _make_group(file, path, info, netcdf) for path, info in structure.groups.items()}
    for path, code in structure.types.items():  # attributes may have them
        h5py.h5t.decode(code).commit(file.id, key(path))
    for path, info in structure.groups.items():
        lost = write_attributes(made[path], info.attrs, info.own, netcdf)
        notes += [f"group '/{path}': {note}" for note in lost]
    return notes


def write_links(file: Any, structure: Structure) -> list[str]:
    """Make soft links whose names are free and that lead to something in the file."""
    notes: list[str] = []
    for path, target in structure.links.items():
        parent = path.rpartition("/")[0]
        place = file[key(parent)] if parent else file
        if place.get(target) is None:
            notes.append(f"the link '{path}' is left out: '{target}' is not in the output")
        elif path not in file:
            file[path] = h5py.SoftLink(target)
    return notes


def _make_group(file: Any, path: str, info: GroupInfo, netcdf: bool) -> Any:
    if not path:
        return file
    if path in file:
        return file[path]
    made = h5py.h5p.create(h5py.h5p.GROUP_CREATE)
    made.set_obj_track_times(False)
    if netcdf or info.is_ordered:  # netCDF-C wants the links of a group kept in order
        made.set_link_creation_order(h5py.h5p.CRT_ORDER_TRACKED | h5py.h5p.CRT_ORDER_INDEXED)
    if netcdf or attribute_bytes(info.attrs) > LARGE:
        made.set_attr_creation_order(h5py.h5p.CRT_ORDER_TRACKED | h5py.h5p.CRT_ORDER_INDEXED)
    return h5py.Group(h5py.h5g.create(file.id, key(path), gcpl=made))

"""Gives types names, which netCDF-C demands for every enum and record."""

from __future__ import annotations

from itertools import count
from typing import Any

from concatsplit_core.formats.hdf5.library import h5py


def named(file: Any, kind: Any, name: str) -> Any:
    """The type of a new dataset, with a name in the file where it is an enum or a record.

    netCDF-C 4.9 leaves out a variable whose type has no name; newer versions leave out one with a
    field of such a type. Types are put in the root, which is read before all groups.

    Parameters
    ----------
    file : h5py.File
    kind : h5py.h5t.TypeID
    name : str
        Of the dataset: the type is called after it.
    """
    if isinstance(kind, h5py.h5t.TypeArrayID):
        named(file, kind.get_super(), name)
        return kind
    if isinstance(kind, h5py.h5t.TypeCompoundID):
        for number in range(kind.get_nmembers()):
            field = kind.get_member_name(number).decode("utf-8", "replace")
            named(file, kind.get_member_type(number), f"{name}_{field}")
    elif (
        not isinstance(kind, h5py.h5t.TypeEnumID)
        or kind.get_super().get_order() == h5py.h5t.ORDER_BE
    ):
        return kind  # netCDF-C does not open a file with a name for a big-endian enum
    return _known(file, kind) or _committed(file, kind, name)


def _known(file: Any, kind: Any) -> Any:
    """A type of the file that is the very same."""
    for name in file:
        if file.get(name, getclass=True, getlink=True) is not h5py.HardLink:
            continue
        if file.get(name, getclass=True) is h5py.Datatype and file[name].id.equal(kind):
            return file[name].id
    return None


def _committed(file: Any, kind: Any, name: str) -> Any:
    free = next(n for n in (f"{name}_t{i or ''}" for i in count()) if n not in file)
    made = kind.copy()
    made.commit(file.id, free.encode("utf-8", "surrogateescape"))
    return made

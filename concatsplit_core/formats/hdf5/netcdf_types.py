"""Types as netCDF has them: what it lacks is refused, records and enums get names.

netCDF-C finds the type of a record or enum by its name in the file (NetCDF-4 Format, "User-Defined
Data Types"); releases before 4.9.3 do not open a file where a variable has another one.
"""

from __future__ import annotations

from itertools import count
from typing import Any

import h5py
import numpy as np
from h5py import h5t

from concatsplit_core.errors import UnsupportedDtype
from concatsplit_core.meaning.marks import enum_maps

_LONGEST_NAME = 256


def refuse_dtype(dtype: np.dtype) -> None:
    """Refuse what netCDF-C has no type for; it crashes on some of them.

    Raises
    ------
    UnsupportedDtype
    """
    for name, entry in (dtype.fields or {}).items():
        _refuse_field(name, entry[0])
    odd = dtype.kind in "fc" and (dtype.itemsize >> (dtype.kind == "c")) not in (4, 8)
    if odd or (dtype.kind == "V" and dtype.names is None and dtype.subdtype is None):
        raise UnsupportedDtype(
            f"dtype {dtype} has no netCDF type; --dtype converts it, or write to .h5", found=dtype
        )


def _refuse_field(name: str, dtype: np.dtype) -> None:
    """Refuse a field that netCDF-C or netCDF4-python cannot read, or crashes on."""
    items = dtype.base
    what = None
    if items.kind == "S" and items.itemsize > 1:
        what = "is text of several letters"
    elif items.kind == "b" or enum_maps(items).get("") is not None:
        what = "is an enum or bool"
    elif items.names is not None and dtype.shape:
        what = "is an array of records"
    elif len(name.encode("utf-8", "surrogateescape")) > _LONGEST_NAME:
        what = f"has a name of more than {_LONGEST_NAME} bytes"
    if what is not None:
        raise UnsupportedDtype(
            f"field '{name}' of the records {what}, which netCDF readers cannot open; write to .h5",
            found=dtype,
        )
    refuse_dtype(items)


def named(group: Any, kind: Any, name: str) -> Any:
    """A type as it stands in the file: the same, with a name if it is a record or an enum.

    Parameters
    ----------
    group : h5py.Group
        Where names are looked for and made.
    kind : h5py.h5t.TypeID
    name : str
        Of the array that has it.
    """
    if isinstance(kind, h5t.TypeArrayID):
        named(group, kind.get_super(), name)
        return kind
    if isinstance(kind, h5t.TypeCompoundID):
        for number in range(kind.get_nmembers()):
            named(group, kind.get_member_type(number), name)
    elif not isinstance(kind, h5t.TypeEnumID) or kind.get_super().get_order() == h5t.ORDER_BE:
        return kind  # netCDF-C does not open a file with a name for a big-endian enum
    for number in count():
        called = f"{name}_t{number or ''}"
        if called not in group:
            made = kind.copy()
            made.commit(group.id, called.encode())
            return made
        found = group[called]
        if isinstance(found, h5py.Datatype) and found.id.equal(kind):
            return found.id
    raise AssertionError


def group_of(file: Any, path: str) -> Any:
    """A group, made if need be; netCDF-C wants to know in what order its members were made."""
    at = file
    for part in [part for part in path.split("/") if part]:
        at = at[part] if part in at else at.create_group(part, track_order=True)
    return at

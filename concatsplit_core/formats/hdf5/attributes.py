"""Reads attributes of HDF5, keeps them as they are stored, and writes those of other formats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from concatsplit_core.array.fields import overlapping
from concatsplit_core.formats.hdf5.library import h5py
from concatsplit_core.formats.hdf5.named_types import named
from concatsplit_core.formats.hdf5.types import has_numpy_bytes, has_sound_numbers
from concatsplit_core.formats.hdf5.values import attribute, fixed_length
from concatsplit_core.foundation.errors import MalformedInput
from concatsplit_core.foundation.jsonable import text_of
from concatsplit_core.foundation.records import NamedTuple

BOOKKEEPING = (
    "DIMENSION_LIST",
    "REFERENCE_LIST",
    "DIMENSION_LABELS",
    "_Netcdf4Dimid",
    "_Netcdf4Coordinates",
    "_NCProperties",
    "_nc3_strict",
)
"""Attributes about one file and its dimensions: each output gets its own, and none is copied."""

LARGE = 60_000
"""Bytes from which an attribute needs another kind of object header (the limit is 64 KiB)."""


class OwnAttribute(NamedTuple):
    """An attribute as it is stored.

    Parameters
    ----------
    value : object
        What it says, as the meaning of the array has it.
    type : bytes
        The encoded HDF5 type.
    shape : tuple of int, optional
        None for an attribute without a value (a null data space).
    data : numpy.ndarray, optional
        The stored bytes, or the texts where they are of variable length.
    """

    value: Any
    type: bytes
    shape: tuple[int, ...] | None
    data: np.ndarray | None


def read_attributes(
    item: Any, netcdf: bool = False
) -> tuple[dict[str, Any], dict[str, OwnAttribute], list[str]]:
    """Attributes of a dataset or group: their values, how they are stored, and what is unreadable.

    Text is UTF-8 where it is sound, else Latin-1. Attributes that point into the file, and those
    of a dimension scale, are left out. In netCDF a single number is stored as an array of one.
    """
    values: dict[str, Any] = {}
    own: dict[str, OwnAttribute] = {}
    notes: list[str] = []
    for found in _each(item.id):
        if isinstance(found, str):
            notes.append(found)
            continue
        name = text_of(found.name)
        if name in BOOKKEEPING:
            continue
        try:
            entry = _as_stored(item, found)
        except Exception as error:  # a damaged or foreign attribute makes h5py raise anything
            notes.append(f"attribute '{name}' is left out: {_line(error)}")
            continue
        if isinstance(entry, str):
            notes.append(f"attribute '{name}' is left out: {entry}")
            continue
        if netcdf and isinstance(entry.value, np.ndarray) and entry.value.shape == (1,):
            entry = entry._replace(value=entry.value[0])
        values[name], own[name] = entry.value, entry
    if plain_text(values.get("CLASS")) == "DIMENSION_SCALE":
        for name in ("CLASS", "NAME"):
            values.pop(name, None)
    return values, own, notes


def plain_text(value: Any) -> str | None:
    """Text, where a value is text."""
    if isinstance(value, bytes):
        return text_of(value)
    return value if isinstance(value, str) else None


def _each(place: Any) -> Iterator[Any]:
    """The attributes in the order of their creation if the file keeps it, else by name."""
    count = h5py.h5a.get_num_attrs(place)
    tracked = (
        count > 1
        and isinstance(place, h5py.h5d.DatasetID | h5py.h5g.GroupID)
        and place.get_create_plist().get_attr_creation_order() & h5py.h5p.CRT_ORDER_TRACKED
    )
    order = h5py.h5.INDEX_CRT_ORDER if tracked else h5py.h5.INDEX_NAME
    for number in range(count):
        try:
            yield h5py.h5a.open(place, index=number, index_type=order)
        except Exception as error:  # a damaged one makes h5py raise anything
            yield f"attribute {number} cannot be opened: {_line(error)}"


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _as_stored(item: Any, found: Any) -> OwnAttribute | str:
    """One attribute, or the reason why it cannot be kept outside its file."""
    kind, space = found.get_type(), found.get_space()
    code = kind.encode()
    if space.get_simple_extent_type() == h5py.h5s.NULL:
        return OwnAttribute(
            "" if isinstance(kind, h5py.h5t.TypeStringID) else None, code, None, None
        )
    shape = tuple(space.get_simple_extent_dims())
    if is_cut_short(item, found, kind):
        return "it holds less than its type and shape say"
    if kind.detect_class(h5py.h5t.REFERENCE):
        return "it points into the file"
    if isinstance(kind, h5py.h5t.TypeStringID) and kind.is_variable_str():
        return OwnAttribute(_texts(_variable_texts(found, shape)), code, shape, None)
    if kind.detect_class(h5py.h5t.VLEN) or (
        kind.detect_class(h5py.h5t.STRING) and _has_variable_text(kind)
    ):
        return "its items are of variable length"
    if not has_sound_numbers(code):
        return "its type has numbers with bits outside of their bytes"
    plain = _number_dtype(code)
    # reading such fields corrupts memory
    if plain is None and overlapping(np.dtype(found.dtype)) is not None:
        return "its fields overlap"
    raw = np.zeros(shape, f"V{kind.get_size()}")
    found.read(raw, mtype=kind)
    if plain is not None:
        return OwnAttribute(raw.view(plain)[()], code, shape, raw)
    if isinstance(kind, h5py.h5t.TypeStringID):
        texts = np.zeros(shape, found.dtype)
        found.read(texts)
        return OwnAttribute(_value(texts[()]), code, shape, raw)
    try:
        value = _value(item.attrs[found.name])
    except OSError:
        if not isinstance(kind, h5py.h5t.TypeOpaqueID):
            raise
        value = raw  # opaque items with a tag that h5py does not know
    return OwnAttribute(value, code, shape, raw)


def attribute_of(item: Any, name: str, default: Any = None) -> Any:
    """An attribute as h5py reads it, if HDF5 can read it without leaving its memory.

    Raises
    ------
    MalformedInput
    """
    if not h5py.h5a.exists(item.id, name.encode()):
        return default
    found = h5py.h5a.open(item.id, name.encode())
    kind = found.get_type()
    holds_others = isinstance(kind, h5py.h5t.TypeCompoundID | h5py.h5t.TypeArrayID) and (
        kind.detect_class(h5py.h5t.VLEN) or _has_variable_text(kind)
    )
    if holds_others or is_cut_short(item, found, kind) or not has_sound_numbers(kind.encode()):
        raise MalformedInput(f"its attribute '{name}' is damaged")
    return item.attrs[name]


def is_cut_short(item: Any, found: Any, kind: Any) -> bool:
    """Whether an attribute with items of any length holds fewer references to them than items.

    HDF5 makes room for them by the size that the file gives them, and reads them in another one.
    """
    if not isinstance(kind, h5py.h5t.TypeStringID | h5py.h5t.TypeVlenID) or (
        isinstance(kind, h5py.h5t.TypeStringID) and not kind.is_variable_str()
    ):
        return False
    count, nbytes = found.get_space().get_simple_extent_npoints(), found.get_storage_size()
    if nbytes >= count * (_BESIDE_ADDRESS + _ADDRESS):
        return False
    address = item.file.id.get_create_plist().get_sizes()[0]
    return bool(nbytes < count * (_BESIDE_ADDRESS + address))


_BESIDE_ADDRESS, _ADDRESS = 8, 8
"""Bytes of a reference: a length and a number, and the address of a heap, as most files have it."""


def _variable_texts(found: Any, shape: tuple[int, ...]) -> Any:
    """Texts of any length, in bytes; h5py's own way opens the attribute once more."""
    texts = np.empty(shape, _BYTES)
    found.read(texts, mtype=_BYTES_TYPE)
    return texts[()]


_BYTES = h5py.string_dtype("utf-8")
_BYTES_TYPE = h5py.h5t.py_create(_BYTES)


@lru_cache(256)
def _number_dtype(code: bytes) -> np.dtype | None:
    """The dtype whose bytes an encoded type of numbers has; None for all other types."""
    kind = h5py.h5t.decode(code)
    if not isinstance(kind, h5py.h5t.TypeIntegerID | h5py.h5t.TypeFloatID):
        return None
    dtype = np.dtype(kind.dtype)
    return dtype if dtype.kind in "iuf" and has_numpy_bytes(code, dtype) else None


def _has_variable_text(kind: Any) -> bool:
    if isinstance(kind, h5py.h5t.TypeStringID):
        return bool(kind.is_variable_str())
    if isinstance(kind, h5py.h5t.TypeCompoundID):
        return any(_has_variable_text(kind.get_member_type(i)) for i in range(kind.get_nmembers()))
    return isinstance(kind, h5py.h5t.TypeArrayID) and _has_variable_text(kind.get_super())


def _texts(value: Any) -> Any:
    """Variable-length text, in which h5py escapes what is not UTF-8."""
    if isinstance(value, str):
        return text_of(value.encode("utf-8", "surrogateescape"))
    if isinstance(value, bytes):
        return text_of(value)
    if isinstance(value, np.ndarray):
        return [_texts(each) for each in value] if value.ndim else _texts(value[()])
    return value


def _value(value: Any) -> Any:
    """Text as text; numbers as NumPy has them."""
    if isinstance(value, bytes | np.bytes_):
        return text_of(bytes(value))
    if isinstance(value, np.ndarray) and value.dtype.kind == "S":
        return _value(value.tolist()) if not value.ndim else [_value(each) for each in value]
    return value


def write_attributes(
    item: Any, attrs: Mapping[str, Any], own: Mapping[str, OwnAttribute], netcdf: bool = False
) -> list[str]:
    """Write attributes, unchanged ones as they were stored; returns a line for each that failed."""
    notes = []
    for name, value in attrs.items():
        kept = own.get(name)
        try:
            made = attribute(value)
            if netcdf and isinstance(made, np.ndarray) and made.ndim > 1:
                _write(item, name, made.ravel())
                notes.append(f"attribute '{name}' of shape {made.shape} is a list in netCDF")
                continue
            if kept is not None and kept.value is value and _write_own(item, name, kept, netcdf):
                continue
            _write(item, name, value, netcdf and (kept is None or kept.data is not None))
        except (TypeError, ValueError, OSError, RuntimeError, KeyError, OverflowError) as error:
            if isinstance(error, OSError) and error.errno:
                raise
            notes.append(f"attribute '{name}' cannot be written to HDF5: {_line(error)}")
    return notes


def _write_own(item: Any, name: str, kept: OwnAttribute, netcdf: bool) -> bool:
    """Write an attribute as it was stored; returns False where that cannot be done."""
    if kept.data is None and kept.shape is not None:
        if len(kept.shape) < 2:
            return False
        texts = np.array(kept.value, object).reshape(kept.shape)
        item.attrs.create(name, texts, dtype=h5py.string_dtype())
        return True
    kind = h5py.h5t.decode(kept.type)
    if netcdf and isinstance(kind, h5py.h5t.TypeStringID) and kept.data is not None:
        try:
            kept.data.tobytes().decode()
        except UnicodeDecodeError:  # netCDF4-python and xarray read UTF-8 only
            return False
    if netcdf:
        kind = named(item.file, kind, item.name.rpartition("/")[2])
    space = h5py.h5s.create(h5py.h5s.NULL) if kept.shape is None else _space(kept.shape)
    made = h5py.h5a.create(item.id, name.encode("utf-8", "surrogateescape"), kind, space)
    if kept.data is not None:
        made.write(kept.data, mtype=kind)
    return True


def _space(shape: tuple[int, ...]) -> Any:
    return h5py.h5s.create_simple(shape) if shape else h5py.h5s.create(h5py.h5s.SCALAR)


def _write(item: Any, name: str, value: Any, as_letters: bool = False) -> None:
    if not name:
        raise ValueError("it has no name")
    made = attribute(value)
    if as_letters and isinstance(made, str) and made and made.isascii() and name != "_FillValue":
        # netCDF's older type of text, which all of its programs read
        kind = h5py.string_dtype("ascii", len(made))
        item.attrs.create(name, np.bytes_(made.encode()), dtype=kind)
    elif isinstance(made, str) and "\0" in made:  # variable-length text would end there
        item.attrs.create(name, np.bytes_(made.encode()), dtype=fixed_length(len(made.encode())))
    else:
        item.attrs[name] = made


def attribute_bytes(attrs: Mapping[str, Any]) -> int:
    """Bytes of the largest attribute, estimated."""
    return max((_size(value) for value in attrs.values()), default=0)


def _size(value: Any) -> int:
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    if isinstance(value, str):
        return 4 * len(value)
    if isinstance(value, list | tuple):
        return sum(map(_size, value)) + 16 * len(value)
    return len(repr(value)) * 4 if isinstance(value, dict) else 16

"""Which format a file is of: inputs by content, outputs by suffix. One row a format."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from concatsplit_core.formats.base import (
    Candidate,
    Format,
    InputFormat,
    LibraryFormat,
    OutputFormat,
)
from concatsplit_core.formats.sources import Source
from concatsplit_core.foundation.errors import (
    ConcatsplitError,
    InputUnavailable,
)
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.stores.base import Location
from concatsplit_core.stores.files import ReadingInput, open_input


def _npy() -> Format:
    from concatsplit_core.formats.npy import NpyFormat

    return NpyFormat()


def _npz() -> Format:
    from concatsplit_core.formats.npz import NpzFormat

    return NpzFormat()


def _hdf5() -> Format:
    from concatsplit_core.formats.hdf5 import Hdf5Format

    return Hdf5Format()


def _netcdf3() -> Format:
    from concatsplit_core.formats.netcdf3 import Netcdf3Format

    return Netcdf3Format()


def _zarr() -> Format:
    from concatsplit_core.formats.zarr import ZarrFormat

    return ZarrFormat()


def _zipped_zarr() -> Format:
    from concatsplit_core.formats.zarr.zipped import ZippedZarrFormat

    return ZippedZarrFormat()


def _raw() -> Format:
    from concatsplit_core.formats.raw import RawFormat

    return RawFormat()


def _safetensors() -> Format:
    from concatsplit_core.formats.safetensors import SafetensorsFormat

    return SafetensorsFormat()


def _safetensors_index() -> Format:
    from concatsplit_core.formats.safetensors import SafetensorsIndexFormat

    return SafetensorsIndexFormat()


class Row(NamedTuple):
    """What is known of a format before its module is imported.

    Parameters
    ----------
    make : callable
        Imports its module.
    suffixes : tuple of str
        What names of its files end in.
    may_be : callable
        Whether a file can be of this format; the format itself is asked only then.
    is_folder : bool
        Whether an array is a folder.
    """

    make: Callable[[], Format]
    suffixes: tuple[str, ...]
    may_be: Callable[[Candidate], bool] = lambda _: True
    is_folder: bool = False


def _starts(*magic: bytes) -> Callable[[Candidate], bool]:
    return lambda found: found.start.startswith(magic)


_HDF5 = (".h5", ".hdf5", ".hdf", ".he5", ".nc", ".nc4")
_HDF5_OF_APPLICATIONS = (".h5ad", ".nwb", ".nxs", ".mat", ".keras", ".loom")

ROWS = {
    "npy": Row(_npy, (".npy",), _starts(b"\x93NUMPY")),
    "zarr.zip": Row(_zipped_zarr, (".zarr.zip",), _starts(b"PK")),
    "npz": Row(_npz, (".npz",), _starts(b"PK")),
    # Before HDF5, whose signature may stand inside a tensor.
    "safetensors": Row(_safetensors, (".safetensors",), lambda found: found.start[8:9] == b"{"),
    "safetensors index": Row(
        _safetensors_index,
        (".safetensors.index.json",),
        lambda found: found.place.name.lower().endswith(".json"),
    ),
    "hdf5": Row(_hdf5, (*_HDF5, *_HDF5_OF_APPLICATIONS)),
    "netcdf3": Row(_netcdf3, (), _starts(b"CDF")),
    "zarr": Row(_zarr, (".zarr",), is_folder=True),
    "raw": Row(_raw, (".dat", ".bin", ".raw"), lambda _: False),
}
"""All formats. They are asked in this order, and a run imports those of its own files only."""

START = 4096
"""Bytes of a file in which most formats are known, and most headers of .npy files end."""


@cache
def format_named(name: str) -> Format:
    """A format by the name of its row."""
    return ROWS[name].make()


def _inputs() -> Iterator[InputFormat]:
    return (form for form in map(format_named, ROWS) if isinstance(form, InputFormat))


def _outputs() -> Iterator[OutputFormat]:
    return (form for form in map(format_named, ROWS) if isinstance(form, OutputFormat))


@cache
def stream_format() -> OutputFormat:
    """The format of what goes to stdout."""
    from concatsplit_core.formats.stream import StreamFormat

    return StreamFormat()


def suffixes() -> list[str]:
    """What the name of an output may end in."""
    return [suffix for form in _outputs() for suffix in form.suffixes]


@cache
def store_suffixes() -> tuple[str, ...]:
    """Suffixes of folders that hold arrays."""
    return tuple(suffix for row in ROWS.values() if row.is_folder for suffix in row.suffixes)


def suffix_of(path: str) -> str:
    """The suffix that tells the format of a file, in lower case."""
    name, last = os.path.splitext(path.lower())
    return os.path.splitext(name)[1] + last if last == ".zip" else last


def named_format(path: str) -> OutputFormat | None:
    """The format that an output's suffix names; None if no format that is written has it."""
    suffix = suffix_of(path)
    forms = (format_named(name) for name, row in ROWS.items() if suffix in row.suffixes)
    return next((form for form in forms if isinstance(form, OutputFormat)), None)


def format_by_suffix(path: str, ref: str) -> OutputFormat:
    """The format that an output's suffix names.

    Raises
    ------
    UsageError
        The suffix is of no format that can be written.
    """
    found = named_format(path)
    if found is not None:
        return found
    from concatsplit_core.formats.misnamed import no_suffix

    is_read = any(suffix_of(path) in form.suffixes for form in _inputs())
    known = {suffix: form.has_members for form in _outputs() for suffix in form.suffixes}
    raise no_suffix(ref, suffix_of(path), known, is_read)


def format_of_object(array: Any) -> LibraryFormat | None:
    """The format whose library an open array is an object of; None if there is none."""
    if not hasattr(type(array), "shape"):
        return None
    library = type(array).__module__.partition(".")[0]
    forms = (form for form in _inputs() if isinstance(form, LibraryFormat))
    return next((form for form in forms if form.library == library), None)


def format_of(place: Location, member: str | None, ref: str) -> InputFormat:
    """As `detect`, but a reference that describes bare elements decides by itself."""
    form = None if member is None else _described(place, member)
    return detect(place, ref) if form is None else form


def _described(place: Location, member: str) -> InputFormat | None:
    """The format of bare elements, where a reference describes them."""
    from concatsplit_core.formats.raw import RawFormat, is_described

    return RawFormat() if is_described(place.name, member) else None


def detect(place: Location, ref: str) -> InputFormat:
    """The format of a file or folder, by its content.

    Raises
    ------
    InputUnavailable
        It does not exist, cannot be read, or is not a regular file.
    MalformedInput
        It is empty, or of no format known.
    """
    form, found = _recognise(place, ref)
    found.close()
    return form


def open_array(place: Location, member: str | None, ref: str) -> Source:
    """Find the format of a file or folder, and open its array, or the one that `member` names.

    Raises
    ------
    InputUnavailable, MalformedInput, UnsafeContent, UsageError
    """
    raw = None if member is None else _described(place, member)
    with ReadingInput(ref):
        if raw is not None:
            return raw.open(place, member, ref)
        form, found = _recognise(place, ref)
        return form.open_found(found, member, ref)


def _recognise(place: Location, ref: str) -> tuple[InputFormat, Candidate]:
    """The format of a file or folder, and what was looked at to find it."""
    try:
        path = place.path
        if path is None:
            return _in_store(place, ref)
        status = os.stat(path)
        mode = status.st_mode
        if stat.S_ISDIR(mode):
            return _of_folder(place, ref)
        if not stat.S_ISREG(mode):
            raise InputUnavailable(
                f"{ref}: is not a regular file but a {_kind(mode)}; copy it to a file first",
                ref=ref,
            )
        fd = open_input(path)
        try:
            return _of_file(Candidate(place, os.pread(fd, START, 0), fd, status.st_size), ref)
        except BaseException:
            os.close(fd)
            raise
    except OSError as error:
        if isinstance(error, ConcatsplitError):
            raise
        from concatsplit_core.formats.misnamed import missing_file

        raise missing_file(ref, error) from error


def _in_store(place: Location, ref: str) -> tuple[InputFormat, Candidate]:
    if place.kind == "folder":
        return _of_folder(place, ref)
    file = place.store.open(place.key)
    start = bytes(file.read(0, min(START, file.size)))
    return _of_file(Candidate(place, start, size=file.size), ref)


def _of_folder(place: Location, ref: str) -> tuple[InputFormat, Candidate]:
    found = Candidate(place)
    for name, row in ROWS.items():
        if row.is_folder and (form := _asked(name, found)) is not None:
            return form, found
    from concatsplit_core.formats.misnamed import no_store

    raise no_store(place, ref)


def _asked(name: str, found: Candidate) -> InputFormat | None:
    """The format of a row, if a file or folder is of that format."""
    form = format_named(name)
    return form if isinstance(form, InputFormat) and form.sniff(found) else None


def _of_file(found: Candidate, ref: str) -> tuple[InputFormat, Candidate]:
    for name, row in ROWS.items():
        if not row.is_folder and row.may_be(found) and (form := _asked(name, found)) is not None:
            return form, found
    from concatsplit_core.formats.misnamed import no_format

    is_bare = found.place.name.lower().endswith(ROWS["raw"].suffixes)
    raise no_format(ref, found.start, is_bare)


def _kind(mode: int) -> str:
    names = {stat.S_IFIFO: "FIFO", stat.S_IFSOCK: "socket", stat.S_IFCHR: "character device"}
    return names.get(stat.S_IFMT(mode), "block device")

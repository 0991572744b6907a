"""Which format a file is of: inputs by content, outputs by suffix. One row a format."""

from __future__ import annotations

import os
import stat
from importlib import import_module
from pathlib import Path
from typing import cast

from concatsplit_core.errors import InputUnavailable, MalformedInput, UsageError
from concatsplit_core.formats.base import Format
from concatsplit_core.stores.files import input_error, open_input
from concatsplit_core.stores.interrupts import BlockingLibraries

_ROWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "npy": ("concatsplit_core.formats.npy", (".npy",)),
    "npz": ("concatsplit_core.formats.npz", ()),
    "hdf5": (
        "concatsplit_core.formats.hdf5",
        (".h5", ".hdf5", ".hdf", ".he5", ".nc", ".nc4"),
    ),
    "zarr": ("concatsplit_core.formats.zarr", (".zarr",)),
    "stream": ("concatsplit_core.formats.stream", ()),
}

_ZARR_METADATA = ("zarr.json", ".zarray", ".zgroup")
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_FOREIGN = {
    b"CDF\x01": ("a netCDF-3 file", "convert it with 'nccopy -k nc4 {name} new.nc'"),
    b"CDF\x02": ("a netCDF-3 file", "convert it with 'nccopy -k nc4 {name} new.nc'"),
    b"CDF\x05": ("a netCDF-3 file", "convert it with 'nccopy -k nc4 {name} new.nc'"),
    b"\xcd\xf3\x00\x01": ("a CDF file of NASA", "convert it with NASA's 'cdf-to-netcdf'"),
    b"MATLAB 5": ("a MATLAB 5 file", "save it in MATLAB with '-v7.3', which is HDF5"),
    b"\x0e\x03\x13\x01": ("an HDF4 file", "convert it with 'h4toh5convert {name} new.h5'"),
}
"""Formats that are not read here: what they are called, and what to do with a file of them."""


_LIBRARIES = {"hdf5", "zarr"}
"""Formats that libraries in C read and write."""


def format_named(name: str) -> Format:
    """The module that implements a format."""
    if name in _LIBRARIES:
        BlockingLibraries.announce()
    return cast(Format, import_module(_ROWS[name][0]))


def suffixes() -> list[str]:
    """What the name of an output may end in."""
    return [suffix for _, row in _ROWS.values() for suffix in row]


def format_by_suffix(path: str, ref: str) -> str:
    """Name of the format that an output's name asks for.

    Raises
    ------
    UsageError
        The suffix is of no format that can be written.
    """
    suffix = os.path.splitext(path)[1].lower()
    for name, (_, known) in _ROWS.items():
        if suffix in known:
            return name
    hint = ".npz is read only; " if suffix == ".npz" else ""
    raise UsageError(
        f"output {ref}: {hint}the suffix '{suffix}' says no format; use one of "
        f"{' '.join(suffixes())}",
        ref=ref,
        found=suffix,
    )


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr array or group."""
    return any((path / name).exists() for name in _ZARR_METADATA)


def detect(path: Path, ref: str) -> str:
    """Name of the format of a file or folder, by its content.

    Raises
    ------
    InputUnavailable
        It does not exist, cannot be read, or is no regular file.
    MalformedInput
        It is empty, or of no format known.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            if is_zarr(path):
                return "zarr"
            raise InputUnavailable(
                f"{ref}: is a folder and not a Zarr array or group; name a file, or quote a "
                "pattern such as 'folder/*.npy'",
                ref=ref,
            )
        if not stat.S_ISREG(mode):
            raise InputUnavailable(
                f"{ref}: is not a regular file but a {_kind(mode)}; copy it to a file first",
                ref=ref,
            )
        fd = open_input(path)
        try:
            return _by_magic(fd, ref)
        finally:
            os.close(fd)
    except OSError as error:
        if isinstance(error, InputUnavailable):
            raise
        raise input_error(ref, error) from error


def _by_magic(fd: int, ref: str) -> str:
    start = os.pread(fd, 8, 0)
    if start.startswith(b"\x93NUMPY"):
        return "npy"
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "npz"
    size = os.fstat(fd).st_size
    at = 0
    while at < size:
        if os.pread(fd, 8, at) == _HDF5_MAGIC:
            return "hdf5"
        at = max(512, at * 2)
    if not start:
        raise MalformedInput(f"{ref}: the file is empty", ref=ref)
    for magic, (what, remedy) in _FOREIGN.items():
        if start.startswith(magic):
            name = ref.partition("::")[0]
            raise MalformedInput(
                f"{ref}: is {what}, which is not read; {remedy.format(name=name)}",
                ref=ref,
                found=what,
            )
    raise MalformedInput(
        f"{ref}: neither .npy, .npz, HDF5 nor Zarr: it starts with {start!r}", ref=ref
    )


def _kind(mode: int) -> str:
    names = {stat.S_IFIFO: "FIFO", stat.S_IFSOCK: "socket", stat.S_IFCHR: "character device"}
    return names.get(stat.S_IFMT(mode), "block device")

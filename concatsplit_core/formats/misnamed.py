"""Errors about files and arrays that are not there, or not known, and what was probably meant."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable
from itertools import islice

from concatsplit_core.foundation.errors import (
    ConcatsplitError,
    InputUnavailable,
    MalformedInput,
    did_you_mean,
)
from concatsplit_core.stores.files import input_error

_LISTED = 8
"""How many names a message lists."""
_LOOKED_AT = 10_000
"""The most files of a folder that are compared with a name."""
_FOREIGN = {
    b"\xcd\xf3\x00\x01": ("a CDF file of NASA", "convert it with NASA's 'cdf-to-netcdf'"),
    b"MATLAB 5": ("a MATLAB 5 file", "save it in MATLAB with '-v7.3', which is HDF5"),
    b"\x0e\x03\x13\x01": ("an HDF4 file", "convert it with 'h4toh5convert {name} new.h5'"),
}
"""Formats that are not read here: what they are called, and what to do with a file of them."""
_MAGIC = r"[*?[]"
_URL = r"[A-Za-z][A-Za-z0-9+.-]+:/"


def no_member(
    ref: str, member: str, names: Iterable[str], kind: str = "member"
) -> InputUnavailable:
    """The error that a container has no array of a name.

    Parameters
    ----------
    ref : str
        As it was given.
    member : str
        The name that is not there.
    names : iterable of str
        Of all arrays that are there.
    kind : str
        What the format calls an array.
    """
    known = list(names)
    if known == [""]:
        return InputUnavailable(
            f"{ref}: is one array, and has no {kind} '{member}'; leave out '{member}'", ref=ref
        )
    listed = ", ".join(known[:_LISTED]) or "none"
    if len(known) > _LISTED:
        listed += f" and {len(known) - _LISTED} more"
    inside = [name for name in known if name.rpartition("/")[2] == member.rpartition("/")[2]]
    hint = f"; did you mean '{inside[0]}'?" if len(inside) == 1 else did_you_mean(member, known)
    return InputUnavailable(f"{ref}: has no {kind} '{member}'; it holds {listed}{hint}", ref=ref)


def missing_file(ref: str, error: OSError) -> ConcatsplitError:
    """The error that a file cannot be opened, with what was probably meant if there is no file."""
    plain = input_error(ref, error)
    if error.errno not in {errno.ENOENT, errno.ENOTDIR}:
        return plain
    hint = _hint(ref.partition("::")[0], ref)
    return type(plain)(f"{plain.message}{hint}", ref=ref) if hint else plain


def no_format(ref: str, start: bytes, is_bare: bool) -> MalformedInput:
    """The error that a file is of no format that is read.

    Parameters
    ----------
    ref : str
        As it was given.
    start : bytes
        Of the file.
    is_bare : bool
        Whether it has a name of files that hold bare elements.
    """
    if not start:
        return MalformedInput(f"{ref}: the file is empty", ref=ref)
    for magic, (what, remedy) in _FOREIGN.items():
        if start.startswith(magic):
            name = ref.partition("::")[0]
            return MalformedInput(
                f"{ref}: is {what}, which is not read; {remedy.format(name=name)}",
                ref=ref,
                found=what,
            )
    if is_bare:
        return MalformedInput(
            f"{ref}: is of no format that is known; if it holds bare elements, say which: "
            "--raw int16,*,384 means rows of 384, and --offset skips a header",
            ref=ref,
        )
    return MalformedInput(
        f"{ref}: neither .npy, .npz, HDF5, netCDF, Zarr nor safetensors: it starts with "
        f"{start[:8]!r}",
        ref=ref,
    )


def no_match(ref: str, pattern: str) -> InputUnavailable:
    """The error that no file has a name of a pattern, and why, if its folder is the reason."""
    folder = os.path.dirname(re.split(_MAGIC, pattern, maxsplit=1)[0])
    hint = ""
    if folder and not os.path.isdir(folder):
        hint = f"; there is no folder {folder}"
    elif not os.access(folder or ".", os.R_OK | os.X_OK):
        hint = f"; there is no permission to list the folder {folder or '.'}"
    return InputUnavailable(f"{ref}: the pattern matches no file{hint}", ref=ref)


def _hint(path: str, ref: str) -> str:
    if os.path.islink(path):
        return f"; it is a link to {os.readlink(path)}, which is not there"
    if re.match(_URL, path):
        return "; only files of this machine are read, and no URLs: give a path"
    head, colon, member = path.rpartition(":")
    if colon and head and member and os.path.exists(head):
        return f"; an array in a file has two colons before it: {head}::{member}"
    inside = _file_above(path)
    if inside:
        return f"; {inside} is a file; name an array in it as {inside}::{path[len(inside) + 1 :]}"
    if path.startswith("~"):
        return "; the shell did not expand ~, write $HOME instead"
    folder, name = os.path.split(path)
    if folder and not os.path.isdir(folder):
        return f"; there is no folder {folder}"
    try:
        with os.scandir(folder or ".") as entries:
            names = sorted(entry.name for entry in islice(entries, _LOOKED_AT))
    except OSError:
        return ""
    return did_you_mean(
        name, _alike(name, names), folder and f"{folder.rstrip('/')}/", ref[len(path) :]
    )


def _alike(name: str, names: Iterable[str]) -> list[str]:
    """The names that are like one, but for their suffixes: a.npy is not like y.npy."""
    from difflib import get_close_matches

    stem, stems = _stem(name), {other: _stem(other) for other in names}
    close = get_close_matches(stem, set(stems.values()), n=_LISTED, cutoff=0.6)
    begun = len(stem) > 1
    return [n for n, other in stems.items() if other in close or (begun and other.startswith(stem))]


def _stem(name: str) -> str:
    return os.path.splitext(name.lower())[0]


def _file_above(path: str) -> str:
    """The file that a path leads into as if it were a folder; empty if there is none."""
    end = path.find("/", 1)
    while end > 0:
        if os.path.isfile(path[:end]):
            return path[:end] if path[end + 1 :] else ""
        end = path.find("/", end + 1)
    return ""

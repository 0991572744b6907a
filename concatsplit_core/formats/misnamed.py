"""Errors about files and arrays that do not exist or are unknown, and what was probably meant."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice

from concatsplit_core.foundation.errors import (
    AmbiguousContainer,
    ConcatsplitError,
    InputUnavailable,
    MalformedInput,
    UsageError,
    did_you_mean,
)
from concatsplit_core.foundation.names import first_names, printable
from concatsplit_core.stores.base import Location
from concatsplit_core.stores.files import input_error

_LISTED = 8
"""How many names a message lists."""
_LOOKED_AT = 10_000
"""The most files of a folder that are compared with a name."""
_APART = "; give each name as a separate argument: {}"
_STDOUT = {"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"}
_INSTEAD = {
    **dict.fromkeys((".pt", ".pth", ".ckpt", ".st", ".sft"), "; did you mean '.safetensors'?"),
    **dict.fromkeys((".netcdf", ".cdf", ".nc3", ".ncf"), "; did you mean '.nc'?"),
    ".hdf4": "; HDF5 files end in .h5",
    ".zip": "; did you mean '.zarr.zip' or '.npz'?",
    ".numpy": "; did you mean '.npy'?",
    **dict.fromkeys(
        (".gz", ".bz2", ".xz", ".zst"), "; --codec compresses inside of .npz, .h5 and .zarr"
    ),
}
"""What is probably meant by a suffix of no format here."""
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
        The name that was not found.
    names : iterable of str
        Names of all arrays in the container.
    kind : str
        What the format calls an array.
    """
    known = list(names)
    if known == [""]:
        return InputUnavailable(
            f"{ref}: is one array, and has no {kind} '{member}'; leave out '{member}'", ref=ref
        )
    last = member.rpartition("/")[2]
    inside = [n for n in known if n.rpartition("/")[2] in {last, last.removesuffix(".npy")}]
    hint = f"; did you mean '{inside[0]}'?" if len(inside) == 1 else did_you_mean(member, known)
    return InputUnavailable(
        f"{ref}: has no {kind} '{member}'; it holds {first_names(known)}{hint}", ref=ref
    )


def not_one_array(ref: str, names: Collection[str]) -> AmbiguousContainer:
    """The error that a container holds several arrays, or none, and none was named."""
    if not names:
        return AmbiguousContainer(f"{ref}: holds no array", ref=ref)
    return AmbiguousContainer(
        f"{ref}: holds {len(names)} arrays ({first_names(names)}); name one as {ref}::MEMBER",
        ref=ref,
    )


def chosen_member(
    names: Collection[str], member: str | None, ref: str, kind: str = "member"
) -> str:
    """The name of a member, which has to be one of these; without one, the only name there is.

    Raises
    ------
    AmbiguousContainer
        None is asked for, and there is not exactly one.
    InputUnavailable
        There is none of that name.
    """
    if member is not None:
        if member in names:
            return member
        raise no_member(ref, member, names, kind)
    if len(names) != 1:
        raise not_one_array(ref, names)
    return next(iter(names))


def not_utf8(member: str, place: str) -> UsageError:
    """The error that an output's member has a name that is not text.

    Parameters
    ----------
    member : str
    place : str
        Where names have to be UTF-8, such as ``an archive``.
    """
    shown = printable(member)
    return UsageError(f"output member '{shown}': names in {place} are UTF-8, which this is not")


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
        Whether its suffix is one of files that hold bare elements.
    """
    if not start:
        return MalformedInput(f"{ref}: the file is empty", ref=ref)
    from concatsplit_core.formats.foreign import what_it_is

    foreign = "" if is_bare else what_it_is(ref.partition("::")[0], start)
    if foreign:
        return MalformedInput(f"{ref}: {foreign}", ref=ref)
    if is_bare:
        return MalformedInput(
            f"{ref}: is of no format that is known; if it holds bare elements, say which: "
            "--raw int16,*,384 means rows of 384, and --offset skips a header",
            ref=ref,
        )
    return MalformedInput(
        f"{ref}: neither .npy, .npz, HDF5, netCDF, Zarr nor safetensors: it starts with "
        f"{start[:8]!r}; if it holds bare elements, call it .dat, .bin or .raw and give --raw",
        ref=ref,
    )


def no_suffix(ref: str, suffix: str, known: Mapping[str, bool], is_read: bool) -> UsageError:
    """The error that the name of an output does not say its format.

    Parameters
    ----------
    ref : str
        As it was given.
    suffix : str
        Of its path; may be empty.
    known : mapping of str to bool
        The suffixes of all formats that are written, and whether such files hold several arrays.
    is_read : bool
        Whether the suffix is that of a format that is read only.
    """
    if ref.partition("::")[0] in _STDOUT:
        return UsageError(f"output {ref}: write - for an .npy stream on stdout", ref=ref)
    path = ref.partition("::")[0]
    if not suffix and os.path.isdir(path):
        return UsageError(f"output {ref}: is a folder; name a file in it, such as y.npy", ref=ref)
    if "::" not in ref and (
        inside := _array_in(path, [end for end, has_members in known.items() if has_members])
    ):
        return UsageError(f"output {ref}: an array in a file is named as in {inside}", ref=ref)
    hint = f"{suffix} is read only; " if is_read else ""
    what = f"the suffix '{suffix}' says no format" if suffix else "no suffix says its format"
    return UsageError(
        f"output {ref}: {hint}{what}; use one of "
        f"{' '.join(known)}{_INSTEAD.get(suffix) or _meant_suffix(suffix, known)}",
        ref=ref,
        found=suffix,
    )


def _array_in(path: str, containers: Sequence[str]) -> str:
    """How an array in a container is named that has one colon, a / or a bracket before it."""
    for mark in re.finditer(r":/?|/|\[", path):
        file, member = path[: mark.start()], path[mark.end() :].strip("[]'\"")
        is_container = file.lower().endswith(tuple(containers))
        if is_container and member and (mark[0] != "/" or not os.path.isdir(file)):
            return f"{file}::{member}"
    return ""


def _meant_suffix(suffix: str, known: Iterable[str]) -> str:
    """The end of a message about a wrong suffix; the dot that all have does not count as alike."""
    return did_you_mean(suffix[1:], [end[1:] for end in known], ".")


def no_match(ref: str, pattern: str) -> InputUnavailable:
    """The error that no file matches a pattern, and why, if its folder is the reason."""
    folder = os.path.dirname(re.split(_MAGIC, pattern, maxsplit=1)[0])
    head, bracket, member = pattern.rstrip("]").rpartition("[")
    names = re.split(r"[,\s]+", pattern.strip("[]()"))
    hint = ""
    if bracket and os.path.isfile(head):
        member = member.strip("'\"")
        hint = f"; an array in a file is named as in {head}::{member}"
    elif _are_files(names):
        hint = _APART.format(" ".join(names))
    elif folder and not os.path.isdir(folder):
        hint = f"; there is no folder {folder}"
    elif not os.access(folder or ".", os.R_OK | os.X_OK):
        hint = f"; there is no permission to list the folder {folder or '.'}"
    return InputUnavailable(f"{ref}: the pattern matches no file{hint}", ref=ref)


def _are_files(names: list[str]) -> bool:
    """Whether one word is several names of files."""
    return 1 < len(names) <= _LISTED and all(map(os.path.exists, names))


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
    variable = re.match(r"\$\{?\w+\}?", path)
    if variable:
        return f"; the shell did not expand {variable[0]}, since it stands in single quotes"
    names = re.split(r"[,\s]+", path.strip())
    if _are_files(names):
        return _APART.format(" ".join(names))
    folder, name = os.path.split(path)
    if folder and not os.path.isdir(folder):
        return f"; there is no folder {folder}"
    try:
        with os.scandir(folder or ".") as entries:
            names = sorted(entry.name for entry in islice(entries, _LOOKED_AT))
    except OSError:
        return ""
    before, after = folder and f"{folder.rstrip('/')}/", ref[len(path) :]
    same = [other for other in names if _stem(other) == name.lower() != other.lower()]
    if len(same) == 1 and same[0].isprintable():
        return f"; did you mean '{before}{same[0]}{after}'?"
    return did_you_mean(name, _alike(name, names), before, after)


def _alike(name: str, names: Iterable[str]) -> list[str]:
    """The names like a given one, compared without suffixes: a.npy is not like y.npy."""
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


def no_store(place: Location, ref: str) -> InputUnavailable:
    """The error for a folder that is no Zarr store."""
    if (place / "manifest.ocdbt").kind == "file":
        text = (
            "is a database of TensorStore (OCDBT), which is not read; copy its arrays to Zarr "
            "with TensorStore, or have Orbax save them with use_ocdbt=False"
        )
    else:
        text = (
            "is a folder and not a Zarr array or group; name a file, or quote a pattern such as "
            "'folder/*.npy'"
        )
    return InputUnavailable(f"{ref}: {text}", ref=ref)

"""Bare elements in a file: there is no header, so the reference says what they are.

``x.dat::int16,*,384@1024`` are rows of 384 elements of int16 after a header of 1,024 bytes.
"""

from __future__ import annotations

import os
import re
import stat
from math import prod

import numpy as np

from concatsplit_core.array.descr import check_descr
from concatsplit_core.array.layouts import Contiguous
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.formats.base import Candidate, InputFormat, OutputFormat
from concatsplit_core.formats.chunking import refuse_chunks_and_codec
from concatsplit_core.formats.sources import ContiguousSource
from concatsplit_core.formats.storage import Extent, Storage, Wish
from concatsplit_core.formats.targets import ContiguousTarget, Writer
from concatsplit_core.foundation.errors import (
    InputUnavailable,
    MalformedInput,
    UnsupportedDtype,
    UsageError,
)
from concatsplit_core.foundation.records import NamedTuple, replace
from concatsplit_core.stores.base import Location
from concatsplit_core.stores.files import open_input

SUFFIXES = (".dat", ".bin", ".raw")
_DESCRIPTION = re.compile(r"([^,@\s]+)((?:,(?:\d{1,19}|\*))+|,)(?:@(\d{1,19}))?")
_NAMES = {np.dtype(code).name for code in "?bhilqBHILQefdFD"} | {"half", "single", "double"}
"""Names of dtypes, besides the short forms such as >i2."""
_MOST_AXES = 64
_LONGEST = 1 << 63
_EXAMPLE = "'int16,*,384': a dtype, then the length of every axis, at most one of them *"


class Description(NamedTuple):
    """What a user says that a file of elements holds.

    Parameters
    ----------
    dtype : numpy.dtype
    shape : tuple of int or None
        None for the length that follows from that of the file.
    offset : int
        Bytes before the first element.
    """

    dtype: np.dtype
    shape: tuple[int | None, ...]
    offset: int = 0

    def __str__(self) -> str:
        lengths = ("*" if n is None else str(n) for n in self.shape)
        return f"{self.dtype.str},{','.join(lengths)}" + (f"@{self.offset}" if self.offset else "")


def described(text: str) -> Description:
    """Read a description.

    Raises
    ------
    UsageError
        The text is not a description, or its dtype cannot be in a file.
    """
    match = _DESCRIPTION.fullmatch(text.replace(" ", ""))
    if match is None:
        raise UsageError(f"--raw {text} is not like {_EXAMPLE}")
    lengths = [None if n == "*" else int(n) for n in match[2].split(",")[1:] if n]
    if lengths.count(None) > 1:
        raise UsageError(f"--raw {text}: only one length may be *")
    known = [n for n in lengths if n is not None]
    offset = int(match[3] or 0)
    if len(lengths) > _MOST_AXES or max(prod(known), offset, *known, 0) >= _LONGEST:
        raise UsageError(f"--raw {text}: has more than {_MOST_AXES} axes, or a number over 2**63")
    return Description(_dtype(match[1], text), tuple(lengths), offset)


def _dtype(name: str, text: str) -> np.dtype:
    try:
        if name not in _NAMES:
            check_descr(name)
        dtype: np.dtype = np.dtype(name)
    except (TypeError, ValueError, SyntaxError) as error:
        raise UsageError(
            f"--raw {text}: '{name}' is not a dtype; give one like {_EXAMPLE}"
        ) from error
    if dtype.hasobject or dtype.kind == "T" or dtype.subdtype or dtype.names or not dtype.itemsize:
        raise UsageError(
            f"--raw {text}: '{name}' is not a dtype of a fixed size, such as int16 or >f4"
        )
    return dtype


def description_from(raw: str | None, offset: int) -> str:
    """The description that the options --raw and --offset give.

    Raises
    ------
    UsageError
        They make no description.
    """
    if raw is None:
        raise UsageError(f"--offset {offset} needs --raw, which says what follows the header")
    found = described(raw)
    if offset < 0:
        raise UsageError(f"--offset {offset}: a header has 0 bytes or more")
    if found.offset:
        raise UsageError(f"--raw {raw}, --offset {offset}: give the bytes to skip with --offset")
    return f"{raw}@{offset}" if offset else raw


def is_described(name: str, member: str) -> bool:
    """Whether a reference, by the file's name and what follows it, says what the elements are."""
    return name.lower().endswith(SUFFIXES) and _DESCRIPTION.fullmatch(member) is not None


def with_description(ref: str, description: str) -> str:
    """A reference that says what the elements are, if its suffix is one of bare elements."""
    is_bare = ref.lower().endswith(SUFFIXES) and ("::" not in ref or os.path.exists(ref))
    return f"{ref}::{description}" if is_bare else ref


class RawSource(ContiguousSource):
    """A file of elements."""

    __slots__ = ()
    format = "raw"


class RawFormat(InputFormat, OutputFormat):
    """The format of files that hold elements and nothing else."""

    name = "raw"
    suffixes = SUFFIXES
    adds_again = True

    def sniff(self, found: Candidate) -> bool:
        """Nothing in a file says that it is one."""
        return False

    def open(self, place: Location, member: str | None, ref: str) -> RawSource:
        """Open a file whose elements are described.

        Raises
        ------
        UsageError
            The member is not a description.
        InputUnavailable
            It is not a regular file.
        MalformedInput
            The file does not have the length that follows from the description, or does not hold
            a whole number of rows.
        """
        description = described(member or "")
        path = self.path_of(place, ref)
        fd = open_input(path)
        try:
            status = os.fstat(fd)
        finally:
            os.close(fd)
        if not stat.S_ISREG(status.st_mode):
            raise InputUnavailable(f"{ref}: is not a regular file", ref=ref)
        shape = _shape(description, status.st_size, ref)
        layout = Contiguous("C", description.offset)
        return RawSource(path, ref, ArraySpec(shape, description.dtype, layout), Storage())

    def layout(
        self, spec: ArraySpec, inherited: Storage, wish: Wish, like: ArraySpec | None
    ) -> tuple[ArraySpec, Storage]:
        """C order, from the first byte on."""
        what = "a file of bare elements"
        refuse_chunks_and_codec(wish, what)
        if wish.memory_order == "F":
            raise UsageError(f"--memory-order F: {what} is in C order; write to .npy")
        plain = spec.dtype.names is None and spec.dtype.kind in "biufcmMSUV"
        if spec.is_string or not plain:
            raise UnsupportedDtype(
                f"dtype {spec.dtype} has no name that could describe {what}; write to .npy or .h5"
            )
        return replace(spec, layout=Contiguous()), Storage()

    def description_of(self, spec: ArraySpec) -> str:
        """The description of an output."""
        return str(Description(spec.dtype, spec.shape))

    def is_description(self, text: str, ref: str) -> bool:
        """Whether a text is a description, as in the names of inputs that `undo` makes again.

        Raises
        ------
        UsageError
            It skips a header, and nothing says what that holds.
        """
        if _DESCRIPTION.fullmatch(text) is None:
            return False
        if described(text).offset:
            raise UsageError(
                f"output {ref}: the header before the elements cannot be made; give a name "
                "without @ for the elements alone",
                ref=ref,
            )
        return True

    def writer(self, place: Location, base: Location | None) -> Writer:
        """A writer of a staged file."""
        return RawWriter(self.path_of(place, place.key))


def _shape(description: Description, size: int, ref: str) -> tuple[int, ...]:
    """The shape of the array in a file of so many bytes."""
    dtype, lengths, offset = description
    known = prod(n for n in lengths if n is not None) * dtype.itemsize
    held, name = size - offset, ref.partition("::")[0]
    if held < 0:
        raise MalformedInput(
            f"{name}: has {size} bytes, fewer than the --offset {offset}", ref=ref, found=size
        )
    if None not in lengths:
        if held != known:
            raise MalformedInput(
                f"{name}: --raw {description} makes {known} bytes, but there are {held}; correct "
                "it, or write * for the first length",
                ref=ref,
                found=held,
                expected=known,
            )
        return tuple(n for n in lengths if n is not None)
    rest = held % known if known else held
    if rest:
        raise MalformedInput(
            f"{name}: {held} bytes are not a multiple of the {known} that --raw {description} "
            f"gives each index of *; {rest} bytes are left over: correct the dtype, the lengths or "
            "--offset, or the file is cut short",
            ref=ref,
            found=held,
        )
    return tuple((held // known if known else 0) if n is None else n for n in lengths)


class RawWriter(Writer):
    """Creates one file at its final size."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def add(self, member: str, spec: ArraySpec, storage: Storage) -> ContiguousTarget:
        """Make the file as long as it is going to be."""
        target = ContiguousTarget(spec, Extent(self._path, 0), b"")
        target.create()
        return target

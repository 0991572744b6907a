"""Reads tensors of a safetensors file where they lie."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import ClassVar

from concatsplit_core.array.layouts import Contiguous
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.formats.misnamed import chosen_member
from concatsplit_core.formats.safetensors.elements import dtype_of, items_shape
from concatsplit_core.formats.safetensors.header import LENGTH_BYTES, LONGEST, Header, parse_header
from concatsplit_core.formats.sources import ContiguousSource
from concatsplit_core.formats.storage import Storage
from concatsplit_core.formats.structure import GroupInfo, Structure
from concatsplit_core.foundation.errors import (
    MalformedInput,
    UnsafeContent,
)
from concatsplit_core.meaning.model import BARE
from concatsplit_core.stores.files import ReadingInput, open_input, read_exactly

_HEADERS = 1024
"""Files whose headers are kept: a checkpoint may have as many shards."""
_PLAIN = Storage(meaning=BARE)
"""All that a file says of a tensor beside its spec."""


class TensorSource(ContiguousSource):
    """One tensor."""

    __slots__ = ()
    format: ClassVar[str] = "safetensors"


def header_of(path: str, ref: str) -> Header:
    """The header of a file, checked; it is read again when the file has changed.

    Raises
    ------
    MalformedInput
    InputUnavailable
    """
    with ReadingInput(ref):
        status = os.stat(path)
        facts = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
        return _read_header(path, (*facts, status.st_size))


@lru_cache(_HEADERS)
def _read_header(path: str, version: tuple[int, ...]) -> Header:
    """The header of one version of a file."""
    ref, size = path, version[-1]
    fd = open_input(path)
    try:
        length = int.from_bytes(os.pread(fd, LENGTH_BYTES, 0), "little")
        if size < LENGTH_BYTES or length > size - LENGTH_BYTES:
            raise MalformedInput(
                f"{ref}: is not a safetensors file, or is cut off: its header would have {length} "
                f"bytes, and the file has {size}",
                ref=ref,
                found=size,
                expected=length,
            )
        if length > LONGEST:
            raise MalformedInput(
                f"{ref}: its header has {length} bytes; {LONGEST} is the most that is read",
                ref=ref,
                found=length,
                expected=LONGEST,
            )
        text = bytearray(length)
        read_exactly(fd, memoryview(text), LENGTH_BYTES, ref)
    finally:
        os.close(fd)
    return parse_header(text, size, ref)


def open_member(path: str, member: str | None, ref: str) -> TensorSource:
    """Open a tensor of a file; without a name the only one there is."""
    header = header_of(path, ref)
    return open_tensor(path, header, chosen_member(header.tensors, member, ref, "tensor"), ref)


def open_tensor(
    path: str, header: Header, name: str, ref: str, root: str | None = None
) -> TensorSource:
    """A tensor of a header, as a source.

    Parameters
    ----------
    path : str
    header : Header
        Of that file.
    name : str
        One of its tensors.
    ref : str
    root : str, optional
        The folder that a link to the file should not lead out of.
    """
    if "\0" in name:
        raise UnsafeContent(f"{ref}: the name of a tensor holds a NUL", ref=ref)
    tensor = header.tensors[name]
    layout = Contiguous("C", header.data_start + tensor.start)
    shape = items_shape(tensor.type, tensor.shape, ref)
    spec = ArraySpec(shape, dtype_of(tensor.type), layout)
    return TensorSource(
        str(path), ref, spec, _PLAIN, member=name, root=None if root is None else str(root)
    )


def structure_of(path: str, ref: str) -> Structure:
    """The texts of ``__metadata__``, as attributes of the file."""
    metadata = header_of(path, ref).metadata
    return Structure({"": GroupInfo(metadata or {})})

"""info: describe arrays without reading their elements."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from concatsplit_core.array.descr import dtype_name
from concatsplit_core.endpoints.inputs import (
    STREAM,
    close_all,
    open_input_ref,
    open_inputs,
    open_member,
    resolve,
)
from concatsplit_core.endpoints.references import parse_input
from concatsplit_core.errors import ConcatsplitError
from concatsplit_core.formats.base import InputFormat
from concatsplit_core.formats.registry import format_of
from concatsplit_core.formats.sources import Source
from concatsplit_core.meaning.jsonable import as_json
from concatsplit_core.meaning.model import Meaning
from concatsplit_core.records import NamedTuple, dataclass
from concatsplit_core.run.options import Options
from concatsplit_core.stores.base import Location


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """The description of an array."""

    ref: str
    format: str
    shape: tuple[int, ...]
    dtype: str
    chunks: tuple[int, ...] | None
    shards: tuple[int, ...] | None
    codec: str | None
    order: str
    nbytes: int
    stored_bytes: int
    attrs: dict[str, Any]
    dims: tuple[str | None, ...] | None = None
    error: str | None = None
    """Why the array cannot be described; the other fields are empty then."""

    def to_dict(self) -> dict[str, Any]:
        """The object that ``--json`` prints, as strict JSON has it: a NaN is text."""
        facts = {key: value for key, value in asdict(self).items() if key != "error"}
        if self.error is not None:
            facts = {"ref": self.ref, "error": self.error}
        document: dict[str, Any] = as_json(facts)
        return document


def info(ref: Any, *, raw: str | None = None, offset: int = 0) -> list[BlobInfo]:
    """Describe an array, or all arrays of a container.

    Parameters
    ----------
    ref
        A reference, pattern, ndarray, h5py data set or zarr array.
    raw, offset
        As in `Options`.

    Returns
    -------
    list of BlobInfo
        One per array.
    """
    if not isinstance(ref, str | os.PathLike):
        return [_describe(source) for source in open_inputs(ref)]
    blobs = []
    description = Options(raw=raw, offset=offset).raw_description
    for name in resolve(ref, None, description):
        blobs.extend(_describe_ref(name))
    return blobs


class Member(NamedTuple):
    """An array of a container, by its own name, since some names cannot stand in a reference."""

    place: Location
    name: str | None
    ref: str


def _describe_ref(ref: str) -> list[BlobInfo]:
    """Describe the array that a reference names, or all arrays of the container that it names."""
    if ref == STREAM:
        source = open_input_ref(ref)
        try:
            return [_describe(source)]
        finally:
            source.close()
    return _describe_members(*members_of(ref))


def members_of(ref: str) -> tuple[InputFormat, list[Member]]:
    """The array that a reference names, or all arrays of the container that it names."""
    place, member = parse_input(ref)
    form = format_of(place, member, ref)
    if member is None:
        names = sorted(form.members_and_links(place, ref))
    else:
        names = [name for name in form.members(place, ref) if name.startswith(f"{member}/")]
        names = names or [member]
    if names in ([""], [member]):
        return form, [Member(place, member, ref)]
    base = ref if member is None else str(place)
    return form, [Member(place, name, f"{base}::{printable(name)}") for name in names]


def _describe_members(form: InputFormat, members: Sequence[Member]) -> list[BlobInfo]:
    """Describe arrays of a file, which stays open until all are described.

    If one of many cannot be read, its entry says why.
    """
    sources: list[Source] = []
    blobs = []
    try:
        for member in members:
            try:
                sources.append(open_member(form, *member))
                blobs.append(_describe(sources[-1]))
            except ConcatsplitError as error:
                if len(members) == 1:
                    raise
                blobs.append(_without_facts(member.ref, error))
    finally:
        close_all(sources)
    return blobs


def _without_facts(ref: str, error: ConcatsplitError) -> BlobInfo:
    reason = error.message.removeprefix(f"{ref}: ")
    return BlobInfo(ref, "", (), "", None, None, None, "C", 0, 0, {}, error=reason)


def printable(name: str) -> str:
    """A name that can be printed: bytes that are not UTF-8 are escaped."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def shown_attributes(meaning: Meaning) -> dict[str, Any]:
    """All attributes of an array, with its missing value as `_FillValue`."""
    if meaning.missing is None:
        return dict(meaning.attrs)
    return {**meaning.attrs, "_FillValue": meaning.missing}


def _describe(source: Source) -> BlobInfo:
    spec, codec = source.spec, source.storage.codec
    return BlobInfo(
        ref=source.ref,
        format=source.format,
        shape=spec.shape,
        dtype=dtype_name(spec.dtype),
        chunks=spec.chunks,
        shards=spec.shards,
        codec=str(codec) if codec is not None else "other",
        order=spec.order,
        nbytes=spec.nbytes,
        stored_bytes=source.stored_bytes(),
        attrs=shown_attributes(source.storage.meaning),
        dims=source.storage.meaning.dims,
    )

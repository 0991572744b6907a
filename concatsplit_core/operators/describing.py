"""info: describe arrays without reading their elements."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from concatsplit_core.array.descr import dtype_label, dtype_name
from concatsplit_core.endpoints.inputs import (
    STREAM,
    close_all,
    open_input_ref,
    open_inputs,
    open_member,
    resolve,
)
from concatsplit_core.endpoints.references import parse_input
from concatsplit_core.formats.base import InputFormat
from concatsplit_core.formats.registry import format_of
from concatsplit_core.formats.sources import Source
from concatsplit_core.foundation.errors import ConcatsplitError, UsageError
from concatsplit_core.foundation.given import flag, whole_number
from concatsplit_core.foundation.jsonable import as_json
from concatsplit_core.foundation.names import printable
from concatsplit_core.foundation.records import NamedTuple, dataclass, replace
from concatsplit_core.meaning.model import Meaning
from concatsplit_core.run.events import Started
from concatsplit_core.run.options import Options
from concatsplit_core.stores.base import Location

if TYPE_CHECKING:
    from concatsplit_core.operators.heads import Head
    from concatsplit_core.operators.statistics import Statistics


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """The description of an array.

    Parameters
    ----------
    ref, format : str
    shape : tuple of int
    dtype : str
        NumPy's short form, or the list of a record's fields.
    chunks, shards : tuple of int, optional
        Their shapes; None where there are none.
    codec : str, optional
        Such as ``zstd:3``; ``other`` for one that has no name here.
    order : {"C", "F"}
        How the elements follow each other.
    nbytes, stored_bytes : int
        Bytes of the elements, and those that they take where they are stored.
    attrs : dict
    dims : tuple of str or None, optional
        Names of the axes.
    error : str, optional
        Why the array cannot be described; the other fields are empty then.
    dtype_label : str
        The dtype as tables show it.
    stats : Statistics, optional
    head : Head, optional
    unread : str, optional
        Why the elements cannot be read, though the array could be described.
    """

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
    dtype_label: str = ""
    stats: Statistics | None = None
    head: Head | None = None
    unread: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The object that ``--json`` prints, as strict JSON has it: a NaN is text."""
        if self.error is not None:
            return {"ref": as_json(self.ref), "error": as_json(self.error)}
        document: dict[str, Any] = {name: as_json(getattr(self, name)) for name in _FACTS}
        for name in ("stats", "head"):
            found = getattr(self, name)
            if found is not None:
                document[name] = found.to_dict()
        if self.unread is not None:
            document["unread"] = as_json(self.unread)
        return document


_FACTS = (
    "ref", "format", "shape", "dtype", "chunks", "shards", "codec", "order", "nbytes",
    "stored_bytes", "attrs", "dims",
)  # fmt: skip
"""What ``--json`` says of every array."""


def info(
    ref: Any,
    *,
    raw: str | None = None,
    offset: int = 0,
    stats: bool = False,
    head: int = 0,
    memory: str | int | None = None,
    jobs: int | None = None,
    follow_links: bool = False,
    on_event: Callable[[Any], None] | None = None,
    on_error: Callable[[ConcatsplitError], None] | None = None,
) -> list[BlobInfo]:
    """Describe an array, or all arrays of a container.

    Parameters
    ----------
    ref
        A reference, pattern, ndarray, h5py dataset, zarr array or `View`, or a list of these.
    raw, offset, memory, jobs, follow_links, on_event
        As in `Options`.
    stats : bool
        Read all elements, and return their statistics.
    head : int
        Return so many elements along the first axis, and at most 8 along each other one.
    on_error : callable, optional
        Called with the error of each reference that cannot be described, if there are several. It
        is left out then. Else the first such error is raised.

    Returns
    -------
    list of BlobInfo
        One per array.

    Raises
    ------
    ConcatsplitError
        There is no such array, or the only one cannot be described or read. If that is one of
        several arrays, its entry says why instead.
    """
    options = Options(memory=memory, jobs=jobs, raw=raw, offset=offset, on_event=on_event)
    if memory is not None:
        options.memory_bytes  # noqa: B018 - a wrong one is refused whether it is needed or not
    flag("follow_links", follow_links)
    head = whole_number("head", head)
    if head < 0:
        raise UsageError(f"head: {head} is less than 0")
    wanted = _Wanted(flag("stats", stats), head, options, follow_links)
    items = resolve(ref, None, options.raw_description)
    if raw is not None:
        from concatsplit_core.run.noting import tell_of_raw

        tell_of_raw(options, (item for item in items if isinstance(item, str)))
    if not all(isinstance(item, str) for item in items):
        return _describe_objects(items, wanted)
    if stats and on_event is not None and len(items) > 1 and STREAM not in items:
        on_event(Started(_nbytes(items, wanted, on_error)))
        wanted = wanted._replace(is_total_told=True)
    return list(_describe_refs(items, wanted, on_error))


def _describe_objects(items: Sequence[Any], wanted: _Wanted) -> list[BlobInfo]:
    """Describe arrays, or datasets, of Python."""
    sources = open_inputs(items)
    try:
        return _with_elements(sources, [_describe(source) for source in sources], wanted)
    finally:
        close_all(sources)


def _nbytes(refs: Sequence[str], wanted: _Wanted, on_error: Any) -> int:
    """How many bytes the elements of all arrays have; an error is told when it is met again."""
    facts = wanted._replace(stats=False, head=0)
    ignore = None if on_error is None else lambda _: None
    return sum(blob.nbytes for blob in _describe_refs(refs, facts, ignore))


def _describe_refs(
    refs: Sequence[str], wanted: _Wanted, on_error: Callable[[ConcatsplitError], None] | None
) -> Iterator[BlobInfo]:
    """Describe arrays one after the other, and go on after an error if somebody takes it."""
    for ref in refs:
        try:
            yield from _describe_ref(ref, wanted)
        except ConcatsplitError as error:
            if on_error is None or len(refs) == 1:
                raise
            on_error(error)


class _Wanted(NamedTuple):
    """What is to be told of the elements of arrays.

    Parameters
    ----------
    stats, head, options, follow_links
        As of `info`.
    is_total_told : bool
        A listener knows already how many bytes will be read.
    """

    stats: bool
    head: int
    options: Options
    follow_links: bool
    is_total_told: bool = False


class ArrayMember(NamedTuple):
    """An array of a container, by its own name, since some names cannot stand in a reference."""

    place: Location
    name: str | None
    ref: str


def _describe_ref(ref: str, wanted: _Wanted) -> list[BlobInfo]:
    """Describe the array that a reference names, or all arrays of the container that it names."""
    if ref == STREAM:
        source = open_input_ref(ref)
        try:
            return _with_elements([source], [_describe(source)], wanted)
        finally:
            source.close()
    return _describe_members(*arrays_named(ref), wanted)


def arrays_named(ref: str) -> tuple[InputFormat, list[ArrayMember]]:
    """The array that a reference names, or all arrays of the container that it names."""
    place, member = parse_input(ref)
    form = format_of(place, member, ref)
    if member is None:
        names = sorted(form.members_and_links(place, ref))
    else:
        names = [name for name in form.members(place, ref) if name.startswith(f"{member}/")]
        names = names or [member]
    if names in ([""], [member]):
        return form, [ArrayMember(place, member, ref)]
    base = ref if member is None else str(place)
    return form, [ArrayMember(place, name, f"{base}::{printable(name)}") for name in names]


def _describe_members(
    form: InputFormat, members: Sequence[ArrayMember], wanted: _Wanted
) -> list[BlobInfo]:
    """Describe arrays of a file, which stays open until all are described.

    If one of many cannot be read, its entry says why.
    """
    sources: list[Source | None] = []
    blobs = []
    expect(form, members)
    try:
        for member in members:
            sources.append(None)
            try:
                source = sources[-1] = open_member(form, *member)
                blobs.append(_describe(source))
            except ConcatsplitError as error:
                if len(members) == 1:
                    raise
                blobs.append(_without_facts(member.ref, error))
        return _with_elements(sources, blobs, wanted)
    finally:
        close_all(source for source in sources if source is not None)


def expect(form: InputFormat, members: Sequence[ArrayMember]) -> None:
    """Tell the format of a container of several arrays that all of them will be opened next."""
    names = [member.name for member in members if member.name]
    if len(names) > 1:
        form.expect(members[0].place, names)


def _with_elements(
    sources: Sequence[Source | None], blobs: Sequence[BlobInfo], wanted: _Wanted
) -> list[BlobInfo]:
    """The descriptions, with statistics and first elements where they are wanted."""
    if not (wanted.stats or wanted.head):
        return list(blobs)
    if wanted.stats and wanted.options.on_event is not None and not wanted.is_total_told:
        wanted.options.on_event(Started(sum(blob.nbytes for blob in blobs)))
    found = []
    for source, blob in zip(sources, blobs, strict=True):
        if source is None or blob.error is not None:
            found.append(blob)
            continue
        try:
            found.append(_read(source, blob, wanted))
        except ConcatsplitError as error:
            if len(blobs) == 1:
                raise
            found.append(replace(blob, unread=error.message.removeprefix(f"{blob.ref}: ")))
    return found


def _read(source: Source, blob: BlobInfo, wanted: _Wanted) -> BlobInfo:
    """A description, with statistics and first elements where they are wanted."""
    if wanted.stats:
        from concatsplit_core.operators.statistics import statistics_of

        stats = statistics_of(source, wanted.options, wanted.follow_links)
        blob = replace(blob, stats=stats)
    if wanted.head:
        from concatsplit_core.operators.heads import head_of

        head = head_of(source, wanted.head, wanted.options, wanted.follow_links)
        blob = replace(blob, head=head)
    return blob


def _without_facts(ref: str, error: ConcatsplitError) -> BlobInfo:
    reason = error.message.removeprefix(f"{ref}: ")
    return BlobInfo(ref, "", (), "", None, None, None, "C", 0, 0, {}, error=reason)


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
        dtype_label=dtype_label(spec.dtype),
    )

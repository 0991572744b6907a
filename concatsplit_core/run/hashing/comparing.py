"""A blob as it is now, compared with its entry in a manifest."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from concatsplit_core.array.geometry import with_length
from concatsplit_core.endpoints.hollow import refuse_hollow
from concatsplit_core.formats.sources import Source, fill_of
from concatsplit_core.run.hashing.blobs import BlobHash, ByteHash, ChunkHash, ElementHash, Stretch
from concatsplit_core.run.hashing.leaves import (
    DIGEST_BYTES,
    Sections,
    in_sections,
    leaves_bytes,
    refuse_many_leaves,
    root,
)
from concatsplit_core.run.hashing.record import HashRecord
from concatsplit_core.run.hashing.rereading import Told, complete
from concatsplit_core.run.hashing.stream import Room
from concatsplit_core.run.manifest import Entry


def compare(
    entry: Entry, source: Source, axis: int, memory: int, jobs: int, told: Told
) -> tuple[str, list[Stretch]]:
    """What is wrong with a blob, and where; empty where nothing is.

    Parameters
    ----------
    entry : Entry
        What was recorded of it.
    source : Source
        Open.
    axis : int
        Of the run.
    memory, jobs : int
    told : callable
        Hears how many bytes of elements have been read.
    """
    spec = source.spec
    if spec.shape != entry.shape:
        return f"is of shape {spec.shape}, not {entry.shape}", []
    if spec.dtype != entry.dtype:
        return f"is of dtype {spec.dtype}, not {entry.dtype}", []
    if entry.hash is None:
        return "", []
    source.prepare(Path(tempfile.gettempdir()))
    refuse_hollow([source])
    length = sum(part.length for part in entry.hash.ranges or ())
    shape = with_length(spec.shape, axis, length) if entry.hash.ranges is not None else spec.shape
    chunks = spec.chunks if entry.hash.kind == "chunks" else None
    refuse_many_leaves(leaves_bytes(shape, spec.dtype, chunks), memory, source.ref)
    blob = _blob(entry, source, axis)
    if blob is None:
        return "is no longer stored as it was, and only what was stored had been hashed", []
    complete(blob, source, memory, jobs, told)
    source.check()
    places = differing(blob, entry.hash)
    return (said(places), places) if places else ("", [])


def _blob(entry: Entry, source: Source, axis: int) -> BlobHash | None:
    """What has to be hashed of a blob; None where it is not stored in such a way."""
    if entry.hash is None:
        return None
    room = Room()
    match entry.hash.kind:
        case "elements":
            return ElementHash(source.spec, room, axis, entry.hash.ranges)
        case "bytes":
            return ByteHash(source.spec, room) if source.spec.is_contiguous else None
        case "chunks":
            if source.spec.chunks is None:
                return None
            return ChunkHash(source.spec, fill_of(source), axis, entry.hash.ranges)


def said(places: Sequence[Stretch]) -> str:
    """Where a blob differs, in words."""
    first = places[0]
    if not first.first:
        return "its elements differ"
    many = f" and in {len(places) - 1} more places" if len(places) > 1 else ""
    if first.first == first.last:
        return f"element {first.first} differs{many}"
    return f"elements from {first.first} on, up to {first.last} at most, differ{many}"


def differing(blob: BlobHash, recorded: HashRecord) -> list[Stretch]:
    """Where a blob, all of whose leaves are known, is not what was recorded.

    Returns
    -------
    list of Stretch
        Neighbouring sections joined; empty where nothing differs.
    """
    digests = b"".join(leaves.digests() for leaves in blob.all_leaves())
    if root(digests).hex() == recorded.value:
        return []
    count = len(digests) // DIGEST_BYTES
    if not count:
        return [Stretch((), ())]
    noted = recorded.sections
    if noted is None or -(-count // noted.leaves) * DIGEST_BYTES != len(noted.digests):
        return [blob.stretch(0, count)]
    found, runs = _compared(digests, noted), []
    at = 0
    while at < len(found):
        stop = at + 1
        if found[at]:
            while stop < len(found) and found[stop]:
                stop += 1
            runs.append((at * noted.leaves, min(count, stop * noted.leaves)))
        at = stop
    return [blob.stretch(*run) for run in runs] or [blob.stretch(0, count)]


def _compared(digests: bytes, noted: Sections) -> list[bool]:
    """Of every section whether it differs."""
    now = in_sections(digests, noted.leaves)
    starts = range(0, len(now), DIGEST_BYTES)
    return [now[at : at + DIGEST_BYTES] != noted.digests[at : at + DIGEST_BYTES] for at in starts]

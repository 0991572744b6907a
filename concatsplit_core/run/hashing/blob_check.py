"""Comparing a blob with its entry in a manifest."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from concatsplit_core.array.geometry import with_length
from concatsplit_core.endpoints.hollow import refuse_hollow
from concatsplit_core.formats.sources import Source, fill_of
from concatsplit_core.run.hashing.blobs import BlobHash, ByteHash, ChunkHash, ElementHash, Stretch
from concatsplit_core.run.hashing.leaf_hasher import WaitingMemory
from concatsplit_core.run.hashing.leaves import (
    DIGEST_BYTES,
    Sections,
    leaves_bytes,
    refuse_many_leaves,
    root,
    section_digests,
)
from concatsplit_core.run.hashing.record import HashRecord
from concatsplit_core.run.hashing.rereading import OnBytes, complete
from concatsplit_core.run.manifest import ManifestEntry


def compare_blob(
    entry: ManifestEntry, source: Source, axis: int, memory: int, jobs: int, on_bytes: OnBytes
) -> tuple[str, list[Stretch]]:
    """Compare a blob with its entry: the reason why it differs, and where; both empty if equal.

    Parameters
    ----------
    entry : ManifestEntry
        The blob's entry in the manifest.
    source : Source
        The open blob.
    axis : int
        The axis of the run.
    memory, jobs : int
    on_bytes : callable
        Called with the number of bytes of elements that were read.
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
        return (
            "is stored in another layout than before, so that the hash of its stored bytes cannot "
            "be compared"
        ), []
    complete(blob, source, memory, jobs, on_bytes)
    source.check()
    stretches = differing(blob, entry.hash)
    return (describe_stretches(stretches), stretches) if stretches else ("", [])


def _blob(entry: ManifestEntry, source: Source, axis: int) -> BlobHash | None:
    """The hash to compute for a blob; None if the blob's layout has no hash of that kind."""
    if entry.hash is None:
        return None
    waiting = WaitingMemory()
    match entry.hash.kind:
        case "elements":
            return ElementHash(source.spec, waiting, axis, entry.hash.ranges)
        case "bytes":
            return ByteHash(source.spec, waiting) if source.spec.is_contiguous else None
        case "chunks":
            if source.spec.chunks is None:
                return None
            return ChunkHash(source.spec, fill_of(source), axis, entry.hash.ranges)


def describe_stretches(stretches: Sequence[Stretch]) -> str:
    """Where a blob differs, in words."""
    first = stretches[0]
    if not first.first:
        return "its elements differ"
    others = len(stretches) - 1
    more = f", and in {others} more place{'s' * (others > 1)}" if others else ""
    if first.first == first.last:
        return f"element {first.first} differs{more}"
    return f"elements from {first.first} to {first.last} differ{more}"


def differing(blob: BlobHash, recorded: HashRecord) -> list[Stretch]:
    """Where a blob differs from its record; all its leaves must be known.

    Returns
    -------
    list of Stretch
        One per run of neighbouring sections that differ; empty if the hashes are equal.
    """
    digests = b"".join(leaves.digests() for leaves in blob.all_leaves())
    if root(digests).hex() == recorded.value:
        return []
    count = len(digests) // DIGEST_BYTES
    if not count:
        return [Stretch((), ())]
    sections = recorded.sections
    if sections is None or -(-count // sections.leaves) * DIGEST_BYTES != len(sections.digests):
        return [blob.stretch(0, count)]
    differs, runs = _differing_sections(digests, sections), []
    at = 0
    while at < len(differs):
        stop = at + 1
        if differs[at]:
            while stop < len(differs) and differs[stop]:
                stop += 1
            runs.append((at * sections.leaves, min(count, stop * sections.leaves)))
        at = stop
    return [blob.stretch(*run) for run in runs] or [blob.stretch(0, count)]


def _differing_sections(digests: bytes, recorded: Sections) -> list[bool]:
    """For every section, whether it differs from the record."""
    now, before = section_digests(digests, recorded.leaves), recorded.digests
    starts = range(0, len(now), DIGEST_BYTES)
    return [now[at : at + DIGEST_BYTES] != before[at : at + DIGEST_BYTES] for at in starts]

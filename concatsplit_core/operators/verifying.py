"""verify: compare the blobs of a run with the hashes in its manifest."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterator, Sequence
from math import prod
from pathlib import Path
from typing import Any, Literal

from concatsplit_core.endpoints.fingerprints import Fingerprints
from concatsplit_core.endpoints.inputs import open_ref
from concatsplit_core.formats.sources import Source
from concatsplit_core.foundation.errors import (
    ConcatsplitError,
    InputUnavailable,
    MalformedInput,
    OverBudget,
)
from concatsplit_core.foundation.records import NamedTuple, dataclass
from concatsplit_core.run.events import Finished, Moved, Started
from concatsplit_core.run.hashing.blob_check import compare_blob
from concatsplit_core.run.hashing.blobs import Stretch
from concatsplit_core.run.hashing.rereading import OnBytes
from concatsplit_core.run.manifest import ManifestEntry
from concatsplit_core.run.manifest_reading import read_manifest
from concatsplit_core.run.options import Options
from concatsplit_core.run.threads import run_on_threads

Role = Literal["input", "output"]
Status = Literal["same", "different", "missing"]

_SMALL = 4 << 20
"""Blobs of at most so many bytes are read in groups, one blob per thread."""
_MOST_IN_GROUP = 64
"""The most blobs in a group. All are opened before the threads start, since opening forks."""
_MOST_DIFFERENCES = 64
"""The most differences of a blob that are listed."""


@dataclass(frozen=True, slots=True)
class BlobVerification:
    """The result for one blob.

    Parameters
    ----------
    ref : str
    role : {"input", "output"}
    status : {"same", "different", "missing"}
    reason : str
        What differs; empty if nothing does.
    differences : tuple of Stretch
        Where elements differ: each stretch holds a difference, and outside of them is none.
    """

    ref: str
    role: Role
    status: Status
    reason: str = ""
    differences: tuple[Stretch, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        document: dict[str, Any] = {"ref": self.ref, "role": self.role, "status": self.status}
        if self.status != "same":
            document["reason"] = self.reason
            document["differences"] = [
                {"first": list(stretch.first), "last": list(stretch.last)}
                for stretch in self.differences
            ]
        return document


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of `verify`.

    Parameters
    ----------
    manifest : str
    blobs : tuple of BlobVerification
        The blobs that have a name; arrays in memory and stdin have none.
    """

    manifest: str
    blobs: tuple[BlobVerification, ...]

    def count(self, status: Status) -> int:
        """How many blobs have a status."""
        return sum(blob.status == status for blob in self.blobs)

    @property
    def exit_code(self) -> int:
        """8 if a blob differs, else 4 if one is missing, else 0."""
        return 8 if self.count("different") else 4 if self.count("missing") else 0

    def to_dict(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        return {
            "manifest": self.manifest,
            "blobs": [blob.to_dict() for blob in self.blobs],
            "same": self.count("same"),
            "different": self.count("different"),
            "missing": self.count("missing"),
        }


def verify(
    manifest: str | os.PathLike[str],
    /,
    *,
    outputs: bool = True,
    inputs: bool = True,
    memory: str | int | None = None,
    jobs: int | None = None,
    follow_links: bool = False,
    on_event: Callable[[Any], None] | None = None,
) -> Verification:
    """Read the outputs and inputs of a run again, and compare them with its manifest.

    Parameters
    ----------
    manifest : path
        The file that ``--manifest`` wrote.
    outputs, inputs : bool
        Whether to check the outputs, and the inputs.
    memory, jobs, follow_links, on_event
        As in `Options`.

    Returns
    -------
    Verification
        The results for all blobs, also for those that are the same.

    Raises
    ------
    MalformedInput
        The manifest is damaged, or has no hashes, as older versions wrote it.
    OverBudget
        A blob has chunks that do not fit the memory budget.
    """
    config = Options(memory=memory, jobs=jobs, follow_links=follow_links, on_event=on_event)
    record = read_manifest(Path(manifest))
    if not record.has_hashes:
        raise MalformedInput(
            f"{manifest}: has no hashes to compare with, since an older version wrote it; run "
            "the command again with --manifest",
            ref=str(manifest),
        )
    wanted = [_Wanted(e, "output", a.axis) for a in record.arrays for e in a.outputs if outputs]
    wanted += [_Wanted(e, "input", a.axis) for a in record.arrays for e in a.inputs if inputs]
    wanted = [item for item in wanted if item.entry.ref]
    emit = config.on_event or (lambda _: None)
    verifier = _Verifier(
        config.memory_bytes,
        config.workers,
        lambda n: emit(Moved(n)),
        config.follow_links,
    )
    # A blob that was an input several times is read once.
    distinct = list({item.key: item for item in wanted}.values())
    emit(Started(sum(item.nbytes for item in distinct)))
    blobs = [blob for group in _groups(distinct) for blob in verifier.verify_group(group)]
    emit(Finished())
    by_key = {item.key: blob for item, blob in zip(distinct, blobs, strict=True)}
    return Verification(os.fspath(manifest), tuple(by_key[item.key] for item in wanted))


class _Wanted(NamedTuple):
    """A blob that is to be verified."""

    entry: ManifestEntry
    role: Role
    axis: int

    @property
    def nbytes(self) -> int:
        return prod(self.entry.shape) * self.entry.dtype.itemsize

    @property
    def key(self) -> Hashable:
        """Equal for entries that record the same facts of the same blob."""
        entry = self.entry
        return self.role, entry.ref, entry.shape, str(entry.dtype), entry.hash

    @property
    def shown(self) -> str:
        """The reference without a leading ``./``."""
        return self.entry.ref.removeprefix("./")


def _groups(wanted: Sequence[_Wanted]) -> Iterator[list[_Wanted]]:
    """The blobs in their order: small ones in groups, large ones alone."""
    group: list[_Wanted] = []
    for item in wanted:
        if group and (item.nbytes > _SMALL or len(group) >= _MOST_IN_GROUP):
            yield group
            group = []
        group.append(item)
        if item.nbytes > _SMALL:
            yield group
            group = []
    if group:
        yield group


class _Verifier:
    """Compares blobs with their entries in a manifest.

    Parameters
    ----------
    memory, jobs : int
    on_bytes : callable
        Called with the number of bytes that were read.
    follow_links : bool
        Follow links that lead out of a store.
    """

    def __init__(
        self, memory: int, jobs: int, on_bytes: OnBytes, follow_links: bool = False
    ) -> None:
        self._memory, self._jobs, self._on_bytes = memory, jobs, on_bytes
        self._follow_links = follow_links

    def verify_group(self, wanted: Sequence[_Wanted]) -> list[BlobVerification]:
        """Open the blobs of a group, and verify them on several threads, which share the memory.

        A blob for which that is too little is verified after the others, with all of it.
        """
        opened: list[Source | BlobVerification] = []
        try:
            for item in wanted:
                opened.append(_open(item, self._follow_links))
            return self._verify_opened(wanted, opened)
        finally:
            for source in opened:
                if not isinstance(source, BlobVerification):
                    source.close()

    def _verify_opened(
        self, wanted: Sequence[_Wanted], opened: list[Source | BlobVerification]
    ) -> list[BlobVerification]:
        results: dict[int, BlobVerification] = {}
        bytes_read: dict[int, int] = {}
        jobs, is_group = min(self._jobs, len(wanted)), len(wanted) > 1

        def work(number: int) -> None:
            source = opened[number]
            if isinstance(source, BlobVerification):
                results[number] = source
                return
            if not is_group:
                results[number] = self._verify_alone(wanted[number], source)
                return
            sizes: list[int] = []
            try:
                results[number] = self.verify_one(
                    wanted[number],
                    source,
                    memory=self._memory // jobs,
                    jobs=1,
                    on_bytes=sizes.append,
                    is_shared=True,
                )
            except OverBudget:
                return
            bytes_read[number] = sum(sizes)

        def done(number: int) -> None:
            if bytes_read.get(number):
                self._on_bytes(bytes_read[number])

        run_on_threads(range(len(wanted)), work, jobs=jobs, done=done)
        for number, source in enumerate(opened):
            if number not in results and not isinstance(source, BlobVerification):
                results[number] = self._verify_alone(wanted[number], source)
        return [results[number] for number in range(len(wanted))]

    def _verify_alone(self, wanted: _Wanted, source: Source) -> BlobVerification:
        return self.verify_one(
            wanted, source, memory=self._memory, jobs=self._jobs, on_bytes=self._on_bytes
        )

    def verify_one(
        self,
        wanted: _Wanted,
        source: Source,
        *,
        memory: int,
        jobs: int,
        on_bytes: OnBytes,
        is_shared: bool = False,
    ) -> BlobVerification:
        """Compare an open blob with its entry; too little memory that is shared is raised."""
        try:
            reason, stretches = compare_blob(
                wanted.entry, source, wanted.axis, memory, jobs, on_bytes
            )
        except ConcatsplitError as error:
            if isinstance(error, OverBudget) and (
                is_shared or (error.ref is None and error.expected == memory)
            ):
                raise  # the budget is too small: that is no difference of the blob
            return _failed(wanted, error)
        status: Status = "different" if reason else "same"
        differences = tuple(stretches[:_MOST_DIFFERENCES])
        return BlobVerification(wanted.shown, wanted.role, status, reason, differences)


def _open(wanted: _Wanted, follow_links: bool) -> Source | BlobVerification:
    try:
        source = open_ref(wanted.entry.ref)
        try:
            Fingerprints([source], follow_links)  # refuses links out of a store
        except BaseException:
            source.close()
            raise
    except ConcatsplitError as error:
        return _failed(wanted, error)
    return source


def _failed(wanted: _Wanted, error: ConcatsplitError) -> BlobVerification:
    """The result for a blob that cannot be opened or read: missing or different."""
    status: Status = "missing" if isinstance(error, InputUnavailable) else "different"
    reason = error.message.removeprefix(f"{wanted.entry.ref}: ")
    return BlobVerification(wanted.shown, wanted.role, status, reason)


def damaged(
    entries: Sequence[ManifestEntry], sources: Sequence[Source], axis: int, options: Options
) -> list[BlobVerification]:
    """Verify the open outputs of a run, and return those that differ from their entries."""
    emit = options.on_event or (lambda _: None)
    wanted = [_Wanted(entry, "output", axis) for entry in entries]
    emit(Started(sum(item.nbytes for item in wanted), "verifying"))
    memory, jobs = options.memory_bytes, options.workers

    def on_bytes(nbytes: int) -> None:
        emit(Moved(nbytes))

    verifier = _Verifier(memory, jobs, on_bytes)
    blobs = [
        verifier.verify_one(item, source, memory=memory, jobs=jobs, on_bytes=on_bytes)
        for item, source in zip(wanted, sources, strict=True)
    ]
    return [blob for blob in blobs if blob.status != "same"]

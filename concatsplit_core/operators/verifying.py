"""Whether blobs still hold what a manifest recorded of them."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Literal, NamedTuple

from concatsplit_core.endpoints.fingerprints import Fingerprints
from concatsplit_core.endpoints.inputs import open_ref
from concatsplit_core.errors import ConcatsplitError, InputUnavailable, MalformedInput, OverBudget
from concatsplit_core.formats.base import Source
from concatsplit_core.run.events import Finished, Moved, Started
from concatsplit_core.run.hashing.blobs import Stretch
from concatsplit_core.run.hashing.comparing import compare
from concatsplit_core.run.hashing.rereading import Told
from concatsplit_core.run.manifest import Entry
from concatsplit_core.run.manifest_reading import read_manifest
from concatsplit_core.run.options import Options
from concatsplit_core.run.threads import run_on_threads

Role = Literal["input", "output"]
Status = Literal["same", "different", "missing"]

_SMALL = 4 << 20
"""Bytes of the largest blobs that are read side by side, a thread each."""
_AT_ONCE = 64
"""Blobs that are open at once. They are opened while there are no threads: a child looks first."""
_LISTED = 64
"""Places where a blob differs that are listed."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One blob, compared with what was recorded of it.

    Parameters
    ----------
    ref : str
    role : {"input", "output"}
    status : {"same", "different", "missing"}
    reason : str
        What is wrong; empty where nothing is.
    differences : tuple of Stretch
        Where elements differ: in each of these there is a difference, and beside them is none.
    """

    ref: str
    role: Role
    status: Status
    reason: str = ""
    differences: tuple[Stretch, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        said: dict[str, Any] = {"ref": self.ref, "role": self.role, "status": self.status}
        if self.status != "same":
            said["reason"] = self.reason
            said["differences"] = [
                {"first": list(place.first), "last": list(place.last)} for place in self.differences
            ]
        return said


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` found.

    Parameters
    ----------
    manifest : str
    blobs : tuple of Checked
        Those that have a name; arrays in memory and stdin have none.
    """

    manifest: str
    blobs: tuple[Checked, ...]

    def count(self, status: Status) -> int:
        """How many blobs have a status."""
        return sum(blob.status == status for blob in self.blobs)

    @property
    def exit_code(self) -> int:
        """8 where anything differs, else 4 where anything is missing, else 0."""
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
    **options: Any,
) -> Verification:
    """Read the outputs and inputs of a run again and compare them with what its manifest records.

    Parameters
    ----------
    manifest : path
        What ``--manifest`` wrote.
    outputs, inputs : bool
        Which of them to look at.
    **options
        `memory`, `jobs`, `follow_links` and `on_event` of `Options`.

    Returns
    -------
    Verification
        All blobs, those that are as they were among them.

    Raises
    ------
    MalformedInput
        It is no manifest, is damaged, or is of the schema before hashes.
    OverBudget
        A blob has chunks that do not fit the budget.
    """
    config = Options(**options)
    record = read_manifest(Path(manifest))
    if not record.has_hashes:
        raise MalformedInput(
            f"{manifest}: was written by a version that recorded no hashes: there is nothing to "
            "compare with; run again with --manifest",
            ref=str(manifest),
        )
    wanted = [_Wanted(e, "output", a.axis) for a in record.arrays for e in a.outputs if outputs]
    wanted += [_Wanted(e, "input", a.axis) for a in record.arrays for e in a.inputs if inputs]
    wanted = [item for item in wanted if item.entry.ref]
    tell = config.on_event or (lambda _: None)
    look = _Look(
        config.memory_bytes,
        config.workers,
        lambda n: tell(Moved(n)),
        config.follow_links,
    )
    # a blob that was an input more than once is read once
    once = list({item.key: item for item in wanted}.values())
    tell(Started(sum(item.nbytes for item in once)))
    found = [blob for some in _together(once) for blob in look.at(some)]
    tell(Finished())
    seen = {item.key: blob for item, blob in zip(once, found, strict=True)}
    return Verification(os.fspath(manifest), tuple(seen[item.key] for item in wanted))


class _Wanted(NamedTuple):
    """A blob that is to be looked at."""

    entry: Entry
    role: Role
    axis: int

    @property
    def nbytes(self) -> int:
        return prod(self.entry.shape) * self.entry.dtype.itemsize

    @property
    def key(self) -> Hashable:
        """The same for entries that say the same of the same blob."""
        entry = self.entry
        return self.role, entry.ref, entry.shape, str(entry.dtype), entry.hash

    @property
    def shown(self) -> str:
        """The reference as people write it."""
        return self.entry.ref.removeprefix("./")


def _together(wanted: Sequence[_Wanted]) -> Iterator[list[_Wanted]]:
    """Small blobs in groups, large ones alone, in their order."""
    group: list[_Wanted] = []
    for item in wanted:
        if group and (item.nbytes > _SMALL or len(group) >= _AT_ONCE):
            yield group
            group = []
        group.append(item)
        if item.nbytes > _SMALL:
            yield group
            group = []
    if group:
        yield group


class _Look:
    """Compares blobs with their entries.

    Parameters
    ----------
    memory, jobs : int
    told : callable
    follow_links : bool
        Also out of a store.
    """

    def __init__(self, memory: int, jobs: int, told: Told, follow_links: bool = False) -> None:
        self._memory, self._jobs, self._told = memory, jobs, told
        self._follow_links = follow_links

    def at(self, wanted: Sequence[_Wanted]) -> list[Checked]:
        """Open some blobs, and compare them side by side."""
        opened: list[Source | Checked] = []
        try:
            for item in wanted:
                opened.append(_opened(item, self._follow_links))
            return self._side_by_side(wanted, opened)
        finally:
            for source in opened:
                if not isinstance(source, Checked):
                    source.close()

    def _side_by_side(
        self, wanted: Sequence[_Wanted], opened: list[Source | Checked]
    ) -> list[Checked]:
        found: dict[int, Checked] = {}
        told: dict[int, int] = {}
        jobs = min(self._jobs, len(wanted))

        def work(number: int) -> None:
            source = opened[number]
            if isinstance(source, Checked):
                found[number] = source
                return
            many = len(wanted) > 1
            sizes: list[int] = []
            found[number] = self.one(
                wanted[number],
                source,
                memory=self._memory // jobs if many else self._memory,
                jobs=1 if many else self._jobs,
                told=sizes.append if many else self._told,
            )
            told[number] = sum(sizes)

        def done(number: int) -> None:
            if told.get(number):
                self._told(told[number])

        run_on_threads(range(len(wanted)), work, jobs=jobs, done=done)
        return [found[number] for number in range(len(wanted))]

    def one(
        self, wanted: _Wanted, source: Source, *, memory: int, jobs: int, told: Told
    ) -> Checked:
        """Compare an open blob with its entry."""
        try:
            reason, places = compare(wanted.entry, source, wanted.axis, memory, jobs, told)
        except ConcatsplitError as error:
            if isinstance(error, OverBudget) and error.ref is None and error.expected == memory:
                raise  # it says what budget would do: that is no fault of the blob
            return _failed(wanted, error)
        status: Status = "different" if reason else "same"
        return Checked(wanted.shown, wanted.role, status, reason, tuple(places[:_LISTED]))


def _opened(wanted: _Wanted, follow_links: bool) -> Source | Checked:
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


def _failed(wanted: _Wanted, error: ConcatsplitError) -> Checked:
    """What an error says of a blob: it is not to be had, or not to be read any more."""
    status: Status = "missing" if isinstance(error, InputUnavailable) else "different"
    reason = error.message.removeprefix(f"{wanted.entry.ref}: ")
    return Checked(wanted.shown, wanted.role, status, reason)


def damaged(
    entries: Sequence[Entry], sources: Sequence[Source], axis: int, options: Options
) -> list[Checked]:
    """The open outputs of a run that do not hold any more what was recorded of them."""
    tell = options.on_event or (lambda _: None)
    wanted = [_Wanted(entry, "output", axis) for entry in entries]
    tell(Started(sum(item.nbytes for item in wanted)))
    memory, jobs = options.memory_bytes, options.workers

    def told(nbytes: int) -> None:
        tell(Moved(nbytes))

    look = _Look(memory, jobs, told)
    pairs = zip(wanted, sources, strict=True)
    found = [look.one(item, source, memory=memory, jobs=jobs, told=told) for item, source in pairs]
    return [blob for blob in found if blob.status != "same"]

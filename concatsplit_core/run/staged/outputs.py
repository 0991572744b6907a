"""The outputs of a staged run, which several processes write before one of them publishes them.

======== ================================= ================================ ======================
way      stage                             each process that does tasks     commit
======== ================================= ================================ ======================
again    adds all arrays                   adds them again, to the same     adds them again,
                                           files, which keep their elements and completes the files
placed   adds all arrays, and completes    writes where they lie            publishes
         the files but for their elements
parts    adds all arrays, and throws       writes what each task encoded    adds all arrays, and all
         the files away: is it possible?   to a file of its own             parts in their order
======== ================================= ================================ ======================
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.endpoints.places import Place
from concatsplit_core.formats.base import OutputFormat
from concatsplit_core.formats.storage import Extent, Storage, Wish
from concatsplit_core.formats.targets import (
    ContiguousTarget,
    DivisibleTarget,
    PartTarget,
    Target,
)
from concatsplit_core.foundation.errors import ResumeMismatch, UsageError
from concatsplit_core.planning.plan import Plan
from concatsplit_core.run.output_set import OutputSet
from concatsplit_core.run.staged.record import RunRecord
from concatsplit_core.run.worker import MoveWork
from concatsplit_core.stores.base import Location
from concatsplit_core.stores.durability import make_durable
from concatsplit_core.stores.files import copy_range, open_input, open_staged
from concatsplit_core.stores.identity import Identity
from concatsplit_core.stores.kept_staging import KeptStaging
from concatsplit_core.stores.publishing import Staging

Way = Literal["again", "placed", "parts"]
Phase = Literal["stage", "run", "commit"]

_PARTS = ".parts"


class SharedOutputSet(OutputSet):
    """Outputs that stay staged while processes come and go."""

    may_wait = False  # another process writes the elements
    phase: Phase = "stage"
    _offsets: dict[str, list[int]]
    _added: dict[Location, int]
    _created: list[list[Target]] | None = None

    def _new_staging(self, sync: bool) -> Staging:
        if not self._store.has_paths:
            raise UsageError(f"{self._places[0].ref}: only what goes to a local disk can be staged")
        self.staging = KeptStaging(sync)
        return self.staging

    def refuse_unshareable(self) -> None:
        """Refuse outputs that only one process can write, all at once.

        Raises
        ------
        UsageError
        """
        for place in self._places:
            if place.is_stream:
                raise UsageError("stdout cannot be staged: nobody could take back what was written")
            form = place.format
            if not (form.adds_again or form.takes_parts):
                raise UsageError(f"{place.ref}: a file of the format {form.name} cannot be staged")

    def claim_record(self, final: Location, replaces: Identity | None) -> None:
        """Claim the place of the manifest, which is written when all else is complete."""
        self.staging.claim(final.key, replaces=replaces, last=True)
        self.staging.refuse_if_busy()

    def write_record(self, final: Location, record: RunRecord, data: bytes) -> None:
        """Write the manifest where it is staged."""
        staged = {output.final: output.staged for output in record.outputs}
        with self._named_in_errors():
            self._store.write(staged[final.key], [data])

    def ways(self) -> dict[Location, Way]:
        """How the processes share each file."""
        specs: dict[Location, list[ArraySpec]] = {}
        forms: dict[Location, OutputFormat] = {}
        for made in self._outputs:
            for place, segment in zip(made.places, made.tiling.segments, strict=True):
                specs.setdefault(place.final, []).append(segment.spec)
                forms[place.final] = place.format
        for place, array in self._extras:
            plain = ArraySpec(array.shape, array.dtype)
            wish = place.format.narrowed(Wish(), place.container, place.base)
            spec, _ = place.format.layout(plain, Storage(), wish, plain)
            specs.setdefault(place.final, []).append(spec)
            forms[place.final] = place.format
        found: dict[Location, Way] = {}
        for final, form in forms.items():
            is_plain = all(spec.is_contiguous and spec.nbytes for spec in specs[final])
            found[final] = "again" if form.adds_again else "placed" if is_plain else "parts"
        return found

    def begin(self, phase: Phase, record: RunRecord | None) -> None:
        """Choose what `create` does, and find what another process has staged.

        Parameters
        ----------
        phase : {"stage", "run", "commit"}
        record : RunRecord, optional
            None while staging.
        """
        if record is not None and self._has_created(record):
            self.phase = phase
            return
        self.abandon()
        self._writers.clear()
        self._created = None
        self.phase, self._added, self._ways = phase, {}, self.ways()
        self._offsets = {}
        if record is None:
            return
        self._offsets = record.offsets
        staged = {output.final: output.staged for output in record.outputs}
        for place in self._places:
            found = staged.get(place.final.key)
            if found is None:
                raise ResumeMismatch(f"{place.ref}: was not an output when the run was staged")
            self._staged[place.final] = Location(self._store, found)

    def _has_created(self, record: RunRecord) -> bool:
        """Whether this process has added all arrays already, and need not add any of them again."""
        if self._created is None or set(self._ways.values()) != {"again"}:
            return False
        mine = {final.key: staged.key for final, staged in self.staged.items()}
        return all(mine.get(each.final) == each.staged for each in record.outputs)

    def create(self) -> list[list[Target]]:
        """As `OutputSet.create`; what this process has created before stays as it is."""
        if self._created is None:
            self._created = super().create()
        return self._created

    @property
    def offsets(self) -> dict[str, list[int]]:
        """Of the arrays in files that are written where they lie."""
        return self._offsets

    def end_staging(self) -> None:
        """Complete files that are only to be filled, and empty those that are made of parts."""
        with self._named_in_errors():
            for final, way in self._ways.items():
                staged = self._staged[final]
                writer = self._writers[staged]
                if way == "placed":
                    writer.finish()
                elif way == "parts":
                    writer.finish()
                    os.truncate(staged.key, 0)

    def _add(self, place: Place, spec: ArraySpec, storage: Storage) -> Target | DivisibleTarget:
        way, phase = self._ways[place.final], self.phase
        staged = self._staged[place.final]
        number = self._added.get(staged, 0)
        self._added[staged] = number + 1
        if way == "placed" and phase != "stage":
            return self._placed(staged, number, spec, place)
        if way == "parts" and phase == "run":
            return self._part(staged, number, spec, storage, place)
        if way == "parts" and staged not in self._writers and phase == "commit":
            os.truncate(staged.key, 0)  # a commit that was killed may have begun the file
        target = super()._add(place, spec, storage)
        self._writers[staged].has_kept = phase != "stage"
        if way == "placed":
            if not isinstance(target, ContiguousTarget):
                raise TypeError(f"{place.ref} has no place of its own in its file")
            self._offsets.setdefault(staged.key, []).append(target.extent.offset)
        return target

    def _placed(
        self, staged: Location, number: int, spec: ArraySpec, place: Place
    ) -> ContiguousTarget:
        """An array in a file that is complete but for its elements."""
        try:
            offset = int(self._offsets[staged.key][number])
            size = os.stat(staged.key).st_size
        except (LookupError, ValueError, TypeError, FileNotFoundError):
            offset, size = -1, 0
        if offset < 0 or offset + spec.nbytes > size:
            raise ResumeMismatch(f"{place.ref}: what was staged of it is not there any more")
        return ContiguousTarget(spec, Extent(staged.key, offset))

    def _part(
        self, staged: Location, number: int, spec: ArraySpec, storage: Storage, place: Place
    ) -> Target:
        """What keeps the parts of one array until commit takes them."""
        folder = Path(f"{staged.key}{_PARTS}", str(number))
        folder.mkdir(parents=True, exist_ok=True)
        if not spec.is_contiguous:
            return place.format.part_target(spec, storage, str(folder))
        path = folder / "elements"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            os.ftruncate(fd, spec.nbytes)
        finally:
            os.close(fd)
        return ContiguousTarget(spec, Extent(str(path), 0))

    def make_durable(self, folders: Sequence[str]) -> None:
        """Make durable what tasks have written into the staging folders."""
        with self._named_in_errors():
            make_durable(map(Path, folders), may_vanish=True)

    def assemble(self, plan: Plan, moves: Sequence[MoveWork]) -> None:
        """Put the parts of all tasks into their files, in the order of the tasks.

        Parameters
        ----------
        plan : Plan
        moves : sequence of MoveWork
            With the targets that `create` gave.
        """
        if "parts" not in self._ways.values():
            return
        folders = self._folders_of_parts()
        with self._named_in_errors():
            for number in range(len(plan)):
                task = plan.task(number)
                move, places = moves[task.move], folders[task.move]
                for write in task.writes:
                    target, folder = move.targets[write.array], places[write.array]
                    if folder is not None and isinstance(target, PartTarget):
                        target.take_part(move.target_tiling.local(write.array, write.box), folder)
            for work, places in zip(moves, folders, strict=True):
                for target, folder in zip(work.targets, places, strict=True):
                    if folder is not None and isinstance(target, ContiguousTarget):
                        _copy_elements(target, folder)

    def _folders_of_parts(self) -> list[list[str | None]]:
        """For every target of every move the folder of its parts; None if it has none."""
        counts: dict[Location, int] = {}
        found: list[list[str | None]] = []
        for made in self._outputs:
            numbers: list[str | None] = []
            for place in made.places:
                staged = self._staged[place.final]
                number = counts[staged] = counts.get(staged, -1) + 1
                is_parts = self._ways[place.final] == "parts"
                numbers.append(f"{staged.key}{_PARTS}/{number}" if is_parts else None)
            found.append([numbers[origin.output] for origin in made.origins])
        return found

    def keep_what_is_packed(self) -> None:
        """Let the writers keep what they pack, so that a killed commit can be repeated."""
        for writer in self._writers.values():
            writer.frees_room = False

    def abandon(self) -> None:
        """Close what is open, and leave what is staged as it is."""
        for writer in self._writers.values():
            with suppress(Exception):
                writer.abort()


def _copy_elements(target: ContiguousTarget, folder: str) -> None:
    """Copy a contiguous array into its place in a file."""
    extent: Any = target.extent
    path = f"{folder}/elements"
    here, there = open_input(path), open_staged(extent.path)
    try:
        copy_range(here, 0, there, extent.offset, target.spec.nbytes, path)
    finally:
        os.close(here)
        os.close(there)

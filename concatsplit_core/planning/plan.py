"""The plan: frozen values that say which task moves which boxes, by which route, and why."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from math import prod
from typing import Any

from concatsplit_core.array.edges import Edges
from concatsplit_core.array.geometry import Shape
from concatsplit_core.foundation.records import NamedTuple, dataclass, field
from concatsplit_core.planning.move import MoveSpec
from concatsplit_core.planning.sweep import Strip, Sweep, SweepTasks
from concatsplit_core.planning.task import Route, Task


class MovePlan(NamedTuple):
    """What a run does for one logical array.

    Parameters
    ----------
    move : MoveSpec
    edges : Edges
        Of its sources.
    sweeps : tuple of Sweep
        Where the tasks come from; they are worked out when they are asked for.
    routes : dict
        Array bytes by the way they move.
    reasons : dict
        Per route that carries bytes, why a cheaper one could not.
    block : tuple of int
        Shape of the largest block, on the logical array.
    bytes_read, bytes_written : int
        Array bytes; what is decoded twice counts twice.
    alignment : dict
        By the number of a target, where its first element is to lie in its file, modulo the block
        that file systems share; targets that are not there lie where their format puts them.
    """

    move: MoveSpec
    edges: Edges
    sweeps: tuple[Sweep, ...]
    routes: dict[Route, int]
    reasons: dict[Route, tuple[str, ...]]
    block: Shape
    bytes_read: int
    bytes_written: int
    alignment: dict[int, int]

    @property
    def tasks(self) -> int:
        """How many tasks it takes."""
        return sum(sweep.tasks for sweep in self.sweeps)

    @property
    def read_amplification(self) -> float:
        """Array bytes read for every byte written; 1 where nothing is read twice."""
        return self.bytes_read / self.bytes_written if self.bytes_written else 1.0

    def to_dict(self) -> dict[str, Any]:
        """The parts of the plan that ``--json`` shows under ``plan``."""
        return _as_json(self)

    def copied(self) -> tuple[set[int], set[int]]:
        """Sources, and targets, with something that is copied as it is stored."""
        sources: set[int] = set()
        targets: set[int] = set()
        for entry in (entry for sweep in self.sweeps for entry in sweep.bands.entries):
            if isinstance(entry, Strip):
                if entry.source is not None:
                    sources.add(entry.source)
                    targets.add(entry.target)
            elif entry.copies:
                sources.update(source for source, _ in entry.copies)
                targets.update(target for target, _ in entry.writes)
        return sources, targets


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does, decided before anything is created.

    Parameters
    ----------
    moves : tuple of MovePlan
        One a logical array.
    workers : int
        Tasks in flight at once.
    window : int
        Bytes to read from a contiguous source at once.
    peak_memory_bytes : int
        Bytes of all buffers that may be alive at once.
    compared_bytes : int
        Most bytes that are copied as they are stored and have their checksums compared without
        being asked.
    """

    moves: tuple[MovePlan, ...]
    workers: int
    window: int
    peak_memory_bytes: int
    compared_bytes: int
    _sweeps: tuple[tuple[int, Sweep], ...] = field(init=False, repr=False, compare=False)
    _firsts: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        sweeps = tuple((i, sweep) for i, move in enumerate(self.moves) for sweep in move.sweeps)
        object.__setattr__(self, "_sweeps", sweeps)
        firsts = accumulate((sweep.tasks for _, sweep in sweeps), initial=0)
        object.__setattr__(self, "_firsts", tuple(firsts))

    def __len__(self) -> int:
        """Number of tasks."""
        return self._firsts[-1]

    def task(self, number: int) -> Task:
        """One task by its number, in a time that hardly depends on how many there are.

        Raises
        ------
        IndexError
            There is no such task.
        """
        tasks, within = self._found(number)
        return tasks[within]

    def bytes_of(self, number: int) -> int:
        """Array bytes that a task writes, which is less work than to make the task.

        Raises
        ------
        IndexError
            There is no such task.
        """
        tasks, within = self._found(number)
        return tasks.bytes_of(within)

    def _found(self, number: int) -> tuple[SweepTasks, int]:
        """The tasks that a task is among, and its number there."""
        if not 0 <= number < len(self):
            raise IndexError(f"there is no task {number}; the plan has {len(self)}")
        at = bisect_right(self._firsts, number) - 1
        index, sweep = self._sweeps[at]
        made, first = self.moves[index], self._firsts[at]
        return SweepTasks(sweep, made.move, made.edges, index, first), number - first

    def tasks(self) -> Iterator[Task]:
        """All tasks, in the order in which they are to be started."""
        for (index, sweep), first in zip(self._sweeps, self._firsts, strict=False):
            made = self.moves[index]
            tasks = SweepTasks(sweep, made.move, made.edges, index, first)
            yield from map(tasks.__getitem__, range(sweep.tasks))

    @property
    def routes(self) -> dict[Route, int]:
        """Array bytes by the way they move."""
        total: dict[Route, int] = {}
        for move in self.moves:
            for route, nbytes in move.routes.items():
                total[route] = total.get(route, 0) + nbytes
        return total

    @property
    def reasons(self) -> dict[Route, tuple[str, ...]]:
        """Per route that carries bytes, why a cheaper one could not."""
        found: dict[Route, dict[str, None]] = {}
        for move in self.moves:
            for route, why in move.reasons.items():
                found.setdefault(route, {}).update(dict.fromkeys(why))
        return {route: tuple(why) for route, why in found.items()}

    @property
    def block(self) -> Shape:
        """Shape of the largest block."""
        return max((move.block for move in self.moves), key=prod, default=())

    @property
    def bytes_read(self) -> int:
        """Array bytes that are read; what is decoded twice counts twice."""
        return sum(move.bytes_read for move in self.moves)

    @property
    def bytes_written(self) -> int:
        """Array bytes that are written."""
        return sum(move.bytes_written for move in self.moves)

    @property
    def alignment(self) -> dict[str, int]:
        """Where each output is to start in its file, by its name.

        It is the remainder of that place by the size of a block that files can share.
        """
        return {
            move.move.name_of_target(target): offset
            for move in self.moves
            for target, offset in move.alignment.items()
        }

    @property
    def compares_checksums(self) -> bool:
        """Whether checksums are compared unasked, since little is copied as it is stored.

        Start-up is most of such a run, and to compare takes less than a fifth of it.
        """
        return self.routes.get("encoded", 0) <= self.compared_bytes

    @property
    def read_amplification(self) -> float:
        """Array bytes read for every byte written; 1 where nothing is read twice."""
        return self.bytes_read / self.bytes_written if self.bytes_written else 1.0

    def to_dict(self) -> dict[str, Any]:
        """The parts of the plan that ``--json`` shows under ``plan``."""
        facts = _as_json(self)
        return {
            "block": facts.pop("block"),
            "workers": self.workers,
            **facts,
            "alignment": self.alignment,
        }


def _as_json(plan: MovePlan | Plan) -> dict[str, Any]:
    return {
        "block": list(plan.block),
        "read_amplification": round(plan.read_amplification, 4),
        "reasons": {route: list(why) for route, why in plan.reasons.items()},
    }

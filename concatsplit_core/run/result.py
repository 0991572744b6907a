"""The result of an operator: what was done, and the plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from concatsplit_core.array.descr import dtype_label, dtype_name
from concatsplit_core.array.geometry import Interval, Shape
from concatsplit_core.array.inference import Cost
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.foundation.sizes import format_size
from concatsplit_core.planning.plan import MovePlan, Plan
from concatsplit_core.planning.task import ROUTES

if TYPE_CHECKING:
    from concatsplit_core.pictures.strip import Run


class Blob(NamedTuple):
    """One input or output of a run.

    Parameters
    ----------
    ref, format : str
    shape : tuple of int
    dtype : numpy.dtype
    interval : Interval
        The blob's place on the axis of the logical array.
    chunks : tuple of int, optional
    codec : str, optional
    description : str
        What follows ``::`` in a reference to a file that does not itself say what it holds.
    is_of_program : bool
        It is an array, or a view, of the calling program, and no reference names it.
    """

    ref: str
    format: str
    shape: Shape
    dtype: np.dtype
    interval: Interval
    chunks: Shape | None = None
    codec: str | None = None
    description: str = ""
    is_of_program: bool = False

    @property
    def dtype_label(self) -> str:
        """The dtype as tables show it."""
        return dtype_label(self.dtype)

    def to_dict(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        return {
            "ref": self.ref,
            "format": self.format,
            "shape": list(self.shape),
            "dtype": dtype_name(self.dtype),
            "start": self.interval.start,
            "stop": self.interval.stop,
        }


class ArrayResult(NamedTuple):
    """What was done to one logical array; after a dry run, what would be done.

    Parameters
    ----------
    axis : int
        The axis of the logical array, not negative.
    inputs, outputs : tuple of Blob
    split_info : tuple of int
        Lengths along the axis: of the inputs of a join, or of the parts of a split.
    cost : Cost
    plan : MovePlan
    stacked : bool
        The inputs do not have the axis: they were stacked.
    unstacked : bool
        The outputs do not have the axis: it was dropped.
    name : str
        The array's name in a data set; empty for a bare array.
    is_carried : bool
        It was copied as it is.
    is_compared : bool
        False if it was copied from the first input, and may differ in the others.
    """

    axis: int
    inputs: tuple[Blob, ...]
    outputs: tuple[Blob, ...]
    split_info: tuple[int, ...]
    cost: Cost
    plan: MovePlan
    stacked: bool = False
    unstacked: bool = False
    name: str = ""
    is_carried: bool = False
    is_compared: bool = True

    @property
    def add_axis(self) -> bool:
        """Whether the inputs, or the outputs, do not have the axis."""
        return self.stacked or self.unstacked

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints of an array."""
        return _facts(self)


class Result(NamedTuple):
    """What an operator did; after a dry run, what it would do.

    Parameters
    ----------
    operator : str
    dry_run : bool
    arrays : tuple of ArrayResult
        One for a bare array; one per array of a data set.
    plan : Plan
    seconds : float, optional
        None after a dry run.
    notes : tuple of str
        Notes for the user, such as on attributes that could not be kept.
    is_unchanged : bool, optional
        With ``if_changed``, whether nothing was done because nothing had changed.
    """

    operator: str
    dry_run: bool
    arrays: tuple[ArrayResult, ...]
    plan: Plan
    seconds: float | None = None
    notes: tuple[str, ...] = ()
    is_unchanged: bool | None = None

    @property
    def axis(self) -> int:
        """The axis of the first array."""
        return self.arrays[0].axis

    @property
    def add_axis(self) -> bool:
        """Whether the axis of the first array is a new one."""
        return self.arrays[0].add_axis

    @property
    def split_info(self) -> tuple[int, ...]:
        """The split_info of the first array."""
        return self.arrays[0].split_info

    @property
    def inputs(self) -> tuple[Blob, ...]:
        """The inputs of all arrays."""
        return tuple(blob for array in self.arrays for blob in array.inputs)

    @property
    def outputs(self) -> tuple[Blob, ...]:
        """The outputs of all arrays."""
        return tuple(blob for array in self.arrays for blob in array.outputs)

    @property
    def cost(self) -> Cost:
        """The cost of all arrays together."""
        costs = [array.cost for array in self.arrays]
        return Cost(*(sum(numbers) for numbers in zip(*costs, strict=True)))

    def to_dict(self, blobs: bool = True) -> dict[str, Any]:
        """The object that ``--json`` prints.

        Parameters
        ----------
        blobs : bool
            With the descriptions of all inputs and outputs, which may be very many.
        """
        facts: dict[str, Any] = {
            "operator": self.operator,
            "dry_run": self.dry_run,
            **_facts(self, blobs),
            "peak_memory_bytes": self.plan.peak_memory_bytes,
            "notes": list(self.notes),
        }
        if self.arrays[0].name:
            facts["arrays"] = {array.name: array.to_dict() for array in self.arrays}
        if self.is_unchanged is not None:
            facts["unchanged"] = self.is_unchanged
        if self.seconds is not None:
            facts["seconds"] = round(self.seconds, 6)
        return facts

    def __repr__(self) -> str:
        parts = [f"{_count(self.inputs, 'input')} to {_shown(self.outputs)}"]
        if self.arrays[0].name:
            parts.append(_count(self.arrays, "array"))
        parts.append(format_size(self.plan.bytes_written))
        if self.dry_run:
            parts.append("dry run")
        if self.notes:
            parts.append(_count(self.notes, "note"))
        return f"<Result of {self.operator}: {', '.join(parts)}>"

    def picture(self) -> str:
        """The plan as a picture: an SVG document, which ``--picture`` writes to a file."""
        from concatsplit_core.pictures.plan_picture import picture_of_plan

        names = [f"{a.name}, carried" if a.is_carried else a.name for a in self.arrays]
        return picture_of_plan(self.plan, self.operator, names)

    def strip(self, width: int = 79, plain: bool = False) -> list[list[Run]]:
        """The plan as a few lines of text, as the command line shows it in a dry run.

        Parameters
        ----------
        width : int
            Characters of a line.
        plain : bool
            Whether to draw with ASCII alone.

        Returns
        -------
        list of list of Run
            For each line its parts; a part is a text and, if it stands for a route, the route.
        """
        from concatsplit_core.pictures.strip import strip_of

        return strip_of([(array.name, array.plan) for array in self.arrays], width, plain)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from concatsplit_core.run.showing import html_picture, html_table

        time = "dry run" if self.seconds is None else f"{self.seconds:.2f} s"
        size = format_size(self.plan.bytes_written)
        taken = ", ".join(f"{route} {format_size(n)}" for route, n in self.plan.routes.items() if n)
        table = html_table(
            f"{self.operator} along axis {self.axis}: {size}, {time}",
            ("array", "", "shape", "dtype", "start", "stop"),
            [
                [_row(blob, role) for blob in blobs]
                for role, blobs in (("input", self.inputs), ("output", self.outputs))
            ],
            [*([f"routes: {taken}"] if taken else []), *self.notes],
        )
        return f"{table}\n{html_picture(self.picture(), f'Plan of {self.operator}')}"


def _count(things: Sequence[object], what: str) -> str:
    return f"{len(things)} {what}{'' if len(things) == 1 else 's'}"


def _shown(blobs: Sequence[Blob]) -> str:
    """The name, shape and dtype of an output; of many the names of the first and the last."""
    from concatsplit_core.array.low_precision import shown_dtype

    if len(blobs) > 1:
        return f"{len(blobs)} outputs {blobs[0].ref!r} to {blobs[-1].ref!r}"
    return f"{blobs[0].ref!r} of shape {blobs[0].shape} and dtype {shown_dtype(blobs[0].dtype)}"


def _row(blob: Blob, role: str) -> tuple[str, ...]:
    from concatsplit_core.array.low_precision import shown_dtype

    shape = " x ".join(map(str, blob.shape)) or "scalar"
    return blob.ref, role, shape, shown_dtype(blob.dtype), *map(str, blob.interval)


def _facts(found: ArrayResult | Result, blobs: bool = True) -> dict[str, Any]:
    """What ``--json`` prints of one array and of a whole run alike."""
    return {
        "axis": found.axis,
        "add_axis": found.add_axis,
        "inputs": [blob.to_dict() for blob in found.inputs if blobs],
        "outputs": [blob.to_dict() for blob in found.outputs if blobs],
        "split_info": list(found.split_info),
        "routes": {route: found.plan.routes.get(route, 0) for route in ROUTES},
        "cost": found.cost._asdict(),
        "bytes_read": found.plan.bytes_read,
        "bytes_written": found.plan.bytes_written,
        "tasks": len(found.plan),
        "plan": found.plan.to_dict(),
    }

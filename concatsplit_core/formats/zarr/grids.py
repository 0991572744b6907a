"""The ``chunk_grid`` of a format 3 array: regular, or rectilinear.

A rectilinear grid lists the lengths of the chunks along an axis, ``[4, 4, 2]`` as
``[[4, 2], 2]``: a length and how often it is repeated, or a length alone. A bare number stands for
an axis whose chunks are all of that length.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

from concatsplit_core.array.geometry import Shape
from concatsplit_core.formats.storage import Grid


def written(unit: Shape, grid: Grid | None) -> dict[str, Any]:
    """The grid of a new array.

    Parameters
    ----------
    unit : tuple of int
        Shape of the chunks, or of the shards.
    grid : Grid, optional
        The lengths of the chunks along one axis, where they differ.
    """
    if grid is None:
        return {"name": "regular", "configuration": {"chunk_shape": list(unit)}}
    lengths: list[Any] = list(unit)
    lengths[grid.axis] = _shortened(grid.lengths)
    configuration = {"kind": "inline", "chunk_shapes": lengths}
    return {"name": "rectilinear", "configuration": configuration}


def _shortened(lengths: Shape) -> list[Any]:
    """The lengths with equal neighbours as pairs, if that is shorter."""
    runs = [(length, sum(1 for _ in run)) for length, run in groupby(lengths)]
    if len(runs) == len(lengths):
        return list(lengths)
    return [length if count == 1 else [length, count] for length, count in runs]


def unit_of(grid: dict[str, Any], shape: Shape) -> Shape:
    """The shape of the largest chunk of a grid whose lengths have been checked.

    Raises
    ------
    LookupError, TypeError, ValueError
        The grid is another one, or does not cover the array.
    """
    settings = grid["configuration"]
    if grid["name"] == "regular":
        return tuple(settings["chunk_shape"])
    if (grid["name"], settings["kind"]) != ("rectilinear", "inline"):
        raise ValueError("another kind of grid")
    axes = zip(settings["chunk_shapes"], shape, strict=True)
    return tuple(_longest(lengths, extent) for lengths, extent in axes)


def _longest(lengths: int | list[int | list[int]], extent: int) -> int:
    """The longest chunk along an axis."""
    if isinstance(lengths, int):
        return lengths
    runs = [(run, 1) if isinstance(run, int) else run for run in lengths]
    if sum(length * count for length, count in runs) < extent:
        raise ValueError("the chunks do not cover the axis")
    return max(length for length, _ in runs)

"""NumPy's indexing rules, for arrays whose elements are not in memory."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from operator import index as whole_number
from typing import Any, NamedTuple

import numpy as np

from concatsplit_core.array.geometry import Shape
from concatsplit_core.foundation.errors import WrongIndex

Picks = range | np.ndarray
"""The indices that are wanted along one axis, without repetition, in rising order."""


class IndexSelection(NamedTuple):
    """What an index asks for.

    Parameters
    ----------
    picks : tuple of range or numpy.ndarray
        Along every axis; the elements at their crossings make up a block.
    final : tuple
        The NumPy index that turns the block into the result.
    """

    picks: tuple[Picks, ...]
    final: tuple[Any, ...]

    @property
    def shape(self) -> Shape:
        """Of the block."""
        return tuple(map(len, self.picks))


def select_elements(key: Any, shape: Shape) -> IndexSelection:
    """What an index asks for of an array of some shape.

    Integers, slices, an ellipsis and `numpy.newaxis` mean what they mean in NumPy; one axis may be
    indexed by an array of integers, or by a 1-D array of booleans.

    Raises
    ------
    WrongIndex
        The index does not fit the shape, or is of another kind.
    """
    items = list(key) if isinstance(key, tuple) else [key]
    kinds = [_kind(item) for item in items]
    if kinds.count("ellipsis") > 1:
        raise WrongIndex("an index can only have a single ellipsis ('...')")
    if kinds.count("array") > 1:
        raise WrongIndex(
            "an index can only have one array; index the result by the other one, or use "
            "numpy.asarray first"
        )
    taken = len(items) - kinds.count("ellipsis") - kinds.count("newaxis")
    if taken > len(shape):
        raise WrongIndex(
            f"too many indices for array: array is {len(shape)}-dimensional, but {taken} were "
            "indexed"
        )
    rest, axis = len(shape) - taken, 0
    picks: list[Picks] = []
    final: list[Any] = []
    for item, kind in zip(items, kinds, strict=True):
        if kind == "newaxis":
            final.append(None)
        elif kind == "ellipsis":
            picks += map(range, shape[axis : axis + rest])
            final.append(...)
            axis += rest
        else:
            chosen, left = _along(item, kind, axis, shape[axis])
            picks.append(chosen)
            final.append(left)
            axis += 1
    picks += map(range, shape[axis:])
    return IndexSelection(tuple(picks), tuple(final))


def _kind(item: Any) -> str:
    if item is None:
        return "newaxis"
    if item is Ellipsis:
        return "ellipsis"
    if isinstance(item, slice):
        return "slice"
    if not isinstance(item, bool | np.bool_ | np.ndarray):
        try:
            whole_number(item)
        except TypeError:
            pass
        else:
            return "integer"
    return "array"


def _along(item: Any, kind: str, axis: int, length: int) -> tuple[Picks, Any]:
    """What is picked along one axis, and the index that is left for the block."""
    if kind == "integer":
        at = whole_number(item)
        if not -length <= at < length:
            raise WrongIndex(
                f"index {at} is out of bounds for axis {axis} with size {length}",
                found=at,
                expected=length,
            )
        return range(at % length, at % length + 1), 0
    if kind == "slice":
        picked = range(*item.indices(length))
        if not picked:
            return range(0), slice(None)
        return (picked, slice(None)) if picked.step > 0 else (picked[::-1], slice(None, None, -1))
    return _among(_as_integers(item, axis, length), axis, length)


def _as_integers(item: Any, axis: int, length: int) -> np.ndarray:
    """An array of indices; booleans say which indices are wanted."""
    array = np.asarray(item)
    if not array.size and not isinstance(item, np.ndarray):
        array = array.astype(np.intp)  # NumPy takes [] for integers too
    if array.dtype.kind == "b" and array.ndim == 1:
        if len(array) != length:
            raise WrongIndex(
                f"boolean index did not match indexed array along axis {axis}; size of axis is "
                f"{length} but size of corresponding boolean axis is {len(array)}"
            )
        return np.flatnonzero(array)
    if array.dtype.kind not in "iu":
        raise WrongIndex(
            "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`), an integer "
            f"array and a 1-D boolean array are indices, and not {type(item).__name__} of "
            f"{array.dtype}"
        )
    return array


def _among(wanted: np.ndarray, axis: int, length: int) -> tuple[Picks, np.ndarray]:
    if wanted.size:
        low, high = int(wanted.min()), int(wanted.max())
        if low < -length or high >= length:
            raise WrongIndex(
                f"index {low if low < -length else high} is out of bounds for axis {axis} with "
                f"size {length}"
            )
    wanted = wanted.astype(np.intp, copy=False)
    picked, places = np.unique(np.where(wanted < 0, wanted + length, wanted), return_inverse=True)
    return picked, places.reshape(wanted.shape)


class PickGroup(NamedTuple):
    """Neighbouring picks that lie in one piece of an axis.

    Parameters
    ----------
    number : int
        Of the piece.
    place : slice
        Where the picks lie in the block.
    picks : range or numpy.ndarray
    """

    number: int
    place: slice
    picks: Picks


def grouped(picks: Picks, edges: Sequence[int]) -> Iterator[PickGroup]:
    """Picks by the pieces of an axis; `edges` are where the pieces end, in rising order."""
    done = 0
    while done < len(picks):
        number = bisect_left(edges, int(picks[done]) + 1)
        end = bisect_left(picks, edges[number], done)
        yield PickGroup(number, slice(done, end), picks[done:end])
        done = end


def shifted(picks: Picks, by: int) -> Picks:
    """The same picks, counted from index `by`."""
    if isinstance(picks, range):
        return range(picks.start - by, picks.stop - by, picks.step)
    return picks - by


def bounds(picks: Picks) -> tuple[int, int]:
    """The first pick, and the index after the last one."""
    return int(picks[0]), int(picks[-1]) + 1


def as_index(picks: Picks, start: int) -> Any:
    """An index for an array that begins at `start` of the axis; a slice where it can be one."""
    if isinstance(picks, range):
        return slice(picks.start - start, picks[-1] + 1 - start, picks.step)
    return picks - start

"""NumPy's indexing rules, for arrays whose elements are not in memory."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from math import prod
from operator import index as whole_number
from typing import Any, NamedTuple

import numpy as np

from concatsplit_core.array.geometry import Shape
from concatsplit_core.foundation.errors import WrongIndex
from concatsplit_core.foundation.given import quoted

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
    size : int
        The number of elements of the result. Several arrays may name a few places whose crossings
        are many: then the block is larger.
    """

    picks: tuple[Picks, ...]
    final: tuple[Any, ...]
    size: int

    @property
    def shape(self) -> Shape:
        """Of the block."""
        return tuple(map(len, self.picks))


def select_elements(key: Any, shape: Shape) -> IndexSelection:
    """What an index asks for of an array of some shape.

    Integers, slices, an ellipsis, `numpy.newaxis`, arrays of integers and masks mean what they mean
    in NumPy.

    Raises
    ------
    WrongIndex
        The index does not fit the shape, or is of another kind.
    """
    items = [_given(item) for item in (key if isinstance(key, tuple) else (key,))]
    rest = _axes_left(items, shape)
    picks: list[Picks] = []
    final: list[Any] = []
    lengths: list[int] = []
    arrays: list[np.ndarray] = []
    for item, kind in items:
        axis = len(picks)
        if kind == "newaxis":
            final.append(None)
        elif kind == "ellipsis":
            picks += map(range, shape[axis : axis + rest])
            final.append(...)
        elif kind == "array":
            for number, wanted in enumerate(_as_integers(item, axis, shape), axis):
                picked, places = _among(wanted, number, shape[number])
                picks.append(picked)
                final.append(places)
                arrays.append(places)
        else:
            picked_range, left = _along(item, kind, axis, shape[axis])
            picks.append(picked_range)
            final.append(left)
        if kind in {"ellipsis", "slice"}:
            lengths += map(len, picks[axis:])
    lengths += shape[len(picks) :]
    picks += map(range, shape[len(picks) :])
    return IndexSelection(tuple(picks), tuple(final), prod(lengths) * _points(arrays))


def _given(item: Any) -> tuple[Any, str]:
    """An item of an index, and its kind; a list is an array."""
    kind = _kind(item)
    if kind != "array":
        return item, kind
    array = np.asarray(item)
    if not array.size and not isinstance(item, np.ndarray):
        array = array.astype(np.intp)  # NumPy takes [] for integers too
    if array.dtype.kind not in "biu":
        what = f"{quoted(item)} of {array.dtype}" if array.ndim else quoted(item)
        raise WrongIndex(
            "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and arrays of "
            f"integers or booleans are indices; found {what}"
        )
    if array.dtype.kind == "b" and not array.ndim:
        raise WrongIndex(
            f"{array} alone is no index of a view; numpy.newaxis adds an axis, and a mask is an "
            "array"
        )
    return array, kind


def _axes_left(items: Sequence[tuple[Any, str]], shape: Shape) -> int:
    """How many axes an ellipsis stands for."""
    kinds = [kind for _, kind in items]
    if kinds.count("ellipsis") > 1:
        raise WrongIndex("an index can only have a single ellipsis ('...')")
    taken = len(items) - kinds.count("ellipsis") - kinds.count("newaxis")
    masks = [item for item, kind in items if kind == "array" and item.dtype == bool]
    taken += sum(mask.ndim - 1 for mask in masks)
    if taken > len(shape):
        raise WrongIndex(
            f"too many indices for array: array is {len(shape)}-dimensional, but {taken} were "
            "indexed"
        )
    return int(len(shape) - taken)


def _points(arrays: Sequence[np.ndarray]) -> int:
    """How many places arrays name together, as NumPy broadcasts them."""
    try:
        shape: Shape = np.broadcast_shapes(*(array.shape for array in arrays))
    except ValueError:
        shapes = " ".join(str(array.shape) for array in arrays)
        raise WrongIndex(
            f"shape mismatch: indexing arrays could not be broadcast together with shapes {shapes}"
        ) from None
    return prod(shape)


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


def _along(item: Any, kind: str, axis: int, length: int) -> tuple[range, Any]:
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
    picked = range(*item.indices(length))
    if not picked:
        return range(0), slice(None)
    return (picked, slice(None)) if picked.step > 0 else (picked[::-1], slice(None, None, -1))


def _as_integers(array: np.ndarray, axis: int, shape: Shape) -> tuple[np.ndarray, ...]:
    """Arrays of indices; a mask names those of each of its axes."""
    if array.dtype != bool:
        return (array,)
    for number, length in enumerate(array.shape, axis):
        if length != shape[number]:
            raise WrongIndex(
                f"boolean index did not match indexed array along axis {number}; size of axis is "
                f"{shape[number]} but size of corresponding boolean axis is {length}"
            )
    return array.nonzero()


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


def crossings(picks: Sequence[Picks], start: Sequence[int]) -> tuple[Any, ...]:
    """The NumPy index of the elements where the picks of all axes cross.

    Parameters
    ----------
    picks : sequence of range or numpy.ndarray
        Along every axis.
    start : sequence of int
        Where the indexed array begins along every axis.
    """
    if sum(isinstance(picked, np.ndarray) for picked in picks) > 1:
        return np.ix_(*(np.asarray(picked) - at for picked, at in zip(picks, start, strict=True)))
    return (*map(_as_index, picks, start), ...)


def _as_index(picks: Picks, start: int) -> Any:
    """An index for an array that begins at `start` of the axis; a slice where it can be one."""
    if isinstance(picks, range):
        return slice(picks.start - start, picks[-1] + 1 - start, picks.step)
    return picks - start

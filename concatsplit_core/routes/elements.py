"""Copying one strided array into another at memory speed, or with a cast."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from concatsplit_core.foundation.errors import DtypeMismatch

_WIDE = tuple(map(np.dtype, ("c16", "u8", "u4", "u2", "u1")))

_SHORT = 24
"""Bytes of the longest run that is copied faster as a few columns of items than item by item."""


def copy_elements(target: np.ndarray, source: np.ndarray) -> None:
    """Copy ``source`` into ``target``, both of one shape.

    Arrays of one dtype are copied as bytes, so that NaN payloads, negative zeros and the padding
    of structured items survive; others are cast, which the caller has found to be allowed.

    Raises
    ------
    DtypeMismatch
        A value has no counterpart in the target's dtype.
    """
    if not target.size:
        return
    if source.dtype != target.dtype:
        _cast(target, source)
    elif source.dtype.kind == "T" or not source.dtype.itemsize:
        target[...] = source
    elif source.flags.c_contiguous and target.flags.c_contiguous:
        np.copyto(target.reshape(-1).view("u1"), source.reshape(-1).view("u1"))
    else:
        for to, here in _as_items(target, source):
            np.copyto(to, here)


def _cast(target: np.ndarray, source: np.ndarray) -> None:
    """Convert every element; dtypes that can be cast may still hold a value that cannot."""
    source, target = _as_numbers(source), _as_numbers(target)
    if source.dtype.kind == "c" and target.dtype.names is not None:
        for name in target.dtype.names:
            _cast(target[name], source)
        return
    if source.dtype.kind == "c" and target.dtype.kind in "biufmM":
        source = source.real  # as the cast does, but without a warning
    if target.dtype.kind == "T" and not source.dtype.isnative:  # NumPy 2.5.0 reads it as native
        source = source.astype(source.dtype.newbyteorder("="))
    try:
        with np.errstate(all="ignore"):
            np.copyto(target, source, casting="unsafe")
    except (ValueError, TypeError, OverflowError, RuntimeError) as error:
        raise DtypeMismatch(
            f"a value of {source.dtype} cannot be cast to {target.dtype}: {error}; give another "
            "--dtype",
            found=source.dtype,
            expected=target.dtype,
        ) from error


def _as_numbers(array: np.ndarray) -> np.ndarray:
    """The same elements in a dtype that NumPy calculates with."""
    if array.dtype.names is None:
        return array
    from concatsplit_core.array.low_precision import numbers_of

    return array.view(numbers_of(array.dtype))


def _as_items(target: np.ndarray, source: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Views of both as the widest plain items that make up their common run of bytes.

    NumPy copies plain items of 1 to 16 bytes at memory speed, short odd runs several times
    slower: the run that both arrays share is seen as one item, or as few wide ones.
    """
    run = source.dtype.itemsize
    axes = [d for d in range(source.ndim) if source.shape[d] != 1]
    axes.sort(key=lambda d: -abs(target.strides[d]))
    while axes and target.strides[axes[-1]] == source.strides[axes[-1]] == run:
        run *= source.shape[axes.pop()]
    shape = tuple(source.shape[d] for d in axes)
    to = tuple(target.strides[d] for d in axes)
    here = tuple(source.strides[d] for d in axes)
    for offset, item, count in _columns(run):
        yield (
            _seen_as(target, offset, item, (*shape, count), (*to, item.itemsize)),
            _seen_as(source, offset, item, (*shape, count), (*here, item.itemsize)),
        )


def _columns(run: int) -> Iterator[tuple[int, np.dtype, int]]:
    """Offset, item and number of items that make up a run."""
    if run > _SHORT:
        item = next(w for w in _WIDE if run % w.itemsize == 0)
        yield 0, item, run // item.itemsize
        return
    offset = 0
    for item in _WIDE:
        while run - offset >= item.itemsize:
            yield offset, item, 1
            offset += item.itemsize


class _Memory:
    """A strided view of an array's memory, for NumPy to take up."""

    def __init__(
        self,
        array: np.ndarray,
        offset: int,
        item: np.dtype,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
    ) -> None:
        self._array = array
        address, read_only = array.__array_interface__["data"]
        self.__array_interface__ = {
            "version": 3,
            "data": (address + offset, read_only),
            "typestr": item.str,
            "shape": shape,
            "strides": strides,
        }


def _seen_as(
    array: np.ndarray,
    offset: int,
    item: np.dtype,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
) -> np.ndarray:
    """The same memory seen as other items, from an offset behind its first element on."""
    return np.asarray(_Memory(array, offset, item, shape, strides))

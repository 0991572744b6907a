"""What an output takes over from its inputs: layout, codec, fill value, meaning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from concatsplit_core.array.geometry import Shape
from concatsplit_core.array.layouts import Contiguous
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.array.tiling import Tiling
from concatsplit_core.endpoints.job import Move
from concatsplit_core.formats.sources import Source
from concatsplit_core.formats.storage import Storage, agreed_codec
from concatsplit_core.foundation.records import replace
from concatsplit_core.meaning.dimensions import with_new_axis, without_axis


def inherit(move: Move) -> tuple[Storage, ArraySpec | None, Shape | None]:
    """What the inputs agree on; those without metadata, such as .npy, count only if all are so.

    Returns
    -------
    storage : Storage
        Without what they disagree on.
    like : ArraySpec or None
        Their layout with the targets' axes, None where it differs.
    hint : tuple of int or None
        Chunks of the largest chunked input, for an output whose inputs disagree.
    """
    axis, targets = move.target_tiling.axis, move.target_tiling
    numbers = range(len(move.sources))
    say = [i for i in numbers if not move.sources[i].storage.meaning.is_bare] or list(numbers)
    speaking = [move.sources[i] for i in say]
    storages = [source.storage for source in speaking]
    kept = not any(move.conversions)
    same_items = kept and all(s.spec.dtype == move.dtype for s in speaking)
    are_numbers = all(d.names is None for d in (move.dtype, *(s.spec.dtype for s in speaking)))
    has_fill = same_items or (kept and are_numbers)  # raw items of BF16 are not cast as numbers are
    same_form = same_items and not move.source_tiling.new_axis and not targets.new_axis
    storage = Storage(
        codec=agreed_codec(storages),
        native=_agreed([s.native for s in storages]) if same_form else None,
        fill_value=_agreed([s.fill_value for s in storages], _bytes_of) if has_fill else None,
        meaning=_with_axes(move),
        dialects=frozenset(source.storage.dialect for source in speaking),
        maxshape=_room_to_grow(move, storages[0].maxshape),
        key_encoding=_agreed([s.key_encoding for s in storages]),
        own=_own_attributes(storages, same_items),
        item_shape=_item_shape(speaking, axis, move.source_tiling.view(0).ndim),
        aligned=same_form and _are_aligned(move.source_tiling, targets),
    )
    views = [_on_target(move.source_tiling.view(i), axis, targets.new_axis) for i in say]
    return storage, _agreed_layout(views), _largest_chunks(views)


def _are_aligned(sources: Tiling, targets: Tiling) -> bool:
    """Whether every joint and cut is between two chunks, or at the end of the array."""
    chunks = sources.segments[0].spec.chunks
    if not chunks or any(segment.spec.chunks != chunks for segment in sources.segments):
        return False
    step, total = chunks[sources.axis], sources.segments[-1].interval.stop
    return all(
        edge % step == 0 or edge == total
        for segment in (*sources.segments, *targets.segments)
        for edge in segment.interval
    )


def _item_shape(sources: Sequence[Source], axis: int, ndim: int) -> Shape:
    """The axes inside an item that all inputs agree on; none if the joined axis is one of them."""
    shape: Shape = _agreed([s.storage.item_shape for s in sources]) or ()
    return shape if axis < ndim - len(shape) else ()


def _agreed(values: Sequence[Any], key: Callable[[Any], Any] = lambda value: value) -> Any:
    wanted = key(values[0])
    return values[0] if all(key(value) == wanted for value in values) else None


def _bytes_of(value: Any) -> Any:
    return None if value is None else np.asarray(value).tobytes()


def _own_attributes(storages: Sequence[Storage], same_items: bool) -> dict[str, Any]:
    """The first input's attributes as stored, and the type of the items if all inputs have it."""
    own = dict(storages[0].own)
    if not same_items or any(s.own.get("type") != own.get("type") for s in storages):
        own.pop("type", None)
    return own


def _with_axes(move: Move) -> Any:
    """The meaning of the outputs, with the names of their own axes."""
    names, axis = move.meaning.dims, move.target_tiling.axis
    if move.source_tiling.new_axis:
        names = with_new_axis(names, axis)
    if move.target_tiling.new_axis:
        names = without_axis(names, axis)
    return replace(move.meaning, dims=names)


def _room_to_grow(
    move: Move, maxshape: tuple[int | None, ...] | None
) -> tuple[int | None, ...] | None:
    """How long the axes of the outputs may grow; 0 for an axis that may not grow."""
    axis = move.target_tiling.axis
    if maxshape is None:
        return None
    if move.source_tiling.new_axis:
        maxshape = (*maxshape[:axis], 0, *maxshape[axis:])
    elif maxshape[axis] is not None:
        maxshape = (*maxshape[:axis], 0, *maxshape[axis + 1 :])
    if move.target_tiling.new_axis:
        maxshape = maxshape[:axis] + maxshape[axis + 1 :]
    return maxshape


def _on_target(view: ArraySpec, axis: int, dropped: bool) -> ArraySpec:
    return view.without_axis(axis) if dropped else view


def _agreed_layout(views: Sequence[ArraySpec]) -> ArraySpec | None:
    first = views[0]
    if all(view.chunks is None for view in views):
        fortran = all(view.order == "F" for view in views if view.ndim > 1)
        return replace(first, layout=Contiguous("F" if fortran and first.ndim > 1 else "C"))
    agree = all((v.chunks, v.shards) == (first.chunks, first.shards) for v in views)
    return first if agree else None


def _largest_chunks(views: Sequence[ArraySpec]) -> Shape | None:
    chunked = [view for view in views if view.chunks]
    return max(chunked, key=lambda view: view.size).chunks if chunked else None

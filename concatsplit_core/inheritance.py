"""What an output takes over from its inputs: layout, codec, fill value, attributes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from concatsplit_core.formats.base import Source, Storage
from concatsplit_core.geometry import Shape, drop
from concatsplit_core.spec import ArraySpec, Tiling


def inherit(
    sources: Sequence[Source], source_tiling: Tiling, target_tiling: Tiling, dtype: np.dtype
) -> tuple[Storage, ArraySpec | None, Shape | None]:
    """What the inputs agree on.

    Returns
    -------
    storage : Storage
        Without what they disagree on; attributes and dimension names are the first input's.
    like : ArraySpec or None
        Their layout with the targets' axes, None where it differs.
    hint : tuple of int or None
        Chunks of the largest chunked input, for an output whose inputs disagree.
    """
    first = sources[0].storage
    axis = target_tiling.axis
    same_form = (
        all(s.spec.dtype == dtype for s in sources)
        and not source_tiling.new_axis
        and not target_tiling.new_axis
    )
    dialects = {s.storage.dialect for s in sources if s.format == "zarr"}
    if all(s.format == "hdf5" for s in sources):
        dialects = {"hdf5"}
    storage = Storage(
        codec=_agreed([s.storage.codec for s in sources]),
        native=_agreed([s.storage.native for s in sources]) if same_form else None,
        fill_value=_agreed([s.storage.fill_value for s in sources], _bytes_of),
        attrs=first.attrs,
        dimension_names=_renamed(first.dimension_names, axis, source_tiling, target_tiling),
        dialect=dialects.pop() if len(dialects) == 1 else "",
        item_shape=_item_shape(sources, axis, source_tiling.view(0).ndim),
        aligned=same_form and _are_aligned(source_tiling, target_tiling),
    )
    views = [
        _on_target(source_tiling.view(i), axis, target_tiling.new_axis) for i in range(len(sources))
    ]
    return storage, _agreed_layout(views), _largest_chunks(views)


def _are_aligned(sources: Tiling, targets: Tiling) -> bool:
    """Whether arrays are joined and cut between chunks only, the last of which may be short."""
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
    """What the inputs agree lies inside an item, where the axis that is worked along does not."""
    shape: Shape = _agreed([s.storage.item_shape for s in sources]) or ()
    return shape if axis < ndim - len(shape) else ()


def _agreed(values: Sequence[Any], key: Callable[[Any], Any] = lambda value: value) -> Any:
    wanted = key(values[0])
    return values[0] if all(key(value) == wanted for value in values) else None


def _bytes_of(value: Any) -> Any:
    return None if value is None else np.asarray(value).tobytes()


def _renamed(
    names: tuple[str | None, ...] | None, axis: int, sources: Tiling, targets: Tiling
) -> tuple[str | None, ...] | None:
    if names is None:
        return None
    if sources.new_axis:
        names = (*names[:axis], None, *names[axis:])
    return names[:axis] + names[axis + 1 :] if targets.new_axis else names


def _on_target(view: ArraySpec, axis: int, dropped: bool) -> ArraySpec:
    if not dropped:
        return view
    return replace(
        view,
        shape=drop(view.shape, axis),
        chunks=None if view.chunks is None else drop(view.chunks, axis),
        shards=None if view.shards is None else drop(view.shards, axis),
    )


def _agreed_layout(views: Sequence[ArraySpec]) -> ArraySpec | None:
    first = views[0]
    if all(view.chunks is None for view in views):
        fortran = all(view.order == "F" for view in views if view.ndim > 1)
        return replace(first, order="F" if fortran and first.ndim > 1 else "C", contiguous=True)
    agree = all((v.chunks, v.shards) == (first.chunks, first.shards) for v in views)
    return first if agree else None


def _largest_chunks(views: Sequence[ArraySpec]) -> Shape | None:
    chunked = [view for view in views if view.chunks]
    return max(chunked, key=lambda view: view.size).chunks if chunked else None

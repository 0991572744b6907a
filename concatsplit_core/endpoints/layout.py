"""How outputs are laid out: chunks, codecs, and the regions of rectilinear grids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from concatsplit_core.array.geometry import with_length
from concatsplit_core.array.layouts import Chunked
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.array.tiling import Segment, Tiling
from concatsplit_core.endpoints.inheritance import inherit
from concatsplit_core.endpoints.job import Move
from concatsplit_core.endpoints.places import Place
from concatsplit_core.formats.base import OutputFormat
from concatsplit_core.formats.storage import Grid, Storage, Wish
from concatsplit_core.foundation.errors import UnsupportedDtype, UsageError
from concatsplit_core.foundation.records import NamedTuple, replace

if TYPE_CHECKING:
    from concatsplit_core.array.regions import Region


class Origin(NamedTuple):
    """Where a planned segment starts in its output.

    Parameters
    ----------
    output : int
        Number of the output.
    element, chunk : int
        Its first element and its first chunk along the axis.
    """

    output: int
    element: int
    chunk: int


class Outputs(NamedTuple):
    """The outputs of one move as they will be, and as the planner sees them.

    Parameters
    ----------
    places : sequence of Place
        One an output.
    tiling : Tiling
        One segment an output.
    storages : list of Storage
        One an output.
    planned : Tiling
        One segment an output, or a region of it where its grid is rectilinear.
    origins : list of Origin
        One a planned segment.
    """

    places: Sequence[Place]
    tiling: Tiling
    storages: list[Storage]
    planned: Tiling
    origins: list[Origin]


def lay_out(move: Move, places: Sequence[Place], wish: Wish) -> Outputs:
    """Give every output its layout: as asked for, else as the inputs have it, else a sane one."""
    storage, like, hint = inherit(move)
    wish = replace(Wish(zarr_format=wish.zarr_format) if move.is_carried else wish, hint=hint)
    outputs: list[Segment] = []
    storages: list[Storage] = []
    planned: list[Segment] = []
    origins: list[Origin] = []
    before: tuple[ArraySpec, OutputFormat, Wish] | tuple[None, None, None] = (None, None, None)
    texts = max((s.spec.string_bytes or 0 for s in move.sources), default=0) or None
    for number, ((interval, asked), place) in enumerate(
        zip(move.target_tiling.segments, places, strict=True)
    ):
        form = place.format
        narrowed = form.narrowed(wish, place.container, place.base)
        if asked is not before[0] or form is not before[1] or narrowed is not before[2]:
            _refuse_other_wishes(place, asked, wish)
            wanted = replace(asked, string_bytes=texts)
            made = _laid_out(place, wanted, storage, narrowed, like)
            before = asked, form, narrowed  # most parts are alike
        spec, kept = made
        segment = Segment(interval, spec)
        regions = _regions(move, segment) if wish.rectilinear else []
        if regions:
            lengths = tuple(r.chunk for r in regions for _ in range(r.interval.length // r.chunk))
            kept = replace(kept, grid=Grid(move.target_tiling.axis, lengths))
        outputs.append(segment)
        storages.append(kept)
        if not regions:
            planned.append(segment)
            origins.append(Origin(number, 0, 0))
        chunk = 0
        for region in regions:
            planned.append(Segment(region.interval, _region_spec(move, spec, region)))
            start = region.interval.start - interval.start
            origins.append(Origin(number, start, chunk))
            chunk += region.interval.length // region.chunk
    tiling = move.target_tiling
    return Outputs(
        places,
        tiling._replace(segments=tuple(outputs)),
        storages,
        tiling._replace(segments=tuple(planned)),
        origins,
    )


def _laid_out(
    place: Place, spec: ArraySpec, storage: Storage, wish: Wish, like: ArraySpec | None
) -> tuple[ArraySpec, Storage]:
    """One output, laid out by its format; its name is in the error of what it cannot have."""
    try:
        return place.format.layout(spec, storage, wish, like)
    except UsageError as error:
        if not place.is_new_container:  # the request names one array only
            raise
        raise type(error)(f"output {place.ref}: {error.message}", ref=place.ref) from error
    except UnsupportedDtype as error:
        if place.ref in error.message:
            raise
        raise UnsupportedDtype(
            f"output {place.ref}: {error.message}", ref=place.ref, found=spec.dtype
        ) from error


def aligned(outputs: Outputs, alignment: Mapping[int, int]) -> Outputs:
    """Outputs that start in their files where file systems can share blocks with the inputs.

    XFS and btrfs share whole blocks between files, which takes no time and no room, where both
    offsets agree modulo the block size::

        input    | header |###|####|####|####|#|
        blocks   |    |    |    |    |    |    |
        output   | hdr + padding  |#|####|####|####|###|

    Parameters
    ----------
    outputs : Outputs
    alignment : mapping
        By the number of a planned segment, its offset modulo the block size, as planned.
    """
    storages = list(outputs.storages)
    for segment, offset in alignment.items():
        output = outputs.origins[segment].output
        storages[output] = replace(storages[output], offset_modulo_block=offset)
    return outputs._replace(storages=storages)


def _refuse_other_wishes(place: Place, spec: ArraySpec, wish: Wish) -> None:
    """Refuse what the format of an output cannot have."""
    if wish.rectilinear and not place.format.is_rectilinear:
        raise UsageError(f"--grid rectilinear: output {place.ref} is not Zarr of format 3")
    if wish.shards not in {None, "none"} and not place.format.is_rectilinear:
        raise UsageError(f"--shards: output {place.ref} is not Zarr, which alone has shards")
    most = place.format.most_axes
    if spec.ndim > most:
        raise UsageError(
            f"output {place.ref}: has {spec.ndim} axes, and {place.format.name} holds {most} at "
            "most; join along an axis that is there, or write to another format",
            found=spec.ndim,
            expected=most,
        )


def _regions(move: Move, segment: Segment) -> list[Region]:
    """The regions of an output; none if a regular grid keeps all chunks as well."""
    tiling = move.target_tiling
    if tiling.new_axis or segment.spec.chunks is None:
        return []
    from concatsplit_core.array.regions import is_regular, regions_of

    usual = segment.spec.chunks[tiling.axis]
    regions = regions_of(segment.interval, usual, move.source_tiling)
    return [] if is_regular(regions) else regions


def _region_spec(move: Move, spec: ArraySpec, region: Region) -> ArraySpec:
    axis = move.target_tiling.axis
    if not isinstance(spec.layout, Chunked):
        return spec
    shape = with_length(spec.shape, axis, region.interval.length)
    chunks = with_length(spec.layout.chunks, axis, region.chunk)
    return replace(spec, shape=shape, layout=spec.layout._replace(chunks=chunks))

"""What new containers hold beside the arrays of a data set: groups, and attributes about images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from concatsplit_core.endpoints.job import Move
from concatsplit_core.endpoints.references import MemberOf
from concatsplit_core.formats.structure import GroupInfo, Structure, agreed_structure
from concatsplit_core.foundation.records import NamedTuple, replace
from concatsplit_core.meaning import multiscales
from concatsplit_core.run.options import Options

_LEFT_OUT = "multiscales is left out: "


class _Image(NamedTuple):
    """A group that describes images, if some of their levels are written.

    Parameters
    ----------
    group : str
    attrs : dict
        Those of the group, made to fit the joined images; empty if none of them fits.
    level : Move, optional
        The move of one of the levels, which stands for all; None if they are carried.
    """

    group: str
    attrs: dict[str, Any]
    level: Move | None = None


def structures_of(
    structures: Sequence[Structure], moves: Mapping[str, Move], options: Options
) -> dict[str, Structure]:
    """What each new container holds beside its arrays, by the container's name.

    Parameters
    ----------
    structures : sequence of Structure
        Of the containers that are read, in the order of the sources; empty where there are none.
    moves : mapping of str to Move
        Of the arrays that are written, by their names.
    options : Options

    Raises
    ------
    MeaningMismatch
        Images are joined whose pixels have different sizes or positions.
    """
    if not structures:
        return {}
    whole = agreed_structure(structures, options.attrs)
    images: list[_Image] = []
    notes = list(whole.notes)
    for group in whole.groups:
        found = [structure.groups.get(group, GroupInfo()).attrs for structure in structures]
        levels = _levels(found[0], group, moves)
        if levels is not None:
            image, why = _image(group, found, levels, options)
            images.append(image)
            notes += [f"group '/{group}': {note}" for note in why]
    whole = replace(whole, notes=tuple(notes))
    return {
        output.container: _part(whole, images, number)
        for number, output in enumerate(next(iter(moves.values())).outputs)
        if isinstance(output, MemberOf)
    }


def _levels(
    attrs: Mapping[str, Any], group: str, moves: Mapping[str, Move]
) -> dict[str, Move] | None:
    """The levels of a group's images that are written, by their paths; None without images."""
    levels = multiscales.levels_of(attrs)
    names = {path: f"{group}/{path}".removeprefix("/") for path in levels}
    written = {path: moves[name] for path, name in names.items() if name in moves}
    fits = all(move.sources[0].spec.ndim == levels[path] for path, move in written.items())
    return written if levels and fits else None


def _image(
    group: str,
    found: Sequence[Mapping[str, Any]],
    levels: Mapping[str, Move],
    options: Options,
) -> tuple[_Image, list[str]]:
    """A group's images, joined; and notes on what is left out."""
    here = [multiscales.with_levels(attrs, list(levels)) for attrs in found]
    cut = [move for move in levels.values() if not move.is_carried]
    if not cut:
        return _Image(group, here[0] if levels else {}), []
    level = cut[0]
    axis = level.source_tiling.axis
    if len(cut) < len(levels) or any(move.source_tiling.axis != axis for move in cut):
        return _Image(group, {}), [f"{_LEFT_OUT}not all levels have the same axis"]
    if level.source_tiling.new_axis:
        return _Image(group, {}), [f"{_LEFT_OUT}the new axis has no name"]
    if options.conflicts != "first":
        for number, other in enumerate(here[1:], 1):
            multiscales.refuse_other_images(
                here[0], other, axis, f"input {number}, group '/{group}'"
            )
    lengths = [segment.interval.length for segment in level.source_tiling.segments]
    attrs, notes = multiscales.joined_channels(here, axis, lengths)
    return _Image(group, attrs, level), notes


def _part(whole: Structure, images: Sequence[_Image], number: int) -> Structure:
    """The structure of one container."""
    groups = dict(whole.groups)
    for image in images:
        attrs, info = image.attrs, groups[image.group]
        if image.level is not None:
            tiling = image.level.target_tiling
            interval = tiling.segments[number].interval
            attrs = multiscales.cut_images(
                attrs, tiling.axis, interval.start, interval.stop, tiling.new_axis
            )
        found = multiscales.image_attributes(info.attrs)
        others = {name: value for name, value in info.attrs.items() if name not in found}
        attrs = {**others, **multiscales.image_attributes(attrs)}
        groups[image.group] = replace(info, attrs=attrs)
    return replace(whole, groups=groups)

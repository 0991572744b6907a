"""What OME-Zarr says about an image with several levels: its axes, pixel sizes and channels.

The rules are those of OME-NGFF 0.4 and 0.5. The attributes of a group, in 0.5 those under ``ome``,
hold ``multiscales``: the names of the axes and, for every level, how indices become positions.
``omero`` says how each channel is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from concatsplit_core.foundation.errors import MeaningMismatch
from concatsplit_core.meaning.dimensions import Names
from concatsplit_core.meaning.hints import KEEP_FIRST
from concatsplit_core.meaning.model import same, shown

Attrs = Mapping[str, Any]

_CHANNEL = "c"
_MEASURED = ("space", "time")
"""Types of the axes on which an index has a position in units."""


def names_in_multiscales(attrs: Any, path: str) -> Names | None:
    """The names of an image's axes, which OME-NGFF keeps in the group above it.

    Parameters
    ----------
    attrs : mapping
        Of the group.
    path : str
        Of the array, from the group.
    """
    for image in _described(attrs):
        axes, levels = image.get("axes"), image.get("datasets")
        if not isinstance(axes, list) or not isinstance(levels, list):
            continue
        if any(isinstance(level, Mapping) and level.get("path") == path for level in levels):
            names = [axis.get("name") if isinstance(axis, Mapping) else axis for axis in axes]
            return tuple(names) if all(isinstance(name, str) for name in names) else None
    return None


def levels_of(attrs: Attrs) -> dict[str, int]:
    """The paths of all levels from the group, and their numbers of axes; empty without images."""
    return {
        level["path"]: len(image["axes"]) for image in _images(attrs) for level in image["datasets"]
    }


def image_attributes(attrs: Attrs) -> dict[str, Any]:
    """Those attributes that describe the images."""
    holder = _holder(attrs)
    names = ("multiscales", "omero") if holder is attrs else ("ome",)
    return {name: attrs[name] for name in names if name in attrs}


def with_levels(attrs: Attrs, paths: Sequence[str]) -> dict[str, Any]:
    """The attributes without the levels that are not among some paths."""
    changed = deepcopy(dict(attrs))
    for image in _images(changed):
        image["datasets"] = [level for level in image["datasets"] if level["path"] in paths]
    holder = _holder(changed)
    if isinstance(holder.get("multiscales"), list):
        holder["multiscales"] = [image for image in _described(changed) if image.get("datasets")]
    return changed


def refuse_other_images(one: Attrs, other: Attrs, axis: int, where: str) -> None:
    """Refuse images whose indices stand for other positions than those of the first input.

    Parameters
    ----------
    one, other : mapping
        Attributes of the group in two inputs.
    axis : int
        The axis that is joined: on it, positions may differ.
    where : str
        What the message calls the second group.

    Raises
    ------
    MeaningMismatch
        The axes, or the factors from indices to positions, differ.
    """
    for name, here, there in zip(
        ("axes", "pixel sizes"), _facts(one, axis), _facts(other, axis), strict=True
    ):
        if not same(here, there):
            raise MeaningMismatch(
                f"{where}: {name} {shown(there)} differ from {shown(here)} of input 0{KEEP_FIRST}",
                found=there,
                expected=here,
            )


def joined_channels(
    all_attrs: Sequence[Attrs], axis: int, lengths: Sequence[int]
) -> tuple[dict[str, Any], list[str]]:
    """The first input's attributes, with the channels of all inputs where channels are joined.

    Parameters
    ----------
    all_attrs : sequence of mapping
        Of the group, one an input.
    axis : int
        The axis that is joined.
    lengths : sequence of int
        Of the inputs along it.

    Returns
    -------
    dict
    list of str
        Notes on what had to be left out.
    """
    changed = deepcopy(dict(all_attrs[0]))
    if not _has_channels(changed, axis):
        return changed, []
    found = [_channels(attrs) for attrs in all_attrs]
    if all(channels is None for channels in found):
        return changed, []
    if [len(channels or ()) for channels in found] == list(lengths):
        _holder(changed)["omero"]["channels"] = [c for channels in found for c in channels or ()]
        return changed, []
    _holder(changed).pop("omero", None)
    return changed, ["omero is left out: it does not list every channel of every input"]


def cut_images(
    attrs: Attrs, axis: int, start: int, stop: int, is_dropped: bool = False
) -> dict[str, Any]:
    """The attributes of a part: its channels, and the position of its first index.

    Parameters
    ----------
    attrs : mapping
        Of the group of the joined image.
    axis : int
        The axis that is cut.
    start, stop : int
        The interval of the part.
    is_dropped : bool
        The part does not have the axis.
    """
    changed = deepcopy(dict(attrs))
    channels = _channels(changed)
    if channels is not None and _has_channels(changed, axis):
        _holder(changed)["omero"]["channels"] = channels[start:stop]
    for image in _images(changed):
        if start and image["axes"][axis].get("type") in _MEASURED:
            for level in image["datasets"]:
                _move(level["coordinateTransformations"], axis, start)
        if is_dropped:
            _drop(image, axis)
    return changed


def _holder(attrs: Attrs) -> Any:
    """The mapping that holds `multiscales`: the attributes themselves, or their `ome`."""
    inner = attrs.get("ome")
    return inner if isinstance(inner, Mapping) and "multiscales" in inner else attrs


def _described(attrs: Any) -> list[Any]:
    """The entries of `multiscales` that can describe an image."""
    found = _holder(attrs).get("multiscales") if isinstance(attrs, Mapping) else None
    return [i for i in found if isinstance(i, Mapping)] if isinstance(found, list) else []


def _images(attrs: Any) -> Iterator[Any]:
    """The images that are described as OME-NGFF 0.4 and 0.5 say."""
    yield from filter(_is_image, _described(attrs))


def _is_image(image: Mapping[str, Any]) -> bool:
    axes, levels = image.get("axes"), image.get("datasets")
    if not (isinstance(axes, list) and isinstance(levels, list)):
        return False
    return all(isinstance(axis, Mapping) and _is_text(axis.get("name")) for axis in axes) and all(
        isinstance(level, Mapping)
        and _is_text(level.get("path"))
        and _are_steps(level.get("coordinateTransformations"), len(axes))
        for level in levels
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _are_steps(steps: Any, ndim: int) -> bool:
    """Whether steps are a scale and perhaps a translation, of so many axes."""
    if not isinstance(steps, list) or not all(isinstance(step, Mapping) for step in steps):
        return False
    kinds = [step.get("type") for step in steps]
    return kinds in (["scale"], ["scale", "translation"]) and all(
        isinstance(numbers := step.get(step["type"]), list)
        and len(numbers) == ndim
        and all(isinstance(number, int | float) for number in numbers)
        for step in steps
    )


def _channels(attrs: Attrs) -> list[Any] | None:
    omero = _holder(attrs).get("omero")
    found = omero.get("channels") if isinstance(omero, Mapping) else None
    return found if isinstance(found, list) else None


def _has_channels(attrs: Attrs, axis: int) -> bool:
    """Whether an axis of the first image is that of channels."""
    image = next(_images(attrs), None)
    return image is not None and bool(image["axes"][axis]["name"] == _CHANNEL)


def _facts(attrs: Attrs, axis: int) -> tuple[Any, Any]:
    """What must be equal in all inputs: the axes, and how each level turns indices into positions.

    On the axis that is joined, inputs begin at different positions.
    """
    images = list(_images(attrs))
    levels = [level for image in images for level in image["datasets"]]
    steps = {
        level["path"]: _positions(level["coordinateTransformations"], axis) for level in levels
    }
    return [image["axes"] for image in images], steps


def _positions(steps: Sequence[Attrs], axis: int) -> dict[str, Any]:
    start = [n for i, n in enumerate(steps[-1].get("translation", ())) if i != axis]
    return {"scale": steps[0]["scale"]} | ({"translation": start} if any(start) else {})


def _move(steps: list[dict[str, Any]], axis: int, start: int) -> None:
    """Let a level begin at an index."""
    scale = steps[0]["scale"]
    if len(steps) == 1:
        steps.append({"type": "translation", "translation": [0.0] * len(scale)})
    steps[1]["translation"][axis] += start * scale[axis]


def _drop(image: dict[str, Any], axis: int) -> None:
    del image["axes"][axis]
    for level in image["datasets"]:
        for step in level["coordinateTransformations"]:
            del step[step["type"]][axis]

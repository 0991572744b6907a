"""Arrays that not all inputs of a data set hold: fill values in their place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from concatsplit_core.array.geometry import with_length
from concatsplit_core.array.layouts import InMemory
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.formats.memory import MemorySource
from concatsplit_core.formats.sources import Source
from concatsplit_core.foundation.errors import MalformedInput, UsageError
from concatsplit_core.foundation.names import first_names
from concatsplit_core.meaning.missing import markers_of
from concatsplit_core.operators.axes import AxisRules

Found = dict[str, list[Source | None]]
"""What each input holds of an array, by its name; None where it holds nothing."""


def filled(found: Found, rules: AxisRules, is_new: bool) -> dict[str, list[Source]]:
    """The inputs of each array, with fill values where an input does not hold it.

    An array that is carried needs none: it is taken from the inputs that hold it.

    Parameters
    ----------
    found : dict
    rules : AxisRules
    is_new : bool
        The axis is a new one, as of `stack`.

    Raises
    ------
    MalformedInput
        An array has no fill value.
    UsageError
        An input does not say how long its arrays would be.
    """
    if not any(source is None for sources in found.values() for source in sources):
        return {name: list(filter(None, sources)) for name, sources in found.items()}
    axes = {name: rules.of(name, _model(sources), is_new) for name, sources in found.items()}
    arrays: dict[str, list[Source]] = {}
    for name, sources in found.items():
        axis, model = axes[name], _model(sources)
        arrays[name] = [
            source
            if source is not None
            else model
            if axis is None
            else _filler(name, model, _length(found, axes, name, number, is_new), axis, number)
            for number, source in enumerate(sources)
        ]
    return arrays


def _model(sources: Sequence[Source | None]) -> Source:
    """The array in the first input that holds it."""
    return next(source for source in sources if source is not None)


def _length(
    found: Found, axes: Mapping[str, int | None], name: str, number: int, is_new: bool
) -> int | None:
    """How long an array would be in an input: as long as the input's other arrays."""
    if is_new:
        return None
    lengths: dict[int, str] = {}
    named: dict[int, str] = {}
    wanted = _dimension(_model(found[name]), axes[name])
    for other, sources in found.items():
        source, axis = sources[number], axes[other]
        if source is not None and axis is not None and axis < source.spec.ndim:
            lengths.setdefault(source.spec.shape[axis], other)
            if wanted is not None and _dimension(source, axis) == wanted:
                named.setdefault(source.spec.shape[axis], other)
    chosen = named or lengths
    if len(chosen) != 1:
        known = [f"{array} {length}" for length, array in lengths.items()]
        listed = first_names(known) if known else "there are none"
        raise UsageError(
            f"--missing fill: array '{name}' is not in input {number}, whose other arrays do not "
            f"say how long it would be ({listed}); leave it out with --members"
        )
    return next(iter(chosen))


def _dimension(source: Source, axis: int | None) -> str | None:
    names = source.storage.meaning.dims
    return None if names is None or axis is None else names[axis]


def _filler(name: str, model: Source, length: int | None, axis: int, number: int) -> Source:
    """An array of fill values, which takes no memory; its meaning is that of the model."""
    spec = model.spec
    shape = spec.shape if length is None else with_length(spec.shape, axis, length)
    value = _fill_value(name, model)
    array = np.broadcast_to(np.asarray(value, spec.dtype), shape)
    own = ArraySpec(shape, spec.dtype, InMemory(), string_bytes=spec.string_bytes)
    ref = f"(fill values of {name} for input {number})"
    return MemorySource(None, ref, own, model.storage, array, member=name)


def _fill_value(name: str, model: Source) -> Any:
    """What marks a missing value, else the value of elements that were never written."""
    markers = markers_of(model.storage.meaning, model.spec.dtype)
    if markers:
        return markers[0]
    value = model.storage.fill_value
    if value is None or not np.asarray(value).astype(bool).any():
        raise MalformedInput(
            f"array '{name}' of {model.ref} has no fill value that could stand for what other "
            "inputs lack; give it a _FillValue, or leave it out with --members",
            ref=model.ref,
        )
    return value

"""Which axis of each array of a data set is joined or cut, and which arrays are carried."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from concatsplit_core.array.geometry import normalize_axis
from concatsplit_core.endpoints.member_patterns import is_match
from concatsplit_core.formats.sources import Source
from concatsplit_core.foundation.errors import AxisError, ShapeMismatch, UsageError, did_you_mean
from concatsplit_core.foundation.names import first_names

CARRY = "carry"
"""In place of an axis: the array is copied as it is."""

_MOST_LENGTHS = 4
"""Lengths that a message lists."""

Axis = int | str | None
"""A number, the name of a dimension, `CARRY`, or what was not given."""


class AxisRules:
    """What ``--axis`` says, given once for all arrays or as ``PATTERN=AXIS`` for some of them.

    Parameters
    ----------
    axis : int, str, sequence of these, or None
        None stands for axis 0.

    Raises
    ------
    UsageError
        Several axes are given, and not all of them say for which arrays.
    """

    def __init__(self, axis: Any) -> None:
        given = [axis] if axis is None or isinstance(axis, int | str) else list(axis) or [None]
        self._rules = [_rule(one) for one in given]
        if len(self._rules) > 1 and any(pattern is None for pattern, _ in self._rules):
            raise UsageError(
                "--axis: several axes need a pattern each, such as --axis 'x*=0' --axis '*=carry'"
            )

    @property
    def has_patterns(self) -> bool:
        """Whether axes are given by patterns; then arrays may differ in length along them."""
        return self._rules[0][0] is not None

    def of(self, name: str, source: Source, is_new: bool = False) -> int | None:
        """The axis of an array; None where it is carried.

        Parameters
        ----------
        name : str
            Of the array in the data set.
        source : Source
            The array in the first input.
        is_new : bool
            The axis is a new one, as of `stack`.

        Raises
        ------
        UsageError
            No pattern matches the array, or it does not have the axis.
        """
        axis = self._chosen(name)
        if axis == CARRY:
            return None
        what, ndim = f"array '{name}' of {source.ref.partition('::')[0]}", source.spec.ndim
        if isinstance(axis, str):
            if is_new:
                raise UsageError(f"--axis {axis}: a new axis has no name yet; give its place")
            return _of_dimension(axis, source)
        try:
            return normalize_axis(axis or 0, ndim + is_new, what)
        except AxisError as error:
            raise AxisError(
                f"{error.message}; --axis '{name}=carry' --axis '*={axis or 0}' copies it as it is",
                found=axis,
            ) from error

    def _chosen(self, name: str) -> Axis:
        for pattern, axis in self._rules:
            if pattern is None or is_match(name, pattern):
                return axis
        raise UsageError(
            f"no --axis matches array '{name}'; add --axis '*=carry' to copy all others as they are"
        )

    def refuse_order(self, order: str | None) -> None:
        """Refuse letters for axes: the axes of the arrays may differ."""
        if order is not None:
            raise UsageError(
                f"--order {order} is for one array, and the arrays of a data set may differ in "
                "their axes; give --axis"
            )

    def unmatched(self, names: Iterable[str]) -> list[str]:
        """A line for each pattern that gives no array an axis: it may be misspelt."""
        known = list(names)
        return [
            f"--axis '{pattern}={axis}': no array has such a name{did_you_mean(pattern, known)}"
            for pattern, axis in self._rules
            if pattern is not None
            and axis != CARRY
            and not any(is_match(name, pattern) for name in known)
        ]

    def refuse_all_carried(self, arrays: Mapping[str, Sequence[Source]]) -> None:
        """Refuse a data set if none of its arrays would be joined or cut."""
        known = {
            dim: None
            for sources in arrays.values()
            for dim in sources[0].storage.meaning.dims or ()
            if dim
        }
        if all(axis == CARRY for _, axis in self._rules):
            raise AxisError(
                f"--axis {CARRY}: every array would be carried, and none joined or cut; give "
                "one of them an axis, such as --axis 'PATTERN=0'",
                found=CARRY,
            )
        has = (
            f"the dimensions are {first_names(list(known))}" if known else "no dimension has a name"
        )
        wanted = ", ".join(str(axis) for _, axis in self._rules)
        hint = did_you_mean(wanted, list(known))
        raise AxisError(f"--axis {wanted}: no array has that axis: {has}{hint}", found=wanted)

    def refuse_uneven(
        self, arrays: Mapping[str, Sequence[Source]], axes: Mapping[str, int]
    ) -> None:
        """Refuse arrays that would be cut at the same places but differ in length.

        Raises
        ------
        ShapeMismatch
            It lists the lengths that an input's arrays have along the axis.
        """
        if self.has_patterns or not axes:
            return
        count = len(next(iter(arrays.values())))
        for index in range(count):
            shapes = {name: arrays[name][index].spec.shape for name in axes}
            lengths = {
                name: shapes[name][axis] for name, axis in axes.items() if axis < len(shapes[name])
            }
            if len(set(lengths.values())) > 1:
                first = next(iter(lengths))
                where = arrays[first][index].ref.partition("::")[0]
                found = _by_length(lengths)
                raise ShapeMismatch(
                    f"input {index} ({where}): its arrays differ in length along --axis "
                    f"{self._rules[0][1] or 0}: {found}; name a dimension, choose arrays with "
                    "--members, or give --axis 'PATTERN=AXIS' with '*=carry' for the others",
                    ref=where,
                    found=tuple(lengths.values()),
                )


def _by_length(lengths: Mapping[str, int]) -> str:
    """Arrays with their lengths; those that differ from most come first."""
    names: dict[int, list[str]] = {}
    for name, length in lengths.items():
        names.setdefault(length, []).append(name)
    rarest = sorted(names.items(), key=lambda item: len(item[1]))
    return "; ".join(
        f"{length} in {first_names(found)}" for length, found in rarest[:_MOST_LENGTHS]
    )


def _rule(axis: Any) -> tuple[str | None, Axis]:
    """A pattern, None for all arrays, and an axis."""
    if not isinstance(axis, str):
        return None, axis
    pattern, equals, name = axis.rpartition("=")
    return (pattern, _number_or_name(name)) if equals else (None, _number_or_name(axis))


def _number_or_name(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        return text


def _of_dimension(name: str, source: Source) -> int | None:
    found = [i for i, dim in enumerate(source.storage.meaning.dims or ()) if dim == name]
    if len(found) > 1:
        raise AxisError(f"--axis {name}: {source.ref} has two axes of that name; give a number")
    return found[0] if found else None


@contextmanager
def named_in_errors(name: str) -> Iterator[None]:
    """Say which array a request does not fit."""
    try:
        yield
    except UsageError as error:
        if f"'{name}'" in error.message or f"::{name}" in error.message:
            raise
        raise type(error)(
            f"array '{name}': {error.message}",
            ref=error.ref,
            found=error.found,
            expected=error.expected,
        ) from error

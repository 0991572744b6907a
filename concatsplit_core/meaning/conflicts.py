"""Which differences between inputs are refused, and which are converted.

An input is *described* if its format can store attributes, so that its meaning counts. An .npy file
is not: it takes the meaning of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from concatsplit_core.foundation.errors import MeaningMismatch
from concatsplit_core.meaning.agreement import (
    Agreement,
    ConflictRule,
    InputMeaning,
    KeptAttributes,
)
from concatsplit_core.meaning.common_marker import agree_on_marker
from concatsplit_core.meaning.conversions import ConversionStep, Rebase, Unpack
from concatsplit_core.meaning.dtype_metadata import enum_maps, with_input_metadata
from concatsplit_core.meaning.hints import KEEP_FIRST, UNPACK_ALL
from concatsplit_core.meaning.merging import merge_meanings
from concatsplit_core.meaning.missing import sign_of
from concatsplit_core.meaning.model import (
    DEFINING,
    MISSING,
    NO_PACKING,
    PACKING,
    TIME,
    VALID,
    plain,
    same,
    shown,
)
from concatsplit_core.meaning.unpacking import unpack_where_packings_differ, unpacked_dtype

if TYPE_CHECKING:
    from concatsplit_core.meaning.times import TimeUnits


def reconcile_described(
    inputs: Sequence[InputMeaning],
    rule: ConflictRule,
    kept: KeptAttributes,
    choose_dtype: Callable[[list[np.dtype]], np.dtype],
) -> Agreement:
    """As `reconcile`, where at least one input says what its numbers mean."""
    described = [index for index, one in enumerate(inputs) if not one.meaning.is_bare]
    steps: list[ConversionStep | None] = [None] * len(inputs)
    if rule != "first":
        first = inputs[described[0]]
        for index in described[1:]:
            _refuse_differences(first, inputs[index], rule)
            if rule != "refuse":
                steps[index] = _time_step(first, inputs[index])
        if rule == "convert":
            unpack_where_packings_differ(inputs, described, steps)
    dtype = choose_dtype(_converted_dtypes(inputs, steps, rule))
    dtype = with_input_metadata(dtype, [inputs[index].dtype for index in described])
    if rule != "first":
        _refuse_lost_signs([(inputs[index], steps[index]) for index in described], dtype)
    is_unpacked = any(isinstance(step, Unpack) for step in steps)
    meaning = merge_meanings([inputs[index] for index in described], kept, is_unpacked)
    return agree_on_marker(inputs, steps, dtype, rule, meaning)


def _refuse_differences(first: InputMeaning, other: InputMeaning, rule: ConflictRule) -> None:
    """Refuse differences that only `first` allows; with `refuse`, refuse every difference."""
    for name in DEFINING:
        if _says_nothing(first, name) and _says_nothing(other, name):
            continue
        if name in MISSING and rule != "refuse":  # `agree_on_marker` converts these
            continue
        if name in PACKING and rule == "convert":
            continue
        one, two = _defining_value(first, name), _defining_value(other, name)
        agrees = _sign(first) == _sign(other) if name == "_Unsigned" else same(one, two)
        if agrees or (name in TIME and _can_convert_times(first, other, rule)):
            continue
        hint = UNPACK_ALL if name in PACKING else KEEP_FIRST
        raise _difference(first, other, name, one, two, hint)
    one, two = enum_maps(first.dtype), enum_maps(other.dtype)
    if one != two:
        raise _difference(first, other, "enum", one, two, KEEP_FIRST)
    _refuse_other_order(first, other)


def _says_nothing(one: InputMeaning, name: str) -> bool:
    """Whether an input lacks an attribute, as nearly all do."""
    return name not in one.meaning.attrs and (name != "_FillValue" or one.meaning.missing is None)


def _defining_value(one: InputMeaning, name: str) -> Any:
    if name == "_FillValue":
        return one.meaning.missing
    return one.meaning.attrs.get(name, NO_PACKING.get(name))


def _refuse_other_order(first: InputMeaning, other: InputMeaning) -> None:
    """Refuse the same dimensions in another order: one of the arrays is transposed."""
    one, two = first.meaning.dims, other.meaning.dims
    if one and two and one != two and None not in one and set(one) == set(two):
        raise _difference(first, other, "dimensions", list(one), list(two), KEEP_FIRST)


def _sign(one: InputMeaning) -> str:
    return sign_of(one.meaning.attrs, one.dtype)


def _refuse_lost_signs(
    described: Sequence[tuple[InputMeaning, ConversionStep | None]], dtype: np.dtype
) -> None:
    """Refuse a cast that would change what `_Unsigned` makes of the numbers.

    With ``_Unsigned = "true"``, -1 of int8 stands for 255, but -1 of int16 for 65535.
    """
    for one, step in described:
        is_cast = (dtype.kind, dtype.itemsize) != (one.dtype.kind, one.dtype.itemsize)
        if is_cast and _sign(one) and not isinstance(step, Unpack):
            raise MeaningMismatch(
                f"{one.name}: attribute _Unsigned {shown(one.meaning.attrs['_Unsigned'])} says how "
                f"to read {one.dtype}, and would give wrong numbers after a cast to {dtype}; leave "
                f"out --dtype and --promote{KEEP_FIRST}"
            )


def _difference(
    first: InputMeaning, other: InputMeaning, name: str, one: Any, two: Any, hint: str
) -> MeaningMismatch:
    return MeaningMismatch(
        f"{other.name}: {name} {shown(two)} differs from {first.name} {shown(one)}{hint}",
        found=two,
        expected=one,
    )


def _times(one: InputMeaning) -> TimeUnits | None:
    attrs = one.meaning.attrs
    if "units" not in attrs:
        return None
    from concatsplit_core.meaning.times import parse_time  # imported late: few arrays are times

    return parse_time(plain(attrs.get("units")), plain(attrs.get("calendar")))


def _can_convert_times(first: InputMeaning, other: InputMeaning, rule: ConflictRule) -> bool:
    """Whether both inputs count time, in the same units or in units that can be converted."""
    own, wanted = _times(other), _times(first)
    if own is None or wanted is None:
        return False
    if rule == "refuse":
        return own == wanted
    if own.calendar == wanted.calendar:
        return True
    from concatsplit_core.meaning.times import rebase

    try:
        return rebase(own, wanted) is not None
    except ValueError:
        return False


def _time_step(first: InputMeaning, other: InputMeaning) -> Rebase | None:
    """How the times of an input become times in the first input's units."""
    own, wanted = _times(other), _times(first)
    if own is None or wanted is None or own == wanted or other.dtype.kind not in "iuf":
        return None
    from concatsplit_core.meaning.times import rebase

    try:
        step = rebase(own, wanted)
    except ValueError as error:
        raise MeaningMismatch(f"{other.name}: units: {error}{KEEP_FIRST}") from error
    if step is None or (step.is_identity and step.least is None):
        return None
    if not step.is_identity:
        _refuse_dependent_attributes(first, other)
    return step


def _refuse_dependent_attributes(first: InputMeaning, other: InputMeaning) -> None:
    """Refuse to rebase times with attributes that would have to change too."""
    for one in (other, first):
        attrs = one.meaning.attrs
        packed = [
            name for name, none in NO_PACKING.items() if not same(attrs.get(name, none), none)
        ]
        signed = ["_Unsigned"] if _sign(one) else []
        for name in (*packed, *signed, *(name for name in VALID if name in attrs)):
            raise MeaningMismatch(
                f"{other.name}: units {shown(other.meaning.attrs['units'])} differs from "
                f"{first.name} {shown(first.meaning.attrs['units'])}, and times with {name} "
                f"{shown(attrs[name])} cannot be converted{KEEP_FIRST}"
            )


def _converted_dtypes(
    inputs: Sequence[InputMeaning], steps: Sequence[ConversionStep | None], rule: ConflictRule
) -> list[np.dtype]:
    """The dtype of each input after its step; `convert` widens all of them if one needs it."""
    own = [one.dtype for one in inputs]
    if any(isinstance(step, Unpack) for step in steps):
        return [np.result_type(*map(unpacked_dtype, inputs))] * len(inputs)
    rebases = [step for step in steps if isinstance(step, Rebase)]
    if not rebases or rule != "convert":
        return own
    are_integers = all(dtype.kind in "iu" for dtype in own)
    are_whole = all(s.times % s.over == 0 and s.plus % s.over == 0 for s in rebases)
    return [np.dtype("i8" if are_integers and are_whole else "f8")] * len(inputs)

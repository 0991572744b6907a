"""Settling what inputs mean together, where their formats can say it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from concatsplit_core.errors import MeaningMismatch
from concatsplit_core.meaning.agreement import Agreement, Kept, Party, Rule
from concatsplit_core.meaning.conversions import Conversion, Rebase, Step, Unpack
from concatsplit_core.meaning.marks import enum_maps, marked
from concatsplit_core.meaning.merging import merged
from concatsplit_core.meaning.missing import among, is_nan, markers_of, sign_of
from concatsplit_core.meaning.model import (
    DEFINING,
    MISSING,
    PACKING,
    TIME,
    VALID,
    Meaning,
    plain,
    same,
)
from concatsplit_core.meaning.times import TimeUnits, parse_time, rebase

_FIRST = "; --conflicts first would keep the first input's, with the numbers as they are stored"
_UNPACK = "; --conflicts convert would unpack them to floating-point numbers"
_WIDEN = "; --conflicts convert would round, first would leave the numbers as they are stored"
_NO_VALUE = {"scale_factor": 1, "add_offset": 0}
"""What an attribute that is not there stands for."""


def reconcile(
    parties: Sequence[Party],
    rule: Rule,
    kept: Kept,
    choose_dtype: Callable[[list[np.dtype]], np.dtype],
) -> Agreement:
    """As `agree`, for inputs at least one of which has a say."""
    speaking = [i for i, party in enumerate(parties) if not party.meaning.is_bare]
    steps: list[Step | None] = [None] * len(parties)
    if rule != "first":
        lead = parties[speaking[0]]
        for index in speaking[1:]:
            _refuse_differences(lead, parties[index], rule)
            if rule != "refuse":
                steps[index] = _time_step(lead, parties[index], rule)
        if rule == "convert":
            _unpack_where_packings_differ(parties, speaking, steps)
    others = [parties[i] for i in speaking]
    dtype = choose_dtype(_converted_dtypes(parties, steps, rule))
    dtype = marked(dtype, [party.dtype for party in others])
    if rule != "first":
        _refuse_lost_signs(others, steps, speaking, dtype)
    unpacked = any(isinstance(step, Unpack) for step in steps)
    return _with_markers(parties, others, steps, dtype, rule, merged(others, kept, unpacked))


def _refuse_differences(lead: Party, other: Party, rule: Rule) -> None:
    """Refuse what no rule but `first` lets differ, and all differences under `refuse`."""
    ours, theirs = lead.meaning.attrs, other.meaning.attrs
    for name in DEFINING:
        one, two = (attrs.get(name, _NO_VALUE.get(name)) for attrs in (ours, theirs))
        if name in MISSING and rule != "refuse":
            continue
        if name == "_FillValue":
            one, two = lead.meaning.missing, other.meaning.missing
        agrees = _sign(lead) == _sign(other) if name == "_Unsigned" else same(one, two)
        if agrees or (name in PACKING and rule == "convert"):
            continue
        if name in TIME and _say_times(lead, other, rule):
            continue
        raise _difference(lead, other, name, one, two, _UNPACK if name in PACKING else _FIRST)
    if enum_maps(lead.dtype) != enum_maps(other.dtype):
        raise _difference(
            lead, other, "enum", enum_maps(lead.dtype), enum_maps(other.dtype), _FIRST
        )
    _refuse_other_order(lead, other)


def _refuse_other_order(lead: Party, other: Party) -> None:
    """Refuse the same dimensions in another order: one of the arrays is transposed."""
    one, two = lead.meaning.dims, other.meaning.dims
    if one and two and one != two and None not in one and set(one) == set(two):
        raise _difference(lead, other, "dimensions", list(one), list(two), _FIRST)


def _sign(party: Party) -> str:
    return sign_of(party.meaning.attrs, party.dtype)


def _refuse_lost_signs(
    others: Sequence[Party],
    steps: Sequence[Step | None],
    speaking: Sequence[int],
    dtype: np.dtype,
) -> None:
    """Refuse a cast by which `_Unsigned` would mean other numbers: -1 of int8 is 255."""
    for index, party in zip(speaking, others, strict=True):
        is_cast = (dtype.kind, dtype.itemsize) != (party.dtype.kind, party.dtype.itemsize)
        if is_cast and _sign(party) and not isinstance(steps[index], Unpack):
            raise MeaningMismatch(
                f"{party.name}: _Unsigned {_shown(party.meaning.attrs['_Unsigned'])} tells how "
                f"{party.dtype} is to be read, and would be wrong of {dtype}; leave out --dtype "
                f"and --promote{_FIRST}"
            )


def _difference(
    lead: Party, other: Party, name: str, one: Any, two: Any, hint: str
) -> MeaningMismatch:
    return MeaningMismatch(
        f"{other.name}: {name} {_shown(two)} differs from {lead.name} {_shown(one)}{hint}",
        found=two,
        expected=one,
    )


def _shown(value: Any) -> str:
    """A value in a message: short, and as Python says it."""
    if value is None or (isinstance(value, dict) and not value):
        return "(none)"
    text = repr(plain(value.get("", value) if isinstance(value, dict) else value))
    return text if len(text) <= 60 else f"{text[:57]}..."


def _times(party: Party) -> TimeUnits | None:
    attrs = party.meaning.attrs
    return parse_time(plain(attrs.get("units")), plain(attrs.get("calendar")))


def _say_times(lead: Party, other: Party, rule: Rule) -> bool:
    """Whether both count time in units that can be converted; they may be the very same."""
    here, there = _times(other), _times(lead)
    if here is None or there is None:
        return False
    if rule == "refuse":
        return here == there
    return here.calendar == there.calendar or _step(here, there) is not None


def _step(here: TimeUnits, there: TimeUnits) -> Rebase | None:
    try:
        return rebase(here, there)
    except ValueError:
        return None


def _time_step(lead: Party, other: Party, rule: Rule) -> Rebase | None:
    here, there = _times(other), _times(lead)
    if here is None or there is None or here == there:
        return None
    if other.dtype.kind not in "iuf":
        return None
    try:
        step = rebase(here, there)
    except ValueError as error:
        raise MeaningMismatch(f"{other.name}: units: {error}{_FIRST}") from error
    if step is None or (step.is_identity and step.least is None):
        return None
    _refuse_times_that_depend(lead, other, step)
    return step


def _refuse_times_that_depend(lead: Party, other: Party, step: Rebase) -> None:
    """Refuse to count times anew whose attributes would have to change with them."""
    if step.is_identity:
        return
    for party in (other, lead):
        attrs = party.meaning.attrs
        packed = [n for n, none in _NO_VALUE.items() if not same(attrs.get(n, none), none)]
        signed = ["_Unsigned"] if _sign(party) else []
        for name in (*packed, *signed, *(n for n in VALID if n in attrs)):
            raise MeaningMismatch(
                f"{other.name}: units {_shown(other.meaning.attrs['units'])} differs from "
                f"{lead.name} {_shown(lead.meaning.attrs['units'])}, and times with {name} "
                f"{_shown(attrs[name])} cannot be converted{_FIRST}"
            )


def _unpack_where_packings_differ(
    parties: Sequence[Party], speaking: Sequence[int], steps: list[Step | None]
) -> None:
    lead = parties[speaking[0]]
    packings = [_packing(parties[i]) for i in speaking]
    if all(one == packings[0] for one in packings):
        return
    for party in parties:
        if party.meaning.is_bare or party.dtype.kind not in "iuf":
            raise MeaningMismatch(
                f"{party.name}: holds {party.dtype} without a scale_factor of its own, "
                f"{lead.name} is packed: they cannot be unpacked alike"
            )
    for index, packing in zip(speaking, packings, strict=True):
        steps[index] = packing


def _packing(party: Party) -> Unpack:
    attrs = party.meaning.attrs
    scale, offset = (plain(attrs.get(n, _NO_VALUE[n])) for n in ("scale_factor", "add_offset"))
    for name, value in (("scale_factor", scale), ("add_offset", offset)):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise MeaningMismatch(f"{party.name}: {name} {_shown(value)} is no number")
    return Unpack(float(scale), float(offset), _sign(party))


def _converted_dtypes(
    parties: Sequence[Party], steps: Sequence[Step | None], rule: Rule
) -> list[np.dtype]:
    """The dtypes of the inputs after their steps; one for all where one of them has to be wider."""
    own = [party.dtype for party in parties]
    if any(isinstance(step, Unpack) for step in steps):
        return [np.result_type(*map(_unpacked_dtype, parties))] * len(parties)
    rebased = [step for step in steps if isinstance(step, Rebase)]
    if not rebased or rule != "convert":
        return own
    whole = all(dtype.kind in "iu" for dtype in own)
    is_whole = whole and all(s.times % s.over == 0 and s.plus % s.over == 0 for s in rebased)
    return [np.dtype("i8" if is_whole else "f8")] * len(parties)


def _unpacked_dtype(party: Party) -> np.dtype:
    """CF 8.1: that of the attributes; a double for integers of 32 bits and more."""
    attrs = party.meaning.attrs
    given = [np.asarray(attrs[n]).dtype for n in ("scale_factor", "add_offset") if n in attrs]
    if not given:
        given = [party.dtype] if party.dtype.kind == "f" else []
    wide = party.dtype.kind in "iu" and party.dtype.itemsize >= 4
    single = given and not wide and all(d.kind == "f" and d.itemsize <= 4 for d in given)
    return np.dtype("f4" if single else "f8")


def _with_markers(
    parties: Sequence[Party],
    speaking: Sequence[Party],
    steps: Sequence[Step | None],
    dtype: np.dtype,
    rule: Rule,
    meaning: Meaning,
) -> Agreement:
    """Let one missing value stand for those of all inputs."""
    if any(isinstance(step, Unpack) for step in steps):
        common: list[Any] = [dtype.type(np.nan)] if dtype.kind == "f" else []
    else:
        owner = next((p for p in speaking if markers_of(p.meaning, p.dtype)), speaking[0])
        owner = speaking[0] if rule == "first" else owner
        common = [cast(one, dtype) for one in markers_of(owner.meaning, owner.dtype)]
        meaning = _told(meaning, owner, dtype)
    conversions = tuple(
        None if party.meaning.is_bare else _conversion(party, step, dtype, common, rule)
        for party, step in zip(parties, steps, strict=True)
    )
    if any(isinstance(step, Unpack) for step in steps):
        meaning = replace(meaning, missing=common[0] if common else None)
    return Agreement(meaning, dtype, conversions)


def _told(meaning: Meaning, owner: Party, dtype: np.dtype) -> Meaning:
    """The meaning with the missing values of the input whose markers are the output's."""
    attrs = {name: value for name, value in meaning.attrs.items() if name != "missing_value"}
    if "missing_value" in owner.meaning.attrs:
        attrs["missing_value"] = owner.meaning.attrs["missing_value"]
        if dtype != owner.dtype:
            found = markers_of(replace(owner.meaning, missing=None), owner.dtype)
            attrs["missing_value"] = [cast(one, dtype) for one in found]
    missing = owner.meaning.missing
    return replace(meaning, attrs=attrs, missing=None if missing is None else cast(missing, dtype))


def cast(value: Any, dtype: np.dtype) -> Any:
    """A marker as the elements that carry it are cast."""
    if isinstance(value, str):
        return value
    with np.errstate(all="ignore"):
        return np.asarray(value).astype(dtype)[()]


def _conversion(
    party: Party, step: Step | None, dtype: np.dtype, common: list[Any], rule: Rule
) -> Conversion | None:
    """How one input has to change; None where it need not."""
    own = markers_of(party.meaning, party.dtype)
    carried = [cast(one, dtype) for one in own]
    lost = [o for o, c in zip(own, carried, strict=True) if not _survives(o, c)]
    if lost and rule != "first":
        raise MeaningMismatch(
            f"{party.name}: its missing value {_shown(lost[0])} does not survive the cast to "
            f"{dtype}{_FIRST}"
        )
    if rule == "first":
        return None
    differing = [o for o, c in zip(own, carried, strict=True) if not among(c, common)]
    reserved = [one for one in common if not among(one, carried) and not is_nan(one)]
    if step is None and not differing and not reserved:
        return None
    return Conversion(
        name=party.name,
        dtype=dtype,
        step=step,
        own=tuple(own if step is not None else differing),
        common=common[0] if common else None,
        reserved=tuple(reserved),
        exact=rule != "convert",
        hint=_WIDEN if step is not None else _FIRST,
    )


def _survives(own: Any, carried: Any) -> bool:
    """Whether a marker that is cast is still told from the numbers around it."""
    if is_nan(own):
        return is_nan(carried)
    if isinstance(own, np.floating) and isinstance(carried, np.floating):
        return bool(np.isfinite(carried)) or not bool(np.isfinite(own))
    return bool(own == carried)

"""One missing-value marker for the output, in place of those of the inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from concatsplit_core.foundation.errors import MeaningMismatch
from concatsplit_core.foundation.records import replace
from concatsplit_core.meaning.agreement import Agreement, ConflictRule, InputMeaning
from concatsplit_core.meaning.conversions import Conversion, ConversionStep, Unpack
from concatsplit_core.meaning.hints import KEEP_FIRST, ROUND
from concatsplit_core.meaning.missing import is_among, is_low_precision, is_nan, markers_of
from concatsplit_core.meaning.model import Meaning, shown


def agree_on_marker(
    inputs: Sequence[InputMeaning],
    steps: Sequence[ConversionStep | None],
    dtype: np.dtype,
    rule: ConflictRule,
    meaning: Meaning,
) -> Agreement:
    """Complete the agreement: choose the output's missing value, and convert the others to it.

    Parameters
    ----------
    inputs : sequence of InputMeaning
        At least one of them is described.
    steps : sequence of ConversionStep or None
        One per input: how its numbers change before markers are replaced.
    dtype : numpy.dtype
        The dtype of the output.
    rule : str
        The value of ``--conflicts``.
    meaning : Meaning
        The meaning of the output, still with the first input's missing value.
    """
    is_unpacked = any(isinstance(step, Unpack) for step in steps)
    if is_unpacked:
        common: list[Any] = [dtype.type(np.nan)] if dtype.kind == "f" else []
        meaning = replace(meaning, missing=common[0] if common else None)
    else:
        owner = _owner(inputs, rule)
        common = [cast(one, dtype) for one in markers_of(owner.meaning, owner.dtype)]
        meaning = _with_markers_of(owner, meaning, dtype)
    if is_low_precision(dtype) and meaning.missing is not None:
        # no format has a marker for such elements; who casts them back finds the attribute
        attrs = {**meaning.attrs, "_FillValue": meaning.missing}
        meaning = replace(meaning, attrs=attrs, missing=None)
    conversions = tuple(
        None if one.meaning.is_bare else _conversion(one, step, dtype, common, rule)
        for one, step in zip(inputs, steps, strict=True)
    )
    return Agreement(meaning, dtype, conversions)


def _owner(inputs: Sequence[InputMeaning], rule: ConflictRule) -> InputMeaning:
    """The input whose markers the output gets: the first described one that has any."""
    described = [one for one in inputs if not one.meaning.is_bare]
    if rule == "first":
        return described[0]
    return next((one for one in described if markers_of(one.meaning, one.dtype)), described[0])


def _with_markers_of(owner: InputMeaning, meaning: Meaning, dtype: np.dtype) -> Meaning:
    """The meaning, with the missing values of one input, cast to the output's dtype."""
    attrs = {name: value for name, value in meaning.attrs.items() if name != "missing_value"}
    if "missing_value" in owner.meaning.attrs:
        attrs["missing_value"] = owner.meaning.attrs["missing_value"]
        if dtype != owner.dtype and not is_low_precision(owner.dtype):
            markers = markers_of(replace(owner.meaning, missing=None), owner.dtype)
            attrs["missing_value"] = [cast(one, dtype) for one in markers]
    missing = owner.meaning.missing
    return replace(meaning, attrs=attrs, missing=None if missing is None else cast(missing, dtype))


def cast(marker: Any, dtype: np.dtype) -> Any:
    """Cast a marker in the same way as the elements that are equal to it.

    One of a low-precision type, such as BF16, is a float32 of the same value.
    """
    if isinstance(marker, str):
        return marker
    with np.errstate(all="ignore"):
        found = np.asarray(marker).astype(dtype)
    return (found.astype(np.float32) if is_low_precision(dtype) else found)[()]


def _conversion(
    one: InputMeaning,
    step: ConversionStep | None,
    dtype: np.dtype,
    common: list[Any],
    rule: ConflictRule,
) -> Conversion | None:
    """How the elements of one input have to change; None if they stay as they are."""
    if rule == "first":
        return None
    own = markers_of(one.meaning, one.dtype)
    own_cast = [cast(marker, dtype) for marker in own]
    lost = [o for o, c in zip(own, own_cast, strict=True) if not _survives(o, c)]
    if lost:
        raise MeaningMismatch(
            f"{one.name}: its missing value {shown(lost[0])} does not survive the cast to "
            f"{dtype}{KEEP_FIRST}"
        )
    differing = [o for o, c in zip(own, own_cast, strict=True) if not is_among(c, common)]
    is_mixed = step is not None or not keeps_apart(one.dtype, dtype)
    reserved = [
        marker
        for marker in common
        if is_mixed or not is_among(marker, own_cast)
        if is_low_precision(dtype) or not is_nan(marker)  # some such types have no infinity
    ]
    if step is None and not differing and not reserved:
        return None
    return Conversion(
        name=one.name,
        dtype=dtype,
        step=step,
        own=tuple(own if is_mixed else differing),
        common=common[0] if common else None,
        kept=() if step is not None else tuple(common),
        reserved=tuple(reserved),
        exact=rule != "convert",
        hint=ROUND if step is not None else KEEP_FIRST,
    )


def keeps_apart(dtype: np.dtype, to: np.dtype) -> bool:
    """Whether a cast leaves all elements that differ different: it neither rounds nor cuts off."""
    if is_low_precision(to):
        return bool(dtype == to)
    if dtype.kind in "iu" and to.kind in "fc":
        bits = 8 * dtype.itemsize - (dtype.kind == "i")
        return bits <= np.finfo(to).nmant + 1
    return bool(np.can_cast(dtype, to, "safe"))


def _survives(marker: Any, marker_cast: Any) -> bool:
    """Whether a marker can still be told from data after the cast."""
    if is_nan(marker):
        return is_nan(marker_cast)
    if isinstance(marker, np.floating) and isinstance(marker_cast, np.floating):
        return bool(np.isfinite(marker_cast)) or not bool(np.isfinite(marker))
    return bool(marker == marker_cast)

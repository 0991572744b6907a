"""Unpacking inputs whose `scale_factor` or `add_offset` differ (CF 8.1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from concatsplit_core.foundation.errors import MeaningMismatch
from concatsplit_core.meaning.agreement import InputMeaning
from concatsplit_core.meaning.conversions import ConversionStep, Unpack
from concatsplit_core.meaning.missing import sign_of
from concatsplit_core.meaning.model import NO_PACKING, plain, shown


def unpack_where_packings_differ(
    inputs: Sequence[InputMeaning], described: Sequence[int], steps: list[ConversionStep | None]
) -> None:
    """Set the steps of all described inputs to unpack them, unless they are packed alike.

    Parameters
    ----------
    inputs : sequence of InputMeaning
    described : sequence of int
        Indexes of the inputs whose format can store attributes.
    steps : list of ConversionStep or None
        One per input; changed in place.
    """
    packings = [packing_of(inputs[index]) for index in described]
    if all(one == packings[0] for one in packings):
        return
    for one in inputs:
        if one.meaning.is_bare or one.dtype.kind not in "iuf":
            raise MeaningMismatch(
                f"{one.name}: {one.dtype} has no scale_factor to unpack it with, but "
                f"{inputs[described[0]].name} is packed; the two cannot be joined as numbers"
            )
    for index, packing in zip(described, packings, strict=True):
        steps[index] = packing


def packing_of(one: InputMeaning) -> Unpack:
    """How an input's numbers are unpacked.

    Raises
    ------
    MeaningMismatch
        `scale_factor` or `add_offset` is not a number.
    """
    attrs = one.meaning.attrs
    values = {name: plain(attrs.get(name, none)) for name, none in NO_PACKING.items()}
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise MeaningMismatch(f"{one.name}: {name} {shown(value)} is not a number")
    scale, offset = values["scale_factor"], values["add_offset"]
    return Unpack(float(scale), float(offset), sign_of(attrs, one.dtype))


def unpacked_dtype(one: InputMeaning) -> np.dtype:
    """The dtype of an input's unpacked numbers, by CF 8.1.

    It is the dtype of the packing attributes, and a double for integers of 32 bits or more.
    """
    attrs = one.meaning.attrs
    packing = [np.asarray(attrs[name]).dtype for name in NO_PACKING if name in attrs]
    if not packing:
        packing = [one.dtype] if one.dtype.kind == "f" else []
    is_wide = one.dtype.kind in "iu" and one.dtype.itemsize >= 4
    is_single = packing and not is_wide and all(d.kind == "f" and d.itemsize <= 4 for d in packing)
    return np.dtype("f4" if is_single else "f8")

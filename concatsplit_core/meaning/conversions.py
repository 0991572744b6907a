"""Changing the numbers of an input so that they mean in the output what they meant in the input."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from concatsplit_core.errors import MeaningMismatch
from concatsplit_core.meaning.missing import where

_WORD = 1 << 62
_WHOLE = 1 << 53
"""Whole numbers up to this one are doubles."""


class Inexact(Exception):
    """A result that the dtype does not hold exactly; carries what to say of it."""


class Rebase(NamedTuple):
    """Times in other units: ``(value * times + plus) / over``, in whole numbers.

    Parameters
    ----------
    times, plus, over : int
    least : Fraction, optional
        Values below it lie before the calendars of both sides agree.
    """

    times: int
    plus: int
    over: int
    least: Fraction | None = None

    @property
    def is_identity(self) -> bool:
        """Whether every value stays as it is."""
        return self.times == self.over and not self.plus

    def apply(self, values: np.ndarray, dtype: np.dtype, exact: bool) -> np.ndarray:
        """The values in the other units.

        Raises
        ------
        Inexact
            The dtype does not hold a result, or, where it has to, not exactly.
        """
        if values.dtype.kind in "iu":
            return self._whole(values, dtype, exact)
        out = (
            np.asarray(values, dtype=dtype).copy()
            if dtype.kind == "f"
            else np.zeros(values.shape, dtype)
        )
        finite = np.isfinite(values)
        if dtype.kind != "f" and not finite.all():
            raise Inexact(f"a NaN is no {dtype}")
        chosen = values[finite]
        if not chosen.size:
            return out
        whole = np.abs(chosen).max() < _WHOLE and bool((np.rint(chosen) == chosen).all())
        if whole:
            out[finite] = self._whole(chosen.astype(np.int64), dtype, exact)
        else:
            out[finite] = self._fractions([Fraction(float(v)) for v in chosen], dtype, exact)
        return out

    def _whole(self, values: np.ndarray, dtype: np.dtype, exact: bool) -> np.ndarray:
        if not values.size:
            return values.astype(dtype)
        low, high = int(values.min()), int(values.max())
        self._check_least(low)
        far = max(abs(low), abs(high)) * self.times + abs(self.plus)
        if far >= _WORD:
            return self._fractions(
                [Fraction(int(v)) for v in values.ravel()], dtype, exact
            ).reshape(values.shape)
        scaled = values.astype(np.int64) * self.times + self.plus
        quotient, rest = np.divmod(scaled, self.over)
        if not rest.any():
            return _fitting(quotient, dtype)
        if dtype.kind == "f" and far >= _WHOLE:  # a double would round before it is divided
            return self._fractions(
                [Fraction(int(v)) for v in values.ravel()], dtype, exact
            ).reshape(values.shape)
        return self._rounded(scaled, dtype, exact)

    def _rounded(self, scaled: np.ndarray, dtype: np.dtype, exact: bool) -> np.ndarray:
        """Results that are no whole numbers, which a float may hold all the same."""
        if dtype.kind != "f":
            raise Inexact(f"a result is not whole, and {dtype} holds whole numbers only")
        values = scaled / self.over
        out = values.astype(dtype)
        below = self.over // np.gcd(scaled, self.over)
        is_dyadic = (below & (below - 1)) == 0  # only these have an end in binary
        if exact and not (is_dyadic.all() and (out == values).all()):
            raise Inexact(f"{dtype} does not hold a result exactly")
        return out

    def _fractions(self, values: list[Fraction], dtype: np.dtype, exact: bool) -> np.ndarray:
        """Any values, one by one."""
        if values:
            self._check_least(min(values))
        made = [(v * self.times + self.plus) / self.over for v in values]
        if dtype.kind != "f":
            if any(v.denominator != 1 for v in made):
                raise Inexact(f"a result is not whole, and {dtype} holds whole numbers only")
            info = np.iinfo(dtype)
            if any(not info.min <= v <= info.max for v in made):
                raise Inexact(f"{dtype} does not reach to a result")
            return np.array([int(v) for v in made], dtype)
        out = np.array([float(v) for v in made]).astype(dtype)
        if exact and any(Fraction(float(o)) != v for o, v in zip(out, made, strict=True)):
            raise Inexact(f"{dtype} does not hold a result exactly")
        return out

    def _check_least(self, low: int | Fraction) -> None:
        if self.least is not None and low < self.least:
            raise Inexact("a date lies before 1582-10-15, where the calendars differ")


def _fitting(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Whole results in the dtype, if it holds them."""
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        if int(values.min()) < info.min or int(values.max()) > info.max:
            raise Inexact(f"{dtype} does not reach to {int(np.abs(values).max())}")
        return values.astype(dtype)
    out = values.astype(dtype)
    if not np.isfinite(out).all() or (out.astype(np.int64) != values).any():
        raise Inexact(f"{dtype} does not hold a result exactly")
    return out


class Unpack(NamedTuple):
    """Packed numbers as the floating-point numbers that they stand for (CF 8.1).

    Parameters
    ----------
    scale, offset : float
    sign : str
        What `_Unsigned` turns the items into, as `missing.sign_of` has it.
    """

    scale: float
    offset: float
    sign: str

    def apply(self, values: np.ndarray, dtype: np.dtype, exact: bool) -> np.ndarray:
        """The values unpacked, in the precision of the dtype."""
        if self.sign:
            order = values.dtype.byteorder
            values = values.view(f"{order}{self.sign}{values.dtype.itemsize}")
        out = values.astype(dtype)
        if self.scale != 1:
            out *= dtype.type(self.scale)
        if self.offset:
            out += dtype.type(self.offset)
        return out


Step = Rebase | Unpack


@dataclass(frozen=True, slots=True)
class Conversion:
    """How the elements of one input change on their way into the output.

    Parameters
    ----------
    name : str
        What messages call the input.
    dtype : numpy.dtype
        Of the results.
    step : Rebase or Unpack, optional
    own : tuple
        The input's missing values, of its dtype; they become `common`.
    common : object, optional
        The output's missing value, of `dtype`.
    reserved : tuple
        Missing values of the output that are data in this input: they must not occur.
    exact : bool
        Refuse to round.
    hint : str
        What to do where it does not work.
    """

    name: str
    dtype: np.dtype
    step: Step | None = None
    own: tuple[Any, ...] = ()
    common: Any = None
    reserved: tuple[Any, ...] = ()
    exact: bool = True
    hint: str = ""

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Convert a block of any shape; the block itself is left as it is.

        Raises
        ------
        MeaningMismatch
            A result is not exact, or a missing value of the output occurs as data.
        """
        mask = where(values, self.own)
        if self.step is None:
            with np.errstate(all="ignore"):
                out = values.astype(self.dtype)
        else:
            zero = np.zeros((), values.dtype)
            known = np.where(mask, zero, values) if self.own else values
            try:
                out = self.step.apply(known, self.dtype, self.exact)
            except Inexact as error:
                raise MeaningMismatch(f"{self.name}: {error}{self.hint}") from None
        clash = where(out, self.reserved) & ~mask
        if clash.any():
            raise MeaningMismatch(
                f"{self.name}: holds {out[clash].ravel()[0]} as data, which stands for missing "
                f"values in the output{self.hint}"
            )
        if self.own and self.common is not None:
            out[mask] = self.common
        return out

"""Changing the numbers of an input, so that they mean the same with the output's attributes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from concatsplit_core.foundation.errors import MeaningMismatch
from concatsplit_core.foundation.records import NamedTuple, dataclass
from concatsplit_core.meaning.hints import KEEP_FIRST
from concatsplit_core.meaning.missing import is_low_precision, mask_of

if TYPE_CHECKING:
    from fractions import Fraction

_INT64_SAFE = 1 << 62
"""Sums and products below this do not overflow an int64."""
_DOUBLE_SAFE = 1 << 53
"""A double holds every whole number up to this one."""


class Inexact(Exception):
    """A result that the output's dtype cannot hold exactly; its text says why."""


class Rebase(NamedTuple):
    """Times counted in other units: ``(value * times + plus) / over``, in whole numbers.

    Days since 2020-01-02 to hours since 2020-01-01::

        2020-01-01           2020-01-02           2020-01-03
        |--------------------|--------------------|
        0 h                  0 d = 24 h           1 d = 48 h     (value * 24 + 24) / 1

    Parameters
    ----------
    times, plus, over : int
    least : Fraction, optional
        The first value for which the calendars of the input and the output agree.
    """

    times: int
    plus: int
    over: int
    least: Fraction | None = None

    @property
    def is_identity(self) -> bool:
        """Whether no value changes."""
        return self.times == self.over and not self.plus

    def apply(self, values: np.ndarray, dtype: np.dtype, exact: bool) -> np.ndarray:
        """Convert values to the other units.

        Parameters
        ----------
        values : numpy.ndarray
        dtype : numpy.dtype
            The dtype of the results.
        exact : bool
            Do not round.

        Raises
        ------
        Inexact
            A result is outside the range of the dtype, or would have to be rounded.
        """
        if values.dtype.kind in "iu":
            return self._convert_integers(values, dtype, exact)
        out = (
            np.asarray(values, dtype=dtype).copy()
            if dtype.kind == "f"
            else np.zeros(values.shape, dtype)
        )
        finite = np.isfinite(values)
        if dtype.kind != "f" and not finite.all():
            raise Inexact(f"{dtype} cannot hold a NaN or an infinity")
        numbers = values[finite]
        if not numbers.size:
            return out
        are_whole = np.abs(numbers).max() < _DOUBLE_SAFE and bool(
            (np.rint(numbers) == numbers).all()
        )
        if are_whole:
            out[finite] = self._convert_integers(numbers.astype(np.int64), dtype, exact)
        else:
            out[finite] = self._fractions([float(v) for v in numbers], dtype, exact)
        return out

    def _convert_integers(self, values: np.ndarray, dtype: np.dtype, exact: bool) -> np.ndarray:
        if not values.size:
            return values.astype(dtype)
        low, high = int(values.min()), int(values.max())
        self._check_least(low)
        largest = max(abs(low), abs(high)) * self.times + abs(self.plus)
        if largest >= _INT64_SAFE:
            return self._fractions([int(v) for v in values.ravel()], dtype, exact).reshape(
                values.shape
            )
        scaled = values.astype(np.int64) * self.times + self.plus
        quotient, rest = np.divmod(scaled, self.over)
        if not rest.any():
            return _cast_whole(quotient, dtype)
        if dtype.kind == "f" and largest >= _DOUBLE_SAFE:  # a double would round too early
            return self._fractions([int(v) for v in values.ravel()], dtype, exact).reshape(
                values.shape
            )
        return self._rounded(scaled, dtype, exact)

    def _rounded(self, scaled: np.ndarray, dtype: np.dtype, exact: bool) -> np.ndarray:
        """Divide where the results are not whole numbers; some floats hold them exactly."""
        if dtype.kind != "f":
            raise Inexact(f"a result is not whole, and {dtype} holds whole numbers only")
        values = scaled / self.over
        out = values.astype(dtype)
        denominator = self.over // np.gcd(scaled, self.over)
        is_dyadic = (denominator & (denominator - 1)) == 0  # a finite binary fraction
        if exact and not (is_dyadic.all() and (out == values).all()):
            raise Inexact(f"{dtype} cannot hold a result exactly")
        return out

    def _fractions(self, numbers: Sequence[float], dtype: np.dtype, exact: bool) -> np.ndarray:
        """Convert one by one: slow, and right for values of any size."""
        from fractions import Fraction  # imported late: few arrays are times

        values = [Fraction(number) for number in numbers]
        if values:
            self._check_least(min(values))
        results = [(v * self.times + self.plus) / self.over for v in values]
        if dtype.kind != "f":
            if any(v.denominator != 1 for v in results):
                raise Inexact(f"a result is not whole, and {dtype} holds whole numbers only")
            info = np.iinfo(dtype)
            if any(not info.min <= v <= info.max for v in results):
                raise Inexact(f"a result is outside the range of {dtype}")
            return np.array([int(v) for v in results], dtype)
        out = np.array([float(v) for v in results]).astype(dtype)
        if exact and any(Fraction(float(o)) != v for o, v in zip(out, results, strict=True)):
            raise Inexact(f"{dtype} cannot hold a result exactly")
        return out

    def _check_least(self, low: int | Fraction) -> None:
        if self.least is not None and low < self.least:
            raise Inexact("a date lies before 1582-10-15, where the calendars differ")


def _cast_whole(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Cast whole numbers to the dtype, exactly or not at all."""
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        for value in (int(values.min()), int(values.max())):
            if not info.min <= value <= info.max:
                raise Inexact(f"{value} is outside the range of {dtype}")
        return values.astype(dtype)
    out = values.astype(dtype)
    if not np.isfinite(out).all() or (out.astype(np.int64) != values).any():
        raise Inexact(f"{dtype} cannot hold a result exactly")
    return out


class Unpack(NamedTuple):
    """Packed numbers to the floating-point numbers that they stand for (CF 8.1).

    ``unpacked = packed * scale + offset``

    Parameters
    ----------
    scale, offset : float
    sign : str
        "u" or "i" where `_Unsigned` changes how the stored numbers are read, as `sign_of` returns
        it; "" where it does not.
    """

    scale: float
    offset: float
    sign: str

    def apply(self, values: np.ndarray, dtype: np.dtype, exact: bool) -> np.ndarray:
        """Unpack values, computing in the precision of the dtype."""
        if self.sign:
            order = values.dtype.byteorder
            values = values.view(f"{order}{self.sign}{values.dtype.itemsize}")
        out = values.astype(dtype)
        if self.scale != 1:
            out *= dtype.type(self.scale)
        if self.offset:
            out += dtype.type(self.offset)
        return out


ConversionStep = Rebase | Unpack


def _applied(step: ConversionStep, values: np.ndarray, dtype: np.dtype, exact: bool) -> np.ndarray:
    """What a step makes of values; for a low-precision type it calculates in float32."""
    if not is_low_precision(dtype):
        return step.apply(values, dtype, exact)
    wide = step.apply(values, np.dtype("f4"), exact)
    out = wide.astype(dtype)
    if exact and isinstance(step, Rebase):
        is_held = (out.astype("f4") == wide) | np.isnan(wide)
        if not is_held.all():
            raise Inexact(f"{dtype} cannot hold a result exactly")
    return out


@dataclass(frozen=True, slots=True)
class Conversion:
    """How the elements of one input change before they are written to the output.

    Parameters
    ----------
    name : str
        The input's name in messages.
    dtype : numpy.dtype
        The dtype of the results.
    step : Rebase or Unpack, optional
        What happens to the elements that are not missing.
    own : tuple
        The input's missing values, in its own dtype; each is replaced by `common`.
    common : object, optional
        The output's missing value, in `dtype`.
    kept : tuple
        Missing values of the output, which stay as they are.
    reserved : tuple
        Missing values of the output that data of this input could equal, as they are stored or
        after the step or a cast that rounds: the run is refused if one of them occurs.
    exact : bool
        Refuse to round.
    hint : str
        The end of an error message: what the user can do.
    """

    name: str
    dtype: np.dtype
    step: ConversionStep | None = None
    own: tuple[Any, ...] = ()
    common: Any = None
    kept: tuple[Any, ...] = ()
    reserved: tuple[Any, ...] = ()
    exact: bool = True
    hint: str = ""

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Convert a block of any shape; the block itself is not changed.

        Raises
        ------
        MeaningMismatch
            A result is not exact, or a missing value of the output occurs as data.
        """
        is_missing = mask_of(values, self.own)
        if self.step is None:
            with np.errstate(all="ignore"):
                out = values.astype(self.dtype)
        else:
            zero = np.zeros(
                (), values.dtype
            )  # in place of markers, which are not numbers to convert
            numbers = np.where(is_missing, zero, values) if self.own else values
            try:
                out = _applied(self.step, numbers, self.dtype, self.exact)
            except Inexact as error:
                raise MeaningMismatch(f"{self.name}: {error}{self.hint}") from None
        clash = mask_of(out, self.reserved) & ~is_missing
        if clash.any():
            raise MeaningMismatch(self._clash(values[clash].ravel()[0], out[clash].ravel()[0]))
        if self.own and self.common is not None:
            out[is_missing & ~mask_of(out, self.kept)] = self.common
        return out

    def _clash(self, value: Any, result: Any) -> str:
        """The message that data became the missing value of the output."""
        stands = f"stands for missing values in the output{KEEP_FIRST}"
        if self.step is not None or value == result:
            return f"{self.name}: holds {result} as data, which {stands}"
        return (
            f"{self.name}: holds {value} as data, which is {result} as {self.dtype}, and that "
            f"{stands}"
        )

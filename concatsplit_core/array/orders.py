"""Axis orders by letters, such as NCHW, as Caffe2's `order` argument names them."""

from __future__ import annotations

from concatsplit_core.foundation.errors import AxisError, UsageError
from concatsplit_core.foundation.sizes import counted

DEFAULT_ORDER = "NCHW"
"""Of DepthConcat and DepthSplit."""


def channel_axis(order: str, ndim: int, what: str) -> int:
    """The axis that the letter C names.

    Parameters
    ----------
    order : str
        Distinct letters, one of them C, as many as the array has axes.
    ndim : int
    what : str
        What messages call the array.

    Raises
    ------
    UsageError
        The order is not of this kind.
    AxisError
        It has not as many letters as the array has axes.
    """
    letters = order.upper()
    if not letters.isalpha() or not letters.isascii() or len(set(letters)) != len(letters):
        raise UsageError(f"--order {order} is not made of distinct letters, such as NCHW or NHWC")
    if "C" not in letters:
        hint = "; how elements lie in memory is --memory-order F" if letters == "F" else ""
        raise UsageError(f"--order {order} has no C, the channel axis to work along{hint}")
    if len(letters) != ndim:
        raise AxisError(
            f"--order {order} names {counted(len(letters), 'axis', 'axes')}, but {what} has "
            f"{ndim}; give one letter for each",
            found=order,
            expected=ndim,
        )
    return letters.index("C")

"""The types for agreeing on the meaning of a joined array: the rules, the inputs, the result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from concatsplit_core.foundation.records import NamedTuple

if TYPE_CHECKING:
    import numpy as np

    from concatsplit_core.meaning.conversions import Conversion
    from concatsplit_core.meaning.model import Meaning

ConflictRule = Literal["exact", "refuse", "first", "convert"]
"""The values of ``--conflicts``.

`exact` converts only without loss, `refuse` never converts, `first` keeps the first input's
attributes for all inputs, `convert` may also round.
"""
KeptAttributes = Literal["first", "common", "none"]
"""The values of ``--attrs``: which descriptive attributes the output gets."""


class InputMeaning(NamedTuple):
    """One input of a join: its name in messages, its dtype and its meaning."""

    name: str
    dtype: np.dtype
    meaning: Meaning


class Agreement(NamedTuple):
    """The meaning of a joined array, and how its inputs are converted to it.

    Parameters
    ----------
    meaning : Meaning
        The meaning of the joined array; its missing value has this `dtype`.
    dtype : numpy.dtype
        The dtype of the joined array.
    conversions : tuple of Conversion or None
        One per input: how its elements change; None where they stay as they are.
    """

    meaning: Meaning
    dtype: np.dtype
    conversions: tuple[Conversion | None, ...]

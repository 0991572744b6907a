"""Making joined inputs agree on one meaning, by the rules of ``--conflicts`` and ``--attrs``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from concatsplit_core.meaning.agreement import (
    Agreement,
    ConflictRule,
    InputMeaning,
    KeptAttributes,
)
from concatsplit_core.meaning.model import BARE


def reconcile(
    inputs: Sequence[InputMeaning],
    rule: ConflictRule,
    kept: KeptAttributes,
    choose_dtype: Callable[[list[np.dtype]], np.dtype],
) -> Agreement:
    """Find one meaning for all inputs of a join, and how each input is converted to it.

    Parameters
    ----------
    inputs : sequence of InputMeaning
    rule : str
        The value of ``--conflicts``.
    kept : str
        The value of ``--attrs``: which descriptive attributes are kept.
    choose_dtype : callable
        Gets the dtypes of the converted inputs and returns the dtype of the output.

    Raises
    ------
    MeaningMismatch
        The inputs differ, and the rule does not allow the conversion.
    """
    if all(one.meaning.is_bare for one in inputs):
        dtype = choose_dtype([one.dtype for one in inputs])
        return Agreement(BARE, dtype, (None,) * len(inputs))
    # Imported late: a join of .npy files needs no fractions, times and the like.
    from concatsplit_core.meaning.conflicts import reconcile_described

    return reconcile_described(inputs, rule, kept, choose_dtype)

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
from concatsplit_core.meaning.model import BARE, Meaning


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
    plain = _plain(inputs)
    if plain is not None:
        dtype = choose_dtype([one.dtype for one in inputs])
        return Agreement(plain, dtype, (None,) * len(inputs))
    # Imported late: inputs without attributes need no fractions, times and the like.
    from concatsplit_core.meaning.conflicts import reconcile_described

    return reconcile_described(inputs, rule, kept, choose_dtype)


def _plain(inputs: Sequence[InputMeaning]) -> Meaning | None:
    """The meaning of inputs that say no more than the same names of dimensions; else None."""
    described = [one for one in inputs if not one.meaning.is_bare]
    first = described[0].meaning
    for one in described:
        has_more = one.meaning.attrs or one.meaning.missing is not None or one.meaning.borrowed
        if has_more or one.dtype.metadata or one.dtype.names or one.meaning.dims != first.dims:
            return None
    return Meaning(dims=first.dims)

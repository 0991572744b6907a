"""What joined inputs mean together: the rules of ``--conflicts`` and ``--attrs``.

`exact` converts where nothing is lost, `refuse` never converts, `first` takes the first input's
word for all, `convert` also rounds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from concatsplit_core.meaning.model import BARE, Meaning

if TYPE_CHECKING:
    from concatsplit_core.meaning.conversions import Conversion

Rule = Literal["exact", "refuse", "first", "convert"]
Kept = Literal["first", "common", "none"]


class Party(NamedTuple):
    """One input that is joined: what messages call it, its dtype and what it means."""

    name: str
    dtype: np.dtype
    meaning: Meaning


class Agreement(NamedTuple):
    """What the joined array means.

    Parameters
    ----------
    meaning : Meaning
        Its missing value is of `dtype`.
    dtype : numpy.dtype
        Of the joined array.
    conversions : tuple of Conversion or None
        One an input: how its elements change first, None where they do not.
    """

    meaning: Meaning
    dtype: np.dtype
    conversions: tuple[Conversion | None, ...]


def agree(
    parties: Sequence[Party],
    rule: Rule,
    kept: Kept,
    choose_dtype: Callable[[list[np.dtype]], np.dtype],
) -> Agreement:
    """Settle what inputs that are joined mean together.

    Parameters
    ----------
    parties : sequence of Party
    rule : str
        Of ``--conflicts``.
    kept : str
        Which descriptive attributes are kept, as ``--attrs`` says.
    choose_dtype : callable
        From the dtypes of the inputs, once they are converted, to the output's.

    Raises
    ------
    MeaningMismatch
        The inputs differ in what the rule does not allow to be converted.
    """
    if all(party.meaning.is_bare for party in parties):
        dtype = choose_dtype([party.dtype for party in parties])
        return Agreement(BARE, dtype, (None,) * len(parties))
    from concatsplit_core.meaning.reconciling import reconcile

    return reconcile(parties, rule, kept, choose_dtype)

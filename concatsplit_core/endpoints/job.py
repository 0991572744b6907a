"""What an operator asks the engine to do."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from concatsplit_core.array.geometry import Shape
from concatsplit_core.array.tiling import Tiling
from concatsplit_core.formats.base import Source
from concatsplit_core.meaning.model import BARE, Meaning

if TYPE_CHECKING:
    from concatsplit_core.meaning.conversions import Conversion


class Job(NamedTuple):
    """One logical array between two tilings, and what to call it.

    Parameters
    ----------
    operator : str
    shape : tuple of int
        Of the logical array.
    dtype : numpy.dtype
        Of the outputs.
    sources : sequence of Source
    source_tiling : Tiling
    outputs : sequence of str
        References, one a target.
    target_tiling : Tiling
        Its specs have a shape and a dtype; their layout is found here.
    split_info : sequence of int
    extras : sequence of (str, numpy.ndarray)
        Small arrays that are written beside the outputs, and appear with them.
    also_read : sequence of str
        References that were read beside the sources; no output may be one of them.
    meaning : Meaning
        Of the logical array.
    conversions : sequence of Conversion or None
        How the elements of each source change when they are read.
    check : callable, optional
        Looks at the sources once more before anything is written, when all else has been found
        good; gives notes, or raises.
    """

    operator: str
    shape: Shape
    dtype: np.dtype
    sources: Sequence[Source]
    source_tiling: Tiling
    outputs: Sequence[str]
    target_tiling: Tiling
    split_info: Sequence[int]
    extras: Sequence[tuple[str, np.ndarray]] = ()
    also_read: Sequence[str | os.PathLike[str]] = ()
    meaning: Meaning = BARE
    conversions: Sequence[Conversion | None] = ()
    check: Callable[[], Sequence[str]] | None = None

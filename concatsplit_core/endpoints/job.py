"""What an operator asks the engine to do."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from concatsplit_core.array.geometry import Shape
from concatsplit_core.array.tiling import Tiling
from concatsplit_core.endpoints.references import MemberOf
from concatsplit_core.formats.sources import Source
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.meaning.model import BARE, Meaning

if TYPE_CHECKING:
    from concatsplit_core.formats.structure import Structure
    from concatsplit_core.meaning.conversions import Conversion


class Move(NamedTuple):
    """One logical array between two tilings.

    ::

        sources   |  a  |   b   |  c  |
        array     0 ------ axis ------> length
        targets   |    y    |    z    |

    Parameters
    ----------
    shape : tuple of int
        Of the logical array.
    dtype : numpy.dtype
        Of the outputs.
    sources : sequence of Source
    source_tiling : Tiling
    outputs : sequence of str or MemberOf
        One a target.
    target_tiling : Tiling
        Its specs have a shape and a dtype; their layout is found later.
    split_info : sequence of int
        Lengths along the axis: of a join's inputs, of a split's parts.
    meaning : Meaning
        Of the logical array.
    conversions : sequence of Conversion or None
        How the elements of each source change when they are read.
    name : str
        What the array is called in a data set; empty for a bare array.
    is_carried : bool
        It is copied as it is stored, whatever is asked of the other arrays.
    is_compared : bool
        False if it is carried from the first input, and may differ in the others.
    """

    shape: Shape
    dtype: np.dtype
    sources: Sequence[Source]
    source_tiling: Tiling
    outputs: Sequence[str | MemberOf]
    target_tiling: Tiling
    split_info: Sequence[int]
    meaning: Meaning = BARE
    conversions: Sequence[Conversion | None] = ()
    name: str = ""
    is_carried: bool = False
    is_compared: bool = True


class Document(NamedTuple):
    """A file beside the outputs that says what they hold.

    Parameters
    ----------
    ref : str
        Its name.
    data : bytes
    """

    ref: str
    data: bytes


class Job(NamedTuple):
    """All that has to happen together: planned, staged and published as one.

    Parameters
    ----------
    operator : str
    moves : sequence of Move
        At least one; a bare array is one.
    extras : sequence of (str, numpy.ndarray)
        Small arrays that are written beside the outputs, and appear with them.
    documents : sequence of Document
        They appear with the outputs.
    notes : sequence of str
        What the user should know.
    compared : sequence of Source
        Sources that are read, though nothing of them is written.
    also_read : sequence of str
        References that were read beside the sources; no output may be one of them.
    asked : object
        What was asked for, apart from inputs and outputs; ``repr`` tells requests apart.
    lists : sequence of str
        ``@list`` references that name sources.
    structures : mapping of str to Structure
        What new containers hold beside the arrays, by the names of the containers.
    check : callable, optional
        Looks at the sources once more before anything is written, when all else has been found
        good; gives notes, or raises.
    """

    operator: str
    moves: Sequence[Move]
    extras: Sequence[tuple[str, np.ndarray]] = ()
    documents: Sequence[Document] = ()
    notes: Sequence[str] = ()
    compared: Sequence[Source] = ()
    also_read: Sequence[str | os.PathLike[str]] = ()
    asked: object = None
    lists: Sequence[str] = ()
    structures: Mapping[str, Structure] = MappingProxyType({})
    check: Callable[[], Sequence[str]] | None = None

    @property
    def sources(self) -> list[Source]:
        """Those of all moves."""
        return [source for move in self.moves for source in move.sources]

    @property
    def outputs(self) -> list[str | MemberOf]:
        """References of the outputs of all moves."""
        return [ref for move in self.moves for ref in move.outputs]

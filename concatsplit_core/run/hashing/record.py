"""The hash of a blob, as it is written into a manifest."""

from __future__ import annotations

from typing import Literal, get_args

from concatsplit_core.array.geometry import Interval
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.run.hashing.leaves import Sections

Kind = Literal["elements", "bytes", "chunks"]
"""What is hashed: the elements, the stored bytes of a contiguous array, or the stored chunks."""

KINDS: tuple[Kind, ...] = get_args(Kind)


class HashRecord(NamedTuple):
    """The hash of a blob, as it is written into a manifest.

    Parameters
    ----------
    kind : str
    value : str
        The hash in hexadecimal.
    ranges : tuple of Interval, optional
        The intervals of the run's axis that were hashed; None if the whole blob was.
    sections : Sections, optional
    """

    kind: Kind
    value: str
    ranges: tuple[Interval, ...] | None = None
    sections: Sections | None = None


class Hashed(NamedTuple):
    """What a manifest records of the content of one blob.

    Parameters
    ----------
    hash : HashRecord, optional
        None if nothing of an input was read.
    stored_bytes : int
        The bytes that the array takes in its file.
    """

    hash: HashRecord | None
    stored_bytes: int

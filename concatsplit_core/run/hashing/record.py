"""The hash of a blob as manifests hold it."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from concatsplit_core.array.geometry import Interval
from concatsplit_core.run.hashing.leaves import Sections

Kind = Literal["elements", "bytes", "chunks"]
"""Elements, or what is stored: the bytes of a contiguous array, the chunks of another one."""

KINDS: tuple[Kind, ...] = get_args(Kind)


class HashRecord(NamedTuple):
    """The hash of a blob as a manifest holds it.

    Parameters
    ----------
    kind : str
    value : str
        In hexadecimal.
    ranges : tuple of Interval, optional
        What was hashed along the axis of the run; None where it is all.
    sections : Sections, optional
    """

    kind: Kind
    value: str
    ranges: tuple[Interval, ...] | None = None
    sections: Sections | None = None


class Hashed(NamedTuple):
    """What a manifest says of the content of one blob.

    Parameters
    ----------
    hash : HashRecord, optional
        None where nothing of an input was read.
    stored_bytes : int
        What the array takes in its file.
    """

    hash: HashRecord | None
    stored_bytes: int

"""What is compared: cases, and who takes part in them. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from benchmarks.bounds import Bound

OURS = "concatsplit"


class Role(StrEnum):
    """Why a contestant takes part."""

    OURS = "ours"
    REFERENCE = "reference"
    PEER = "peer"
    PROBE = "probe"
    """Not compared, but needed to judge: a no-op, or our command on fewer chunks."""


@dataclass(frozen=True, slots=True)
class Check:
    """What outputs have to hold: the tiles, joined along an axis, are the whole.

    Parameters
    ----------
    axis : int
    whole : str
        Reference of the joined array, be it output or input.
    tiles : tuple of str
        References of the arrays that it is joined of; one ``@list.txt`` for many.
    stacked : bool
        The axis is a new one, along which every tile has length 1.
    """

    axis: int
    whole: str
    tiles: tuple[str, ...]
    stacked: bool = False


@dataclass(frozen=True, slots=True)
class Contestant:
    """One command line that takes part in a case.

    Parameters
    ----------
    name : str
    role : Role
    argv : tuple of str
        Runs in the folder of the inputs; what it makes lies in the folder ``out``.
    check : Check or None
        None where the output is not an array, as for ``cat``.
    stdout : str or None
        A file to which the standard output goes.
    tells_seconds : bool
        It prints the time that counts, which is a part of its whole process.
    needs : tuple of str
        Python packages without which it is left out.
    """

    name: str
    role: Role
    argv: tuple[str, ...]
    check: Check | None = None
    stdout: str | None = None
    tells_seconds: bool = False
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """One job that several programs do.

    Parameters
    ----------
    name : str
        Group and case, such as ``npy/join-first``.
    title : str
    array_bytes : int
        Bytes of array data that are moved; 0 where the time does not depend on them.
    inputs : tuple of str
        Names that ``benchmarks.data`` knows.
    contestants : tuple of Contestant
        Ours first.
    bounds : tuple of Bound
    round_factor : int
        So many times more rounds than others, for what takes a fraction of a second.
    on_disk : bool
        It says something about disks only, and is left out on a RAM disk.
    cold : bool
        The inputs are dropped from the page cache before every run.
    """

    name: str
    title: str
    array_bytes: int
    inputs: tuple[str, ...]
    contestants: tuple[Contestant, ...]
    bounds: tuple[Bound, ...] = ()
    round_factor: int = 1
    on_disk: bool = False
    cold: bool = False

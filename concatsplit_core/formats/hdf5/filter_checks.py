"""Checks what HDF5's filters trust before they run.

HDF5 divides by their parameters, which the file holds, and allocates and writes as much as a chunk
says. It reads a whole chunk out of what the filters return, also where that is less.
"""

from __future__ import annotations

from typing import Any

from concatsplit_core.codecs.bounds import STORED_ROOM
from concatsplit_core.codecs.chunks import can_decode, decode_bounded
from concatsplit_core.formats.hdf5.filters import (
    BITSHUFFLE,
    FLETCHER32,
    LZ4,
    LZF,
    NBIT,
    SCALEOFFSET,
    SHUFFLE,
    SZIP,
    Filter,
    step_of,
)
from concatsplit_core.foundation.errors import MalformedInput, OverBudget

_SAME_SIZE = {SHUFFLE, BITSHUFFLE, FLETCHER32}
"""Filters that return no fewer bytes than they are given, when they encode."""
_ATOMIC, _ARRAY, _COMPOUND, _AS_IT_IS = 1, 2, 3, 4
"""What the n-bit filter calls a number, an array of a type, a compound, and any other type."""
_MOST_LEVELS = 16
"""How deep types in its parameters may lie in each other."""


def check_parameters(found: list[Filter], elements: int, itemsize: int, ref: str) -> None:
    """Refuse filters whose parameters do not fit the dataset.

    Parameters
    ----------
    found : list of Filter
    elements : int
        In a chunk.
    itemsize : int
        Bytes of an item in the file.
    ref : str

    Raises
    ------
    MalformedInput
        The file is damaged: the library would crash, or write beyond the end of a chunk.
    """
    for item in found:
        values = item.values
        if item.code == SZIP:
            sound = _is_sound_szip(values)
        elif item.code == SCALEOFFSET:
            sound = len(values) >= 8 and values[2] == elements and values[4] == itemsize
        elif item.code == NBIT:
            sound = _is_sound_nbit(values, elements, itemsize)
        elif item.code == LZF:  # it makes so much room, where it says it
            sound = not 0 < sum(values[2:3]) < elements * itemsize
        elif item.code == BITSHUFFLE:  # it divides by the item size and by the block size
            sound = len(values) >= 3 and 0 < values[2] <= itemsize and sum(values[3:4]) % 8 == 0
        else:
            sound = True
        if not sound:
            raise MalformedInput(
                f"{ref}: the parameters {values} of its filter '{item.name}' are not those of a "
                f"chunk of {elements} items of {itemsize} bytes; the file is damaged",
                ref=ref,
                found=values,
            )


def _is_sound_szip(values: tuple[int, ...]) -> bool:
    """Pixels come in blocks of an even number, up to 32, and in lines of up to 128 blocks."""
    if len(values) != 4:
        return False
    _, block, bits, line = values
    even = 2 <= block <= 32 and block % 2 == 0
    return even and (1 <= bits <= 32 or bits == 64) and block <= line <= 128 * block


def _is_sound_nbit(values: tuple[int, ...], elements: int, itemsize: int) -> bool:
    if len(values) < 5 or values[0] != len(values) or values[2] != elements:
        return False
    try:
        _, size, _ = _nbit_type(values, 3)
    except (IndexError, ValueError):
        return False
    return size == itemsize


def _nbit_type(values: tuple[int, ...], at: int, level: int = 0) -> tuple[int, int, int]:
    """Where a type of the n-bit filter ends in its parameters, its bytes, and the bits it packs.

    Raises
    ------
    IndexError, ValueError
        It goes on after the parameters, or a part of it lies outside of it.
    """
    kind, size = values[at], values[at + 1]
    if kind == _ATOMIC:
        precision, offset = values[at + 3], values[at + 4]
        _demand(0 < precision <= 8 * size - offset)
        return at + 5, size, precision
    if kind == _AS_IT_IS:
        return at + 2, size, 8 * size
    _demand(kind in (_ARRAY, _COMPOUND) and level < _MOST_LEVELS)
    if kind == _ARRAY:
        end, inner, bits = _nbit_type(values, at + 2, level + 1)
        _demand(inner > 0 and size % inner == 0)
        return end, size, bits * (size // inner)
    count, end, total = values[at + 2], at + 3, 0
    for _ in range(count):
        offset = values[end]
        end, inner, bits = _nbit_type(values, end + 1, level + 1)
        _demand(offset + inner <= size)
        total += bits
    return end, size, total


def _demand(is_so: bool) -> None:
    if not is_so:
        raise ValueError


def check_chunk(data: Any, found: list[Filter], skipped: int, nbytes: int) -> None:
    """Decode a chunk through all filters that are known here, with a bound on its size.

    Parameters
    ----------
    data : buffer
        The chunk as it is stored.
    found : list of Filter
    skipped : int
        A bit for each filter that the chunk did not go through.
    nbytes : int
        Bytes of the decoded chunk.

    Raises
    ------
    OverBudget
        The chunk claims, or expands to, more than it should hold.
    MalformedInput
        It is damaged, or holds less than it should.
    """
    limit = nbytes + STORED_ROOM
    left = [item for number, item in enumerate(found) if not skipped >> number & 1]
    while left:
        item = left.pop()
        size = memoryview(data).nbytes
        if size > 2 * limit or (item.code == LZF and size > limit):
            raise OverBudget(f"it is stored in {size} bytes where {nbytes} belong")
        claim = _claim(item, data, nbytes)
        if claim > limit:
            raise OverBudget(f"it claims to expand to {claim} bytes where {nbytes} belong")
        step = step_of(item, 1)
        if step is None or not can_decode((step,)):
            if {before.code for before in left} <= _SAME_SIZE:
                _check_whole(claim, nbytes)
            return
        data = decode_bounded(data, step, limit)
    _check_whole(memoryview(data).nbytes, nbytes)


def _check_whole(found: int, nbytes: int) -> None:
    if found < nbytes:
        raise MalformedInput(f"it holds {found} bytes where {nbytes} belong", found=found)


def _claim(item: Filter, data: Any, nbytes: int) -> int:
    """Bytes that a chunk claims to expand to, if its filter puts that in front."""
    head = bytes(memoryview(data)[:8])
    framed = item.code == LZ4 or (item.code == BITSHUFFLE and any(item.values[4:5]))
    if framed and len(head) == 8:
        return int.from_bytes(head, "big")
    if item.code == SZIP:
        if len(head) < 4:
            raise MalformedInput("it is shorter than the size that szip puts in front")
        return int.from_bytes(head[:4], "little")
    if item.code == BITSHUFFLE or (item.code == NBIT and item.values[1]):
        return memoryview(data).nbytes  # nothing was compressed
    if item.code == NBIT:
        _check_bits(data, item.values[2], _nbit_type(item.values, 3)[2], 0)
    if item.code == SCALEOFFSET:
        bits = int.from_bytes(head[:4], "little")
        if bits > 8 * item.values[4]:
            raise MalformedInput(f"its items claim {bits} bits of {8 * item.values[4]}")
        _check_bits(data, item.values[2], bits, 21)
    return nbytes


def _check_bits(data: Any, items: int, bits: int, header: int) -> None:
    """Refuse a chunk that is shorter than its items in so many bits each."""
    found, wanted = memoryview(data).nbytes, header + items * bits // 8
    if found < wanted:
        raise MalformedInput(f"it is cut short: {found} bytes where {wanted} belong")

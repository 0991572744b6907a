"""Changes metadata of HDF5 files and makes their checksums right again, as an attacker would."""

from __future__ import annotations

import struct
from pathlib import Path

_WORD = 0xFFFFFFFF


def _turned(x: int, k: int) -> int:
    return (x << k | x >> (32 - k)) & _WORD


_MIXED = ((0, 2, 4), (1, 0, 6), (2, 1, 8), (0, 2, 16), (1, 0, 19), (2, 1, 4))
_LAST = ((2, 1, 14), (0, 2, 11), (1, 0, 25), (2, 1, 16), (0, 2, 4), (1, 0, 14), (2, 1, 24))


def checksum(data: bytes) -> int:
    """The checksum of HDF5's metadata: Bob Jenkins' lookup3, as its `hashlittle` from 0."""
    state = [(0xDEADBEEF + len(data)) & _WORD] * 3
    for at in range(0, len(data), 12):
        piece = data[at : at + 12].ljust(12, b"\0")
        state = [(s + w) & _WORD for s, w in zip(state, struct.unpack("<3I", piece), strict=True)]
        if at + 12 < len(data):
            for i, j, k in _MIXED:
                state[i] = (state[i] - state[j] & _WORD) ^ _turned(state[j], k)
                state[j] = (state[j] + state[3 - i - j]) & _WORD
    for i, j, k in _LAST if data else ():
        state[i] = (state[i] ^ state[j]) - _turned(state[j], k) & _WORD
    return state[2]


def resealed(content: bytes, magic: bytes, length: int, fields: dict[int, bytes]) -> bytes:
    """Change fields of the first structure of a kind, which ends with its checksum.

    Parameters
    ----------
    content : bytes
        The whole file.
    magic : bytes
        Its first bytes.
    length : int
        Bytes before its checksum.
    fields : dict of int to bytes
        New bytes by their places in it.
    """
    made, start = bytearray(content), content.index(magic)
    stop = start + length
    assert int.from_bytes(made[stop : stop + 4], "little") == checksum(made[start:stop])
    for at, field in fields.items():
        made[start + at : start + at + len(field)] = field
    made[stop : stop + 4] = checksum(made[start:stop]).to_bytes(4, "little")
    return bytes(made)


def change(path: Path, magic: bytes, length: int, fields: dict[int, bytes]) -> None:
    """Do so in a file."""
    path.write_bytes(resealed(path.read_bytes(), magic, length, fields))

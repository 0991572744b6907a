"""Arrays of random bytes, and NumPy's answers compared bit for bit."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

NESTED = np.dtype([("a", "<i2"), ("b", [("c", ">f4"), ("d", "S3")]), ("e", "<f8")])
SUBARRAY = np.dtype([("a", "<i2"), ("m", "<f4", (2, 3)), ("z", ">u4")])
PADDED = np.dtype(
    {"names": ["x", "y"], "formats": ["u1", "<f8"], "offsets": [3, 8], "itemsize": 24}
)

NUMBERS = ("?", "i1", "u1", *(f"<{c}" for c in ("i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4")))
NUMBERS += ("<f8", "<c8", "<c16")
SWAPPED = tuple(name.replace("<", ">") for name in NUMBERS if "<" in name)
TIMES = ("<M8[ns]", "<m8[s]", ">M8[D]", ">m8[us]")
BYTES = ("S5",)
TEXT = ("<U4", ">U4")

_NAN_PAYLOADS = {2: 0x7E55, 4: 0x7FC12345, 8: 0x7FF8DEADBEEF0001}


class Row(str):
    """A line of a table of layouts: its name, which identifies the test, and its settings."""

    __slots__ = ("dtype", "settings")

    def __new__(cls, name: str, dtype: object = "<f4", **settings: object) -> Row:
        row = super().__new__(cls, name)
        row.dtype = np.dtype(dtype)
        row.settings = settings
        return row

    @property
    def tiles(self) -> tuple:
        """What a plan depends on: how the array is cut up, not how its chunks are encoded."""
        cut = ("chunks", "shards", "order", "transposed", "compact", "compressed")
        known = [str(self.settings.get(key)) for key in cut]
        encoded = {"compressors", "compression", "filters", "serializer"} & set(self.settings)
        return (*known, self.dtype.itemsize, bool(encoded))


def make(dtype: object, shape: Sequence[int], seed: int = 0) -> np.ndarray:
    """An array of random bits, with NaN payloads and negative zeros where there can be any."""
    dtype = np.dtype(dtype)
    shape = tuple(shape)
    rng = np.random.default_rng(seed)
    count = int(np.prod(shape, dtype=int))
    if dtype.kind in "SU":
        letters = rng.integers(97, 123, (count, dtype.itemsize // (1 if dtype.kind == "S" else 4)))
        letters[rng.random(letters.shape) < 0.2] = 0
        codes = letters.astype("u1" if dtype.kind == "S" else f"{dtype.byteorder}u4")
        return np.frombuffer(codes.tobytes(), dtype, count).reshape(shape).copy()
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    bits = np.frombuffer(rng.bytes(count * dtype.itemsize), dtype, count).copy()
    if dtype.kind == "f" and dtype.itemsize in _NAN_PAYLOADS and count > 2:
        plain = bits.view(dtype.str.replace("f", "u"))
        plain[0] = _NAN_PAYLOADS[dtype.itemsize]
        plain[1] = 1 << (8 * dtype.itemsize - 1)
    return bits.reshape(shape)


def _items(array: np.ndarray) -> np.ndarray:
    """The array's items as opaque bytes, which no rule of NumPy changes."""
    return array.view(f"V{array.dtype.itemsize}")


def concatenated(arrays: Sequence[np.ndarray], axis: int) -> np.ndarray:
    """`numpy.concatenate` of the bytes of the items."""
    return np.concatenate([_items(a) for a in arrays], axis).view(arrays[0].dtype)


def stacked(arrays: Sequence[np.ndarray], axis: int) -> np.ndarray:
    """`numpy.stack` of the bytes of the items."""
    return np.stack([_items(a) for a in arrays], axis).view(arrays[0].dtype)


def native(array: np.ndarray) -> np.ndarray:
    """The same numbers in the machine's byte order, no bit of them changed."""
    if array.dtype.names is None and not array.dtype.isnative:
        return array.byteswap().view(array.dtype.newbyteorder("="))
    return array


def assert_same(found: np.ndarray, expected: np.ndarray) -> None:
    """Shape, dtype (but for byte order) and every bit agree."""
    found, expected = native(np.asarray(found)), native(np.asarray(expected))
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    assert _items(found).tobytes() == _items(expected).tobytes()


def tree_bytes(path: os.PathLike) -> dict[str, bytes]:
    """Content of every file at or below a path, by relative name."""
    if os.path.isfile(path):
        with open(path, "rb") as file:
            return {"": file.read()}
    found = {}
    for folder, _, names in os.walk(path):
        for name in names:
            full = os.path.join(folder, name)
            with open(full, "rb") as file:
                found[os.path.relpath(full, path)] = file.read()
    return found

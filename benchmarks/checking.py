"""Is a result right? ``python -m benchmarks.checking '{"axis": 0, ...}'`` prints one JSON object.

A program of its own, so that the memory it takes is never counted as a contestant's. The whole is
compared with its tiles in blocks. An output whose bytes are those of one that was found right
before is right, and is not decoded again.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.model import Check

_BLOCK_BYTES = 64 << 20
_READ_BYTES = 8 << 20


def digest(folder: Path) -> str:
    """Checksum of all files below a folder, and of their names."""
    import google_crc32c

    extend: Callable[[int, bytes], int] = google_crc32c.extend
    whole = 0
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            of_file = 0
            with path.open("rb", buffering=0) as file:
                while data := file.read(_READ_BYTES):
                    of_file = extend(of_file, data)
            line = f"{path.relative_to(folder)} {path.stat().st_size} {of_file:08x}\n"
            whole = extend(whole, line.encode())
    return f"{whole:08x}"


def open_array(name: str) -> Any:
    """An .npy file mapped, a Zarr array, the dataset ``data`` of an HDF5 file, or all tensors."""
    if name.endswith(".npy"):
        return np.load(name, mmap_mode="r")
    if name.endswith(".zarr"):
        import zarr

        from benchmarks.peers.zarr_output import use_pipeline

        # The default pipeline would take longer for many chunks than what is measured.
        use_pipeline("zarrs" if find_spec("zarrs") else "fused")
        return zarr.open_array(name, mode="r")
    if name.endswith(".safetensors"):
        return _tensors(name)
    import h5py

    return h5py.File(name, "r")["data"]


def _tensors(name: str) -> np.ndarray:
    """All tensors of a file, which lie one behind the other as rows of one array."""
    with open(name, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    shapes = [tensor["shape"] for tensor in header.values()]
    if any(shape[1:] != shapes[0][1:] for shape in shapes):
        raise ValueError(f"{name}: its tensors are not rows of one array")
    shape = (sum(rows for rows, *_ in shapes), *shapes[0][1:])
    return np.memmap(name, "<f4", "r", 8 + length, shape)


def storage(array: Any) -> str:
    """How an array is stored: memory order, or chunks, shards and codec."""
    if isinstance(array, np.ndarray):
        return "F order" if array.flags.fnc else "C order"
    if array.chunks is None:
        return "contiguous"
    parts = ["x".join(map(str, array.chunks))]
    if hasattr(array, "shards"):
        if array.shards:
            parts.append(f"in shards of {'x'.join(map(str, array.shards))}")
        parts += [_codec(one.to_dict()) for one in array.compressors]
    else:
        parts += ["shuffle"] if array.shuffle else []
        parts += [f"{array.compression}:{array.compression_opts}"] if array.compression else []
    return " ".join(parts)


def _codec(codec: Any) -> str:
    name = str(codec["name"]).removeprefix("numcodecs.")
    return f"{name}:{codec.get('configuration', {}).get('level', '')}"


def _rows(array: Any) -> int:
    """Rows of a block: whole chunks, so that none is decoded twice."""
    unit = int((getattr(array, "shards", None) or getattr(array, "chunks", None) or (1,))[0])
    row_bytes = max(1, int(np.prod(array.shape[1:])) * array.dtype.itemsize)
    rows: int = unit * max(1, _BLOCK_BYTES // (row_bytes * unit))
    return rows


def _tiles(check: Check) -> Iterator[Any]:
    for name in _names(check):
        yield open_array(name)


def _names(check: Check) -> list[str]:
    names = list(check.tiles)
    return Path(names[0][1:]).read_text().split() if names[0].startswith("@") else names


def equal(check: Check) -> bool:
    """Compare the whole with its tiles, block by block.

    Parameters
    ----------
    check : Check

    Returns
    -------
    bool
        Whether shape, dtype and every element agree.
    """
    whole, axis, start = open_array(check.whole), check.axis % _ndim(check.whole), 0
    fortran = isinstance(whole, np.ndarray) and whole.flags.fnc
    if fortran:
        # Blocks go along the axis that is slowest in memory.
        whole, axis = whole.T, whole.ndim - 1 - axis
    for plain in _tiles(check):
        tile = plain.T if fortran else plain
        length = 1 if check.stacked else tile.shape[axis]
        if not _fits(tile, whole, axis, check.stacked) or whole.dtype != tile.dtype:
            return False
        if not _same(whole, tile, axis, start, check.stacked):
            return False
        start += length
    return bool(start == whole.shape[axis])


def _ndim(name: str) -> int:
    return len(open_array(name).shape)


def _fits(tile: Any, whole: Any, axis: int, stacked: bool) -> bool:
    rest = [*whole.shape[:axis], *whole.shape[axis + 1 :]]
    shape = list(tile.shape)
    if not stacked:
        del shape[axis]
    return shape == rest


def _same(whole: Any, tile: Any, axis: int, start: int, stacked: bool) -> bool:
    if stacked and axis == 0:
        return np.array_equal(whole[start], tile[...])
    rows = _rows(tile)
    for low in range(0, tile.shape[0], rows):
        high = min(low + rows, tile.shape[0])
        index: list[Any] = [slice(None)] * len(whole.shape)
        index[0] = slice(low, high)
        if axis == 0:
            index[0] = slice(start + low, start + high)
        else:
            index[axis] = start if stacked else slice(start, start + tile.shape[axis])
        if not np.array_equal(whole[tuple(index)], tile[low:high]):
            return False
    return True


def main() -> None:
    """Look at the folder ``out`` and print what was found."""
    request = json.loads(sys.argv[1])
    known = request.pop("known")
    check = Check(**request | {"tiles": tuple(request["tiles"])})
    made = check.whole if check.whole.startswith("out/") else _names(check)[0]
    found: dict[str, Any] = {"digest": digest(Path("out"))}
    if found["digest"] != known:
        found |= {"equal": equal(check), "storage": storage(open_array(made))}
    print(json.dumps(found))


if __name__ == "__main__":
    main()

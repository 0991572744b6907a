"""Make the inputs of a run: ``python -m benchmarks.data --scale 1 a.npy b.npy``.

A program of its own, so that the memory it takes is never counted as a contestant's.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.field import blocks, field
from benchmarks.sizes import (
    CHUNK_ITEMS,
    CHUNKS,
    FIELDS,
    MONTHS,
    SHARDS,
    SMALL_ITEMS,
    TENSORS,
    TRIM,
    Sizes,
)

type Builder = Callable[[str, Sizes], None]

SEEDS = {"a": 1, "b": 2}
"""First and second inputs; the letter begins the name of every pair of files."""


def _seed(name: str) -> int:
    return SEEDS[name[0]]


def _large(name: str, sizes: Sizes) -> np.ndarray:
    return field(sizes.shape, _seed(name))


def _npy(name: str, sizes: Sizes) -> None:
    np.save(name, _large(name, sizes))


def _npy_tiny(name: str, sizes: Sizes) -> None:
    np.save(name, field((2, 3), _seed(name)))


def _npy_joined(name: str, sizes: Sizes) -> None:
    np.save(name, np.concatenate([_large("a", sizes), _large("b", sizes)]))


def _npy_rows(name: str, sizes: Sizes) -> None:
    np.save(name, field(sizes.rows_of_12_bytes, _seed(name)))


def _npy_fortran(name: str, sizes: Sizes) -> None:
    np.save(name, _large(name, sizes).T)


def _npy_small(name: str, sizes: Sizes) -> None:
    folder = Path(name)
    folder.mkdir()
    names = [str(folder / f"{index:05d}.npy") for index in range(sizes.small_inputs)]
    values = field((len(names), 1, SMALL_ITEMS), 1)
    for one, block in zip(names, values, strict=True):
        np.save(one, block)
    Path(f"{name}.txt").write_text("".join(f"{one}\n" for one in names))


def _npy_wide(name: str, sizes: Sizes) -> None:
    """One array whose rows become as many files, and the list of their names."""
    np.save(name, field((sizes.small_inputs, SMALL_ITEMS), 1))
    names = "".join(f"out/{index:05d}.npy\n" for index in range(sizes.small_inputs))
    Path(name).with_suffix(".txt").write_text(names)


def _members(name: str, sizes: Sizes) -> None:
    """A container of many small arrays."""
    count = sizes.members // 2 if name.endswith(".zarr") else sizes.members
    arrays = {f"layer.{number:05d}": field((4, 8), number) for number in range(count)}
    if name.endswith(".npz"):
        np.savez(name, **arrays)
    elif name.endswith(".h5"):
        import h5py

        with h5py.File(name, "w") as file:
            for member, values in arrays.items():
                file[member] = values
    else:
        import zarr

        group = zarr.create_group(name)
        for member, values in arrays.items():
            group.create_array(member, data=values)


def _trimmed(name: str, sizes: Sizes) -> np.ndarray:
    whole = _large(name, sizes)
    return whole[:-TRIM] if "first" in name else whole[..., :-TRIM]


def _save_zarr(name: str, values: np.ndarray, **storage: Any) -> None:
    import zarr
    from zarr.codecs import ZstdCodec

    array = zarr.create_array(
        name,
        shape=values.shape,
        dtype=values.dtype,
        compressors=ZstdCodec(level=1),
        **storage,
    )
    array[...] = values


def _zarr(name: str, sizes: Sizes) -> None:
    _save_zarr(name, _large(name, sizes), chunks=CHUNKS)


def _zarr_trimmed(name: str, sizes: Sizes) -> None:
    _save_zarr(name, _trimmed(name, sizes), chunks=CHUNKS)


def _zarr_sharded(name: str, sizes: Sizes) -> None:
    _save_zarr(name, _large(name, sizes), chunks=CHUNKS, shards=SHARDS)


def _chunks_of(name: str, sizes: Sizes) -> int:
    if "tiny" in name:
        return 1
    return (sizes.fewer_chunks if "fewer" in name else sizes.many_chunks) // 2


def _zarr_chunks(name: str, sizes: Sizes) -> None:
    """Write the chunks by hand: zarr-python would take longer than all that is measured."""
    import zarr
    from numcodecs import Zstd

    elements = _chunks_of(name, sizes) * CHUNK_ITEMS
    _save_zarr(name, np.empty(0, np.float32), chunks=(CHUNK_ITEMS,))
    zarr.open_array(name, mode="r+").resize((elements,))
    folder, codec = Path(name, "c"), Zstd(level=1)
    folder.mkdir()
    index = 0
    for block in blocks(elements, _seed(name)):
        for chunk in block.reshape(-1, CHUNK_ITEMS):
            (folder / str(index)).write_bytes(codec.encode(chunk))
            index += 1


def _save_hdf5(name: str, values: np.ndarray, **storage: Any) -> Any:
    import h5py

    file = h5py.File(name, "w")
    file.create_dataset("data", data=values, **storage)
    return file


_GZIP = {"compression": "gzip", "compression_opts": 1}


def _hdf5_contiguous(name: str, sizes: Sizes) -> None:
    _save_hdf5(name, _large(name, sizes)).close()


def _hdf5(name: str, sizes: Sizes) -> None:
    _save_hdf5(name, _large(name, sizes), chunks=CHUNKS, **_GZIP).close()


def _hdf5_trimmed(name: str, sizes: Sizes) -> None:
    _save_hdf5(name, _trimmed(name, sizes), chunks=CHUNKS, **_GZIP).close()


def _hdf5_chunks(name: str, sizes: Sizes) -> None:
    values = field((_chunks_of(name, sizes) * CHUNK_ITEMS,), _seed(name))
    _save_hdf5(name, values, chunks=(CHUNK_ITEMS,), **_GZIP).close()


def _netcdf(name: str, sizes: Sizes) -> None:
    """Save as netCDF-4 has it: every axis a dimension, the first one without a limit."""
    values = _trimmed(name, sizes) if "short" in name else _large(name, sizes)
    file = _save_hdf5(name, values, chunks=CHUNKS, maxshape=(None, *values.shape[1:]), **_GZIP)
    for axis, (dimension, length) in enumerate(zip("tyx", values.shape, strict=True)):
        limit = None if axis == 0 else length
        scale = file.create_dataset(dimension, (length,), "f4", maxshape=(limit,), chunks=True)
        scale[...] = np.arange(length)
        scale.make_scale(dimension)
        file["data"].dims[axis].attach_scale(scale)
    file.close()


def _months(name: str, sizes: Sizes) -> None:
    """Write a year of monthly files: seven variables, of which four are fields over time."""
    import netCDF4

    folder = Path(name)
    folder.mkdir()
    for month in range(MONTHS):
        with netCDF4.Dataset(folder / f"{month:02d}.nc", "w") as file:
            days, rows, columns = sizes.month_shape
            file.createDimension("time", None)
            for dimension, length in (("lat", rows), ("lon", columns)):
                file.createDimension(dimension, length)
                file.createVariable(dimension, "f4", (dimension,))[:] = np.arange(length)
            time = file.createVariable("time", "f8", ("time",))
            time.units, time.calendar = "days since 2000-01-01", "standard"
            time[:] = np.arange(days) + month * days
            for number, variable in enumerate(FIELDS):
                values = field((days, rows, columns), 100 * month + number)
                made = file.createVariable(
                    variable,
                    "f4",
                    ("time", "lat", "lon"),
                    zlib=True,
                    complevel=1,
                    shuffle=True,
                    chunksizes=(1, rows, columns),
                )
                made[:] = values


def _names_of_tensors(letter: str) -> list[str]:
    """Names whose order is that of the tensors in the array that they make up."""
    return [f"{letter}.{number:02d}.weight" for number in range(TENSORS)]


def _safetensors(name: str, sizes: Sizes) -> None:
    from safetensors.numpy import save_file

    parts = np.split(_large(name, sizes), TENSORS)
    save_file(dict(zip(_names_of_tensors(name[0]), parts, strict=True)), name)


def _safetensors_index(name: str, sizes: Sizes) -> None:
    shard = name[1:].removesuffix(".index.json")
    files = {one: letter + shard for letter in SEEDS for one in _names_of_tensors(letter)}
    Path(name).write_text(json.dumps({"weight_map": files}))


_BUILDERS: dict[str, Builder] = {
    ".npy": _npy,
    "-tiny.npy": _npy_tiny,
    "-joined.npy": _npy_joined,
    "-rows.npy": _npy_rows,
    "-fortran.npy": _npy_fortran,
    "-small": _npy_small,
    "-wide.npy": _npy_wide,
    "-members.npz": _members,
    "-members.h5": _members,
    "-members.zarr": _members,
    ".zarr": _zarr,
    "-short-first.zarr": _zarr_trimmed,
    "-short-inner.zarr": _zarr_trimmed,
    "-sharded.zarr": _zarr_sharded,
    "-tiny.zarr": _zarr_chunks,
    "-fewer.zarr": _zarr_chunks,
    "-many.zarr": _zarr_chunks,
    "-contiguous.h5": _hdf5_contiguous,
    ".h5": _hdf5,
    "-short-first.h5": _hdf5_trimmed,
    "-tiny.h5": _hdf5_chunks,
    "-fewer.h5": _hdf5_chunks,
    "-many.h5": _hdf5_chunks,
    "-shard.safetensors": _safetensors,
    "-shard.safetensors.index.json": _safetensors_index,
    ".nc": _netcdf,
    "-short-first.nc": _netcdf,
    "-months": _months,
}
"""What stands behind the letter of an input, and what makes it."""


def build(name: str, sizes: Sizes) -> None:
    """Make one input in the current folder.

    Parameters
    ----------
    name : str
        ``a`` or ``b`` and a kind, such as ``a-short-first.zarr``.
    sizes : Sizes

    Raises
    ------
    KeyError
        There is no such kind.
    """
    _BUILDERS[name[1:]](name, sizes)


def main() -> None:
    """Make the inputs that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("names", nargs="+")
    options = parser.parse_args()
    for name in options.names:
        build(name, Sizes(options.scale))


if __name__ == "__main__":
    main()

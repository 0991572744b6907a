"""Every kind of chunk index that HDF5 has: every element, and every chunk that moves, is right."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import groupby, product
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import pytest
from conformance.arrays import assert_same
from conformance.moves import read

import concatsplit_core as cs
from concatsplit_core.formats.hdf5.chunk_index import AskedChunks, ListedChunks, index_of
from concatsplit_core.formats.hdf5.object_header import chunk_index_kind

SHAPES = {1: ((10,), (3,)), 2: ((6, 10), (2, 3)), 3: ((4, 6, 7), (2, 2, 3))}
LIBRARIES = ("earliest", ("v108", "v108"), ("v110", "v110"), "latest")
FILTERS = {"plain": (), "gzip": ("deflate",), "all": ("shuffle", "deflate", "fletcher32")}


class Kept(NamedTuple):
    """How a dataset is kept, and what became of its shape."""

    library: object
    limits: str
    """Of each axis: s as long as the array, u without a limit, b longer than the array."""
    filters: str
    early: bool
    past: str
    single: bool = False


def every_way(rank: int) -> Iterator[Kept]:
    limits = map("".join, product("sub", repeat=rank))
    filters = FILTERS if rank < 3 else ("plain", "gzip")
    libraries = LIBRARIES if rank < 3 else ("earliest", "latest")
    for library, limit, names, early in product(libraries, limits, filters, (False, True)):
        for past in ("as made", "grown", "shrunk", "sparse"):
            if past not in {"grown", "shrunk"} or set(limit) != {"s"}:
                yield Kept(library, limit, names, early, past, single=past == "sparse" and early)


def make(path: Path, way: Kept) -> np.ndarray:
    """Write a file with one dataset, x, as it is told; and what is in it."""
    with h5py.File(path, "w", libver=way.library) as file:
        return add(file, "x", way)


def add(file: h5py.File, name: str, way: Kept) -> np.ndarray:
    """Write a dataset as it is told, with elements that all differ; and what is in it."""
    shape, chunks = SHAPES[len(way.limits)]
    chunks = shape if way.single else chunks
    longest = {"s": lambda n: n, "u": lambda n: h5py.h5s.UNLIMITED, "b": lambda n: 3 * n + 1}
    limits = tuple(longest[kind](n) for kind, n in zip(way.limits, shape, strict=True))
    first = list(shape)
    for d, kind in enumerate(way.limits):
        if kind != "s" and way.past in {"grown", "shrunk"}:
            first[d] = shape[d] // 2 if way.past == "grown" else shape[d] + chunks[d] + 1
    array = np.arange(1, np.prod(shape) + 1, dtype="<i4").reshape(shape)
    dcpl = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    dcpl.set_chunk(chunks)
    for step in FILTERS[way.filters]:
        dcpl.set_deflate(1) if step == "deflate" else getattr(dcpl, f"set_{step}")()
    if way.early:
        dcpl.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    space = h5py.h5s.create_simple(tuple(first), limits)
    kind_stored = h5py.h5t.STD_I32LE
    made = h5py.Dataset(h5py.h5d.create(file.id, name.encode(), kind_stored, space, dcpl))
    if way.past == "shrunk":
        made[...] = -7
    if way.past in {"grown", "shrunk"}:
        made.resize(shape)
    if way.past == "sparse":
        array[tuple(slice(0, c) for c in chunks)] = 0
        array[tuple(slice(-c, None) for c in chunks)] = 0
        for part in made.iter_chunks():
            if array[part].any():
                made[part] = array[part]
    else:
        made[...] = array
    return array


def chunks_found(dataset: h5py.Dataset, fd: int) -> tuple[dict, dict]:
    """The chunks that our index finds, and those that HDF5 reads, by their first index."""
    grid = [range(0, n, c) for n, c in zip(dataset.shape, dataset.chunks, strict=True)]
    index, found, wanted = index_of(dataset, fd), {}, {}
    for start in product(*grid):
        place = index.find(start)
        if place is not None and place.offset >= 0:
            found[start] = (place.skipped, os.pread(fd, place.nbytes, place.offset))
        elif place is not None:
            found[start] = (place.skipped, place.nbytes)
        try:
            wanted[start] = dataset.id.read_direct_chunk(start)
        except RuntimeError:
            continue
        if place is not None and place.offset < 0:
            wanted[start] = (wanted[start][0], len(wanted[start][1]))
    return found, wanted


@pytest.mark.parametrize("rank", SHAPES)
def test_every_chunk_is_found_where_hdf5_reads_it(tmp_path: Path, rank: int) -> None:
    kinds, slow = set(), set()
    for library, ways in groupby(every_way(rank), lambda way: way.library):
        path = tmp_path / "x.h5"
        names = {f"{number}": way for number, way in enumerate(ways)}
        with h5py.File(path, "w", libver=library) as file:
            for name, way in names.items():
                add(file, name, way)
        fd = os.open(path, os.O_RDONLY)
        try:
            with h5py.File(path) as file:
                for name, way in names.items():
                    dataset = file[name]
                    found, wanted = chunks_found(dataset, fd)
                    kinds.add(kind := chunk_index_kind(dataset, fd))
                    if isinstance(index_of(dataset, fd), AskedChunks):
                        slow.add(kind)
                    assert found == wanted, way
        finally:
            os.close(fd)
    assert kinds == ({0, 1, 2, 3, 4} if rank == 1 else {0, 1, 2, 3, 4, 5})
    assert slow == (set() if rank == 1 else {4})


LAYOUTS = {
    "single": ("latest", "ss"),
    "implicit": ("latest", "ss"),
    "fixed array": ("latest", "bb"),
    "extensible array, first axis": ("latest", "us"),
    "extensible array, last axis": ("latest", "su"),
    "extensible array, last axis, first one with room": (("v110", "v110"), "bu"),
    "B-tree of version 1": ("earliest", "su"),
    "B-tree of version 2": ("latest", "uu"),
}


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_element_is_right(tmp_path: Path, layout: str, filters: str, axis: int) -> None:
    library, limits = LAYOUTS[layout]
    early, single = layout == "implicit", layout == "single"
    pasts = ("as made", "sparse")
    ways = [Kept(library, limits, filters, early, past, single) for past in pasts]
    arrays = [make(tmp_path / f"{i}.h5", way) for i, way in enumerate(ways)]
    refs = [f"{tmp_path}/{i}.h5::x" for i in range(2)]
    for suffix in (".npy", ".h5", ".zarr"):
        out = str(tmp_path / f"y{suffix}")
        cs.concat(refs, out, axis=axis, sync=False, jobs=2)
        got = np.load(out) if suffix == ".npy" else read(out)
        assert_same(got, np.concatenate(arrays, axis))
        result = cs.split(refs[0], str(tmp_path / f"p{{index}}{suffix}"), at=[4], axis=axis)
        for blob, part in zip(result.outputs, np.split(arrays[0], [4], axis), strict=True):
            assert_same(np.load(blob.ref) if suffix == ".npy" else read(blob.ref), part)


@pytest.mark.parametrize("library", ["earliest", "latest"])
def test_paged_fixed_array_and_many_chunks(tmp_path: Path, library: str) -> None:
    """More chunks than one page of an index holds."""
    array = np.arange(2 * 2200, dtype="<i4").reshape(2, 2200)
    for limits in ((2, 2200), (2, None), (None, 2200), (4, 3000), (None, None)):
        with h5py.File(tmp_path / "a.h5", "w", libver=library) as file:
            settings = {"maxshape": limits, "compression": "gzip", "compression_opts": 1}
            file.create_dataset("x", data=array, chunks=(1, 2), **settings)
        cs.concat([f"{tmp_path}/a.h5"], str(tmp_path / "y.npy"), sync=False, force=True)
        assert_same(np.load(tmp_path / "y.npy"), array)


def test_usual_files_are_listed_and_not_asked(tmp_path: Path) -> None:
    """The fast way is taken where only the shape looks like that of an extensible array."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (4, 60), "i4", chunks=(2, 3), maxshape=(4, None))
        for number in range(40):  # so many that they go to a continuation block
            file["x"].attrs[f"attribute {number}"] = "text " * number
        fd = os.open(path, os.O_RDONLY)
        file.flush()
        assert isinstance(index_of(file["x"], fd), ListedChunks)
        assert isinstance(index_of(file["x"], -1), AskedChunks)
        os.close(fd)

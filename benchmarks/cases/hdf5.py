"""Cases of HDF5 files: contiguous, gzip, re-encoded, and from HDF5 to Zarr."""

from __future__ import annotations

from benchmarks.bounds import AtMost, Bound, FasterThan, PeakMemory, ShareOf
from benchmarks.cases.commands import (
    CAT_NOTHING,
    CODECS_ALONE,
    OURS_NOTHING,
    cat,
    cat_nothing,
    codecs_alone,
    ours,
    ours_nothing,
    peer,
)
from benchmarks.model import Case, Check, Contestant, Role
from benchmarks.sizes import CHUNKS, Sizes

_OUT, _ZARR = "out/joined.h5", "out/joined.zarr"
_WHOLE, _SHORT = ("a.h5", "b.h5"), ("a-short-first.h5", "b.h5")
_LOOP = "h5py loop"


def hdf5_cases(sizes: Sizes) -> list[Case]:
    """All cases of HDF5 files."""
    aligned = (
        AtMost(1.3, "cat", (OURS_NOTHING, CAT_NOTHING), net=True),
        FasterThan(10, (_LOOP,)),
        PeakMemory(),
    )
    contiguous = ("a-contiguous.h5", "b-contiguous.h5")
    return [
        _case(sizes, "contiguous", "contiguous, first axis", contiguous, (PeakMemory(),)),
        _case(sizes, "gzip-aligned", "gzip, aligned, first axis", _WHOLE, aligned, "a.nc"),
        _case(
            sizes,
            "gzip-misaligned",
            "gzip, misaligned, first axis",
            _SHORT,
            (FasterThan(1.5), PeakMemory(), ShareOf(0.85, CODECS_ALONE)),
            "a-short-first.nc",
        ),
        _re_encoded(sizes),
        _to_zarr(sizes, "to-zarr-same", "to Zarr, same codec", "zlib:1", 10),
        _to_zarr(sizes, "to-zarr-re-encoded", "to Zarr, gzip 1 to zstd 1", "zstd:1", 1.5),
    ]


def _ncrcat(first: str, second: str) -> Contestant:
    """Join netCDF-4 files of the same values; it needs a cache that holds a record of chunks."""
    argv = ("ncrcat", "-4", "--cnk_csh=268435456", first, second, "-o", _OUT)
    return Contestant("ncrcat", Role.PEER, argv, Check(0, _OUT, (first, second)))


def _case(
    sizes: Sizes,
    name: str,
    title: str,
    inputs: tuple[str, ...],
    bounds: tuple[Bound, ...],
    netcdf: str = "",
) -> Case:
    check = Check(0, _OUT, inputs)
    contestants = [
        ours("concat", inputs, _OUT, check=check),
        cat(*inputs),
        peer(_LOOP, "h5py_join", "concat", inputs, _OUT, check=check),
        peer("Dask", "dask_join", "concat", inputs, _OUT, check=check, needs=("dask",)),
    ]
    if netcdf:
        contestants.append(_ncrcat(netcdf, "b.nc"))
    if any(isinstance(bound, ShareOf) for bound in bounds):
        contestants.append(codecs_alone(*inputs))
    contestants += [ours_nothing(".h5"), cat_nothing()]
    made = (*inputs, "a-tiny.h5", "b-tiny.h5", *((netcdf, "b.nc") if netcdf else ()))
    return Case(f"hdf5/{name}", title, 2 * sizes.large_bytes, made, tuple(contestants), bounds)


def _re_encoded(sizes: Sizes) -> Case:
    inputs = ("a.h5",)
    check = Check(0, _OUT, inputs)
    chunks = "x".join(map(str, CHUNKS))
    repack = ("h5repack", "-l", f"data:CHUNK={chunks}", "-f", "data:GZIP=4", "a.h5", _OUT)
    contestants = (
        ours("concat", inputs, _OUT, "--codec", "gzip:4", check=check),
        cat(*inputs),
        peer(_LOOP, "h5py_join", "concat", inputs, _OUT, "--gzip", "4", check=check),
        Contestant("h5repack", Role.PEER, repack, check),
    )
    bounds = (FasterThan(1.5), PeakMemory())
    title = "one file, gzip 1 to gzip 4"
    return Case("hdf5/re-encoded", title, sizes.large_bytes, inputs, contestants, bounds)


def _to_zarr(sizes: Sizes, name: str, title: str, codec: str, factor: float) -> Case:
    check, options = Check(0, _ZARR, _WHOLE), ("--codec", codec)

    def made(name: str, program: str, *more: str, needs: tuple[str, ...] = ()) -> Contestant:
        given = (*options, *more)
        return peer(name, program, "concat", _WHOLE, _ZARR, *given, check=check, needs=needs)

    contestants = (
        ours("concat", _WHOLE, _ZARR, *options, check=check),
        cat(*_WHOLE),
        made(f"{_LOOP}, zarr batched", "zarr_join"),
        made(f"{_LOOP}, zarr fused", "zarr_join", "--pipeline", "fused"),
        made(f"{_LOOP}, zarrs", "zarr_join", "--pipeline", "zarrs", needs=("zarrs",)),
        made("Dask", "dask_join", needs=("dask",)),
    )
    peers = (_LOOP,) if factor == 10 else ()
    bounds = (FasterThan(factor, peers), PeakMemory())
    return Case(f"hdf5/{name}", title, 2 * sizes.large_bytes, _WHOLE, contestants, bounds)

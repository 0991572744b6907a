"""HDF5's filter pipeline and codecs in neutral terms, both ways."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from concatsplit_core.codecs.chunks import can_encode
from concatsplit_core.codecs.pipeline import BLOSC_COMPRESSORS, BLOSC_SHUFFLES, Codec, Step
from concatsplit_core.foundation.errors import UnsafeContent, UsageError
from concatsplit_core.foundation.records import NamedTuple

DEFLATE, SHUFFLE, FLETCHER32, SZIP, NBIT, SCALEOFFSET = 1, 2, 3, 4, 5, 6
BZIP2, LZF, BLOSC, LZ4, BITSHUFFLE, ZSTD = 307, 32000, 32001, 32004, 32008, 32015

BUILT_IN = {DEFLATE, SHUFFLE, FLETCHER32, SZIP, NBIT, SCALEOFFSET, LZF}
"""Filters of HDF5 and h5py themselves."""

OWN = {BZIP2, BLOSC, LZ4, ZSTD}
"""Registered filters whose chunks are decoded and encoded here, without a plugin."""

REGISTERED = {BITSHUFFLE, 32013, 32017, 32018, 32024, 32026, 32028, 32033}
"""Other registered filters: their chunks can be copied, and decoded with hdf5plugin's plugins."""

_STEPS = {
    "gzip",
    "zlib",
    "shuffle",
    "loose_shuffle",
    "fletcher32",
    "lzf",
    "zstd",
    "bz2",
    "blosc",
    "lz4",
}
_PLUGINS = {"zstd", "blosc", "bz2", "lz4", "lz4_blocks"}
"""Steps for which other programs need a plugin."""

NOT_OF_NETCDF = {"lzf", "lz4", "lz4_blocks"}
"""Steps that netCDF-C lacks, also in the plugins that come with it."""
_OF_NETCDF = {*BUILT_IN, BZIP2, BLOSC, ZSTD} - {LZF}

_NAMED = BUILT_IN | OWN | REGISTERED
_RUN = BUILT_IN | OWN

OPTIONAL = 1


class Filter(NamedTuple):
    """One filter of a dataset, as HDF5 describes it."""

    code: int
    flags: int
    values: tuple[int, ...]
    name: str


def filters_of(dcpl: Any) -> list[Filter]:
    """The filters of a dataset's creation properties."""
    found = [dcpl.get_filter(i) for i in range(dcpl.get_nfilters())]
    return [Filter(code, flags, values, name.decode()) for code, flags, values, name in found]


def refuse_unknown(filters: list[Filter], ref: str) -> None:
    """Refuse filters of unknown origin.

    Raises
    ------
    UnsafeContent
        HDF5 would search its plugin path for a filter, and load whatever it finds.
    """
    _refuse(filters, ref, _NAMED)


def refuse_unavailable(filters: Iterable[Filter], ref: str) -> None:
    """Before HDF5 runs the filters: as `refuse_unknown`, also where a known plugin is missing."""
    _refuse(filters, ref, _RUN)


def _refuse(filters: Iterable[Filter], ref: str, known: set[int]) -> None:
    for item in filters:
        if item.code in known or item.code in _plugin_codes():
            continue
        hint = "" if _has_plugins() else "; pip install 'concatsplit[hdf5plugin]' adds more"
        raise UnsafeContent(
            f"{ref}: needs the HDF5 filter {item.code} ('{item.name}'), which is not among the "
            f"known ones and is not loaded from a plugin path{hint}",
            ref=ref,
            found=item.code,
        )


def are_of_netcdf(filters: Iterable[Filter]) -> bool:
    """Whether netCDF-C has all these filters, built in or in plugins that come with it."""
    return all(item.code in _OF_NETCDF for item in filters)


def _has_plugins() -> bool:
    from importlib.util import find_spec

    return find_spec("hdf5plugin") is not None


def _plugin_codes() -> set[int]:
    """Codes of the filters that hdf5plugin carries, which importing it makes available."""
    if not _has_plugins():
        return set()
    import hdf5plugin

    return set(hdf5plugin.FILTERS.values())


def codec_of(filters: list[Filter], itemsize: int) -> Codec | None:
    """Filters in neutral terms; None where a step has no such name."""
    steps = [step_of(item, itemsize) for item in filters]
    for number, step in enumerate(steps):
        if step is not None and step.name == "shuffle" and (number or itemsize % step.settings[0]):
            steps[number] = Step("loose_shuffle", step.settings)
    return Codec(tuple(s for s in steps if s)) if all(steps) else None


def step_of(item: Filter, itemsize: int) -> Step | None:
    """A filter in neutral terms; None where it has no such name."""
    first = item.values[0] if item.values else None
    if item.code == DEFLATE:
        return Step("zlib", (_level(first, 0, 9, 6),))
    if item.code == SHUFFLE:
        return Step("shuffle", (first or itemsize,))
    if item.code == BLOSC:
        return _blosc_step(item.values)
    names = {
        FLETCHER32: "fletcher32",
        LZF: "lzf",
        ZSTD: "zstd",
        BZIP2: "bz2",
        LZ4: "lz4_blocks",
    }
    if item.code not in names:
        return None
    levels = {ZSTD: (1, 22, 3), BZIP2: (1, 9, 9)}.get(item.code)
    return Step(names[item.code], () if levels is None else (_level(first, *levels),))


def _level(found: int | None, least: int, most: int, usual: int) -> int:
    """The level that an output asks for; decoding needs none."""
    return found if found is not None and least <= found <= most else usual


def _blosc_step(values: tuple[int, ...]) -> Step:
    level, shuffle, compressor = (*values[4:7], *(5, 1, 0)[len(values[4:7]) :])
    if compressor >= len(BLOSC_COMPRESSORS) or shuffle >= len(BLOSC_SHUFFLES):
        return Step("blosc", ("blosclz", 5, "shuffle"))
    level = _level(level, 0, 9, 5)
    return Step("blosc", (BLOSC_COMPRESSORS[compressor], level, BLOSC_SHUFFLES[shuffle]))


def in_own_steps(codec: Codec, itemsize: int) -> Codec:
    """A codec as HDF5 has it: gzip is deflate in a zlib stream, lz4 comes in HDF5's blocks.

    Raises
    ------
    UsageError
        HDF5 has no filter for a step.
    """
    steps: list[Step] = []
    if not has_one_shuffle(codec):
        raise UsageError(f"codec '{codec}': HDF5 can shuffle once only; leave out the others")
    for step in codec.steps:
        if not available(step):
            raise UsageError(f"codec '{step}' is not available for HDF5; choose one such as gzip:4")
        if step.name == "gzip":
            steps.append(Step("zlib", step.settings))
        elif step.name == "lz4":
            steps.append(Step("lz4_blocks"))
        elif step.name in {"shuffle", "loose_shuffle"}:
            steps.append(Step("loose_shuffle" if steps else "shuffle", (itemsize,)))
        else:
            steps.append(step)
    return Codec(tuple(steps))


def available(step: Step, plugins: bool = True) -> bool:
    """Whether HDF5 has a filter for a step, built in or, with `plugins`, in a plugin."""
    if not plugins and step.name in _PLUGINS:
        return False
    return step.name in _STEPS | _PLUGINS


def has_one_shuffle(codec: Codec) -> bool:
    """Whether shuffle comes at most once: HDF5 gives the item size to the first one only."""
    return sum(step.name in {"shuffle", "loose_shuffle"} for step in codec.steps) < 2


def own_encoding(codec: Codec) -> bool:
    """Whether chunks can be encoded outside HDF5."""
    return can_encode(codec.steps)


def apply(dcpl: Any, codec: Codec, itemsize: int, chunk_bytes: int) -> None:
    """Set the filters of a dataset to be created."""
    for step in codec.steps:
        if step.name == "zlib":
            dcpl.set_deflate(step.settings[0])
        elif step.name in {"shuffle", "loose_shuffle"}:
            dcpl.set_shuffle()
        elif step.name == "fletcher32":
            dcpl.set_fletcher32()
        elif step.name == "lzf":
            dcpl.set_filter(LZF, OPTIONAL, ())
        elif step.name == "blosc":
            name, level, shuffle = step.settings[:3]
            coded = (level, BLOSC_SHUFFLES.index(shuffle), BLOSC_COMPRESSORS.index(name))
            dcpl.set_filter(BLOSC, OPTIONAL, (2, 2, itemsize, chunk_bytes, *coded))
        else:
            code = {"zstd": ZSTD, "bz2": BZIP2, "lz4_blocks": LZ4}[step.name]
            dcpl.set_filter(code, OPTIONAL, step.settings[:1])

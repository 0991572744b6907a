"""Zarr arrays in a store that is no disk: joined and cut from memory to memory."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr
from conformance.arrays import assert_same, make
from conformance.zarr_in_stores import get, put
from memory_store import MemoryStore

from concatsplit_core.array.geometry import Box, Interval
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.array.tiling import Segment, Tiling
from concatsplit_core.endpoints.inheritance import inherit
from concatsplit_core.endpoints.job import Move
from concatsplit_core.formats.base import OutputFormat
from concatsplit_core.formats.registry import detect
from concatsplit_core.formats.sources import ChunkedSource, Source
from concatsplit_core.formats.storage import Storage, Wish
from concatsplit_core.formats.structure import GroupInfo, Structure
from concatsplit_core.formats.targets import ChunkedTarget, DivisibleTarget
from concatsplit_core.formats.zarr import ZarrFormat
from concatsplit_core.foundation.errors import (
    AmbiguousContainer,
    InputUnavailable,
    MalformedInput,
    UsageError,
)
from concatsplit_core.planning.move import MoveSpec
from concatsplit_core.planning.planner import make_plan
from concatsplit_core.planning.task import ROUTES, Route
from concatsplit_core.run.worker import MoveWork, Work, Worker
from concatsplit_core.stores.base import Location
from concatsplit_core.stores.local import local

ZARR = ZarrFormat()
LENGTHS = (8, 4, 12)
LAYOUTS: dict[str, dict[str, Any]] = {
    "raw": {"compressors": None},
    "zstd": {},
    "gzip": {"compressors": [zarr.codecs.GzipCodec(level=1)]},
    "blosc": {"compressors": [zarr.codecs.BloscCodec()]},
    "crc32c": {"compressors": [zarr.codecs.Crc32cCodec()]},
    "transposed": {"filters": [zarr.codecs.TransposeCodec(order=(1, 0))]},
    "shards": {"shards": (4, 8)},
    "format 2": {"zarr_format": 2},
    "format 2, dots": {
        "zarr_format": 2,
        "chunk_key_encoding": {"name": "v2", "separator": "."},
    },
    "unknown codec": {"filters": [zarr.codecs.numcodecs.Delta(dtype="<i4")]},
}


class _NoDisk:
    """Stands for `os` in the modules that know the disk."""

    strerror = staticmethod(os.strerror)
    fspath = staticmethod(os.fspath)

    def __getattr__(self, name: str, *_: Any) -> Any:
        raise AssertionError(f"the disk was asked for: os.{name}")


@pytest.fixture(autouse=True)
def _no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (
        "stores.local.os",
        "stores.files.os",
        "formats.stored.os",
        "formats.registry.os",
    ):
        monkeypatch.setattr(f"concatsplit_core.{module}", _NoDisk())
    refuse = _NoDisk().__getattr__
    monkeypatch.setattr("concatsplit_core.stores.local.open", refuse, raising=False)
    monkeypatch.setattr("zarr.storage.LocalStore.__init__", refuse)


def test_the_disk_is_refused(tmp_path: Path) -> None:
    place = local(tmp_path / "x")
    for ask in (place.read, place.walk().__next__, lambda: place.kind, lambda: place.write(b"")):
        with pytest.raises(AssertionError, match="the disk was asked for"):
            ask()


def _tiling(specs: Sequence[ArraySpec]) -> Tiling:
    at, segments = 0, []
    for spec in specs:
        segments.append(Segment(Interval(at, at + spec.shape[0]), spec))
        at += spec.shape[0]
    return Tiling(0, tuple(segments))


def move(sources: Sequence[Source], outputs: Sequence[Location], cuts: Sequence[int],
         routes: Sequence[Route] = ROUTES, **wish: Any) -> dict[str, int]:  # fmt: skip
    """Move the sources to outputs that are cut out of them; gives the bytes by route."""
    first = sources[0].spec
    lengths = [b - a for a, b in pairwise(cuts)]
    shapes = [ArraySpec((n, *first.shape[1:]), first.dtype) for n in lengths]
    refs = [place.key for place in outputs]
    here, bare = _tiling([source.spec for source in sources]), _tiling(shapes)
    shape = (cuts[-1], *first.shape[1:])
    job = Move(shape, first.dtype, sources, here, refs, bare, lengths)
    storage, like, hint = inherit(job)
    laid = [ZARR.layout(spec, storage, Wish(hint=hint, **wish), like) for spec in shapes]
    there = _tiling([spec for spec, _ in laid])
    plan = make_plan([MoveSpec(shape, here, there)], memory=1 << 28, jobs=1, routes=routes)
    targets = []
    for place, (spec, kept) in zip(outputs, laid, strict=True):
        target = ZARR.writer(place, None).add("", spec, kept)
        assert not isinstance(target, DivisibleTarget)
        targets.append(target)
    worker = Worker(
        Work(plan, [MoveWork(sources, targets, here, there, refs)], plan.compares_checksums)
    )
    for number in range(len(plan)):
        worker.do(number)
        worker.do(number)  # done twice, it leaves the same bytes
    worker.close()
    return dict(plan.moves[0].routes)


@pytest.mark.parametrize("routes", [ROUTES, ("decoded",)], ids=["cheapest", "decoded"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_join_and_cut(layout: str, routes: tuple[Route, ...]) -> None:
    store, other = MemoryStore(), MemoryStore()
    arrays = [make("<i4", (n, 8), i) for i, n in enumerate(LENGTHS)]
    for number, array in enumerate(arrays):
        put(store, f"in/{number}", array, **LAYOUTS[layout])
    sources = [ZARR.open(Location(store, f"in/{i}"), None, str(i)) for i in range(len(arrays))]
    found = move(sources, [Location(other, "out/y")], (0, sum(LENGTHS)), routes)
    whole = np.concatenate(arrays)
    assert_same(get(other, "out/y"), whole)
    assert set(found) == ({"encoded"} if len(routes) > 1 else {"decoded"})

    (again,) = [ZARR.open(Location(other, "out/y"), None, "y")]
    cuts = (0, 4, 20, 24)
    parts = [Location(store, f"parts/{i}") for i in range(3)]
    move([again], parts, cuts, routes)
    for place, expected in zip(parts, np.split(whole, cuts[1:-1]), strict=True):
        assert_same(get(store, place.key), expected)


@pytest.mark.parametrize("dtype", ["?", "<u2", "<f8", "<c16", "<M8[s]", "<U3", "S5"])
@pytest.mark.parametrize("routes", [ROUTES, ("decoded",)], ids=["cheapest", "decoded"])
def test_dtypes(dtype: str, routes: tuple[Route, ...]) -> None:
    store = MemoryStore()
    arrays = [make(dtype, (n, 8), i) for i, n in enumerate(LENGTHS)]
    for number, array in enumerate(arrays):
        put(store, str(number), array)
    sources = [ZARR.open(Location(store, str(i)), None, str(i)) for i in range(len(arrays))]
    move(sources, [Location(store, "y")], (0, sum(LENGTHS)), routes)
    assert_same(get(store, "y"), np.concatenate([get(store, str(i)) for i in range(3)]))


@pytest.mark.parametrize("shards", [None, (4, 8)])
@pytest.mark.parametrize("routes", [ROUTES, ("decoded",)], ids=["cheapest", "decoded"])
def test_texts(routes: tuple[Route, ...], shards: tuple[int, ...] | None) -> None:
    store = MemoryStore()
    arrays = [make("<U3", (n, 8), i).astype("T") for i, n in enumerate(LENGTHS)]
    for number, array in enumerate(arrays):
        put(store, str(number), array, shards=shards)
    sources = [ZARR.open(Location(store, str(i)), None, str(i)) for i in range(len(arrays))]
    move(sources, [Location(store, "y")], (0, sum(LENGTHS)), routes)
    assert get(store, "y").tolist() == np.concatenate(arrays).tolist()


@pytest.mark.parametrize("shards", [None, (6, 8)])
def test_other_chunks_shards_and_offsets(shards: tuple[int, ...] | None) -> None:
    """Chunks of the inputs do not lie on those of the output."""
    store, arrays = MemoryStore(), [make("<i4", (n, 8), n) for n in (3, 5)]
    for number, array in enumerate(arrays):
        put(store, str(number), array, shards=shards)
    sources = [ZARR.open(Location(store, str(i)), None, str(i)) for i in (0, 1)]
    move(sources, [Location(store, "y")], (0, 8), chunks=(5, 3))
    assert_same(get(store, "y"), np.concatenate(arrays))


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_members_of_a_group(zarr_format: int) -> None:
    store, array = MemoryStore(), make("<f4", (6, 4))
    writer, spec = ZARR.writer(Location(store, "g"), None), ArraySpec((6, 4), np.dtype("<f4"))
    wish = Wish(zarr_format=zarr_format)
    for member in ("one", "deep/two"):
        laid, kept = ZARR.layout(spec, Storage(), wish, None)
        target = writer.add(member, laid, kept)
        assert isinstance(target, ChunkedTarget)
        target.store(target.encode(Box.whole((6, 4)), array))
    assert ZARR.members(Location(store, "g"), "g") == ["deep/two", "one"]
    group = "zarr.json" if zarr_format == 3 else ".zgroup"
    assert {f"g/{group}", f"g/deep/{group}"} <= store.files.keys()
    found = ZARR.open(Location(store, "g"), "deep/two", "g")
    assert isinstance(found, ChunkedSource)
    assert found.path is None
    assert found.stored_bytes() == sum(
        len(data) for name, data in store.files.items() if name.startswith("g/deep/two/")
    )
    with pytest.raises(InputUnavailable, match="has no array 'three'; it holds deep/two, one"):
        ZARR.open(Location(store, "g"), "three", "g")
    with pytest.raises(AmbiguousContainer, match="holds 2 arrays"):
        ZARR.open(Location(store, "g"), None, "g")


@pytest.mark.parametrize("shards", [None, (20, 20)])
def test_a_large_grid_that_is_nearly_empty(shards: tuple[int, ...] | None) -> None:
    store = MemoryStore()
    put(store, "x", np.zeros((0, 2000), "<i4"), shards=shards)
    document = json.loads(store.files["x/zarr.json"])
    document["shape"] = [2000, 2000]
    store.files["x/zarr.json"] = json.dumps(document).encode()
    source = ZARR.open(Location(store, "x"), None, "x")
    writer = ZARR.writer(Location(store, "x"), None)
    target = writer.add("", source.spec, source.storage)
    assert isinstance(target, ChunkedTarget)
    block = make("<i4", (40, 40))
    target.store(target.encode(Box((1000, 400), (1040, 440)), block))
    source = ZARR.open(Location(store, "x"), None, "x")
    assert 200 <= (source.spec.stored_chunks or 0) <= 250
    assert isinstance(source, ChunkedSource)
    found = np.zeros((2000, 2000), "<i4")
    for box, part in source.read(Box.whole((2000, 2000))):
        found[box.slices] = part
    expected = np.zeros((2000, 2000), "<i4")
    expected[1000:1040, 400:440] = block
    assert_same(found, expected)


def test_a_damaged_chunk_is_named() -> None:
    store = MemoryStore()
    put(store, "x", make("<i4", (4, 8)), **LAYOUTS["crc32c"])
    store.files["x/c/0/1"] = store.files["x/c/0/1"][::-1]
    source = ZARR.open(Location(store, "x"), None, "x")
    with pytest.raises(MalformedInput, match=r"x: .*checksum does not match"):
        move([source], [Location(store, "y")], (0, 4))


def test_the_format_is_found_by_content() -> None:
    store = MemoryStore()
    put(store, "x", make("<i4", (4, 8)))
    assert detect(Location(store, "x"), "x") is detect(Location(store, "x"), "x again")
    assert detect(Location(store, "x"), "x").name == "zarr"
    with pytest.raises(InputUnavailable, match="nothing: no such file"):
        detect(Location(store, "nothing"), "nothing")
    store.write("empty", [])
    with pytest.raises(MalformedInput, match="empty: the file is empty"):
        detect(Location(store, "empty"), "empty")


@pytest.mark.parametrize("name", ["npy", "npz", "hdf5"])
def test_formats_that_know_only_the_disk_say_so(name: str) -> None:
    buffer = io.BytesIO()
    if name == "hdf5":
        with h5py.File(buffer, "w") as file:
            file["data"] = np.arange(3)
    else:
        (np.save if name == "npy" else np.savez)(buffer, np.arange(3))
    store = MemoryStore()
    store.write("x", [buffer.getvalue()])
    form = detect(Location(store, "x"), "x")
    assert form.name == name
    with pytest.raises(UsageError, match=f"x: .*format {name} .*on the local disk only"):
        form.open(Location(store, "x"), None, "x")
    if isinstance(form, OutputFormat):
        with pytest.raises(UsageError, match=f"y: .*format {name} .*on the local disk only"):
            form.writer(Location(store, "y"), None)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_groups_are_passed_on(zarr_format: int) -> None:
    store, spec = MemoryStore(), ArraySpec((6, 4), np.dtype("<f4"))
    groups = {"": GroupInfo({"title": "t"}), "a": GroupInfo({"n": 1}), "a/empty": GroupInfo()}
    writer = ZARR.writer(Location(store, "g"), None)
    writer.add_groups(Structure(groups))
    writer.add("a/x", *ZARR.layout(spec, Storage(), Wish(zarr_format=zarr_format), None))
    writer.finish()
    assert ZARR.structure(Location(store, "g"), "g").groups == groups

"""Hashes are taken from what moves: nothing is read twice where it passes by as it is hashed."""

from __future__ import annotations

import os
import random
import shutil
import struct
import threading
from pathlib import Path
from typing import Any

import hashed
import numpy as np
import pytest

import concatsplit_core as cs
from concatsplit_core.array.geometry import Box
from concatsplit_core.array.layouts import Chunked, Contiguous
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.foundation.errors import MalformedInput, OverBudget
from concatsplit_core.routes import kernel
from concatsplit_core.run.hashing import run_hashes
from concatsplit_core.run.hashing.blob_check import differing
from concatsplit_core.run.hashing.blobs import ByteHash, ChunkHash, ElementHash
from concatsplit_core.run.hashing.blobs import record_of as record
from concatsplit_core.run.hashing.leaf_hasher import LeafHasher, WaitingMemory
from concatsplit_core.run.hashing.leaves import LeafCut, cut_elements
from concatsplit_core.run.hashing.record import HashRecord
from concatsplit_core.stores import files

SHAPE = (60, 300, 100)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def again(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many leaves of each blob have to be read once more."""
    seen: dict[str, int] = {}
    honest = run_hashes.complete

    def spied(blob: Any, source: Any, *args: Any) -> None:
        name = Path(source.ref).name
        seen[name] = sum(len(run) for leaves in blob.all_leaves() for run in leaves.missing())
        honest(blob, source, *args)

    monkeypatch.setattr(run_hashes, "complete", spied)
    return seen


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """a.npy, and c.zarr, whose chunks cut all axes."""
    folder = tmp_path_factory.mktemp("made")
    np.save(folder / "a.npy", np.random.default_rng(0).random(SHAPE, "f4"))
    options = {"chunks": (20, 100, 50), "codec": "zstd:1", "sync": False}
    cs.concat(str(folder / "a.npy"), str(folder / "c.zarr"), **options)
    return folder


@pytest.fixture
def inputs(made: Path) -> tuple[str, ...]:
    """A copy of these files."""
    shutil.copytree(made, ".", dirs_exist_ok=True)
    return "a.npy", "c.zarr"


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("source", ["a.npy", "c.zarr"])
@pytest.mark.parametrize(
    ("output", "options"),
    [("y.npy", {}), ("y.h5", {"chunks": "none", "codec": "none"}), ("y.zarr", {}),
     ("y.zarr", {"chunks": (20, 100, 50)}), ("y.h5", {"codec": "gzip:1"})],
    ids=str,
)  # fmt: skip
def test_a_join_reads_nothing_twice(
    inputs: Any, again: dict[str, int], axis: int, source: str, output: str, options: Any
) -> None:
    cs.concat([source, source], output, axis, manifest="run.json", sync=False, **options)
    assert set(again) >= {source}
    assert not any(again.values())


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("source", ["a.npy", "c.zarr"])
def test_a_cut_reads_nothing_twice(
    inputs: Any, again: dict[str, int], source: str, axis: int
) -> None:
    how = {"axis": axis, "parts": 7, "uneven": "balanced", "sync": False}
    cs.split(source, "p{index}.npy", manifest="run.json", **how)
    assert again == {source: 0}


def test_threads_and_budgets_change_no_byte_of_a_manifest(inputs: Any) -> None:
    found = set()
    for jobs, memory in ((1, "256MiB"), (4, "256MiB"), (3, "2MiB")):
        for output in ("y.npy", "y.zarr"):
            options = {"chunks": (7, 90, 41), "codec": "none"} if output == "y.zarr" else {}
            cs.concat(
                ["a.npy", "c.zarr"], output, 1, manifest="run.json", force=True, sync=False,
                jobs=jobs, memory=memory, **options,
            )  # fmt: skip
            found.add(Path("run.json").read_bytes())
    assert len(found) == 2


def test_digests_count_against_the_budget() -> None:
    many = np.broadcast_to(np.zeros((), "u1"), (1 << 18, 70_000))
    options = {"memory": "16MiB", "dry_run": True}
    with pytest.raises(OverBudget, match=r"need 8\.5MiB.* give --memory 34MiB"):
        cs.concat([many], "y.zarr", manifest="run.json", **options)
    cs.concat([many], "y.zarr", **options)
    cs.concat([many], "y.zarr", manifest="run.json", **options | {"memory": "34MiB"})


@pytest.mark.parametrize("jobs", [1, 4])
@pytest.mark.parametrize("output", ["y.npy", "y.h5"])
def test_a_task_that_fails_keeps_no_other_waiting(inputs: Any, jobs: int, output: str) -> None:
    Path("c.zarr/c/0/1/0").write_bytes(b"no chunk")
    options = {"codec": "none"} if output == "y.h5" else {}
    with pytest.raises(MalformedInput, match=r"c\.zarr"):
        cs.concat(["c.zarr"] * 3, output, 1, manifest="run.json", jobs=jobs, **options)
    assert not Path("run.json").exists()
    assert not Path(output).exists()


def test_no_manifest_costs_no_hash(inputs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(run_hashes, "RunHashes")
    cs.concat(["a.npy", "c.zarr"], "y.npy", sync=False)
    with pytest.raises(ImportError):
        cs.concat(["a.npy", "c.zarr"], "z.npy", sync=False, manifest="run.json")


def test_blocks_that_are_shared_are_hashed_and_not_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file system that shares blocks, in Python: tests/filesystems has real ones."""
    array = np.random.default_rng(3).integers(0, 1 << 60, (3000, 200))
    np.save("x.npy", array)
    shared: list[int] = []

    def clone(target: int, request: int, asked: bytes) -> int:
        assert request == 0x4020940D
        source, start, length, to = struct.unpack("=qQQQ", asked)
        assert [n % 4096 for n in (start, length, to)] == [0, 0, 0]
        shared.append(os.pwrite(target, os.pread(source, length, start), to))
        return 0

    how = {"parts": 3, "sync": False, "manifest": "run.json", "force": True}
    cs.split("x.npy", "p{index}.npy", **how)
    expected = Path("run.json").read_bytes()
    monkeypatch.setattr(files.fcntl, "ioctl", clone)
    written = 0
    honest = kernel.write_all

    def counted(fd: int, data: Any, offset: int) -> None:
        nonlocal written
        written += len(data)
        honest(fd, data, offset)

    monkeypatch.setattr(kernel, "write_all", counted)
    cs.split("x.npy", "p{index}.npy", **how)
    assert Path("run.json").read_bytes() == expected
    assert sum(shared) > 0
    assert sum(shared) + written == array.nbytes
    assert written < 3 * 2 * 4096
    for index in range(3):
        assert np.array_equal(np.load(f"p{index}.npy"), array[1000 * index : 1000 * (index + 1)])


@pytest.mark.parametrize("room", [0, 700, 1 << 20])
def test_parts_in_any_order_from_any_thread(room: int) -> None:
    data = np.random.default_rng(1).integers(0, 256, 5000).astype("u1").tobytes()
    stream = LeafHasher(LeafCut(5000, 1000, 300), WaitingMemory(room))
    rng, parts, at = random.Random(2), [], 0
    while at < len(data):
        size = rng.randrange(1, 400)
        parts += [(at, data[at : at + size])] * rng.choice([1, 1, 2])
        at += size
    if room != 700:
        rng.shuffle(parts)
    each = len(parts) // 3 + 1

    def work(some: list[tuple[int, bytes]]) -> None:
        for start, piece in some:
            stream.put_bytes(start, memoryview(piece))

    threads = [threading.Thread(target=work, args=(parts[n::3] if room else parts[n * each :],))
               for n in range(3)]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stream.drop_incomplete()
    for start, piece in ((at, data[at : at + 77]) for at in range(0, 5000, 77)):
        stream.put_bytes(start, memoryview(piece))
    starts = [turn + at for turn in range(0, 5000, 1000) for at in range(0, 1000, 300)]
    ends = [min(start + 300, start // 1000 * 1000 + 1000) for start in starts]
    leaves = [hashed.chunk_digest(data[a:b]) for a, b in zip(starts, ends, strict=True)]
    assert stream.leaves.digests() == b"".join(leaves)


def test_waiting_parts_take_no_more_than_their_room() -> None:
    room = WaitingMemory(1000)
    streams = [LeafHasher(LeafCut(600, 600, 600), room) for _ in range(4)]
    for stream in streams:
        stream.put_bytes(100, memoryview(bytes(450)))
    assert room.left == 100
    for stream in streams:
        stream.put_bytes(0, memoryview(bytes(100)))
        stream.put_bytes(550, memoryview(bytes(50)))
    assert room.left == 1000
    assert [stream.leaves.is_complete for stream in streams] == [True, True, False, False]
    assert streams[0].leaves.digests() == hashed.chunk_digest(bytes(600))


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((), "f8"), ((0, 3), "f8"), ((5,), "S0"), ((1 << 20,), "u1"), ((3, 1 << 20), "u1"),
     ((7, 3, 40_000), "u1"), ((2, 70_000, 3), "V24"), ((2, 3), "V3000000"), ((9, 65_536), "u1")],
    ids=str,
)  # fmt: skip
def test_the_leaves_of_odd_shapes(shape: tuple[int, ...], dtype: str) -> None:
    array = np.zeros(shape, dtype)
    cut = cut_elements(shape, array.dtype)
    digests = hashed.leaf_digests(array)
    assert cut.leaves == len(digests)
    blob = ElementHash(ArraySpec(shape, array.dtype), WaitingMemory())
    blob.put(Box.whole(shape), array)
    assert record(blob).value == hashed.value(digests)
    if digests:
        wrong = HashRecord("elements", "0" * 32, None, record(blob).sections)
        (place,) = differing(blob, wrong)
        assert place.first == (0,) * array.ndim
        assert place.last == tuple(n - 1 for n in shape)


def test_places_of_leaves_are_those_of_their_elements() -> None:
    spec = ArraySpec((3, 5, 40_000), np.dtype("u1"))
    assert ElementHash(spec, WaitingMemory()).stretch(1, 2) == ((1, 0, 0), (1, 4, 39_999))
    flat = ArraySpec((3000, 1000), np.dtype("f8"), Contiguous("F"))
    first, last = ByteHash(flat, WaitingMemory()).stretch(1, 2)
    assert first == ((1 << 17) % 3000, (1 << 17) // 3000)
    assert last == (((1 << 18) - 1) % 3000, ((1 << 18) - 1) // 3000)
    chunked = ArraySpec((10, 7), np.dtype("i4"), Chunked((4, 4)))
    assert ChunkHash(chunked, None).stretch(3, 6) == ((4, 4), (9, 6))

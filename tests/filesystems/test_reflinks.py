"""File systems that share blocks: what the kernel route moves there takes no room."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import zarr
from safetensors.numpy import load_file, save_file

import concatsplit_core as cs
from concatsplit_core.stores.files import SHARED_BLOCK

KINDS = {
    "xfs": ("mkfs.xfs", "-q", "-m", "reflink=1"),
    "btrfs": ("mkfs.btrfs", "-q"),
}
IMAGE_BYTES = 512 << 20
MIB = 1 << 20


@pytest.fixture(scope="module", params=KINDS)
def disk(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A mounted image; skipped where making or mounting one is not permitted."""
    make = KINDS[request.param]
    place = tmp_path_factory.mktemp(request.param)
    if shutil.which(make[0]) is None:
        pytest.skip(f"{make[0]} is not installed")
    image, mounted = place / "image", place / "mounted"
    mounted.mkdir()
    with image.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    subprocess.run([*make, image], check=True, capture_output=True)
    said = subprocess.run(
        ["mount", "-o", "loop", image, mounted], check=False, capture_output=True, text=True
    )
    if said.returncode:
        pytest.skip(f"mounting an image is not permitted here: {said.stderr.strip()}")
    yield mounted
    subprocess.run(["umount", "--lazy", mounted], check=True)


@pytest.fixture
def folder(disk: Path, tmp_path: Path) -> Iterator[Path]:
    """An empty folder on the disk."""
    folder = disk / tmp_path.name
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def used(folder: Path) -> int:
    """Bytes of the disk that are taken, with all that waits to be written."""
    fd = os.open(folder, os.O_RDONLY)
    os.sync()
    os.close(fd)
    status = os.statvfs(folder)
    return (status.f_blocks - status.f_bfree) * status.f_frsize


@pytest.fixture
def whole() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 1 << 62, (64, 128, 1024))


@pytest.mark.parametrize("recorded", [False, True], ids=["", "with a manifest"])
def test_a_split_takes_no_room(folder: Path, whole: np.ndarray, recorded: bool) -> None:
    np.save(folder / "x.npy", whole)
    before = used(folder)
    options = {"manifest": folder / "run.json"} if recorded else {}
    names = str(folder / "p{index}.npy")
    result = cs.split(folder / "x.npy", names, parts=3, uneven="balanced", **options)
    assert result.plan.routes == {"kernel": whole.nbytes}
    assert used(folder) - before < 2 * MIB
    for index, part in enumerate(np.array_split(whole, 3)):
        np.testing.assert_array_equal(np.load(folder / f"p{index}.npy"), part)


def test_parts_start_where_they_start_in_a_block_of_the_input(
    folder: Path, whole: np.ndarray
) -> None:
    flat = whole.reshape(-1)
    np.save(folder / "x.npy", flat)
    at = [1_000_008, 3_000_024, 5_000_000]
    cs.split(folder / "x.npy", str(folder / "p{index}.npy"), at=at)
    for index, (part, start) in enumerate(zip(np.split(flat, at), (0, *at), strict=True)):
        path = folder / f"p{index}.npy"
        assert (path.stat().st_size - part.nbytes) % SHARED_BLOCK == (
            128 + 8 * start
        ) % SHARED_BLOCK
        np.testing.assert_array_equal(np.load(path), part)


def test_a_join_takes_no_room(folder: Path, whole: np.ndarray) -> None:
    np.save(folder / "a.npy", whole[:40])
    np.save(folder / "b.npy", whole[40:])
    before = used(folder)
    cs.concat([folder / "a.npy", folder / "b.npy"], str(folder / "y.npy"))
    assert used(folder) - before < 2 * MIB
    np.testing.assert_array_equal(np.load(folder / "y.npy"), whole)


def test_an_inner_axis_shares_what_it_can(folder: Path, whole: np.ndarray) -> None:
    np.save(folder / "a.npy", whole)
    before = used(folder)
    result = cs.concat([folder / "a.npy"] * 2, str(folder / "y.npy"), axis=1)
    assert result.plan.routes == {"kernel": 2 * whole.nbytes}
    assert used(folder) - before < 4 * MIB
    np.testing.assert_array_equal(np.load(folder / "y.npy"), np.concatenate([whole, whole], 1))


def test_a_contiguous_data_set_becomes_an_npy_file_for_nothing(
    folder: Path, whole: np.ndarray
) -> None:
    with h5py.File(folder / "x.h5", "w") as file:
        file["x"] = whole
    before = used(folder)
    cs.concat(folder / "x.h5", str(folder / "y.npy"))
    assert used(folder) - before < 2 * MIB
    np.testing.assert_array_equal(np.load(folder / "y.npy"), whole)


def test_tensors_are_shared_by_a_split_and_by_shards(folder: Path, whole: np.ndarray) -> None:
    save_file({"a": whole[:40], "b": whole[40:]}, folder / "x.safetensors")
    before = used(folder)
    ranks = str(folder / "rank{index}.safetensors")
    cs.split(str(folder / "x.safetensors"), ranks, axis=["*=0"], parts=2)
    shards = str(folder / "x-{index}.safetensors")
    cs.split(str(folder / "x.safetensors"), shards, by_array=True, max_bytes=whole[:40].nbytes)
    assert used(folder) - before < 4 * MIB
    rank = load_file(folder / "rank1.safetensors")
    np.testing.assert_array_equal(rank["a"], whole[20:40])
    np.testing.assert_array_equal(rank["b"], whole[52:])
    np.testing.assert_array_equal(load_file(folder / "x-1.safetensors")["b"], whole[40:])


def test_members_of_archives_are_shared(folder: Path, whole: np.ndarray) -> None:
    np.save(folder / "a.npy", whole[:40])
    np.save(folder / "b.npy", whole[40:])
    before = used(folder)
    cs.concat([folder / "a.npy", folder / "b.npy"], f"{folder / 'y.npz'}::x")
    cs.feed(f"{folder / 'y.npz'}::y", whole[0])
    cs.concat(f"{folder / 'y.npz'}::x", str(folder / "x.npy"))
    assert used(folder) - before < 4 * MIB
    with np.load(folder / "y.npz") as found:
        np.testing.assert_array_equal(found["x"], whole)
    np.testing.assert_array_equal(np.load(folder / "x.npy"), whole)


def test_chunk_files_are_shared(folder: Path, whole: np.ndarray) -> None:
    store = str(folder / "x.zarr")
    zarr.create_array(store, data=whole, chunks=(16, 128, 1024), compressors=None)
    before = used(folder)
    result = cs.concat([store, store], str(folder / "y.zarr"))
    assert result.plan.routes == {"encoded": 2 * whole.nbytes}
    assert used(folder) - before < 2 * MIB
    np.testing.assert_array_equal(
        zarr.open_array(str(folder / "y.zarr"))[...], np.concatenate([whole, whole])
    )


def test_what_cannot_be_shared_is_copied(folder: Path, whole: np.ndarray) -> None:
    flat = whole.reshape(-1).view("u1")
    np.save(folder / "x.npy", flat)
    cs.split(folder / "x.npy", str(folder / "p{index}.npy"), at=[1_000_001, 20_000_007])
    for index, part in enumerate(np.split(flat, [1_000_001, 20_000_007])):
        np.testing.assert_array_equal(np.load(folder / f"p{index}.npy"), part)

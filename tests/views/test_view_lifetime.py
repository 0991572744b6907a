"""Views in threads and in other processes, over inputs that change, and after they are closed."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from conformance.arrays import assert_same, make

import concatsplit_core as cs
from concatsplit_core.foundation.errors import InputChanged, UsageError
from concatsplit_core.run import gathering
from concatsplit_core.run.chunk_cache import ChunkCache
from concatsplit_core.stores import maps

ARRAY = make("<i4", (12, 5), 3)


@pytest.fixture
def refs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The rows of an array: mapped, decoded, inflated, and in memory."""
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", ARRAY[:3])
    with h5py.File("b.h5", "w") as file:
        file.create_dataset("x", data=ARRAY[3:6], chunks=(2, 2), compression="gzip")
    cs.feed("c.zarr", ARRAY[6:9], chunks=(2, 3), sync=False)
    np.savez_compressed("d.npz", x=ARRAY[9:11])
    return ["a.npy", "b.h5", "c.zarr", "d.npz", ARRAY[11:]]


@pytest.fixture
def in_new_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests run in a folder of their own."""
    monkeypatch.chdir(tmp_path)


def _answer(view: cs.View, to: Any) -> None:
    try:
        to.send((view[2:11:2], view[...]))
    except Exception as error:
        to.send(error)


@pytest.mark.parametrize("way", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_other_processes_read_the_same(way: str, refs: list[Any]) -> None:
    context: Any = multiprocessing.get_context(way)
    with cs.open(refs) as view:
        assert_same(view[4], ARRAY[4])  # files are open, and chunks are kept
        here, there = context.Pipe()
        child = context.Process(target=_answer, args=(view, there))
        child.start()
        there.close()
        some, all_of_it = here.recv()
        child.join()
        assert_same(some, ARRAY[2:11:2])
        assert_same(all_of_it, ARRAY)
        assert_same(view[...], ARRAY)


def test_a_view_in_another_folder_reads_the_same_files(
    refs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with cs.open(refs) as view:
        assert view.inputs == (*refs[:4], "<input 4>")
        data = pickle.dumps(view)
        monkeypatch.chdir("/")
        assert_same(view[...], ARRAY)
        again = pickle.loads(data)
        assert (again.shape, again.dtype, again.inputs) == (view.shape, view.dtype, view.inputs)
        assert_same(again[...], ARRAY)
        again.close()


CHANGES: tuple[Callable[[], object], ...] = (
    lambda: np.save("a.npy", ARRAY[3:6]),
    lambda: Path("b.h5").write_bytes(b"x"),
    lambda: next(Path("c.zarr").rglob("c/1/0")).unlink(),
    lambda: Path("d.npz").unlink(),
)


@pytest.mark.parametrize("change", CHANGES)
def test_inputs_that_changed_are_not_read_as_if_they_were_the_same(
    change: Callable[[], object], refs: list[Any]
) -> None:
    with cs.open(refs) as view:
        data = pickle.dumps(view)
        change()
        again = pickle.loads(data)
        for _ in range(2):
            with pytest.raises(cs.ConcatsplitError) as caught:
                again[11]
            assert "changed since" in str(caught.value) or "no such file" in str(caught.value)
        again.close()


def test_a_file_that_is_replaced_before_it_is_mapped_is_not_read(refs: list[Any]) -> None:
    with cs.open(refs) as view:
        np.save("new.npy", ARRAY[3:6])
        Path("new.npy").rename("a.npy")
        with pytest.raises(InputChanged, match=r"a\.npy: changed since the view was opened"):
            view[0]
        assert_same(view[3], ARRAY[3])


@pytest.mark.parametrize("name", ["a.npy", "b.h5", "d.npz"])
@pytest.mark.usefixtures("refs")
def test_a_file_that_is_written_to_after_it_was_read_is_an_error(name: str) -> None:
    with cs.open([name]) as view:
        assert view[0].size
        with Path(name).open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"?")
        status = os.stat(name)
        os.utime(name, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000))
        for _ in range(2):
            with pytest.raises(InputChanged, match=f"{name}: changed since the view was opened"):
                view[0]


def _until_its_time_is_another(path: Path, change: Callable[[], object]) -> None:
    """Change a file or a folder until the clock of the file system has gone on."""
    before = path.stat().st_ctime_ns
    while path.stat().st_ctime_ns == before:
        change()


CHUNK = Path("z.zarr/c/1/0")
IN_FOLDERS: dict[str, tuple[Path, Callable[[], object]]] = {
    "a chunk is written in place": (CHUNK, lambda: CHUNK.write_bytes(CHUNK.read_bytes())),
    "a chunk is removed and made again": (CHUNK.parent, lambda: _made_again(CHUNK)),
    "a store takes its place": (Path("z.zarr"), lambda: _made_again(Path("z.zarr"))),
}


def _made_again(path: Path) -> None:
    copy = path.with_name("copy")
    (shutil.copytree if path.is_dir() else shutil.copyfile)(path, copy)
    if path.is_dir():
        shutil.rmtree(path)
    copy.rename(path)


@pytest.mark.parametrize("shards", [None, (2, 3)])
@pytest.mark.parametrize("how", IN_FOLDERS)
def test_files_of_a_folder_that_change_are_an_error(
    in_new_folder: None, how: str, shards: Any
) -> None:
    chunks = (2, 3) if shards is None else (1, 3)
    cs.feed("z.zarr", ARRAY[:6], chunks=chunks, shards=shards, sync=False)
    path, change = IN_FOLDERS[how]
    with cs.open("z.zarr") as view:
        assert_same(view[...], ARRAY[:6])
        _until_its_time_is_another(path, change)
        for _ in range(2):
            with pytest.raises(InputChanged, match=r"z\.zarr: changed since the view was opened"):
                view[2]


def test_what_is_not_asked_for_may_change_in_a_folder(in_new_folder: None) -> None:
    cs.feed("z.zarr", ARRAY[:6], chunks=(2, 3), sync=False)
    with cs.open("z.zarr") as view:
        _until_its_time_is_another(CHUNK, lambda: CHUNK.write_bytes(CHUNK.read_bytes()))
        assert_same(view[:2], ARRAY[:2])


def test_a_chunk_that_is_removed_is_not_taken_for_an_empty_one(in_new_folder: None) -> None:
    cs.feed("z.zarr", ARRAY[:6], chunks=(2, 3), sync=False)
    shutil.rmtree("z.zarr/c/2")
    with cs.open("z.zarr") as view:
        assert not np.any(view[4])
        _until_its_time_is_another(Path("z.zarr/c"), lambda: _made_again(CHUNK.parent))
        shutil.rmtree(CHUNK.parent)
        with pytest.raises(InputChanged):
            view[2]


def test_a_file_that_is_cut_short_is_an_error_and_no_crash(refs: list[Any]) -> None:
    with cs.open(refs) as view:
        assert_same(view[0], ARRAY[0])
        for size in (130, 0):
            os.truncate("a.npy", size)
            with pytest.raises(InputChanged, match=r"a\.npy: the file became shorter"):
                view[0]
    with cs.open([ARRAY[:3]]) as view:
        assert_same(view[...], ARRAY[:3])


def test_a_file_that_is_empty_when_it_is_mapped_is_an_error(refs: list[Any]) -> None:
    with cs.open("a.npy") as view:
        os.truncate("a.npy", 0)
        with pytest.raises(InputChanged, match="became shorter"):
            view[0]


def test_a_file_that_cannot_be_mapped_is_read(
    refs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(19, "No such device")

    monkeypatch.setattr(maps.mmap, "mmap", refuse)
    with cs.open(refs) as view:
        for _ in range(2):
            assert_same(view[::-2, 1:4], ARRAY[::-2, 1:4])
            assert_same(view[1, 2], ARRAY[1, 2])


def test_what_the_system_says_names_the_input(
    refs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(maps.mmap, "mmap", refuse)
    with cs.open(refs) as view, pytest.raises(cs.ConcatsplitError, match=r"a\.npy: cannot be read"):
        view[0]


def test_threads_share_a_view(refs: list[Any]) -> None:
    wrong: list[int] = []

    def read(view: cs.View, seed: int) -> None:
        for at in np.random.default_rng(seed).integers(0, 12, 60):
            if not np.array_equal(view[at], ARRAY[at]):
                wrong.append(int(at))

    with cs.open(refs, memory=96) as view:  # a few chunks fit, so that all are forgotten often
        threads = [threading.Thread(target=read, args=(view, seed)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


def _open_files() -> set[str]:
    return {os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")
            if os.path.exists(f"/proc/self/fd/{name}")}  # fmt: skip


def test_a_closed_view_has_nothing_open_and_gives_nothing(refs: list[Any], tmp_path: Path) -> None:
    before = _open_files()
    view = cs.open(refs)
    np.asarray(view)
    assert [name for name in _open_files() - before if name.startswith(str(tmp_path))]
    view.close()
    view.close()
    assert _open_files() <= before
    assert str(tmp_path) not in Path("/proc/self/maps").read_text()
    for use in (lambda: view[0], lambda: np.asarray(view), lambda: pickle.dumps(view)):
        with pytest.raises(UsageError, match="is closed"):
            use()
    assert view.shape == (12, 5)


def test_many_files_are_not_all_open_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maps, "MOST_MAPS", 3)
    monkeypatch.chdir(tmp_path)
    for i in range(12):
        np.save(f"part{i:02}.npy", ARRAY[i])
    with cs.open("part*.npy", axis=-1, add_axis=True) as view:
        for _ in range(2):
            assert_same(np.asarray(view), ARRAY.T)
        assert len([name for name in _open_files() if "part" in name]) == 3


def test_a_chunk_is_decoded_once_while_it_is_kept(
    refs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[Any] = []
    real = gathering._decoded

    def counted(source: Any, box: Any) -> np.ndarray:
        decoded.append(box)
        return real(source, box)

    monkeypatch.setattr(gathering, "_decoded", counted)
    with cs.open("b.h5") as view:
        for row in (0, 1, 0, 2, 1):
            assert_same(view[row], ARRAY[3 + row])
        assert len(decoded) == 6  # 2 x 3 chunks
    decoded.clear()
    with cs.open("b.h5", memory=64) as view:
        assert_same(view[...], ARRAY[3:6])  # more than half of the memory: nothing is kept
        assert not decoded
        assert [list(row) for row in view] == ARRAY[3:6].tolist()


def test_the_chunks_that_are_kept_never_take_more_than_their_room() -> None:
    cache = ChunkCache(100)
    for key in range(5):
        cache.keep(key, np.zeros(key), 40)
    assert [cache.find(key) is not None for key in range(5)] == [False] * 3 + [True] * 2
    cache.find(3)
    cache.keep("new", np.zeros(1), 40)  # 4 was not used for the longest time
    assert cache.find(3) is not None
    assert cache.find(4) is None
    cache.keep("huge", np.zeros(1), 101)
    assert cache.find("huge") is None
    cache.keep("new", np.ones(1), 60)
    assert cache.find("new") == 1


def test_an_input_that_no_other_process_can_open_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = h5py.File("x.h5", "w", driver="core", backing_store=False)
    with file, cs.open(file.create_dataset("x", data=ARRAY)) as view:
        assert_same(view[3], ARRAY[3])
        with pytest.raises(TypeError, match="no file that another process could open"):
            pickle.dumps(view)

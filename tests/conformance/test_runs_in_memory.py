"""Whole runs in a store that is no disk: opened, staged and published there, or nothing is left."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from conformance.arrays import assert_same, make
from conformance.zarr_in_stores import get, put
from memory_store import HIDDEN, MemoryStaging, MemoryStore, location_of, named_store
from zarr.buffer import default_buffer_prototype

import concatsplit_core as cs
from concatsplit_core.formats.zarr.writing import ZarrTarget
from concatsplit_core.foundation.errors import (
    InputChanged,
    InputUnavailable,
    NameCollision,
    NoSpace,
    OutputBusy,
    OutputChanged,
    OutputExists,
    OutputIsInput,
    OutputRefused,
    UsageError,
)
from concatsplit_core.run.executor import ThreadExecutor
from concatsplit_core.run.worker import Work
from concatsplit_core.stores.local import LOCAL, LocalStore
from concatsplit_core.stores.schemes import SCHEMES

LENGTHS = (6, 2, 4)
_NUMBERS = count()


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[MemoryStore]:
    """A store that URLs lead to, with three arrays; whoever asks the disk fails."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("the disk was asked for")

    monkeypatch.setitem(SCHEMES, "memory", location_of)
    monkeypatch.chdir(tmp_path)
    asked = ("stat", "entries", "read_ranges", "read", "write", "open", "open_for_writing", "walk")
    for name in (*asked, "identify", "look", "staging", "size"):
        monkeypatch.setattr(LocalStore, name, refuse)
    made = named_store(f"s{next(_NUMBERS)}")
    for number, array in enumerate(arrays()):
        put(made, f"in/{number}.zarr", array)
    yield made
    assert not made.keys(HIDDEN)
    assert not made.busy
    assert list(tmp_path.iterdir()) == []


def arrays() -> list[np.ndarray]:
    return [make("<i4", (n, 8), i) for i, n in enumerate(LENGTHS)]


WHOLE = np.concatenate(arrays())


def url(store: MemoryStore, *keys: str) -> list[str]:
    return [f"memory://{store.name}/{key}" for key in keys]


def inputs(store: MemoryStore) -> list[str]:
    return url(store, *(f"in/{number}.zarr" for number in range(len(LENGTHS))))


def output(store: MemoryStore, key: str = "out/y.zarr") -> str:
    return url(store, key)[0]


def group(store: MemoryStore, key: str) -> Any:
    """A group as zarr-python reads it."""
    kind = default_buffer_prototype().buffer
    files = {
        name.removeprefix(f"{key}/"): kind.from_bytes(store.files[name]) for name in store.keys(key)
    }
    return zarr.open_group(zarr.storage.MemoryStore(files), mode="r")


def test_a_join(store: MemoryStore) -> None:
    found = cs.concat(inputs(store), output(store), split_info=output(store, "out/n.zarr"))
    assert_same(get(store, "out/y.zarr"), WHOLE)
    assert get(store, "out/n.zarr").tolist() == list(LENGTHS)
    assert found.outputs[0].ref == output(store)
    assert found.outputs[0].shape == WHOLE.shape


def test_a_dry_run_writes_nothing(store: MemoryStore) -> None:
    before = dict(store.files)
    assert cs.concat(inputs(store), output(store), dry_run=True).dry_run
    assert store.files == before


@pytest.mark.parametrize("chunks", [None, (5, 3)])
def test_a_cut_and_a_join_give_the_same_again(store: MemoryStore, chunks: Any) -> None:
    put(store, "whole.zarr", WHOLE)
    template = output(store, "parts/{stem}-{index}.zarr")
    cs.split(output(store, "whole.zarr"), template, size=4, chunks=chunks)
    for number in range(3):
        assert_same(get(store, f"parts/whole-{number}.zarr"), WHOLE[4 * number : 4 * number + 4])
    cs.concat(url(store, *(f"parts/whole-{n}.zarr" for n in range(3))), output(store))
    assert_same(get(store, "out/y.zarr"), WHOLE)
    assert cs.diff(output(store), output(store, "whole.zarr")).equal


def test_parts_are_named_in_a_folder(store: MemoryStore) -> None:
    found = cs.split(inputs(store)[0], output(store, "parts/"), parts=2)
    names = ["parts/0-00000-of-00002.zarr", "parts/0-00001-of-00002.zarr"]
    assert [blob.ref for blob in found.outputs] == url(store, *names)
    assert_same(np.concatenate([get(store, name) for name in names]), arrays()[0])


def test_one_store_to_another(store: MemoryStore) -> None:
    other = named_store(f"{store.name}-other")
    cs.concat(inputs(store), output(other))
    assert_same(get(other, "out/y.zarr"), WHOLE)


def test_what_exists_is_replaced_when_that_was_asked_for(store: MemoryStore) -> None:
    put(store, "out/y.zarr", make("<f8", (20, 20)))
    before = dict(store.files)
    with pytest.raises(OutputExists, match="give --force"):
        cs.concat(inputs(store), output(store))
    assert store.files == before
    cs.concat(inputs(store), output(store), force=True)
    assert_same(get(store, "out/y.zarr"), WHOLE)
    assert len(store.keys("out/y.zarr/c")) == 12  # and none of the 50 that were there


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_member_is_added_to_consolidated_metadata(store: MemoryStore, zarr_format: Any) -> None:
    theirs = zarr.storage.MemoryStore()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = zarr.create_group(theirs, zarr_format=zarr_format)
        made.create_array("old", data=WHOLE)
        zarr.consolidate_metadata(theirs)
    for name, data in theirs._store_dict.items():
        store.files[f"g.zarr/{name}"] = data.to_bytes()
    cs.concat(inputs(store), output(store, "g.zarr::new/y"))
    found = group(store, "g.zarr")
    assert_same(found["new/y"][...], WHOLE)
    assert_same(found["old"][...], WHOLE)
    document = store.files["g.zarr/zarr.json" if zarr_format == 3 else "g.zarr/.zmetadata"]
    assert b'"new/y' in document
    assert set(found.metadata.consolidated_metadata.flattened_metadata) == {"old", "new", "new/y"}
    assert [blob.ref for blob in cs.info(output(store, "g.zarr"))] == url(
        store, "g.zarr::new/y", "g.zarr::old"
    )


def test_a_data_set(store: MemoryStore) -> None:
    for number, array in enumerate(arrays()):
        for name in ("x", "deep/y"):
            cs.feed(output(store, f"sets/{number}.zarr::{name}"), array)
    sets = url(store, *(f"sets/{number}.zarr" for number in range(3)))
    cs.concat(sets, output(store, "all.zarr"))
    found = group(store, "all.zarr")
    for name in ("x", "deep/y"):
        assert_same(found[name][...], WHOLE)
        assert_same(cs.fetch(output(store, f"all.zarr/{name}")), WHOLE)


def test_nothing_is_left_of_a_run_that_fails(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "out/y.zarr", WHOLE)
    before = dict(store.files)
    written = []

    def full(self: ZarrTarget, encoded: Any) -> None:
        written.extend(store.keys(HIDDEN))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ZarrTarget, "store", full)
    with pytest.raises(NoSpace, match="nothing was left behind"):
        cs.concat(inputs(store), output(store), force=True, chunks=(5, 3))
    assert written  # the output was there, below the hidden prefix
    assert store.files == before


def changing(store: MemoryStore, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have another program write a file when the outputs are built and none is published."""
    publish = MemoryStaging.publish

    def changed(self: MemoryStaging, *given: Any) -> None:
        store.files[key] = b"changed"
        publish(self, *given)

    monkeypatch.setattr(MemoryStaging, "publish", changed)


@pytest.mark.parametrize("exists", [False, True])
def test_what_others_wrote_meanwhile_is_kept(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch, exists: bool
) -> None:
    if exists:
        put(store, "out/y.zarr", WHOLE)
    changing(store, "out/y.zarr/zarr.json", monkeypatch)
    with pytest.raises(OutputChanged if exists else OutputExists):
        cs.concat(inputs(store), output(store), force=True)
    assert store.files["out/y.zarr/zarr.json"] == b"changed"


def test_an_input_that_changes_is_noticed(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = ZarrTarget.store

    def changed(self: ZarrTarget, encoded: Any) -> None:
        store.files["in/0.zarr/c/0/0"] = store.files["in/1.zarr/c/0/0"]
        write(self, encoded)

    monkeypatch.setattr(ZarrTarget, "store", changed)
    with pytest.raises(InputChanged, match=r"memory://.*/in/0.zarr: changed while it was read"):
        cs.concat(inputs(store), output(store))
    assert not store.keys("out")


def test_outputs_that_are_refused(store: MemoryStore) -> None:
    before = dict(store.files)
    with pytest.raises(OutputIsInput, match="is input"):
        cs.concat(inputs(store), inputs(store)[1], force=True)
    with pytest.raises(OutputIsInput, match="or holds it"):
        cs.concat(url(store, "in/0.zarr"), output(store, "in/0.zarr/in.zarr::x"), force=True)
    with pytest.raises(NameCollision, match="same name"):
        cs.split(inputs(store)[0], [output(store)] * 2)
    other = named_store(f"{store.name}-other")
    with pytest.raises(UsageError, match="are in two stores"):
        cs.split(inputs(store)[0], [output(store), output(other)])
    with pytest.raises(UsageError, match=r"--manifest: memory://.* is not on the local disk"):
        cs.concat(inputs(store), output(store), manifest="m.json")
    store.files["out/y.zarr/something"] = b""
    with pytest.raises(OutputRefused, match="is a folder and not a Zarr array"):
        cs.concat(inputs(store), output(store), force=True)
    del store.files["out/y.zarr/something"]
    store.busy.add("out/y.zarr")
    with pytest.raises(OutputBusy):
        cs.concat(inputs(store), output(store))
    assert store.files == before
    store.busy.clear()


@pytest.mark.parametrize("name", ["y.npy", "y.h5", "y.h5::x"])
def test_formats_that_need_a_path_are_refused_at_once(store: MemoryStore, name: str) -> None:
    with pytest.raises(UsageError, match=f"output memory://.*{name}: .* on the local disk only"):
        cs.concat(inputs(store), output(store, name), dry_run=True)


@pytest.mark.parametrize("ref", ["in/9.zarr", "in/0.zarr::x", "in/0.zarr/x"])
def test_what_is_missing_is_named(store: MemoryStore, ref: str) -> None:
    with pytest.raises(InputUnavailable, match=f"memory://{store.name}/{ref}: "):
        cs.concat(url(store, ref), output(store))


def test_the_work_can_be_pickled(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any other process that knows the store could do the tasks."""

    class Elsewhere(ThreadExecutor):
        def run(self, work: Work, *given: Any) -> None:
            super().run(pickle.loads(pickle.dumps(work)), *given)

    monkeypatch.setattr("concatsplit_core.run.planned.ThreadExecutor", Elsewhere)
    for chunks in (None, (5, 3)):
        cs.concat(inputs(store), output(store), chunks=chunks, force=True)
        assert_same(get(store, "out/y.zarr"), WHOLE)


def test_stores_of_a_name_are_pickled_by_it(store: MemoryStore) -> None:
    assert pickle.loads(pickle.dumps(location_of(output(store)))).store is store


def test_a_url_without_a_store_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("other:").mkdir()
    np.save("other:/x.npy", WHOLE)
    assert_same(cs.fetch("other://x.npy"), WHOLE)
    assert LOCAL.stat("other:") is not None

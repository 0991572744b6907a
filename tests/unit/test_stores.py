"""What every store has to do: the local disk, and one in memory."""

from __future__ import annotations

import os
import pickle
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from memory_store import MemoryStore

from concatsplit_core.foundation.errors import InputChanged, OutputBusy, OutputChanged, OutputExists
from concatsplit_core.stores.base import Location, Status, Store, join
from concatsplit_core.stores.local import LOCAL, local
from concatsplit_core.stores.publishing import Amendment


class StoreConformance(ABC):
    """Subclass it as ``Test...`` and say how a store is made."""

    @pytest.fixture
    def place(self, tmp_path: Path) -> Location:
        """An empty folder."""
        return self.make(tmp_path)

    @abstractmethod
    def make(self, folder: Path) -> Location:
        """An empty folder of the store."""

    def test_a_file_is_its_parts(self, place: Location) -> None:
        store, key = place / "deep/in/file"
        store.write(key, [b"abc", bytearray(b""), np.arange(3, dtype="<u2")])
        assert store.read(key) == b"abc\0\0\1\0\2\0"
        assert store.size(key) == 9
        assert store.stat(key) == Status("file", 9)

    def test_written_twice_it_is_the_last(self, place: Location) -> None:
        file = place / "file"
        for data in (b"a longer one", b"short", b""):
            file.write(data)
            assert file.read() == data

    def test_ranges(self, place: Location) -> None:
        store, key = place / "file"
        store.write(key, [b"0123456789"])
        assert store.read_ranges(key, [(8, 2), (0, 3), (4, 0)]) == [b"89", b"012", b""]
        opened = store.open(key)
        assert opened.size == 10
        assert opened.read(3, 4) == b"3456"
        opened.close()

    def test_a_range_beyond_the_end(self, place: Location) -> None:
        store, key = place / "file"
        store.write(key, [b"0123456789"])
        with pytest.raises(InputChanged, match="became shorter"):
            store.read_ranges(key, [(8, 3)])

    def test_folders(self, place: Location) -> None:
        for name in ("one", "folder/two", "folder/deep/three"):
            (place / name).write(b"")
        assert sorted(place.entries()) == [("folder", "folder"), ("one", "file")]
        assert sorted(place.walk()) == [
            (place / name).key for name in ("folder/deep/three", "folder/two", "one")
        ]
        assert (place / "folder").kind == "folder"
        assert (place / "folder/deep").parent == place / "folder"

    def test_what_is_missing(self, place: Location) -> None:
        (place / "file").write(b"")
        for name in ("nothing", "file/below"):
            missing = place / name
            assert missing.kind is None
            for call in (missing.store.size, missing.store.read, missing.store.open):
                with pytest.raises((FileNotFoundError, NotADirectoryError)):
                    call(missing.key)
            with pytest.raises((FileNotFoundError, NotADirectoryError)):
                list(missing.entries())

    def test_a_file_with_a_path_is_written_by_its_descriptor(self, place: Location) -> None:
        store, key = place / "new/file"
        fd = store.open_for_writing(key)
        assert (fd is not None) == (store.path(key) is not None) == store.has_paths
        if fd is not None:
            os.write(fd, b"abc")
            os.close(fd)
            assert store.read(key) == b"abc"

    def test_it_can_be_pickled(self, place: Location) -> None:
        (place / "file").write(b"abc")
        assert (pickle.loads(pickle.dumps(place)) / "file").read() == b"abc"

    def test_what_changes_looks_different(self, place: Location) -> None:
        file, folder = place / "folder/file", place / "folder"
        assert file.identity is None
        assert place.store.look(file.key).number is None
        file.write(b"abc")
        before = file.identity, place.store.look(file.key), place.store.look(folder.key)
        assert before == (file.identity, place.store.look(file.key), place.store.look(folder.key))
        file.write(b"other")
        after = file.identity, place.store.look(file.key), place.store.look(folder.key)
        assert all(one != other for one, other in zip(before, after, strict=True))
        assert file.identity is not None
        assert folder.identity is not None
        assert (file.identity.kind, folder.identity.kind) == ("file", "folder")

    def test_what_is_staged_appears_when_it_is_published(self, place: Location) -> None:
        store, finals = place.store, [place / "new/one", place / "new/two", place / "three"]
        staging, told = store.staging(sync=False), []
        staged = [staging.claim(final.key) for final in finals]
        staging.refuse_if_busy()
        for number, key in enumerate(staged):
            store.write(key, [bytes([number])])
        assert [final.kind for final in finals] == [None] * 3
        staging.publish(done=lambda: told.append([final.read() for final in finals]))
        assert told == [[b"\0", b"\1", b"\2"]]
        assert sorted(place.walk()) == sorted(final.key for final in finals)

    def test_folders_are_staged_and_replaced_as_a_whole(self, place: Location) -> None:
        store, final = place.store, place / "folder"
        (final / "old").write(b"abc")
        staging = store.staging(sync=False)
        staged = Location(store, staging.claim(final.key, replaces=final.identity))
        (staged / "deep/new").write(b"abc")
        staging.publish()
        assert list(place.walk()) == [(final / "deep/new").key]

    @pytest.mark.parametrize("publishes", [False, True])
    def test_nothing_is_left_of_what_is_not_published(
        self, place: Location, publishes: bool
    ) -> None:
        store, final = place.store, place / "new/file"
        staging = store.staging(sync=False)
        store.write(staging.claim(final.key), [b"abc"])
        if publishes:  # somebody else has put something there meanwhile
            final.write(b"theirs")
            with pytest.raises(OutputExists):
                staging.publish()
        staging.rollback()
        assert list(place.walk()) == [final.key] * publishes
        assert not publishes or final.read() == b"theirs"

    def test_what_was_changed_is_not_replaced(self, place: Location) -> None:
        store, final = place.store, place / "file"
        final.write(b"abc")
        staging = store.staging(sync=False)
        key = staging.claim(final.key, replaces=final.identity, must_be_unchanged=True)
        store.write(key, [b"new"])
        final.write(b"other")
        with pytest.raises(OutputChanged):
            staging.publish()
        staging.rollback()
        assert final.read() == b"other"

    def test_two_runs_do_not_write_one_output(self, place: Location) -> None:
        first, second = (place.store.staging(sync=False) for _ in range(2))
        for staging in (first, second):
            staging.claim((place / "file").key)
        first.refuse_if_busy()
        with pytest.raises(OutputBusy):
            second.refuse_if_busy()
        for staging in (second, first):
            staging.rollback()
        assert list(place.walk()) == []

    def test_documents_are_published_with_what_they_list(self, place: Location) -> None:
        store, final, document = place.store, place / "folder/new", place / "folder/list"
        document.write(b"old")
        found = document.identity
        assert found is not None

        def amended(folder: str) -> Iterator[Amendment]:
            made = Location(store, folder) / "list"
            made.write(b"old new")
            yield Amendment(document.key, made.key, found)

        staging = store.staging(sync=False)
        store.write(staging.claim(final.key, container=document.parent.key), [b"abc"])
        staging.publish(amended, [document.parent.key])
        assert (document.read(), final.read()) == (b"old new", b"abc")
        assert len(list(place.walk())) == 2


class TestLocalStore(StoreConformance):
    def make(self, folder: Path) -> Location:
        return local(folder)

    def test_there_is_one(self, tmp_path: Path) -> None:
        assert pickle.loads(pickle.dumps(local(tmp_path))).store is LOCAL

    def test_links(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"abc")
        (tmp_path / "link").symlink_to("file")
        (tmp_path / "lost").symlink_to("nowhere")
        (tmp_path / "circle").symlink_to("circle")
        place = local(tmp_path)
        kinds = dict(place.entries())
        assert kinds == {"file": "file", "link": "link", "lost": "link", "circle": "link"}
        assert LOCAL.stat((place / "link").key) == Status("file", 3)
        assert (place / "lost").kind is (place / "circle").kind is None

    def test_nothing_has_a_name_that_no_file_can_have(self, tmp_path: Path) -> None:
        assert (local(tmp_path) / "\0").kind is None
        assert (local(tmp_path) / "\ud800").kind is None

    def test_a_descriptor_does_not_shorten_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"abc")
        os.close(LOCAL.open_for_writing(str(tmp_path / "file")))
        assert (tmp_path / "file").read_bytes() == b"abc"

    def test_a_folder_that_cannot_be_listed_is_not_empty(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            list(LOCAL.walk(str(tmp_path / "nothing")))


class TestMemoryStore(StoreConformance):
    def make(self, folder: Path) -> Location:
        return Location(MemoryStore(), "")


@pytest.mark.parametrize(
    ("key", "name", "expected"),
    [("a", "b/c", "a/b/c"), ("", "b", "b"), ("a", "", "a"), ("", "", "")],
)
def test_keys_are_joined(key: str, name: str, expected: str) -> None:
    assert join(key, name) == expected


def test_a_store_says_what_it_cannot_do() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Store()  # type: ignore[abstract]


def test_a_late_write_makes_folders_again_but_no_staging_folder(tmp_path: Path) -> None:
    os.close(LOCAL.open_for_writing(str(tmp_path / "y.zarr/c/0/1")))
    assert (tmp_path / "y.zarr/c/0/1").is_file()
    staged = tmp_path / ".concatsplit-0123456789ab"
    with pytest.raises(FileNotFoundError):
        LOCAL.open_for_writing(str(staged / "0/y.zarr/c/0/1"))
    assert not staged.exists()

"""How outputs get their names: durable, by what nobody changed, with what file systems can do."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import signal
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

from concatsplit_core.stores import renames
from concatsplit_core.stores.staging import LocalStaging

JOIN = ("concat", "a.npy", "b.npy", "-o")
SPLIT = ("split", "a.npy", "-o", "p{index}.npy", "--parts", 4)


def consolidate(store: str) -> None:
    """Have zarr-python consolidate metadata, without its word that format 3 has none yet."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        zarr.consolidate_metadata(store)


def before_publishing(monkeypatch: pytest.MonkeyPatch, change: Callable[[], None]) -> None:
    """Have something done when all outputs are built and none has its name."""
    publish = LocalStaging.publish

    def changed(self: LocalStaging, *given: Any) -> None:
        change()
        publish(self, *given)

    monkeypatch.setattr(LocalStaging, "publish", changed)


WAYS = {
    "one file": (*JOIN, "new/er/y.npy"),
    "a store": (*JOIN, "y.zarr", "--chunks", "64,500"),
    "a set": SPLIT,
    "a set in two folders": ("split", "a.npy", "-o", "f/x.npy", "-o", "g/y.npy", "--parts", 2),
    "a manifest": (*SPLIT, "--manifest", "m/n.json"),
    "a member": ("feed", "a.npy", "s.zarr::g/x"),
    "many": ("split", "a.npy", "-o", "many/p{index}.npy", "--parts", 64),
}


@pytest.mark.parametrize("way", WAYS)
def test_all_is_on_the_disk_before_and_after_it_gets_its_name(
    shell: Any, whole: np.ndarray, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    store = zarr.open_group("s.zarr", mode="w")
    store.create_array("x", data=whole)
    consolidate("s.zarr")
    synced: set[int] = set()
    late: set[Path] = set()
    fsync, rename = os.fsync, renames.renameat2
    system_calls: list[str] = []

    class Library(ctypes.CDLL):
        def __getattr__(self, name: str) -> Any:
            system_calls.append(name)
            return super().__getattr__(name)

    def syncing(fd: int) -> None:
        status = os.fstat(fd)
        synced.add(status.st_ino)
        late.difference_update({path for path in late if path.stat().st_ino == status.st_ino})
        fsync(fd)

    def renaming(old: str, new: str, flags: int) -> None:
        here, there = Path(old), Path(new)
        if not many:
            below = [here, *(p for p in here.rglob("*") if here.is_dir())]
            assert all(path.stat().st_ino in synced for path in below), there
        assert ("syncfs" in system_calls) == many
        rename(here, there, flags)
        late.add(there.parent)

    many = way == "many"  # is synced by one call for the file system
    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(ctypes, "CDLL", Library)
    monkeypatch.setattr(renames, "renameat2", renaming)
    before = set(shell.folder.rglob("*"))
    shell.ok(*WAYS[way])
    assert late == set()
    made = [path for path in shell.folder.rglob("*") if path.is_dir() and path not in before]
    assert all(many or path.stat().st_ino in synced for path in made)


def test_the_journal_is_durable_before_the_first_of_several_names(
    shell: Any, whole: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[int] = set()
    fsync, rename = os.fsync, renames.renameat2
    seen = []

    def renaming(old: str, new: str, flags: int) -> None:
        here, there = Path(old), Path(new)
        (journal,) = here.parent.parent.glob("journal.json")
        said = json.loads(journal.read_text())["entries"]
        assert [Path(entry["final"]).name for entry in said] == [f"p{i}.npy" for i in range(4)]
        wanted = journal, journal.parent, journal.parent.parent
        assert all(path.stat().st_ino in synced for path in wanted)
        seen.append(there)
        rename(here, there, flags)

    monkeypatch.setattr(os, "fsync", lambda fd: (synced.add(os.fstat(fd).st_ino), fsync(fd))[1])
    monkeypatch.setattr(renames, "renameat2", renaming)
    shell.ok(*SPLIT)
    assert len(seen) == 4


@pytest.mark.parametrize("suffix", ["npy", "h5", "zarr"])
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_a_replacement_has_the_permissions_of_the_old_one_from_the_start(
    shell: Any, whole: np.ndarray, monkeypatch: pytest.MonkeyPatch, suffix: str, mode: int
) -> None:
    target = Path(f"y.{suffix}")
    shell.ok("concat", "a.npy", "-o", target)
    if target.is_dir():
        mode |= 0o100
    target.chmod(mode)
    os.chown(target, 65534, 65533)
    os.setxattr(target, "user.note", b"kept")
    acl = (
        subprocess.run(["setfacl", "-m", "u:1234:r", target], check=False).returncode == 0
        if os.path.exists("/usr/bin/setfacl")
        else False
    )
    modes: set[int] = set()

    def look() -> None:
        (staged,) = (p for p in shell.folder.glob(f".concatsplit-*/new/{target}"))
        modes.add(staged.stat().st_mode & 0o077)
        assert staged.parent.parent.stat().st_mode & 0o777 == 0o700

    before_publishing(monkeypatch, look)
    wanted = target.stat()
    shell.ok(*JOIN, target, "--force", "--chunks", "64,500") if suffix != "npy" else shell.ok(
        *JOIN, target, "--force"
    )
    np.testing.assert_array_equal(shell.read(str(target)), whole)
    found = target.stat()
    assert (found.st_mode, found.st_uid, found.st_gid) == (
        wanted.st_mode, wanted.st_uid, wanted.st_gid,
    )  # fmt: skip
    assert os.getxattr(target, "user.note") == b"kept"
    assert not any(seen & ~wanted.st_mode for seen in modes)
    if acl:
        assert "system.posix_acl_access" in os.listxattr(target)


def test_files_of_a_store_that_are_kept_from_others_stay_so(shell: Any, whole: np.ndarray) -> None:
    shell.ok("concat", "a.npy", "-o", "y.zarr", "--chunks", "64,500")
    for path in Path("y.zarr").rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    shell.ok(*JOIN, "y.zarr", "--force", "--chunks", "64,500")
    assert {p.stat().st_mode & 0o777 for p in Path("y.zarr").rglob("*") if p.is_file()} == {0o600}


def _other_file(target: Path) -> None:
    np.save(target.with_name("other.npy"), np.arange(5))
    os.replace(target.with_name("other.npy"), target)


def _folder(target: Path) -> None:
    target.unlink()
    (target / "mine").mkdir(parents=True)


def _link(target: Path) -> None:
    target.unlink()
    target.symlink_to("elsewhere.npy")


def _gone(target: Path) -> None:
    target.unlink()


@pytest.mark.parametrize("change", [_other_file, _folder, _link, _gone], ids=lambda f: f.__name__)
def test_nothing_but_what_was_found_is_replaced(
    shell: Any,
    whole: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Path], None],
) -> None:
    for index in range(4):
        shell.save(**{f"p{index}": whole[:1]})
    before_publishing(monkeypatch, lambda: change(Path("p2.npy").absolute()))
    outcome = shell.run(*SPLIT, "--force")
    assert outcome.code == 5
    shell.one_line(outcome.err, ("p2.npy", "changed"))
    assert shell.hidden() == []
    assert not Path("elsewhere.npy").exists()
    for index in (0, 1, 3):
        np.testing.assert_array_equal(np.load(f"p{index}.npy"), whole[:1])


def test_what_another_program_writes_into_a_container_is_not_lost(
    shell: Any, whole: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.ok("feed", "a.npy", "c.h5::a")

    def add() -> None:
        with h5py.File("c.h5", "a") as file:
            file["theirs"] = np.arange(4)

    before_publishing(monkeypatch, add)
    shell.run("feed", "b.npy", "c.h5::b")
    with h5py.File("c.h5") as file:
        assert sorted(file) == ["a", "theirs"]
    assert shell.hidden() == []


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_consolidated_metadata_change_with_the_members_or_not_at_all(
    shell: Any, whole: np.ndarray, monkeypatch: pytest.MonkeyPatch, zarr_format: Any
) -> None:
    group = zarr.open_group("s.zarr", mode="w", zarr_format=zarr_format)
    group.create_array("x", data=whole)
    consolidate("s.zarr")
    document = Path("s.zarr", ".zmetadata" if zarr_format == 2 else "zarr.json")
    before = document.read_bytes()
    rename, calls = renames.renameat2, 0

    def failing(here: Path, there: Path, flags: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        rename(here, there, flags)

    with monkeypatch.context() as patched:
        patched.setattr(renames, "renameat2", failing)
        shell.fails(7, "feed", "a.npy", "s.zarr::g/a", says="g/a")
    assert document.read_bytes() == before
    shell.ok("feed", "a.npy", "s.zarr::g/a")
    found = zarr.open_consolidated("s.zarr")
    np.testing.assert_array_equal(found["g/a"][...], whole[:64])
    np.testing.assert_array_equal(found["x"][...], whole)


def test_metadata_that_somebody_else_renews_meanwhile_are_not_lost(
    shell: Any, whole: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    zarr.open_group("s.zarr", mode="w").create_array("x", data=whole)
    consolidate("s.zarr")
    entries = LocalStaging._entries

    def changed(self: LocalStaging, claims: Any) -> Any:
        zarr.open_group("s.zarr", mode="a").attrs["theirs"] = 1
        return entries(self, claims)

    with monkeypatch.context() as patched:
        patched.setattr(LocalStaging, "_entries", changed)
        assert shell.run("feed", "a.npy", "s.zarr::a").code == 5
    assert dict(zarr.open_group("s.zarr").attrs) == {"theirs": 1}
    assert not Path("s.zarr/a").exists()
    shell.ok("feed", "a.npy", "s.zarr::a")


@pytest.mark.parametrize("suffix", ["npy", "zarr"])
def test_file_systems_that_let_nothing_leave_its_folder(
    shell: Any, whole: np.ndarray, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    def refusing(here: Path, there: Path, flags: int) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(renames, "renameat2", refusing)
    for force in ((), ("--force",)):
        shell.ok("split", "a.npy", "-o", f"p{{index}}.{suffix}", "--parts", 4, *force)
        for index, part in enumerate(np.split(whole[:64], 4)):
            np.testing.assert_array_equal(shell.read(f"p{index}.{suffix}"), part)


def test_a_store_in_the_lower_layer_of_an_overlay_is_replaced(
    shell: Any, whole: np.ndarray
) -> None:
    shell.ok("concat", "a.npy", "-o", "lower/y.zarr")
    for name in ("upper", "work", "merged"):
        Path(name).mkdir()
    options = ",".join(f"{key}dir={Path(key).absolute()}" for key in ("lower", "upper", "work"))
    mount = ["mount", "-t", "overlay", "overlay", "-o", options, "merged"]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("overlays cannot be mounted here")
    try:
        assert shell.run(*JOIN, "merged/y.zarr", "--force").code == 0
        np.testing.assert_array_equal(shell.read("merged/y.zarr"), whole)
        assert list(Path("merged").glob(".concatsplit-*")) == []
    finally:
        subprocess.run(["umount", "--lazy", "merged"], check=True)


def test_a_request_that_comes_when_all_is_in_place_comes_too_late(
    shell: Any, whole: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = LocalStaging.publish

    def late(self: LocalStaging, *given: Any) -> None:
        publish(self, *given)
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(LocalStaging, "publish", late)
    shell.ok(*JOIN, "y.npy")
    shell.ok(*SPLIT)
    np.testing.assert_array_equal(np.load("y.npy"), whole)

"""Killed at any moment: a target is as it was or complete, and the next run clears the rest."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import children
import examples
import numpy as np
import pytest

pytestmark = pytest.mark.deep
TRIES = 6
FORMATS = {
    "npy": ("npy", ()),
    "safetensors": ("safetensors", ()),
    "npz": ("npz", ()),
    "zipped zarr": ("zarr.zip", ("--chunks", "64,500")),
    "hdf5": ("h5", ("--chunks", "none")),
    "chunked hdf5": ("h5", ("--chunks", "16,500", "--codec", "gzip:1")),
    "zarr": ("zarr", ("--chunks", "64,500")),
}


class Victim:
    """A command line that is killed over and over again."""

    def __init__(self, shell: Any, *args: Any) -> None:
        self.shell, self.args = shell, [str(arg) for arg in args]
        self.signs = Path(shell.folder.parent) / "signs"
        self.signs.mkdir()

    def killed(self, at: int) -> int:
        """Run and be killed in the place of the n-th change of the disk."""
        job = (str(self.shell.folder), self.args, str(self.signs), at)
        return children.finish(children.start(children.until, *job))

    def moments(self, seed: str, tries: int = TRIES) -> list[int]:
        """Where to be killed: first a whole run counts the places."""
        assert self.killed(0) == 0, (self.signs / "errors").read_text()
        count = int((self.signs / "count").read_text())
        assert count > tries
        last, others = range(count - 3, count), range(1, count - 3)
        more = min(examples.times(tries - 3), len(others))
        chosen = random.Random(examples.seed(seed)).sample(others, more)
        return sorted({*chosen, *last})


def holds(shell: Any, name: str, *wanted: np.ndarray | None) -> bool:
    """Whether a target is one of these arrays, or absent where None is one of them."""
    if not Path(name).exists():
        return any(array is None for array in wanted)
    found = shell.read(name)
    return any(array is not None and np.array_equal(found, array) for array in wanted)


def remove(path: Path) -> None:
    """Remove a file or a store."""
    if path.is_dir():
        for inner in path.iterdir():
            remove(inner)
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_killed_join_leaves_no_target_or_a_whole_one(
    shell: Any, whole: np.ndarray, kind: str
) -> None:
    suffix, options = FORMATS[kind]
    target = f"y.{suffix}"
    victim = Victim(shell, "concat", "a.npy", "b.npy", "-o", target, *options)
    moments = victim.moments(kind)
    for moment in moments:
        remove(Path(target))
        assert victim.killed(moment) == -9
        assert holds(shell, target, None, whole), f"killed at {moment}"
    assert shell.hidden(), "no kill left a trace; did any come in time?"
    shell.heals(*victim.args, "--force")
    assert holds(shell, target, whole)
    assert sorted(shell.names()) == sorted(["a.npy", "b.npy", target])


STORED = {
    # suffix and layout of what the chunks move between
    "chunks of hdf5": ("h5", ("--chunks", "16,500", "--codec", "gzip:1")),
    "chunks of zarr": ("zarr", ("--chunks", "16,500")),
}


@pytest.mark.parametrize("old", [False, True], ids=["new", "replacing"])
@pytest.mark.parametrize("kind", STORED)
def test_killed_while_chunks_move_there_is_no_target_or_a_whole_one(
    shell: Any, whole: np.ndarray, kind: str, old: bool
) -> None:
    suffix, options = STORED[kind]
    target = f"y.{suffix}"
    for name in "ab":
        shell.ok("concat", f"{name}.npy", "-o", f"{name}.{suffix}", *options)
    args = ("concat", f"a.{suffix}", f"b.{suffix}", "-o", target, "--routes", "encoded", "--force")
    victim = Victim(shell, *args)
    allowed = (whole[:64] if old else None, whole)
    for moment in victim.moments(f"{kind} {old}", 5):
        remove(Path(target))
        if old:
            shell.heals("concat", f"a.{suffix}", "-o", target)
        assert victim.killed(moment) == -9
        assert holds(shell, target, *allowed), f"killed at {moment}"
    shell.heals(*victim.args)
    assert holds(shell, target, whole)
    assert shell.hidden() == []


@pytest.mark.parametrize("kind", FORMATS)
def test_a_killed_replacement_leaves_the_old_target_or_the_new_one(
    shell: Any, whole: np.ndarray, kind: str
) -> None:
    suffix, options = FORMATS[kind]
    target = f"y.{suffix}"
    old = whole[:64]
    victim = Victim(shell, "concat", "a.npy", "b.npy", "-o", target, "--force", *options)
    for moment in victim.moments(f"replace {kind}", 5):
        shell.heals("concat", "a.npy", "-o", target, "--force")
        assert victim.killed(moment) == -9
        assert holds(shell, target, old, whole), f"killed at {moment}"
    shell.heals(*victim.args)
    assert holds(shell, target, whole)


@pytest.mark.parametrize("force", [(), ("--force",)], ids=["new", "replacing"])
@pytest.mark.parametrize("kind", FORMATS)
def test_a_killed_split_is_all_or_nothing_after_the_next_run(
    shell: Any, whole: np.ndarray, kind: str, force: tuple[str, ...]
) -> None:
    suffix, options = FORMATS[kind]
    names = [*(f"p{index}.{suffix}" for index in range(4)), "m.json"]
    args = ("split", "a.npy", "-o", f"p{{index}}.{suffix}", "--parts", 4, "--manifest", "m.json")
    parts, old = np.split(whole[:64], 4), whole[:1]
    shell.save(old=old)
    victim = Victim(shell, *args, *options, *force)
    for moment in victim.moments(f"split {kind} {force}", 5):
        for name in names:
            remove(Path(name))
            if force and not name.endswith("json"):
                shell.ok("concat", "old.npy", "-o", name)
        assert victim.killed(moment) == -9
        shell.heals("concat", "old.npy", "-o", "another.npy", "--force")
        there = {name: holds(shell, name, part) for name, part in zip(names, parts, strict=False)}
        assert len(set(there.values())) == 1, f"{there}, killed at {moment}"
        if not all(there.values()):
            assert all(holds(shell, name, old if force else None) for name in there)
        assert Path("m.json").exists() == all(there.values())


@pytest.mark.parametrize("suffix", ["npy", "zarr"])
def test_a_recovery_may_be_killed_too(shell: Any, whole: np.ndarray, suffix: str) -> None:
    names = [f"p{index}.{suffix}" for index in range(4)]
    parts = np.split(whole[:64], 4)
    args = ("split", "a.npy", "-o", f"p{{index}}.{suffix}", "--parts", 4, "--force")
    victim, signs = Victim(shell, *args), shell.folder.parent / "signs"
    assert victim.killed(0) == 0
    last = int((signs / "count").read_text())
    again = Victim.__new__(Victim)
    again.shell, again.args, again.signs = shell, ["recover", "."], signs
    for moment in range(last - 12, last):
        shell.heals("concat", "b.npy", "-o", "other.npy", "--force")
        for name in names:
            shell.ok("concat", "b.npy", "-o", name, "--force")
        assert victim.killed(moment) == -9
        for step in range(1, 40, 3):
            if again.killed(step) == 0:
                break
        shell.heals("concat", "b.npy", "-o", "other.npy", "--force")
        news = {holds(shell, name, part) for name, part in zip(names, parts, strict=True)}
        assert len(news) == 1, f"killed at {moment}"
        assert news == {True} or all(holds(shell, name, whole[64:]) for name in names)


@pytest.mark.parametrize(
    "container", ["all.h5", "all.zarr", "all.npz", "all.zarr.zip", "all.safetensors"]
)
def test_a_killed_addition_leaves_the_container_whole(
    shell: Any, whole: np.ndarray, container: str
) -> None:
    shell.ok("concat", "b.npy", "-o", f"{container}::old")
    victim = Victim(shell, "concat", "a.npy", "b.npy", "-o", f"{container}::new", "--force")
    for moment in victim.moments(container, 5):
        assert victim.killed(moment) == -9
        np.testing.assert_array_equal(shell.read(f"{container}::old"), whole[64:])
        assert shell.run("info", container).code == 0
    shell.heals(*victim.args)
    np.testing.assert_array_equal(shell.read(f"{container}::new"), whole)
    np.testing.assert_array_equal(shell.read(f"{container}::old"), whole[64:])


def test_killed_shards_and_their_index_are_all_or_nothing(shell: Any, whole: np.ndarray) -> None:
    for name in ("a", "b"):
        shell.ok("feed", f"{name}.npy", f"m.safetensors::{name}")
    template, most = "m-{index}-of-{count}.safetensors", whole[:64].nbytes
    args = ("split", "m.safetensors", "-o", template, "--by-array", "--max-bytes", most)
    names = ["m-0-of-2.safetensors", "m-1-of-2.safetensors", "m.safetensors.index.json"]
    victim = Victim(shell, *args)
    for moment in victim.moments("shards", 5):
        for name in names:
            remove(Path(name))
        assert victim.killed(moment) == -9
        shell.heals("concat", "a.npy", "-o", "another.npy", "--force")
        assert len({Path(name).exists() for name in names}) == 1, f"killed at {moment}"
    shell.heals(*victim.args, "--force")
    np.testing.assert_array_equal(shell.read(f"{names[1]}::b"), whole[64:])

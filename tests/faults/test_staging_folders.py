"""What is taken for a dead run's, and what is left alone."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_publishing import JOIN, before_publishing

from concatsplit_core.stores import owner, staging_folders


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without flock, as some are on a network."""

    def refuse(fd: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)


def _left(shell: Any, monkeypatch: pytest.MonkeyPatch, **said: Any) -> Path:
    """The staging folder of a run that claims y.npy, with another marker."""
    kept = shell.folder.parent / "kept"

    def copy() -> None:
        (made,) = shell.folder.glob(".concatsplit-*")
        subprocess.run(["cp", "-a", made, kept], check=True)

    with monkeypatch.context() as patched:
        before_publishing(patched, copy)
        shell.ok(*JOIN, "y.npy")
    Path("y.npy").unlink()
    marker = kept / "run.json"
    marker.write_text(
        json.dumps(json.loads(marker.read_text()) | {"inode": kept.stat().st_ino} | said)
    )
    left: Path = kept.rename(shell.folder / ".concatsplit-0123456789ab")
    return left


def test_without_locks_a_dead_process_is_told_from_one_that_lives(
    shell: Any, whole: np.ndarray, no_locks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = _left(shell, monkeypatch)  # says that it is of this process, which lives
    shell.fails(5, *JOIN, "y.npy", says="another run")
    assert shell.run(*JOIN, "z.npy").code == 0
    assert left.exists()
    marker = left / "run.json"
    marker.write_text(json.dumps(json.loads(marker.read_text()) | {"started": 1}))
    shell.heals(*JOIN, "y.npy")
    np.testing.assert_array_equal(np.load("y.npy"), whole)


def test_without_locks_a_run_of_another_machine_is_left_alone(
    shell: Any, whole: np.ndarray, no_locks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = _left(shell, monkeypatch, host="elsewhere")
    assert shell.run(*JOIN, "z.npy").code == 0
    shell.fails(5, *JOIN, "y.npy", says="another run")
    assert left.exists()


def test_locks_say_more_than_markers(
    shell: Any, whole: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = _left(shell, monkeypatch)
    fd = os.open(left / "run.json", os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_EX)
    shell.fails(5, *JOIN, "y.npy", says="another run")
    os.close(fd)
    shell.heals(*JOIN, "y.npy")


@pytest.mark.parametrize("name", [".concatsplit-notes", ".concatsplit-0123456789ab"])
@pytest.mark.parametrize("kind", ["folder", "file", "link", "pipe", "marker of another"])
def test_only_what_a_run_made_is_ever_removed(
    shell: Any, whole: np.ndarray, name: str, kind: str
) -> None:
    precious, planted = Path("precious"), Path(name)
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    if kind == "folder":
        precious.rename(planted)
    elif kind == "file":
        planted.write_text("x")
    elif kind == "link":
        planted.symlink_to("precious")
    elif kind == "pipe":
        os.mkfifo(planted)
    else:
        marker = owner.Owner.of_this_process(precious, ".", ()).to_dict()
        (precious / "run.json").write_text(json.dumps(marker))
        precious.rename(planted)
        os.chown(planted, 65534, 65534)
    before = shell.snapshot()
    outcome = shell.run(*JOIN, "y.npy")
    assert outcome.code == 0, outcome.err
    assert (name in outcome.err) == name.endswith("ab")
    assert {key: shell.snapshot()[key] for key in before} == before
    assert shell.run("recover", ".").code == 0
    assert {key: shell.snapshot()[key] for key in before} == before


@pytest.mark.parametrize("call", ["open", "mkdir", "write"])
@pytest.mark.parametrize("output", ["y.npy", "new/er/y.npy"])
def test_a_failure_right_after_a_staging_folder_is_made_leaves_none(
    shell: Any, whole: np.ndarray, monkeypatch: pytest.MonkeyPatch, call: str, output: str
) -> None:
    original = getattr(os, call)

    def failing(first: Any, *rest: Any, **named: Any) -> Any:
        where = os.readlink(f"/proc/self/fd/{first}") if call == "write" else str(first)
        if f"{staging_folders.PREFIX}" in where and where != str(shell.folder):
            inside = where.partition(staging_folders.PREFIX)[2]
            if call != "mkdir" or "/" in inside:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
        return original(first, *rest, **named)

    with monkeypatch.context() as patched:
        patched.setattr(os, call, failing)
        shell.fails(7, *JOIN, output, says=output)
    shell.ok(*JOIN, output)


def test_a_child_that_has_inherited_the_lock_does_not_make_a_dead_run_live(
    shell: Any, whole: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = _left(shell, monkeypatch, started=1)
    fd = os.open(left / "run.json", os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_EX)
    shell.heals(*JOIN, "y.npy")
    os.close(fd)


def test_a_run_in_another_name_space_is_known_by_its_lock_only(
    shell: Any, whole: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = _left(shell, monkeypatch, space="pid:[1]", started=1)
    fd = os.open(left / "run.json", os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_EX)
    shell.fails(5, *JOIN, "y.npy", says="another run")
    os.close(fd)
    shell.heals(*JOIN, "y.npy")


def test_what_lies_behind_a_link_stays_when_a_staging_folder_is_removed(tmp_path: Path) -> None:
    other, kept = tmp_path / "other", tmp_path / "other" / "kept"
    inside = tmp_path / "staging" / "new" / "y.zarr" / "c" / "0"
    for folder in (other, inside):
        folder.mkdir(parents=True)
    for file in (kept, inside / "1", inside.parent / "2"):
        file.write_text("x")
    (inside / "file").symlink_to(kept)
    (inside / "folder").symlink_to(other)
    staging_folders.remove_folder(tmp_path / "staging")
    assert os.listdir(tmp_path) == ["other"]
    assert kept.read_text() == "x"


def test_what_a_forked_process_makes_belongs_to_it(tmp_path: Path) -> None:
    ours = owner.Owner.of_this_process(tmp_path, ".", ())
    child = os.fork()
    if not child:  # pragma: no cover
        try:
            theirs = owner.Owner.of_this_process(tmp_path, ".", ())
            (tmp_path / "said").write_text(json.dumps([theirs.to_dict(), theirs.fate]))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    theirs, fate = json.loads((tmp_path / "said").read_text())
    assert fate == ours.fate == "alive"
    assert theirs["process"] == child
    assert theirs["started"] > ours.started
    assert theirs["boot"] == ours.boot
    assert theirs["space"] == ours.space

"""A share of a staged run: its process reads the tasks from a file, and what they read, no more."""

from __future__ import annotations

import dataclasses
import errno
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import concatsplit_core as cs
from concatsplit_core.formats import sources
from concatsplit_core.operators import sharing
from concatsplit_core.run.staged import shared, task_file
from concatsplit_core.stores.keeping import read_kept

A = np.arange(24_000, dtype="<i8").reshape(48, 500)
WHOLE = np.concatenate([A, A + 7])
SMALL = ("--memory", "128KiB", "-j", "1")


@pytest.fixture(params=["npy", "zarr"])
def staged(request: pytest.FixtureRequest, shell: Any) -> Any:
    """A shell with a staged run that joins two inputs; as many tasks read the one as the other."""
    for name, array in (("a", A), ("b", A + 7)):
        np.save("x.npy", array)
        shell.ok("feed", "x.npy", f"{name}.{request.param}", *_chunks(request.param))
    os.remove("x.npy")
    names = [f"{name}.{request.param}" for name in "ab"]
    _stage(shell, *names)
    return shell


def _chunks(suffix: str) -> tuple[str, ...]:
    return ("--chunks", "4,500", "--codec", "none") if suffix == "zarr" else ()


def _stage(shell: Any, *names: str) -> None:
    words = ("concat", *names, "-o", "y.zarr", "--chunks", "4,500", "--codec", "gzip:1", *SMALL)
    assert shell.run("stage", *words, "--to", "RUN").code == 0


def _input(name: str) -> Path:
    """The file, or a chunk in the middle, of an input."""
    (path,) = Path().glob(f"{name}.*")
    return path if path.is_file() else path / "c/6/0"


def _home() -> Path:
    (home,) = Path().glob(".concatsplit-*")
    return home


def _finish(shell: Any) -> None:
    assert shell.run("run", "RUN").code == 0
    shell.ok("commit", "RUN")
    np.testing.assert_array_equal(shell.read("y.zarr"), WHOLE)


def test_a_share_opens_only_what_its_tasks_read(staged: Any) -> None:
    (other,) = Path().glob("b.*")
    other.rename("elsewhere")
    assert staged.run("run", "RUN", "--tasks", "1/2").code == 0
    staged.fails(4, "run", "RUN", "--tasks", "2/2", says=str(other))


def test_a_share_misses_what_it_reads_and_leaves_the_rest_to_commit(staged: Any) -> None:
    path = _input("b")
    before = path.read_bytes()
    path.write_bytes(before[:-1] + b"x")
    assert staged.run("run", "RUN", "--tasks", "1/2").code == 0
    says = ("input 1 (b.", "was changed since", "concatsplit discard")
    staged.fails(12, "run", "RUN", "--tasks", "2/2", says=says)
    staged.fails(12, "commit", "RUN", says=says)


def test_a_chunk_that_is_gone_or_new_is_missed(staged: Any) -> None:
    path = _input("a")
    path.rename("kept")
    code = 12 if "c" in path.parts else 4
    staged.fails(code, "run", "RUN", says="a.")
    staged.ok("discard", "RUN")
    if code == 12:
        _stage(staged, "a.zarr", "b.zarr")
        Path("kept").rename(path)
        staged.fails(12, "run", "RUN", says="input 0 (a.zarr) was changed since")


def test_what_changes_while_a_share_reads_it_is_exit_9(
    staged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changing(*given: Any) -> None:
        with _input("a").open("r+b") as file:
            file.truncate(file.seek(0, os.SEEK_END) + 1)
        raise RuntimeError

    monkeypatch.setattr(shared.ThreadExecutor, "run", changing)
    outcome = staged.run("run", "RUN", "--tasks", "1/2")
    assert outcome.code == 9
    assert "changed while it was read" in outcome.message


@pytest.mark.parametrize("how", ["gone", "copied", "forged", "older", "others may write", "link"])
def test_without_the_file_of_the_tasks_it_plans_again(
    staged: Any, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Only the file that stage wrote is believed; to read a pickle is to do what it says."""
    home = _home()
    path = home / "tasks"
    kept = read_kept(home)
    assert kept is not None
    assert task_file.read_work(kept, home) is not None
    if how == "older":
        monkeypatch.setattr(cs, "__version__", "0.0.1")
    elif how == "others may write":
        home.chmod(0o770)
    elif how == "forged":
        path.write_bytes(task_file._header() + pickle.dumps(_Evil()))
    else:
        shutil.copy2(path, "copy")
        path.unlink()
        if how == "copied":
            shutil.move("copy", path)
        elif how == "link":
            path.symlink_to("../copy")
    assert task_file.read_work(kept, home) is None
    planned: list[Any] = []
    call = sharing.call_step
    monkeypatch.setattr(sharing, "call_step", lambda *given: planned.append(given) or call(*given))
    assert staged.run("run", "RUN", "--tasks", "1/2").code == 0
    assert len(planned) == 1
    home.chmod(0o700)
    _finish(staged)


def test_the_fields_of_sources_are_asked_for_once_however_many_are_pickled(
    shell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    fields = dataclasses.fields
    monkeypatch.setattr(sources, "_arguments", {})
    monkeypatch.setattr(dataclasses, "fields", lambda it: asked.append(it) or fields(it))
    for number in range(5):
        np.save(f"{number}.npy", A)
    _stage(shell, "?.npy")
    assert len(asked) == 1


def test_zeros_in_memory_are_made_in_each_process(shell: Any) -> None:
    shell.save(a=A)
    words = ("gradient", "split", "zeros", "a.npy", "-o", "y.zarr", "--split-info", "s.npy")
    np.save("s.npy", np.array([48, 48], np.int32))
    assert shell.run("stage", *words, "--to", "RUN").code == 0
    assert shell.run("run", "RUN").code == 0
    shell.ok("commit", "RUN")
    np.testing.assert_array_equal(shell.read("y.zarr"), np.concatenate([0 * A, A]))


def test_what_cannot_be_made_durable_names_the_output(
    staged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any, **__: Any) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(shared, "make_durable", failing)
    outcome = staged.run("run", "RUN")
    assert outcome.code == 7
    assert "y.zarr" in outcome.message
    assert "what is done is kept" in outcome.message


class _Evil:
    def __reduce__(self) -> Any:
        return os.mkdir, ("evil",)


def test_the_file_of_another_run_is_not_believed(staged: Any) -> None:
    home = _home()
    kept = read_kept(home)
    assert kept is not None
    assert task_file.read_work(kept._replace(digest="of another"), home) is None


def test_a_store_with_links_to_folders_is_looked_at_as_a_whole(shell: Any) -> None:
    for name, array in (("a", A), ("b", A + 7)):
        np.save("x.npy", array)
        shell.ok("feed", "x.npy", f"{name}.zarr", *_chunks("zarr"))
    os.remove("x.npy")
    Path("a.zarr/c/3").rename("third")
    Path("a.zarr/c/3").symlink_to(Path("third").absolute())
    words = ("concat", "a.zarr", "b.zarr", "-o", "y.zarr", "--codec", "gzip:1", *SMALL)
    assert shell.run("stage", *words, "--follow-links", "--to", "RUN").code == 0
    assert shell.run("run", "RUN", "--tasks", "1/4").code == 0
    Path("a.zarr/c/11/0").touch()
    shell.fails(12, "run", "RUN", "--tasks", "2/4", says="input 0 (a.zarr) was changed since")

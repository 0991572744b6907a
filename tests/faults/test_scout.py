"""The child that looks at an HDF5 file first: it takes the crash, and is not seen or heard."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import concatsplit_core as cs
from concatsplit_cli.main import _DOCSTRINGS, _leave_out_docstrings, _LoadedIfUsed
from concatsplit_core.formats.hdf5 import files, trials
from concatsplit_core.foundation.errors import MalformedInput

_SCRIPT = """
import os, select, signal, sys, threading, warnings
warnings.simplefilter("error")
from contextlib import ExitStack
from pathlib import Path
from concatsplit_cli.watcher import watched
from concatsplit_core.foundation.errors import ConcatsplitError
from concatsplit_core.foundation.interrupts import BlockingLibraries
from concatsplit_core.formats.hdf5 import scout

def crash(path, member):
    os.write(2, b"the library says something")
    os.kill(os.getpid(), signal.SIGSEGV)

def loop(path, member):
    while True:
        pass

def fail(path, member):
    raise ValueError(member)

def leave(path, member):
    os._exit(0)

def killed(path, member):
    os.kill(os.getpid(), signal.SIGKILL)

def place(path, member):
    Path(path).write_text(os.getcwd())

def tell(path, member):
    return member.encode() * 100_000

def note(path, member):
    with open(path, "a") as file:
        file.write(f"{member} {os.getpid() == owner}\\n")

reading, writing = os.pipe()

def wait(path, member):
    return os.read(reading, 9) if select.select([reading], [], [], 10)[0] else None

owner = os.getpid()
scout._SECONDS = 0
every = crash, loop, fail, leave, killed, place, tell, note, wait
looks = {look.__name__: look for look in every}
scouts = scout.Scouts(lambda: note(sys.argv[1], "forgets"))
context = ExitStack()
for name in sys.argv[2:]:
    if name == "watched":
        scout._IDLE_MS = 20
        context.enter_context(watched())
        continue
    if name == "idle":
        for _ in range(1000):
            if Path(sys.argv[1]).read_text().endswith("forgets False\\n"):
                break
            select.select([], [], [], 0.005)
        continue
    if name == "library":
        BlockingLibraries.announce()
        print(Path(f"/proc/self/task/{owner}/children").read_text().strip())
        continue
    if name == "thread":
        threading.Thread(target=signal.pause, daemon=True).start()
        continue
    try:
        meanwhile = lambda: os.write(writing, b"meanwhile"[: 9 * (name == "wait")])
        found = scouts.check(looks[name], Path(sys.argv[1]), name, "a.h5", meanwhile)
        print(len(found) or "ok")
    except ConcatsplitError as error:
        print(error.exit_code, error.message)
context.close()
"""


def scouted(path: Path, *looks: str) -> list[str]:
    environ = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", _SCRIPT, str(path), *looks]
    done = subprocess.run(command, capture_output=True, text=True, env=environ, check=True)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_a_crash_and_a_loop_are_damaged_files(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    path.touch()
    said = scouted(path, "crash", "note", "loop", "fail", "note")
    assert said[0].startswith("3 a.h5: the HDF5 library crashes on it (SIGSEGV)")
    assert said[2].startswith("3 a.h5: the HDF5 library takes too long to read it (SIGXCPU)")
    assert [said[1], *said[3:]] == ["ok"] * 3
    assert path.read_text() == "note False\nnote False\n"


def test_a_child_that_has_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    path.touch()
    assert scouted(path, "note", "leave", "note") == ["ok"] * 3
    assert path.read_text() == "note False\n" * 2


def test_a_child_that_somebody_killed_says_nothing_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    path.touch()
    assert scouted(path, "killed", "note") == ["ok"] * 2


def test_a_child_that_also_watches_stays_and_is_replaced_by_one_that_watches(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.h5"
    path.touch()
    looks = "note", "library", "idle", "note", "library", "crash", "library"
    _, child, _, same, crashed, other = scouted(path, "watched", *looks)
    assert child == same
    assert crashed.startswith("3 a.h5: the HDF5 library crashes on it (SIGSEGV)")
    assert other not in {"", child}
    assert other.isdigit()
    assert path.read_text().startswith("note False\nforgets False\nnote False\n")


def test_the_child_keeps_no_folder_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.h5").touch()
    assert scouted(Path("a.h5"), "place") == ["ok"]
    assert Path("a.h5").read_text() == "/"


def test_the_child_tells_what_it_has_found(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    path.touch()
    assert scouted(path, "tell", "fail", "tell") == ["400000", "ok", "400000"]


def test_something_else_is_done_while_the_child_looks(tmp_path: Path) -> None:
    assert scouted(tmp_path, "wait") == ["9"]


def test_no_child_is_forked_beside_other_threads(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    path.touch()
    assert scouted(path, "thread", "note") == ["ok"]
    assert path.read_text() == ""


def test_a_file_that_crashes_the_library_ends_in_a_message(tmp_path: Path) -> None:
    """The check of the parameters is left out, so that the szip filter divides by zero."""
    values = b"".join(v.to_bytes(4, "little") for v in (169, 8, 64, 16))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        settings = {"compression": "szip", "compression_opts": ("nn", 8)}
        file.create_dataset("x", data=np.arange(64), chunks=(16,), **settings)
    content = (tmp_path / "a.h5").read_bytes()
    assert content.count(values) == 1
    (tmp_path / "a.h5").write_bytes(content.replace(values, values[:4] + bytes(4) + values[8:]))
    script = (
        "from concatsplit_core.formats.hdf5 import filter_checks\n"
        "filter_checks.check_parameters = lambda *args: None\n"
        "from concatsplit_cli.main import main\n"
        "main()\n"
    )
    for command in (["info", "a.h5"], ["concat", "a.h5", "-o", "y.npy"]):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", script, *command],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            check=False,
        )
        assert done.returncode == 3, done
        assert done.stderr.count("\n") == 1
        assert "the HDF5 library crashes on it (SIGFPE)" in done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.h5"]


def test_the_command_has_one_thread_while_it_opens_its_inputs_and_reads_no_docstrings(
    tmp_path: Path,
) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.arange(3)
    script = (
        "import atexit, os, sys\n"
        "def tell():\n"
        "    import numpy as np\n"
        "    texts = np.ndarray.__doc__, np.float32.__doc__, np.ndarray.sum.__doc__\n"
        "    print(len(os.listdir('/proc/self/task')), any(texts))\n"
        "atexit.register(tell)\n"
        "from concatsplit_cli.main import main\n"
        "main()\n"
    )
    environ = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", script, "info", "a.h5"], capture_output=True, text=True,
        cwd=tmp_path, env=environ, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "1 False"
    assert done.stderr == ""


def test_numpy_keeps_its_docstrings_where_it_is_imported_already() -> None:
    _leave_out_docstrings()
    assert all(callable(sys.modules[name].add_newdoc) for name in _DOCSTRINGS)
    assert np.ndarray.__doc__


def test_a_numpy_that_needs_more_than_docstrings_of_a_module_gets_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "colorsys", _LoadedIfUsed("colorsys"))
    stands_for = importlib.import_module("colorsys")
    assert isinstance(stands_for, _LoadedIfUsed)
    assert stands_for.rgb_to_hsv(0, 0, 0) == (0, 0, 0)
    assert sys.modules["colorsys"] is not stands_for
    assert stands_for.ONE_THIRD == 1 / 3


def test_of_many_inputs_the_first_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []

    class Counting:
        def check(self, look: object, path: Path, member: str | None, ref: str, *_: object) -> None:
            looks.append(ref)

    monkeypatch.setattr(trials, "scouts", Counting())
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.arange(3)
    inputs, output = [str(tmp_path / "a.h5")] * 100, str(tmp_path / "y.npy")
    cs.concat(inputs, output, force=True)
    assert len(looks) == 64
    cs.concat(inputs, output, force=True)  # so much was tried of this file
    assert len(looks) == 64
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["x"][0] = 7
    cs.concat(inputs, output, force=True)  # it is another one now
    assert len(looks) == 2 * 64


class Child:
    """Stands for the child: notes what it is asked, in this process."""

    def __init__(self, crashes: bool = False) -> None:
        self.crashes = crashes
        self.asked: list[str] = []

    def check(self, look: Any, path: str, member: str, ref: str, *_: object) -> bytes:
        several = look is trials._look_at_members
        self.asked += json.loads(member) if several else [member]
        if several and self.crashes:
            raise MalformedInput(f"{ref}: crashes the library")
        return look(path, member) or b""


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file of 80 arrays, of which nothing was tried."""
    monkeypatch.setattr(trials, "_tried", {})
    monkeypatch.setattr(trials, "_passed", set())
    with h5py.File(tmp_path / "m.h5", "w") as file:
        for number in range(80):
            file[f"x{number:02}"] = np.arange(3)
    return str(tmp_path / "m.h5")


@pytest.mark.parametrize("crashes", [False, True])
def test_members_are_tried_together_and_alone_where_one_crashes(
    many: str, crashes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    child, first = Child(crashes), [f"x{number:02}" for number in range(64)]
    monkeypatch.setattr(trials, "scouts", child)
    assert len(cs.info(many)) == 80
    assert child.asked == (first * 2 if crashes else first)
    cs.info(many)  # so much was tried of this file
    assert len(child.asked) == len(first) * (1 + crashes)


def test_the_file_is_open_once_while_members_are_tried_together(
    many: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    true = files._opened
    monkeypatch.setattr(files, "_opened", lambda path: opened.append(path) or true(path))
    names = json.dumps([f"x{number:02}" for number in range(9)] + ["not there"])
    assert trials._look_at_members(many, names) == b"10"
    assert opened == [many]
    assert files.pool.peek(many) is None


def test_members_that_take_long_are_tried_in_several_goes(
    many: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = Child()
    monkeypatch.setattr(trials, "scouts", child)
    monkeypatch.setattr(trials, "_LONG", -1)
    names = ["x00", "x01", "x02"]
    trials.try_members(many, names)
    assert child.asked == [*names, "x01", "x02"]
    for name in names:  # the last one is tried alone, when it is opened
        trials.open_member(many, name, many).close()
    assert child.asked[5:] == ["x02"]
    monkeypatch.setattr(trials, "_FIRST", 2)
    trials.try_members(many, names)  # more than so many were tried already
    assert len(child.asked) == 6


def test_of_many_members_that_are_closed_one_by_one_the_first_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []

    class Counting:
        def check(self, look: object, path: Path, member: str | None, ref: str, *_: object) -> None:
            looks.append(ref)

    with h5py.File(tmp_path / "a.h5", "w") as file:
        for number in range(80):
            file[f"x{number}"] = np.arange(3)
    cs.split(str(tmp_path / "a.h5"), [f"{tmp_path}/y{{index}}.h5"], parts=3,
             manifest=tmp_path / "m.json")  # fmt: skip
    monkeypatch.setattr(trials, "scouts", Counting())
    monkeypatch.setattr(trials, "_tried", {})
    assert cs.verify(tmp_path / "m.json").exit_code == 0
    assert len(looks) == 4 * 64

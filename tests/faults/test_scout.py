"""The child that looks at an HDF5 file first: it takes the crash, and is not seen or heard."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hdf5_metadata import change

from concatsplit_cli.main import _DOCSTRINGS, _leave_out_docstrings, _LoadedIfUsed
from concatsplit_core.formats.hdf5 import scout, scout_program, trials
from concatsplit_core.foundation.errors import MalformedInput

START = scout_program.start
"""The true one: while tests run, none is started."""

_SCRIPT = """
import os, select, signal, sys, threading, warnings
warnings.simplefilter("error")
from contextlib import ExitStack
from pathlib import Path
from concatsplit_cli.watcher import watched
from concatsplit_core.foundation.errors import ConcatsplitError
from concatsplit_core.foundation.interrupts import BlockingLibraries
from concatsplit_core.formats.hdf5 import looking, scout

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

def pipes(path, member):
    names = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
    return b"." * sum(Path(name).is_fifo() for name in names)

def note(path, member):
    with open(path, "a") as file:
        file.write(f"{member} {os.getpid() == owner}\\n")

reading, writing = os.pipe()

def wait(path, member):
    return os.read(reading, 9) if select.select([reading], [], [], 10)[0] else None

owner = os.getpid()
looking._SECONDS = 0
every = crash, loop, fail, leave, killed, place, tell, note, wait, pipes
looks = {look.__name__: look for look in every}
scouts = scout.Scouts(lambda: note(sys.argv[1], "forgets"))
context = ExitStack()
for name in sys.argv[2:]:
    if name == "watched":
        looking._IDLE_MS = 20
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


def test_the_child_leaves_the_other_ends_of_its_pipes_to_the_parent(tmp_path: Path) -> None:
    assert scouted(tmp_path, "pipes") == ["4"]  # two are the script's own


def test_something_else_is_done_while_the_child_looks(tmp_path: Path) -> None:
    assert scouted(tmp_path, "wait") == ["9"]


_THREADED = """
import threading, signal, sys, os
from pathlib import Path
threading.Thread(target=signal.pause, daemon=True).start()
import concatsplit_core as cs
from concatsplit_core.formats.hdf5 import files
threads = set(os.listdir("/proc/self/task"))

def children():
    return [Path(f"/proc/self/task/{task}/children").read_text().split() for task in threads]

for path in sys.argv[1:]:
    try:
        print(len(cs.fetch(path)))
    except cs.ConcatsplitError as error:
        print(error.exit_code, error.message)
    print(sum(children(), []))
"""


def _write_crashing(path: Path) -> None:
    """A file of a fractal heap whose blocks stand in no columns, where HDF5 leaves its memory."""
    with h5py.File(path, "w", libver="latest") as file:
        file["x"] = np.arange(3)
        for number in range(12):
            file["x"].attrs[f"a{number}"] = number
    change(path, b"FRHP", 142, {110: bytes(2)})


def _write_overfull(path: Path) -> None:
    """A file of a B-tree whose root claims more records than it has room for."""
    with h5py.File(path, "w", libver="latest") as file:
        file.create_dataset("x", (9, 9), "i4", chunks=(3, 3), maxshape=(None, None))[...] = 1
    change(path, b"BTHD", 34, {24: b"\xff"})


def test_beside_other_threads_the_child_is_a_program_of_its_own(tmp_path: Path) -> None:
    for name in "ac":
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file["x"] = np.arange(3)
    _write_crashing(tmp_path / "b.h5")
    _write_overfull(tmp_path / "d.h5")
    done = subprocess.run(
        [sys.executable, "-c", _THREADED, "a.h5", "b.h5", "c.h5", "d.h5"],
        capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.stderr == ""
    first, child, crashed, none, last, other, damaged, ended = done.stdout.splitlines()
    assert first == last == "3"
    assert crashed.startswith("3 b.h5")
    assert crashed.endswith("the HDF5 library crashes on it (SIGSEGV); the file is damaged")
    assert damaged.startswith("3 d.h5: a B-tree is damaged: its root claims 255 records")
    assert none == ended == "[]"
    assert "[]" not in (child, other)
    assert child != other


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


class _Gone:
    """A child that is gone as soon as it is asked, and that somebody else has waited for."""

    watch, is_there = None, True

    def sees(self, *_: object) -> None:
        """See nothing."""

    def ended_by(self) -> int:
        return scout._NOT_KNOWN


def test_a_child_of_which_nothing_is_known_is_asked_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    scouts, started = scout.Scouts(lambda: None), []
    monkeypatch.setattr(scouts, "_start", lambda: started.append(1) or _Gone())
    with pytest.raises(MalformedInput, match=r"a\.h5: the HDF5 library crashes on it; the"):
        scouts.check(trials._look_at_member, "a.h5", None, "a.h5")
    assert len(started) == 2


def test_a_program_that_does_not_answer_is_started_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is one that is not Python, though its name says so."""
    (tmp_path / "python").symlink_to("/bin/true")
    scouts, started = scout.Scouts(lambda: None), []
    monkeypatch.setattr(scout, "_may_fork", lambda: False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(scout_program, "start", lambda *fds: started.append(1) or START(*fds))
    for _ in range(2):
        assert scouts.check(trials._look_at_member, "a.h5", None, "a.h5") == b""
    assert started == [1]


@pytest.mark.parametrize("executable", [None, "", "/bin/true"])
def test_what_is_not_python_is_not_started(
    executable: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    with pytest.raises(OSError, match="where Python is"):
        START(0, 1)

"""A command ends at once, unless there is something left to do."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from environment import unwatched

from concatsplit_cli.ending import end_at_once

_CHILD = """
import atexit, os, sys, threading
from concatsplit_cli.main import main

class Last:
    def __del__(self, write=os.write):
        write(2, b"taken apart")

last = Last()
atexit.register(print, "registered")
if sys.argv[1] == "thread":
    def outlive():
        threading.main_thread().join()
        print("thread")
    threading.Thread(target=outlive).start()
sys.argv = [sys.argv[2], "--version"]
main()
"""


_BROKEN_IMPORT = """
import atexit, sys
from concatsplit_cli.main import main

real = atexit.register

def register(function, *args, **options):
    if function.__name__ == "unregister_converters":
        raise KeyboardInterrupt
    return real(function, *args, **options)

atexit.register = register
sys.argv = ["concatsplit", "feed", sys.argv[1], sys.argv[2]]
main()
"""


def child(how: str, name: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", _CHILD, how, name]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=unwatched())


def test_the_command_ends_after_what_was_registered() -> None:
    done = child("plain", "/bin/concatsplit")
    assert done.stdout.splitlines()[-1] == "registered"
    assert not done.stderr


def test_threads_end_first() -> None:
    done = child("thread", "concatsplit")
    assert done.stdout.splitlines()[-2:] == ["thread", "registered"]
    assert done.stderr == "taken apart"


def test_an_import_of_h5py_that_was_broken_off_does_not_crash_the_end(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(3))
    command = [sys.executable, "-c", _BROKEN_IMPORT, "a.npy", "y.h5::a"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, check=False, text=True, env=unwatched()
    )
    assert done.stderr.strip() == "concatsplit: error: interrupted; nothing was left behind"
    assert done.returncode == 130
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


def test_a_program_that_calls_the_command_ends_as_it_likes() -> None:
    assert child("plain", "program").stderr == "taken apart"


class Ended(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    called: list[str] = []

    def end(code: int) -> None:
        called.append(f"exit {code}")
        raise Ended

    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setattr(atexit, "_run_exitfuncs", lambda: called.append("registered"))
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    monkeypatch.setattr(sys, "getprofile", lambda: None)
    monkeypatch.setattr(sys, "gettrace", lambda: None)
    monkeypatch.setattr(sys.monitoring, "get_tool", lambda _: None)
    return called


def test_the_exit_code_is_kept(ended: list[str]) -> None:
    with pytest.raises(Ended):
        end_at_once(8)
    assert ended == ["registered", "exit 8"]


def test_a_closed_stream_is_no_error(
    ended: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (tmp_path / "closed").open("w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
    with pytest.raises(Ended):
        end_at_once(0)


@pytest.mark.parametrize(
    ("module", "name", "answer"),
    [
        (threading, "active_count", lambda: 2),
        (sys, "gettrace", lambda: print),
        (sys, "getprofile", lambda: print),
        (sys.monitoring, "get_tool", lambda _: "profiler"),
    ],
)
def test_who_watches_sees_the_end(
    ended: list[str],
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
    name: str,
    answer: Callable[..., Any],
) -> None:
    monkeypatch.setattr(module, name, answer)
    end_at_once(0)
    assert not ended

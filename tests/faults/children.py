"""Processes that are forked from one with all libraries loaded, so that each starts at once."""

from __future__ import annotations

import multiprocessing
import os
import pkgutil
import resource
import signal
import sys
import time
from collections.abc import Callable
from functools import cache
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import concatsplit_cli
import concatsplit_core
from concatsplit_core.stores import renames

_CONTEXT = multiprocessing.get_context("forkserver")

AUDITED = {
    "open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.chmod",
    "os.truncate", "shutil.rmtree", "fcntl.flock",
}  # fmt: skip
"""Events of Python that change what is on the disk."""
WRAPPED = (
    (os, "pwrite"), (os, "copy_file_range"), (os, "fsync"), (os, "ftruncate"),
    (renames, "renameat2"),
)  # fmt: skip
"""Functions that change what is on the disk without such an event."""


PATIENCE = 60.0


def wait_for(condition: Callable[[], Any]) -> None:
    """Look again and again until something holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.002)


@cache
def _load() -> None:
    """Start the process that all others are forked from, with all modules of ours in it.

    This one is there as well: each child would look for it and load it again.
    """
    import pytest

    ours = [
        module.name
        for package in (concatsplit_cli, concatsplit_core)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
    _CONTEXT.set_forkserver_preload([*ours, "difflib", "xxhash", __name__, "freeze"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
        forkserver.ensure_running()


def start(target: Callable[..., Any], *args: Any) -> BaseProcess:
    """Start a child."""
    _load()
    process = _CONTEXT.Process(target=target, args=args)
    process.start()
    return process


def finish(process: BaseProcess) -> int:
    """Wait for a child and say its exit code, negative for a signal."""
    process.join(60)
    code = process.exitcode
    assert code is not None, "it hangs"
    process.close()
    return code


def _enter(folder: str, errors: Path, printed: str = os.devnull) -> None:
    os.chdir(folder)
    for stream, path in ((1, printed), (2, errors)):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(fd, stream)
        os.close(fd)


def _main(args: list[str]) -> NoReturn:
    from concatsplit_cli.main import main

    main(args)
    sys.exit("main came back")


def plain(folder: str, args: list[str], errors: str) -> None:
    """Run a command line."""
    _enter(folder, Path(errors))
    _main(args)


def limited(folder: str, args: list[str], errors: str, printed: str, largest: int | None) -> None:
    """Run a command line that may make files of so many bytes at most, if a number is given."""
    _enter(folder, Path(errors), printed)
    if largest is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    _main(args)


def every(folder: str, lines: list[list[str]], errors: str, codes: str) -> None:
    """Run command lines one after another, and write each one's exit code to a file."""
    from concatsplit_cli.main import main

    _enter(folder, Path(errors))
    with open(codes, "w") as file:
        for line in lines:
            try:
                main(line)
            except SystemExit as end:
                print(end.code, file=file, flush=True)


def until(folder: str, args: list[str], signs: str, last: int) -> None:
    """Run a command line up to a certain change of the disk, and be killed in its place.

    Without a last one the number of changes is written to the file ``count``.
    """
    place = Path(signs)
    _enter(folder, place / "errors")
    count = 0

    def step() -> None:
        nonlocal count
        count += 1
        if count == last:
            os.kill(os.getpid(), signal.SIGKILL)

    def wrap(owner: ModuleType, name: str) -> None:
        original = getattr(owner, name)

        def stepping(*args: Any) -> Any:
            step()
            return original(*args)

        setattr(owner, name, stepping)

    for owner, name in WRAPPED:
        wrap(owner, name)
    active = True
    sys.addaudithook(lambda event, _: step() if active and event in AUDITED else None)
    try:
        _main(args)
    finally:
        active = False
        (place / "count").write_text(str(count))


def held(folder: str, args: list[str], signs: str, call: str, nth: int, match: str) -> None:
    """Run a command line that waits for a sign, in the n-th call of a function of ``os``.

    Only calls count whose first argument has ``match`` in it; ``rename`` is that of staging.
    """
    place = Path(signs)
    _enter(folder, place / "errors")
    calls = 0

    def counted(first: Any) -> None:
        nonlocal calls
        if match not in str(first) or calls > nth:
            return
        calls += 1
        if calls > nth:
            (place / "held").touch()
            while not (place / "go").exists():
                time.sleep(0.002)

    owner, name = (renames, "renameat2") if call == "rename" else (os, call)
    original = getattr(owner, name)

    def waiting(*given: Any, **named: Any) -> Any:
        counted(given[0])
        return original(*given, **named)

    setattr(owner, name, waiting)
    _main(args)

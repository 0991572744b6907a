"""What all tests share: where they write, hypothesis profiles, tables of conformance classes."""

from __future__ import annotations

import gc
import os
import signal
import tempfile
from collections.abc import Iterator
from multiprocessing.util import Finalize

import at_once
import environment
import examples
import pytest
import scratch
from _pytest.runner import runtestprotocol

from concatsplit_core.formats.hdf5 import scout_program

pytest.register_assert_rewrite(
    "conformance.arrays", "conformance.base", "conformance.moves", "conformance.zarr_arrays"
)

examples.register_profiles()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Choose where tests write, and stop ignoring signals that the shell had them ignore."""
    _stop_ignoring_signals()
    environment.leave_make()
    asked = config.option.basetemp or "PYTEST_DEBUG_TEMPROOT" in os.environ
    if not asked and scratch.has_room():
        scratch.remove_abandoned()
        made = scratch.Scratch()
        # after multiprocessing has removed its own folder in this one, which has priority -100
        Finalize(None, made.remove, exitpriority=-200)
        config.option.basetemp = made.folder / "pytest"


def pytest_sessionstart(session: pytest.Session) -> None:
    """Put the folders of ``tempfile`` on the RAM disk as well."""
    factory: pytest.TempPathFactory = session.config._tmp_path_factory
    base = str(factory.getbasetemp())
    if scratch.PREFIX in base:  # pytest removes others before multiprocessing is done with its own
        tempfile.tempdir = base


def pytest_collection() -> None:
    """Turn garbage collection off: it would walk through thousands of tests again and again."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Turn garbage collection on again, for all objects but those of the collected tests."""
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Have a worker report once how a test ended, and not also its start, setup and teardown.

    The main process takes as long over a report as many a test takes. A setup or teardown that
    fails or skips is reported all the same. Without ``-q``, or with ``--durations``, all of them
    are.
    """
    options = item.config.option
    if not hasattr(item.config, "workerinput") or options.verbose >= 0 or options.durations:
        return None
    for report in runtestprotocol(item, log=False, nextitem=nextitem):
        if report.when == "call" or not report.passed:
            item.ihook.pytest_runtest_logreport(report=report)
    return True


@pytest.fixture(scope="session", autouse=True)
def _no_threads_for_small_files() -> Iterator[None]:
    with at_once.no_threads():
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_program_for_small_files() -> Iterator[None]:
    """Have no HDF5 file tried by a program first: tests are beside other threads mostly."""

    def start(*_: int) -> int:
        raise OSError("no program is wanted")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scout_program, "start", start)
        yield


def _stop_ignoring_signals() -> None:
    """Undo what nohup, or a shell's background, has the tests ignore: commands would inherit it."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGXCPU):
        if signal.getsignal(number) is signal.SIG_IGN:
            handler = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, handler)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a conformance class the dtypes and layouts that it lists.

    Its tilings are the layouts that a plan can tell from each other, one of each kind.
    """
    for name, table in (("dtype", "dtypes"), ("layout", "layouts"), ("tiling", "layouts")):
        rows = getattr(metafunc.cls, table, None)
        if rows is not None and name == "tiling":
            rows = {row.tiles: row for row in reversed(rows)}.values()
        if rows is not None and name in metafunc.fixturenames:
            metafunc.parametrize(name, list(rows), ids=[_label(row) for row in rows])


def _label(row: object) -> str:
    """Short name of a dtype or layout: a structured dtype goes by its fields."""
    names = getattr(row, "names", None)
    return f"fields-{'-'.join(names)}" if names else str(row)

"""What all tests share: hypothesis profiles, and the tables of the conformance classes."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

pytest.register_assert_rewrite(
    "conformance.arrays", "conformance.base", "conformance.moves", "conformance.zarr_arrays"
)

_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("dev", **_COMMON)
settings.register_profile("ci", **_COMMON, derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_configure() -> None:
    """Take up what a shell's background or nohup has the tests ignore: the commands heed it."""
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

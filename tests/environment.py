"""The environment of child processes."""

from __future__ import annotations

import os

_OF_COVERAGE = ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
_OF_MAKE = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")


def unwatched() -> dict[str, str]:
    """The environment in which a child is not measured: coverage loads its own modules."""
    return {name: value for name, value in os.environ.items() if name not in _OF_COVERAGE}


def leave_make() -> None:
    """Forget the options of the ``make`` that runs the tests: one that a test runs would obey."""
    for name in _OF_MAKE:
        os.environ.pop(name, None)

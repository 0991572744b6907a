"""Ends the process of a command."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from contextlib import suppress

_TOOLS = range(6)
"""Numbers of the tools that may watch the interpreter, such as profilers."""


def end_at_once(code: int) -> None:
    """End the process without taking the interpreter apart, which takes as long as to start it.

    Python frees all modules and objects one by one at its end: 15 to 50 ms after a join. What was
    written is complete by now, and durable if that was asked for; what failed is cleaned up.
    Functions that were registered for the end are called; if there is more to do, nothing happens
    here.

    After an error it is safer, too: when h5py's import was broken off by a signal or for lack of
    memory, HDF5's own function for the end would call into the interpreter that is gone by then.

    Parameters
    ----------
    code : int
        The exit code.
    """
    if threading.active_count() > 1 or _is_watched():
        return
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # ValueError: closed
            stream.flush()
    os._exit(code)


def _is_watched() -> bool:
    """Whether a debugger, profiler or the like has something to say at the end."""
    flags = sys.flags
    if sys.gettrace() or sys.getprofile() or flags.interactive or flags.inspect or flags.dev_mode:
        return True
    return any(sys.monitoring.get_tool(number) for number in _TOOLS)

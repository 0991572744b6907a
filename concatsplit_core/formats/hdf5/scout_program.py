"""A child that is a program of its own: for a process with several threads, which cannot fork one.

It costs what importing NumPy and h5py does, once: it stays for a while after its last answer.
"""

from __future__ import annotations

import fcntl
import os
import sys

_ASK, _ANSWER, _FREE = 3, 4, 10
"""Descriptors of the program's pipes, and the first one that is none of these."""
_CODE = (
    "import sys; sys.path[:] = sys.argv[1:]; "
    "from concatsplit_core.formats.hdf5.trials import answer_others; "
    f"answer_others({_ASK}, {_ANSWER})"
)


def start(ask: int, answer: int) -> int:
    """Start the program; returns the number of its process.

    Parameters
    ----------
    ask, answer : int
        The ends of two pipes that are the program's.

    Raises
    ------
    OSError
        The system has no room for it, or this process is not run by a Python that could run it.
    """
    if "py" not in os.path.basename(sys.executable or "") or getattr(sys, "frozen", False):
        raise OSError("it is not known where Python is")
    command = [sys.executable, "-P", "-c", _CODE, *map(str, sys.path)]
    ask, answer = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _FREE) for fd in (ask, answer))
    try:
        return os.posix_spawn(
            sys.executable,
            command,
            {**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            file_actions=[
                *((os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)),
                (os.POSIX_SPAWN_DUP2, ask, _ASK),
                (os.POSIX_SPAWN_DUP2, answer, _ANSWER),
            ],
            setsigmask=(),
        )
    finally:
        os.close(ask)
        os.close(answer)

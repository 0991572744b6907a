"""The line that a run adds to the attribute ``history`` of a data set, as NCO does."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace

from concatsplit_core.formats.structure import GroupInfo, Structure
from concatsplit_core.meaning.model import plain
from concatsplit_core.operators.requests import Request

_LONGEST = 4000
"""Letters of a line: thousands of names of inputs would not be read."""


def with_history(structure: Structure, line: str) -> Structure:
    """A structure whose root says what was done, above what was done before.

    Parameters
    ----------
    structure : Structure
    line : str
        Without the time, which is put before it: now, or that of ``SOURCE_DATE_EPOCH``.
    """
    if len(line) > _LONGEST:
        line = f"{line[: _LONGEST // 2]} ... {line[-_LONGEST // 2 :]}"
    root = structure.groups.get("", GroupInfo())
    said = f"{_now()}: {line}"
    earlier = plain(root.attrs.get("history"))
    if isinstance(earlier, str) and earlier:
        said += f"\n{earlier}"
    groups: Mapping[str, GroupInfo] = {
        **structure.groups,
        "": replace(root, attrs={**root.attrs, "history": said}),
    }
    return replace(structure, groups=groups)


def call_of(request: Request, inputs: Iterable[str]) -> str:
    """What is said of a call from Python, as a command line.

    Parameters
    ----------
    request : Request
    inputs : iterable of str
        Their names.
    """
    words = ["concatsplit", request.operator, *inputs]
    for output in request.outputs:
        words += ["-o", output]
    axes = [request.axis] if isinstance(request.axis, int | str) else request.axis or ()
    for axis in axes:
        words += ["--axis", str(axis)]
    return shlex.join(words)


def _now() -> str:
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    return time.asctime(time.gmtime(int(epoch)) if epoch.isdigit() else time.localtime())

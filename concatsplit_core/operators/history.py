"""The line that a run adds to the attribute ``history`` of a data set, as NCO does."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterable

from concatsplit_core.endpoints.job import Job
from concatsplit_core.endpoints.references import MemberOf
from concatsplit_core.formats.structure import GroupInfo, Structure
from concatsplit_core.foundation.records import replace
from concatsplit_core.meaning.model import plain
from concatsplit_core.operators.requests import Request

_LONGEST = 4000
"""The most letters of a line: nobody reads thousands of names of inputs."""


def with_history(job: Job, line: str) -> dict[str, Structure]:
    """The structures of a job's containers, with one more line in the ``history`` of each.

    Parameters
    ----------
    job : Job
    line : str
        Without the time, which is put before it: now, or that of ``SOURCE_DATE_EPOCH``.
    """
    if len(line) > _LONGEST:
        line = f"{line[: _LONGEST // 2]} ... {line[-_LONGEST // 2 :]}"
    names = [output.container for output in job.outputs if isinstance(output, MemberOf)]
    made = dict.fromkeys(names, Structure()) | dict(job.structures)
    return {name: _with_line(made[name], f"{_now()}: {line}") for name in made}


def _with_line(structure: Structure, line: str) -> Structure:
    root = structure.groups.get("", GroupInfo())
    earlier = plain(root.attrs.get("history"))
    if isinstance(earlier, str) and earlier:
        line += f"\n{earlier}"
    changed = replace(root, attrs={**root.attrs, "history": line})
    return replace(structure, groups={**structure.groups, "": changed})


def call_of(request: Request, inputs: Iterable[str]) -> str:
    """A call from Python, written as a command line.

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

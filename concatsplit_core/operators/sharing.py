"""Does a share of the tasks of a staged run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from concatsplit_core.foundation.errors import InputUnavailable, ResumeMismatch, UsageError
from concatsplit_core.run.staged.record import RUN_FILE, RunRecord, read_record
from concatsplit_core.run.staged.shared import SharedRun
from concatsplit_core.run.staged.state import RunState, run_folder, state_of
from concatsplit_core.run.staged.step import RunStep, parse_share
from concatsplit_core.run.staged.task_file import read_work
from concatsplit_core.stores.keeping import read_kept, refuse_missing

if TYPE_CHECKING:
    from concatsplit_core.run.result import Result

_MODULES = {
    "joining": ("concat", "stack", "depth_concat", "split_gradient"),
    "cutting": (
        "split", "depth_split", "unstack", "split_by_lengths", "reshard", "concat_gradient",
    ),
    "copying": ("fetch_to", "feed"),
}  # fmt: skip
OPERATORS = {name: module for module, names in _MODULES.items() for name in names}
"""What can be staged, and where it is defined."""


def run_tasks(
    folder: str | os.PathLike[str],
    tasks: str | None = None,
    on_event: Callable[[Any], None] | None = None,
) -> RunState:
    """Do the tasks of a staged run that are not done yet; any number of processes may do so.

    Parameters
    ----------
    folder : path
        Of the run.
    tasks : str, optional
        ``"I/N"``: only those in share I of N.
    on_event : callable, optional
        As in `Options`.

    Raises
    ------
    ResumeMismatch
        An input has changed, or the run was made for something else.
    """
    share = (1, 1) if tasks is None else parse_share(tasks)
    path = run_folder(folder)
    record = read_record(path)
    refuse_missing([Path(name) for name in record.folders], record.nonce)
    request = request_of(record, path)
    home = Path(record.folders[0])
    kept = read_kept(home)
    shared = None if kept is None else read_work(kept, home)
    if shared is not None:
        SharedRun(path, shared, on_event).do_share(record, share)
    else:
        call_step(request, RunStep("run", str(path), share), on_event)
    return state_of(path, record)


def working_folder(folder: str | os.PathLike[str]) -> str:
    """The working folder in which a run was staged.

    Raises
    ------
    InputUnavailable
        The folder is not that of a staged run, or its working folder is not there.
    """
    path = run_folder(folder)
    cwd = read_record(path).cwd
    if not os.path.isdir(cwd):
        raise InputUnavailable(
            f"{path}: was staged in the working folder {cwd}, which is not there; move it back, or "
            f"give the run up with 'concatsplit discard {path}'",
            ref=str(path),
        )
    return cwd


def request_of(record: RunRecord, folder: Path) -> Mapping[str, Any]:
    """What was staged, if this process can repeat it."""
    request = record.request
    if request is None:
        raise UsageError(
            f"{folder}: is a run with --resume; give the same command again to go on with it, or "
            f"'concatsplit discard {folder}' to give it up"
        )
    if not {"operator", "args", "options"} <= request.keys():
        raise ResumeMismatch(f"{folder / RUN_FILE}: is damaged; stage again")
    if request["operator"] not in OPERATORS:
        raise ResumeMismatch(f"{folder / RUN_FILE}: names no operator; stage again")
    if os.path.realpath(record.cwd) != os.path.realpath(os.getcwd()):
        raise UsageError(
            f"{folder}: was staged in the working folder {record.cwd}, from which the names of "
            "files are seen; go there first"
        )
    return request


def call_step(
    request: Mapping[str, Any], step: RunStep, listener: Callable[[Any], None] | None
) -> Result:
    """Call the operator of a request, for one step of its run."""
    name = request["operator"]
    module = import_module(f"concatsplit_core.operators.{OPERATORS[name]}")
    operator = getattr(module, name)
    result: Result = operator(*request["args"], **request["options"], on_event=listener, step=step)
    return result

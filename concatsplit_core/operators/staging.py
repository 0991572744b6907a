"""Staged runs: stage an operator, do its tasks in any number of processes, commit or discard it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from concatsplit_core.codecs.pipeline import Codec
from concatsplit_core.foundation.errors import (
    UsageError,
)
from concatsplit_core.operators.sharing import OPERATORS, call_step, request_of
from concatsplit_core.run.options import Options
from concatsplit_core.run.result import Result
from concatsplit_core.run.staged.folder import remove_run
from concatsplit_core.run.staged.locks import alone
from concatsplit_core.run.staged.record import read_record
from concatsplit_core.run.staged.state import RunState, run_folder, state_of
from concatsplit_core.run.staged.step import RunStep
from concatsplit_core.stores.keeping import refuse_missing
from concatsplit_core.stores.recovery import recover


def stage(
    operator: str | Callable[..., Result],
    *args: Any,
    to: str | os.PathLike[str],
    **options: Any,
) -> Result:
    """Plan an operator and create its outputs where they are staged; move nothing yet.

    Parameters
    ----------
    operator : str or callable
        Such as ``"concat"``.
    *args
        Its arguments; inputs are references, since other processes have to open them.
    to : path
        A folder for the run, which is made; `run_tasks`, `commit` and `discard` take it.
    **options
        The other arguments of the operator, and `Options`.

    Returns
    -------
    Result
        As of a dry run; ``len(result.plan)`` is the number of tasks.

    Raises
    ------
    UsageError
        The operator, its inputs or its outputs cannot be staged.
    """
    name = operator if isinstance(operator, str) else operator.__name__
    if name not in OPERATORS:
        raise UsageError(f"{name}: cannot be staged; these can be: {', '.join(sorted(OPERATORS))}")
    listener = options.pop("on_event", None)
    if options.pop("dry_run", False) or options.pop("resume", False):
        raise UsageError("stage: leave out --dry-run and --resume")
    chosen = {k: options[k] for k in ("memory", "jobs") if options.get(k) is not None}
    frozen = Options(**chosen)
    options |= {"memory": frozen.memory_bytes, "jobs": frozen.workers}
    request = {
        "operator": name,
        "args": [_plain(value) for value in args],
        "options": {key: _plain(value) for key, value in options.items()},
    }
    step = RunStep("stage", os.path.abspath(to), request=request)
    return call_step(request, step, listener)


def commit(
    folder: str | os.PathLike[str], on_event: Callable[[Any], None] | None = None
) -> RunState:
    """Publish the outputs of a staged run, and remove its folder.

    Parameters
    ----------
    folder : path
        Of the run.
    on_event : callable, optional
        As in `Options`.

    Raises
    ------
    ResumeMismatch
        Tasks are missing, an input has changed, or the run was made for something else.
    OutputBusy
        Another process is committing it, or still works on it.
    """
    path = run_folder(folder)
    record = read_record(path)
    for staging in dict.fromkeys(Path(name).parent for name in record.folders):
        for recovered in recover([staging]):
            if on_event is not None:
                on_event(recovered)
    if record.is_published:  # by a commit that was killed at the very end
        with alone(path):
            remove_run(path)
        return state_of(path, record, missing=0)
    refuse_missing([Path(name) for name in record.folders], record.nonce)
    call_step(request_of(record, path), RunStep("commit", str(path)), on_event)
    return state_of(path, record, missing=0)


def _plain(value: Any) -> Any:
    """A value as JSON has it.

    Raises
    ------
    UsageError
        It is an array in memory, or anything else that another process would not have.
    """
    if isinstance(value, str) and value == "-":
        raise UsageError("-: stdin and stdout cannot be staged, since each is there only once")
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    if isinstance(value, np.dtype | Codec):
        return str(value)
    raise UsageError(
        f"a {type(value).__name__} in memory cannot be staged, since other processes "
        "do not have it; write it to a file and give its name"
    )

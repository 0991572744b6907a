"""How far a staged run is, for those who ask for its steps."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.run.staged.done import read_done
from concatsplit_core.run.staged.record import RunRecord


class RunState(NamedTuple):
    """How far a staged run is.

    Parameters
    ----------
    run : str
        Its folder.
    tasks : int
        How many there are.
    missing : int
        How many are not done yet.
    outputs : tuple of str
        Their names.
    """

    run: str
    tasks: int
    missing: int
    outputs: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        return self._asdict() | {"outputs": list(self.outputs)}


def state_of(folder: Path, record: RunRecord, missing: int | None = None) -> RunState:
    """The state of a run in a folder; the missing tasks are counted unless they are given."""
    if missing is None:
        missing = record.tasks - sum(read_done(folder, record.nonce, record.tasks))
    outputs = tuple(output.final for output in record.outputs)
    return RunState(str(folder), record.tasks, missing, outputs)


def run_folder(folder: str | os.PathLike[str]) -> Path:
    """The folder of a run as it is given, seen from the root."""
    return Path(os.path.abspath(folder))

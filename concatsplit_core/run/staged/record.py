"""`run.json`: what a staged run is going to do, and where its outputs are staged."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from concatsplit_core.foundation.errors import InputUnavailable, ResumeMismatch
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.stores.keeping import StagedOutput, read_kept, replace_file
from concatsplit_core.stores.staging_folders import is_staging_name

RUN_FILE = "run.json"
_SCHEMA = 1


class RunRecord(NamedTuple):
    """What `run.json` says.

    Parameters
    ----------
    nonce : str
        Also in the staging folders.
    resumes : bool
        The run was started with ``--resume``.
    facts : dict
        What has to be the same when it is gone on with; see `run_facts`.
    tasks : int
        Their number.
    memory, jobs : int
        The budget and the number of threads that they were planned for.
    sync : bool
    request : dict, optional
        The operator, and what it was called with; None for a run with ``--resume``.
    cwd : str
        The working folder, which names of files without a leading slash are seen from.
    folders, made : list of str
        The staging folders, and folders that were made for the outputs.
    outputs : tuple of StagedOutput
    offsets : dict
        By the staged file, the offsets of its arrays, where only the file itself says them.
    """

    nonce: str
    resumes: bool
    facts: dict[str, Any]
    tasks: int
    memory: int
    jobs: int
    sync: bool
    request: dict[str, Any] | None
    cwd: str
    folders: list[str]
    made: list[str]
    outputs: tuple[StagedOutput, ...]
    offsets: dict[str, list[int]]

    def write(self, folder: Path) -> str:
        """Write it into the folder of the run; returns its digest."""
        outputs = [output.to_json() for output in self.outputs]
        document = {"concatsplit": _SCHEMA, **self._asdict(), "outputs": outputs}
        text = json.dumps(document).encode()
        replace_file(folder / RUN_FILE, text, self.sync)
        return _digest(text)

    @property
    def is_published(self) -> bool:
        """Whether all outputs have their names."""
        return bool(self.outputs) and all(output.is_published for output in self.outputs)


_TYPES: dict[str, type | tuple[type, ...]] = {
    "nonce": str, "resumes": bool, "facts": dict, "tasks": int, "memory": int, "jobs": int,
    "sync": bool, "request": (dict, type(None)), "cwd": str, "folders": list, "made": list,
    "offsets": dict,
}  # fmt: skip


def read_record(folder: Path) -> RunRecord:
    """Read `run.json`.

    Raises
    ------
    InputUnavailable
        The folder is not that of a staged run.
    ResumeMismatch
        The file is damaged, was changed since it was written, or is of another version.
    """
    path = folder / RUN_FILE
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise InputUnavailable(
            f"{folder}: is not the folder of a staged run; there is no {RUN_FILE} in it",
            ref=str(folder),
        ) from None
    except OSError as error:
        raise InputUnavailable(f"{path}: {error.strerror}", ref=str(path)) from error
    try:
        document = json.loads(text)
        if document.pop("concatsplit") != _SCHEMA:
            raise ValueError("another version wrote it")
        for name, kind in _TYPES.items():
            if not isinstance(document[name], kind):
                raise ValueError(f"'{name}' is not what it should be")
        _refuse_other_paths(document["cwd"], *document["folders"], *document["made"])
        _refuse_changed(document, text)
        outputs = tuple(StagedOutput.from_json(value) for value in document.pop("outputs"))
        _refuse_outside(outputs, document["folders"])
        return RunRecord(**document, outputs=outputs)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ResumeMismatch(
            f"{path}: is not the record of a staged run: {error}; give the run up with "
            "'concatsplit discard FOLDER', where FOLDER is the hidden folder .concatsplit-... "
            "beside its outputs, and stage again",
            ref=str(path),
        ) from error


def _refuse_other_paths(*names: Any) -> None:
    """Refuse what is no name of a file."""
    for name in names:
        if not isinstance(name, str) or "\0" in os.fsdecode(os.fsencode(name)):
            raise ValueError(f"{name!r} is no path")


def _refuse_outside(outputs: Sequence[StagedOutput], folders: Sequence[str]) -> None:
    """Refuse a record whose outputs are not staged in its staging folders, which are no others."""
    homes = {os.path.normpath(folder) for folder in folders}
    if not homes or not all(map(is_staging_name, homes)):
        raise ValueError("it names no staging folder")
    for output in outputs:
        if os.path.normpath(os.path.dirname(os.path.dirname(output.staged))) not in homes:
            raise ValueError(f"{output.staged} is in none of its staging folders")


def _refuse_changed(document: dict[str, Any], text: bytes) -> None:
    """Refuse a record that is not the one that its staging folder knows, if that is there."""
    home = next(iter(document["folders"]), None)
    kept = None if home is None else read_kept(Path(home))
    if kept is not None and kept.digest != _digest(text):
        raise ValueError("it was changed since it was written")


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def refuse_changes(folder: Path, was: dict[str, Any], now: dict[str, Any]) -> None:
    """Refuse to go on if anything that the outputs depend on is not as it was.

    Raises
    ------
    ResumeMismatch
        It names what has changed.
    """
    for name in (*now, *was):
        before, after = was.get(name), now.get(name)
        if before == after:
            continue
        if name == "inputs":
            what = _changed_input(before or [], after or [])
        elif name == "plan":
            what = "the plan is another one, though inputs and options are the same"
        else:
            what = f"{name} was {_shown(before)} and is {_shown(after)}"
        raise ResumeMismatch(
            f"the run in {folder} cannot go on: {what}; repeat what was given then, or give the "
            f"run up with 'concatsplit discard {folder}'",
            ref=str(folder),
            found=after,
            expected=before,
        )


def _changed_input(before: list[Any], after: list[Any]) -> str:
    if len(before) != len(after):
        return f"there were {len(before)} inputs and there are {len(after)}"
    for number, (old, new) in enumerate(zip(before, after, strict=True)):
        if old[0] != new[0]:
            return f"input {number} was {old[0]} and is {new[0]}"
        if old[1] != new[1]:
            return f"input {number} ({new[0]}) was changed since"
    return "the inputs are others"


def _shown(value: Any) -> str:
    return "not given" if value is None else str(value)

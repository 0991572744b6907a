"""Gives up a staged run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from concatsplit_core.foundation.errors import InputUnavailable, OutputBusy, ResumeMismatch
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.run.staged.done import at_work
from concatsplit_core.run.staged.folder import remove_run
from concatsplit_core.run.staged.locks import alone
from concatsplit_core.run.staged.record import read_record
from concatsplit_core.run.staged.state import RunState, run_folder, state_of
from concatsplit_core.stores.keeping import KeptRun, StagedOutput, read_kept
from concatsplit_core.stores.kept_staging import KeptStaging


class _Staged(NamedTuple):
    """What is removed when a run is given up; see `KeptStaging.adopt`."""

    folders: list[Path]
    made: list[Path]
    outputs: tuple[StagedOutput, ...]
    nonce: str


def discard(folder: str | os.PathLike[str]) -> RunState:
    """Give up a staged run: remove all that it has staged, and its folder.

    Parameters
    ----------
    folder : path
        Of the run, or one of its staging folders.

    Raises
    ------
    OutputBusy
        A process is committing it, or works on it.
    """
    path = run_folder(folder)
    kept = _kept_of(path)
    if kept is not None and not kept.run.exists():
        kept = kept._replace(run=_moved_run(kept, path))
    given, path = path, path if kept is None else kept.run
    with alone(path):
        staged, state = _staged_for(path, kept, given)
        busy = at_work(path)
        if busy:
            raise OutputBusy(
                f"{path}: processes are still at work on it: {', '.join(busy)}; end them first",
                ref=str(path),
            )
        if staged.folders:
            KeptStaging.adopt(False, *staged).give_up()
        if path.exists():
            remove_run(path)
    return state


def _kept_of(path: Path) -> KeptRun | None:
    """What is kept in a staging folder, or in the one around the folder of a run."""
    kept = read_kept(path) if path.is_dir() else None
    if kept is None and path.parent.is_dir():
        around = read_kept(path.parent)
        if around is None or around.run == path:
            return around
        has_moved = around.run.name == path.name and not around.run.exists()
        return around if has_moved else None
    return kept


def _moved_run(kept: KeptRun, path: Path) -> Path:
    """The folder of a run that was moved together with a staging folder of it.

    Raises
    ------
    ResumeMismatch
        It is not there.
    """
    for found in _moved(kept.run, path):
        with suppress(InputUnavailable, ResumeMismatch):
            if read_record(found).nonce == kept.nonce:
                return found
    raise ResumeMismatch(
        f"{path}: belongs to the run in {kept.run}, which is not there; if it is gone for "
        f"good, remove {path}",
        ref=str(path),
    )


def _staged_for(path: Path, kept: KeptRun | None, given: Path) -> tuple[_Staged, RunState]:
    """What a run has staged; if its record is damaged, what its staging folder tells of it."""
    try:
        record = read_record(path)
    except ResumeMismatch:
        if kept is None:
            raise
        outputs, nonce = kept.outputs, kept.nonce
        homes = (
            path,
            given,
            path.parent,
            *(Path(output.staged).parent.parent for output in outputs),
        )
        state = RunState(str(path), 0, 0, tuple(output.final for output in outputs))
        return _Staged(_folders_of(nonce, homes), [], outputs, nonce), state
    named, made = list(map(Path, record.folders)), list(map(Path, record.made))
    folders = _folders_of(record.nonce, named)
    if not folders:
        folders, made = _moved_with(path, record.nonce, named, made)
    state = state_of(path, record, None if folders else 0)
    return _Staged(folders, made, record.outputs, record.nonce), state


def _folders_of(nonce: str, folders: Iterable[Path]) -> list[Path]:
    """Those staging folders that are there, and belong to a run."""
    return [folder for folder in dict.fromkeys(folders) if _is_of(folder, nonce)]


def _is_of(folder: Path, nonce: str) -> bool:
    """Whether a staging folder is there, and belongs to a run."""
    kept = read_kept(folder) if folder.is_dir() else None
    return kept is not None and kept.nonce == nonce


def _moved_with(
    path: Path, nonce: str, named: Sequence[Path], made: Sequence[Path]
) -> tuple[list[Path], list[Path]]:
    """The staging folders of a run, and the folders made for it, if all moved together with it.

    Parameters
    ----------
    path : Path
        The folder of the run, where it is now.
    nonce : str
        Of the run.
    named, made : sequence of Path
        The folders where they were.
    """
    folders, roots = [], set()
    for old in named:
        found = next((new for new in _moved(old, path) if _is_of(new, nonce)), None)
        if found is not None:
            folders.append(found)
            roots.add(_roots(old, found))
    moved = [new / each.relative_to(old) for each in made for old, new in roots
             if each.is_relative_to(old)]  # fmt: skip
    return folders, moved


def _moved(old: Path, near: Path) -> Iterator[Path]:
    """Where a path may be now if a folder that held it and another one was moved or renamed."""
    parts = old.parts
    for above in near.parents:
        for count in range(1, len(parts)):
            yield above.joinpath(*parts[-count:])


def _roots(old: Path, new: Path) -> tuple[Path, Path]:
    """The folder that was moved, as it was called and as it is called now."""
    while old.name == new.name and old != new:
        old, new = old.parent, new.parent
    return old, new

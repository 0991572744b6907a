"""recover: complete or undo what killed runs left in a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from concatsplit_core.foundation.errors import InputUnavailable
from concatsplit_core.stores.files import input_error
from concatsplit_core.stores.keeping import read_kept
from concatsplit_core.stores.publishing import Recovered
from concatsplit_core.stores.recovery import recover as recover_in
from concatsplit_core.stores.staging_folders import find_staging_folders


def recover(folder: str | os.PathLike[str]) -> list[Recovered]:
    """Complete or undo what killed runs left in a folder.

    Every run does this first for the folders of its inputs and outputs. Complete outputs get their
    names, all outputs of a run or none; incomplete outputs are removed. Anything that no run of
    this user made is left alone.

    Parameters
    ----------
    folder : path
        The folder of the outputs; folders inside it are not searched.

    Returns
    -------
    list of Recovered
        One per killed run, and what was done about it.

    Raises
    ------
    InputUnavailable
        There is no such folder.
    IOFailure
        A run could be neither completed nor undone; nothing is lost.
    """
    path = Path(folder)
    try:
        os.listdir(path)
    except NotADirectoryError:
        raise InputUnavailable(f"{path}: is not a folder", ref=str(path)) from None
    except OSError as error:
        raise input_error(str(path), error) from error
    resolved = Path(os.path.realpath(path))
    return [*recover_in([resolved]), *_kept_in(resolved)]


def _kept_in(folder: Path) -> Iterator[Recovered]:
    """Staged runs, which recovery leaves alone: it says which run each folder belongs to."""
    for path in find_staging_folders(folder):
        kept = read_kept(path)
        if kept is not None:
            why = f"belongs to the staged run in {kept.run}; {kept.advice}"
            yield Recovered("left", folder, (path.name,), why)

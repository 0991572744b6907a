"""What killed runs left in a folder, completed or undone when asked to."""

from __future__ import annotations

import os
from pathlib import Path

from concatsplit_core.errors import InputUnavailable
from concatsplit_core.stores.files import input_error
from concatsplit_core.stores.recovery import Recovered
from concatsplit_core.stores.recovery import recover as recover_in


def recover(folder: str | os.PathLike[str]) -> list[Recovered]:
    """Complete or undo what killed runs left in a folder; every run does so first for its own.

    Outputs that were complete get their names, all of a set or none; what was not complete is
    removed. What no run of this user made is left alone.

    Parameters
    ----------
    folder : path
        Where outputs were being written, not the folders below it.

    Returns
    -------
    list of Recovered
        What was found and what became of it.

    Raises
    ------
    InputUnavailable
        There is no such folder.
    IOFailure
        Something could be neither completed nor undone; nothing of it is lost.
    """
    path = Path(folder)
    try:
        os.listdir(path)
    except NotADirectoryError:
        raise InputUnavailable(f"{path}: is no folder", ref=str(path)) from None
    except OSError as error:
        raise input_error(str(path), error) from error
    return list(recover_in([Path(os.path.realpath(path))]))

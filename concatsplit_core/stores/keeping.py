"""Staging that outlives its process: the outputs of a staged run, until it is committed.

The staging folder that is the home of such a run holds the file `kept`. No other run clears a
folder with it, and none writes one of the outputs that the folder announces.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from concatsplit_core.foundation.errors import ResumeMismatch
from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.stores.durability import sync_path
from concatsplit_core.stores.files import identify
from concatsplit_core.stores.identity import Identity
from concatsplit_core.stores.owner import open_owner_file, read_owner
from concatsplit_core.stores.staging_folders import KEPT, PREFIX

_SCHEMA = 1


class StagedOutput(NamedTuple):
    """One output of a staged run.

    There may be very many: their paths are texts, which are made faster than a `Path`.

    Parameters
    ----------
    final, staged : str
        The path that the output gets, and the one where it is built.
    made : Identity
        What is built there, as it was when it was created.
    replaces : Identity, optional
        What it may replace.
    must_be_unchanged : bool
        The content of what it replaces must not change either.
    """

    final: str
    staged: str
    made: Identity
    replaces: Identity | None
    must_be_unchanged: bool

    @property
    def is_published(self) -> bool:
        """Whether it has its name."""
        is_staged = self.made.is_same_entry(identify(self.staged))
        return self.made.is_same_entry(identify(self.final)) and not is_staged

    def to_json(self) -> dict[str, Any]:
        """What is written to a file."""
        final, staged, made, replaces, unchanged = self
        return {
            "final": final,
            "staged": staged,
            "made": made,
            "replaces": replaces,
            "must_be_unchanged": unchanged,
        }

    @classmethod
    def from_json(cls, value: Any) -> StagedOutput:
        """Make one from what `to_json` gave.

        Raises
        ------
        ValueError, TypeError, KeyError
            It is something else.
        """
        made = Identity.from_json(value["made"])
        if made is None:
            raise ValueError("an output has no identity")
        replaces = Identity.from_json(value["replaces"])
        unchanged = bool(value["must_be_unchanged"])
        final, staged = str(Path(value["final"])), str(Path(value["staged"]))
        return cls(final, staged, made, replaces, unchanged)


class KeptRun(NamedTuple):
    """What the file `kept` in a home says.

    Parameters
    ----------
    run : Path
        The folder of the staged run.
    nonce : str
        Also in that folder, so that both are known to belong together.
    resumes : bool
        The run was started with ``--resume``.
    outputs : tuple of StagedOutput
    digest : str
        Of the record in the folder of the run, which shows whether it is the one that was written.
    decided : str
        A digest of all that decides what the outputs hold.
    tasks : list of int
        By what the file with the tasks is recognised; empty if there is none.
    """

    run: Path
    nonce: str
    resumes: bool
    outputs: tuple[StagedOutput, ...]
    digest: str
    decided: str = ""
    tasks: Sequence[int] = ()

    @property
    def is_published(self) -> bool:
        """Whether all outputs have their names, and only the staging folder is left."""
        return bool(self.outputs) and all(output.is_published for output in self.outputs)

    @property
    def advice(self) -> str:
        """How to go on, for messages."""
        if self.resumes:
            return (
                "give the same command with --resume to go on with it, or "
                f"'concatsplit discard {self.run}' to give it up"
            )
        return (
            f"'concatsplit run {self.run}' goes on with it, 'concatsplit commit {self.run}' "
            f"publishes it, 'concatsplit discard {self.run}' gives it up"
        )

    def write(self, home: Path, sync: bool) -> None:
        """Write it into a home; from now on the folder is kept."""
        document = {
            "concatsplit": _SCHEMA,
            "run": str(self.run),
            "nonce": self.nonce,
            "resumes": self.resumes,
            "outputs": [output.to_json() for output in self.outputs],
            "digest": self.digest,
            "decided": self.decided,
            "tasks": list(self.tasks),
        }
        replace_file(home / KEPT, json.dumps(document).encode(), sync)


def read_kept(folder: Path) -> KeptRun | None:
    """What is kept in a staging folder of this user, or in its home; None if nothing is."""
    home = home_of(folder)
    if home is None:
        return None
    try:
        text = (home / KEPT).read_bytes()
    except OSError:
        return None
    try:
        document = json.loads(text)
        outputs = tuple(StagedOutput.from_json(value) for value in document["outputs"])
        run, nonce = Path(document["run"]), str(document["nonce"])
        return KeptRun(
            run,
            nonce,
            bool(document["resumes"]),
            outputs,
            str(document["digest"]),
            str(document.get("decided", "")),
            list(document.get("tasks", ())),
        )
    except (ValueError, TypeError, KeyError, RecursionError, AttributeError):
        return KeptRun(home, "", False, (), "")  # whatever it says, nothing is cleared


def refuse_missing(folders: Sequence[Path], nonce: str) -> None:
    """Refuse to go on with a run whose staging folders are not there.

    Raises
    ------
    ResumeMismatch
        A staging folder is not there, or belongs to another run.
    """
    for path in folders:
        kept = read_kept(path) if path.is_dir() else None
        if kept is None or kept.nonce != nonce:
            raise ResumeMismatch(
                f"{path}: the folder in which the run stages its outputs is not there; it was "
                "moved or removed, or this machine does not see the file system that it is on; "
                "move it back, or give the run up with 'concatsplit discard'",
                ref=str(path),
            )


def home_of(folder: Path) -> Path | None:
    """The home of the run that a staging folder belongs to; None if no run of this user made it."""
    fd = open_owner_file(folder)
    if fd is None:
        return None
    try:
        owner = read_owner(fd, folder)
    finally:
        os.close(fd)
    return None if owner is None else Path(os.path.normpath(folder / owner.home))


def forget_kept(folders: Iterable[Path]) -> None:
    """Let staging folders be cleared again."""
    for folder in folders:
        with suppress(FileNotFoundError):
            (folder / KEPT).unlink()


def name_when_complete(decided: str, finals: Iterable[str]) -> str:
    """The name that a home gets before it is removed, when all outputs have their names.

    It tells of which outputs: by a digest of what decides them, and of what is there.
    """
    found = hashlib.sha256(decided.encode())
    for final in sorted(finals):
        found.update(repr((final, identify(final))).encode("utf-8", "surrogateescape"))
    return f"{PREFIX}{found.hexdigest()[:12]}"


def replace_file(path: Path, data: bytes, sync: bool) -> None:
    """Write a small file that is complete whenever it is there."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    draft.write_bytes(data)
    if sync:
        sync_path(draft)
    os.replace(draft, path)
    if sync:
        sync_path(path.parent)

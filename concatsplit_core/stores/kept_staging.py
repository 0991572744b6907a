"""Staging for a staged run: kept by one process, published or removed by another one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from concatsplit_core.foundation.errors import OutputBusy
from concatsplit_core.stores.files import identify
from concatsplit_core.stores.keeping import (
    KeptRun,
    StagedOutput,
    forget_kept,
    name_when_complete,
    refuse_missing,
)
from concatsplit_core.stores.staging import LocalStaging, StagedClaim
from concatsplit_core.stores.staging_folders import StagingFolder


class KeptStaging(LocalStaging):
    """Stages outputs that stay staged when the process ends."""

    _decided: str | None = None

    @property
    def home(self) -> Path:
        """The staging folder that holds the journal."""
        return next(iter(self._folders.values())).path

    @property
    def folders(self) -> list[Path]:
        """All staging folders, the home first."""
        return [folder.path for folder in self._folders.values()]

    @property
    def made(self) -> list[Path]:
        """Folders that were made for the outputs."""
        return list(self._made)

    def outputs(self) -> tuple[StagedOutput, ...]:
        """All outputs, with what has been created of them; a file that is missing is created."""
        found = []
        for claim in self._claims:
            final, staged = claim.final, claim.staged
            made = identify(staged)
            if made is None:
                Path(staged).touch()
                made = identify(staged)
            if made is None:
                raise FileNotFoundError(2, "No such file or directory", staged)
            found.append(StagedOutput(final, staged, made, claim.replaces, claim.must_be_unchanged))
        return tuple(found)

    def keep(self, kept: KeptRun) -> None:
        """Leave everything staged until `adopt`; no other run clears it."""
        kept.write(self.home, self._sync)

    def release(self) -> None:
        """Let go of the staging folders, and leave them as they are."""
        for folder in self._folders.values():
            folder.release()
        self._folders.clear()

    @classmethod
    def adopt(
        cls,
        sync: bool,
        folders: Sequence[Path],
        made: Sequence[Path],
        outputs: Sequence[StagedOutput],
        nonce: str,
        last: str | None = None,
    ) -> KeptStaging:
        """Take over what another process has staged, to publish or remove it.

        Parameters
        ----------
        sync : bool
        folders, made, outputs
            As `folders`, `made` and `outputs` gave them there.
        nonce : str
            Of the run that they belong to.
        last : str, optional
            The name of the output that is published after all others.

        Raises
        ------
        ResumeMismatch
            A staging folder is not there, or belongs to another run.
        OutputBusy
            Another process publishes it.
        """
        staging = cls(sync)
        refuse_missing(folders, nonce)
        try:
            for path in folders:
                folder = StagingFolder.adopted(path, made)
                if folder is None:
                    raise OutputBusy(
                        f"{path}: another process is publishing the outputs of this run, or is "
                        "giving them up",
                        ref=str(path),
                    )
                staging._folders[path.parent] = folder
        except BaseException:
            staging.release()
            raise
        staging._made = list(made)
        staging._claims = [
            StagedClaim(final, staged, replaces, unchanged, final == last)
            for final, staged, _, replaces, unchanged in outputs
        ]
        return staging

    def leave_name(self, decided: str) -> None:
        """Have the home tell to the very end of its removal that the outputs are complete.

        Parameters
        ----------
        decided : str
            A digest of all that decides what the outputs hold.
        """
        self._decided = decided

    def _clean(self) -> None:
        """Remove the staging folders, the home last."""
        if self._decided is not None:
            finals = [claim.final for claim in self._claims]
            home, *others = self._folders.values()
            for folder in reversed(others):
                folder.remove()
            home.remove_as(name_when_complete(self._decided, finals))
            self._folders.clear()
        super()._clean()

    def give_up(self) -> None:
        """Remove everything that was staged."""
        forget_kept(folder.path for folder in self._folders.values())
        self.rollback()

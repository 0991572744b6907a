"""How the outputs of a run appear: what every store must be able to do, and its messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal, Protocol

from concatsplit_core.foundation.records import NamedTuple
from concatsplit_core.stores.identity import Identity

_LISTED = 4
"""The most names that a message lists."""


class Amendment(NamedTuple):
    """A new version of a document, published together with the members that it lists.

    The document belongs to a container, as consolidated metadata do. A new output makes it
    out of date.

    Parameters
    ----------
    final, staged : str
        The keys of the document, and of its new version where it is staged.
    found : Identity
        The document at the time it was read; only this one is replaced.
    """

    final: str
    staged: str
    found: Identity


class Staging(Protocol):
    """The outputs of one run in one store: they appear complete and together, or not at all.

    First every output is claimed. Then it is built where it is staged, which no reader of the store
    takes for an output. At the end all are published, or everything is rolled back. A local disk
    stages in a folder beside the output, and publishes by renames. A store of objects can stage
    below another prefix, and publish by copies, with the metadata that make an array visible last.
    """

    def claim(
        self,
        final: str,
        *,
        container: str | None = None,
        replaces: Identity | None = None,
        must_be_unchanged: bool = False,
        last: bool = False,
    ) -> str:
        """Register an output and return the key where it has to be built.

        Parameters
        ----------
        final : str
            The output's key: a file or folder.
        container : str, optional
            The file or store that the output is in, if it is not one itself.
        replaces : Identity, optional
            What is there and may be replaced. If something else is there when the output is
            published, the run is refused.
        must_be_unchanged : bool
            The content of what it replaces must not change either, because the new output is built
            from it.
        last : bool
            Publish it after all others, because it says that they are there.

        Raises
        ------
        OutputRefused
            There is no permission to write there.
        """

    def refuse_if_busy(self) -> None:
        """Refuse the run if another one is writing one of the outputs.

        Raises
        ------
        OutputBusy
        """

    def publish(
        self,
        amend: Callable[[str], Iterable[Amendment]] = lambda _: (),
        shared: Iterable[str] = (),
        done: Callable[[], None] = lambda: None,
    ) -> None:
        """Move all outputs to their keys, or none of them.

        Parameters
        ----------
        amend : callable
            Gets a folder, builds new versions of the documents that list the outputs in it, and
            returns them.
        shared : iterable of str
            The containers of these documents, which no other run may change meanwhile.
        done : callable
            Called when all outputs have their keys: it is too late to interrupt the run. Its errors
            are ignored.

        Raises
        ------
        OutputExists, OutputChanged
            Another program has put something there, or has changed what was to be replaced.
        """

    def rollback(self) -> None:
        """Remove everything that was staged."""


class Recovered(NamedTuple):
    """The recovery of one killed run.

    Parameters
    ----------
    action : {"completed", "taken back", "cleared", "left"}
        "completed": its outputs have got their names. "taken back": what they replaced has its
        name again. "cleared": its outputs were not complete and were removed. "left": nothing was
        changed, since it may belong to something else.
    folder : Path
        The folder in which it was found.
    names : tuple of str
        The outputs, or what was left.
    why : str
        Why it was left.
    """

    action: Literal["completed", "taken back", "cleared", "left"]
    folder: Path
    names: tuple[str, ...] = ()
    why: str = ""

    @property
    def text(self) -> str:
        """One line for the user."""
        if self.action == "left":
            return f"{self.folder / self.names[0]}: {self.why}; it is left alone"
        count = len(self.names)
        listed = ", ".join(self.names[:_LISTED]) + (", ..." if count > _LISTED else "")
        outputs = f"{count} output{'s' * (count != 1)} ({listed})" if count else "no output"
        done = {
            "completed": f"{outputs} of a killed run got their names",
            "taken back": f"{outputs} of a killed run were taken back, because one of the names "
            "was changed since",
            "cleared": "incomplete outputs that a killed run left behind were removed",
        }
        return f"{self.folder}: {done[self.action]}"

"""All errors: one root class, one class per cause, each with an exit code.

The exit codes are part of the contract of the command line (see the table in the README).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice


class ConcatsplitError(Exception):
    """Root of all errors that concatsplit raises on purpose.

    Parameters
    ----------
    message : str
        One line: which input or output, what was found, what was expected, what to do.
    ref : str, optional
        The blob reference that the error is about.
    found, expected : object, optional
        The values in the message, for callers that use them.

    Attributes
    ----------
    exit_code : int
        The exit code of the command line.
    """

    exit_code = 1

    def __init__(
        self,
        message: str,
        *,
        ref: str | None = None,
        found: object = None,
        expected: object = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.ref = ref
        self.found = found
        self.expected = expected

    @property
    def kind(self) -> str:
        """The name of the class, as ``--json`` prints it."""
        return type(self).__name__


class UsageError(ConcatsplitError, ValueError):
    """The request itself is wrong or does not fit the array."""

    exit_code = 2


class AxisError(UsageError, IndexError):
    """The array does not have this axis."""


class WrongIndex(UsageError, IndexError):
    """An index does not fit the array, or is of a kind that is not supported."""


class AmbiguousContainer(UsageError):
    """A container with several arrays was named without saying which."""


class NameCollision(UsageError):
    """Two outputs would get the same name."""


class MalformedInput(ConcatsplitError, ValueError):
    """An input is damaged, incomplete or not what its header says."""

    exit_code = 3


class ShapeMismatch(MalformedInput):
    """Inputs differ in their number of axes, or in length on an axis that must agree."""


class DtypeMismatch(MalformedInput, TypeError):
    """Inputs differ in dtype, or the cast to ``--dtype`` is not allowed."""


class MeaningMismatch(MalformedInput):
    """The inputs' numbers differ in meaning, and cannot be converted."""


class UnsupportedDtype(MalformedInput, TypeError):
    """A dtype that the format of the input or the output cannot store."""


class InputUnavailable(ConcatsplitError, OSError):
    """An input is missing, unreadable or locked."""

    exit_code = 4


class OutputRefused(ConcatsplitError, OSError):
    """The output must not be written to this place."""

    exit_code = 5


class OutputExists(OutputRefused):
    """The target exists and ``force`` was not given."""


class OutputIsInput(OutputRefused):
    """The target is one of the inputs, perhaps under another name."""


class OutputBusy(OutputRefused):
    """Another run is writing the target."""


class OutputChanged(OutputRefused):
    """Another program changed or replaced the target during the run."""


class NoSpace(ConcatsplitError, OSError):
    """The disk is full, or a quota or the file size limit is reached."""

    exit_code = 6


class IOFailure(ConcatsplitError, OSError):
    """The operating system failed a read or a write."""

    exit_code = 7


class VerificationMismatch(ConcatsplitError):
    """A blob differs from its entry in the manifest."""

    exit_code = 8


class InputChanged(ConcatsplitError):
    """An input was changed while it was being read."""

    exit_code = 9


class OverBudget(ConcatsplitError, MemoryError):
    """The run does not fit the memory budget, or a chunk expands to more than its size."""

    exit_code = 10


class UnsafeContent(ConcatsplitError):
    """Content that would have to be executed, or a link that leads out of the file or store."""

    exit_code = 11


class ResumeMismatch(ConcatsplitError):
    """A staged run cannot be gone on with: it is incomplete, or was made for something else."""

    exit_code = 12


class WorkerDied(ConcatsplitError):
    """A worker process died with its tasks, again and again."""

    exit_code = 13


_COMPARED, _LONGEST = 2_000, 200
"""The most names, and the longest, that a wrong name is compared with."""


def did_you_mean(
    name: str, known: Sequence[str], before: str = "", after: str = "", cutoff: float = 0.7
) -> str:
    """The end of a message about a wrong name: the known name that is most like it.

    Parameters
    ----------
    name : str
        What was given.
    known : sequence of str
        What could have been meant.
    before, after : str
        What stands around the name in the suggestion.
    cutoff : float
        How alike a known name has to be, up to 1.

    Returns
    -------
    str
        Empty if no name is like it.
    """
    from difflib import get_close_matches

    names = [n for n in islice(known, _COMPARED) if len(n) <= _LONGEST and n.isprintable()]
    by_lower = {n.lower(): n for n in reversed(names)}
    lower = name[:_LONGEST].lower()
    found = [n for n in reversed(by_lower) if len(lower) > 1 and n.startswith(lower)]
    found.sort(key=len)
    found = found or [n for n in by_lower if sorted(n) == sorted(lower)]  # letters that are swapped
    found = found or get_close_matches(lower, by_lower, n=1, cutoff=cutoff)
    return f"; did you mean '{before}{by_lower[found[0]]}{after}'?" if found else ""

"""Every way a run can end without a result: one root, one leaf a cause, an exit code each.

The codes are part of the contract of the command line (see the README's table).
"""

from __future__ import annotations


class ConcatsplitError(Exception):
    """Root of all errors that concatsplit raises on purpose.

    Parameters
    ----------
    message : str
        One line: which input or output, what was found, what was expected, what to do.
    ref : str, optional
        The blob reference that the error is about.
    found, expected : object, optional
        The facts behind the message, for callers that act on them.

    Attributes
    ----------
    exit_code : int
        What the command line exits with.
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
        """Name of the leaf class, as ``--json`` reports it."""
        return type(self).__name__


class UsageError(ConcatsplitError, ValueError):
    """The request itself is wrong or does not fit the array."""

    exit_code = 2


class AxisError(UsageError, IndexError):
    """An axis that the array does not have."""


class AmbiguousContainer(UsageError):
    """A container with several arrays was named without saying which."""


class NameCollision(UsageError):
    """Two outputs would get the same name."""


class MalformedInput(ConcatsplitError, ValueError):
    """An input is damaged, incomplete or not what its header says."""

    exit_code = 3


class ShapeMismatch(MalformedInput):
    """Inputs differ in rank, or on an axis that must agree."""


class DtypeMismatch(MalformedInput, TypeError):
    """Inputs differ in dtype, or a cast that was asked for is not allowed."""


class MeaningMismatch(MalformedInput):
    """Inputs whose numbers do not mean the same, and cannot be made to."""


class UnsupportedDtype(MalformedInput, TypeError):
    """A dtype that the input's or the output's format cannot carry."""


class InputUnavailable(ConcatsplitError, OSError):
    """An input is missing, unreadable or locked."""

    exit_code = 4


class OutputRefused(ConcatsplitError, OSError):
    """An output may not be written where it was asked for."""

    exit_code = 5


class OutputExists(OutputRefused):
    """The target exists and ``force`` was not given."""


class OutputIsInput(OutputRefused):
    """The target is one of the inputs, under whatever alias."""


class OutputBusy(OutputRefused):
    """Another run is writing the target."""


class OutputChanged(OutputRefused):
    """Someone else changed or replaced the target while its replacement was built."""


class NoSpace(ConcatsplitError, OSError):
    """Disk full, quota reached or file size limit hit."""

    exit_code = 6


class IOFailure(ConcatsplitError, OSError):
    """The operating system failed a read or a write."""

    exit_code = 7


class VerificationMismatch(ConcatsplitError):
    """A blob is not what was recorded of it."""

    exit_code = 8


class InputChanged(ConcatsplitError):
    """An input was changed while it was being read."""

    exit_code = 9


class OverBudget(ConcatsplitError, MemoryError):
    """The run does not fit the memory budget, or a chunk claims more than it may expand to."""

    exit_code = 10


class UnsafeContent(ConcatsplitError):
    """Content that would have to be executed or followed out of the file."""

    exit_code = 11

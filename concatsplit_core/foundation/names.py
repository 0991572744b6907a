"""Names of files and arrays, as a program gives them."""

from __future__ import annotations

import os
from typing import Any

from concatsplit_core.foundation.errors import UsageError


def path(name: str, value: Any) -> str:
    """The name of a file or an array, given as text or as a path.

    Raises
    ------
    UsageError
        It is something else.
    """
    if isinstance(value, str | bytes | os.PathLike):
        return os.fsdecode(value)
    from concatsplit_core.foundation.given import wrong_value

    raise UsageError(f"{name}: {wrong_value(value)} is not a name; give text or a path")

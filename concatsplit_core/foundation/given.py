"""What a program gives as an argument: taken for what it stands for, or refused by its name.

The command line gives text, numbers and flags of the right types only; a program may give anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import index
from typing import Any

from concatsplit_core.foundation.errors import UsageError


def whole_number(name: str, value: Any) -> int:
    """A number of Python or NumPy as Python's own.

    Raises
    ------
    UsageError
        It is not whole.
    """
    try:
        return index(value)
    except TypeError:
        raise UsageError(f"{name}: {wrong_value(value)} is not a whole number") from None


def whole_numbers(name: str, values: Any) -> tuple[int, ...]:
    """Several numbers, as Python's own; NumPy's would end up in headers.

    Raises
    ------
    UsageError
        They are text or a single number, or one of them is not whole.
    """
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise UsageError(
            f"{name}: {wrong_value(values)} is not a list of whole numbers, such as [3, 2, 4]"
        )
    return tuple(whole_number(name, value) for value in values)


def flag(name: str, value: Any) -> bool:
    """True or False; a word such as "no" would be true.

    Raises
    ------
    UsageError
        It is neither.
    """
    if isinstance(value, bool):
        return value
    if not isinstance(value, str | bytes) and hasattr(value, "__bool__") and value in (0, 1):
        return bool(value)
    raise UsageError(f"{name}: {wrong_value(value)} is not True or False")


def as_text(name: str, value: Any) -> str:
    """A word.

    Raises
    ------
    UsageError
        It is something else.
    """
    if isinstance(value, str):
        return value
    raise UsageError(f"{name}: {wrong_value(value)} is not text")


def wrong_value(value: Any) -> str:
    """How a message calls a value of the wrong type."""
    if value is None or isinstance(value, str | bytes | bool | int | float):
        return repr(value)
    name = type(value).__name__
    return f"{'an' if name == 'ndarray' or name[0] in 'AEIOaeio' else 'a'} {name}"

"""The arguments of operators, which a program may give in other types than the command line."""

from __future__ import annotations

from typing import Any

from concatsplit_core.foundation.errors import UsageError
from concatsplit_core.foundation.records import fields
from concatsplit_core.operators.requests import Axes, Request
from concatsplit_core.run.options import Options

_TYPES: dict[str, Any] = {
    "axis": int | str,
    "order": str,
    "add_axis": bool,
    "drop_axis": bool,
    "split_info": str,
}
"""Types of arguments that need no conversion."""


def checked(request: Request) -> Request:
    """A request whose arguments have the types that the rest of the program expects.

    Raises
    ------
    UsageError
        One has a type that it cannot have.
    """
    changes: dict[str, Any] = {}
    for name, usual in _TYPES.items():
        value: Any = getattr(request, name)
        if value is not None and not isinstance(value, usual):
            changes[name] = _typed(name, value)
    return request._replace(**changes) if changes else request


def options_of(operator: str, given: dict[str, Any]) -> Options:
    """The options that an operator is given by their names.

    Raises
    ------
    TypeError
        There is no option of a name.
    UsageError
        One of them has a value that it cannot have.
    """
    unknown = given.keys() - {each.name for each in fields(Options)}
    if unknown:
        from concatsplit_core.run.option_types import no_such_option

        raise no_such_option(operator, min(unknown), (each.name for each in fields(Options)))
    return Options(**given)


def _typed(name: str, value: Any) -> Any:
    """An argument as the rest of the program expects it."""
    from concatsplit_core.foundation import given
    from concatsplit_core.foundation.names import path

    if name == "axis":
        return _axes(value)
    kinds = {"order": given.word, "split_info": path}
    return kinds.get(name, given.flag)(name, value)


def _axes(axis: Any) -> Axes:
    if isinstance(axis, list | tuple):
        return [each if isinstance(each, str) else _axis(each) for each in axis]
    return _axis(axis)


def _axis(axis: Any) -> int:
    from concatsplit_core.foundation.given import quoted, whole_number

    try:
        return whole_number("axis", axis)
    except UsageError:
        raise UsageError(
            f"axis: {quoted(axis)} is not a whole number, and not the name of a dimension"
        ) from None

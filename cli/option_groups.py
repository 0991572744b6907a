"""Options that several commands share, made once for all of them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click


def _the_same(param: click.Parameter, *_: Any, **__: Any) -> click.Parameter:
    """Takes the place of a class of options, and makes none."""
    return param


class OptionGroup:
    """Options that several commands share; a command gets them as one value."""

    def __init__(self, *options: Callable[[Any], Any]) -> None:
        self._options = options

    @functools.cached_property
    def _params(self) -> list[click.Parameter]:
        """The options, made once for all commands: each takes a while."""

        def nothing() -> None: ...

        function: Any = nothing
        for option in reversed(self._options):
            function = option(function)
        return click.command()(function).params

    @functools.cached_property
    def names(self) -> list[str]:
        """The parameter names of the options."""
        return [str(param.name) for param in self._params]

    def add_to(self, function: Any) -> Any:
        """Add the options to a command."""
        for param in reversed(self._params):
            made: Any = functools.partial(_the_same, param)
            function = click.option(cls=made)(function)
        return function

    def pop_from(self, values: dict[str, Any]) -> dict[str, Any]:
        """Remove the options from all values of a command, and return them."""
        return {name: values.pop(name) for name in self.names}

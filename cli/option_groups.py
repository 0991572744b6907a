"""Options that several commands share are made once, and reach a command as one value."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import click

from concatsplit_core.foundation.records import NamedTuple

_FOR_THE_COMMAND_LINE = ("as_json", "quiet", "progress", "debug")
"""Shared options that are not passed to the core."""


class SharedValues(NamedTuple):
    """The values of the shared options: for the core, and for the command line itself."""

    options: dict[str, Any]
    as_json: bool
    quiet: bool
    progress: bool | None

    @property
    def shows_progress(self) -> bool:
        """Whether to show a progress bar."""
        if self.quiet or self.options.get("dry_run"):
            return False
        return sys.stderr.isatty() if self.progress is None else self.progress


def _the_same(param: click.Parameter, *_: Any, **__: Any) -> click.Parameter:
    """Stands in for the class of an option: returns the option that was made before."""
    return param


class OptionGroup:
    """Options that several commands share; a command gets them as one value."""

    def __init__(self, *options: Callable[[Any], Any]) -> None:
        self._options = options

    @functools.cached_property
    def _params(self) -> list[click.Parameter]:
        """The options, made once for all commands, since making them takes a while."""

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


def as_shared(group: OptionGroup) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a decorator that adds options to a command; it gets them as one value, ``shared``."""

    def add[R](function: Callable[..., R]) -> Callable[..., R]:
        @functools.wraps(function)
        def command(**values: Any) -> R:
            options = group.pop_from(values)
            own = {name: options.pop(name) for name in _FOR_THE_COMMAND_LINE}
            own.pop("debug")
            return function(shared=SharedValues(options, **own), **values)

        wrapped: Callable[..., R] = group.add_to(command)
        return wrapped

    return add

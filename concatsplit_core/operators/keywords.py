"""The keyword options of the operators, for type checkers, `help` and completion.

At run time this module is imported only when someone asks for a signature: the command line starts
faster without it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from inspect import Parameter, Signature
from types import FunctionType
from typing import Any, Literal, TypedDict

from concatsplit_core.array.cuts import Cut, Remainder, Uneven
from concatsplit_core.array.inference import Casting
from concatsplit_core.array.layouts import Order
from concatsplit_core.codecs.checksums import Checksum
from concatsplit_core.codecs.pipeline import Codec
from concatsplit_core.meaning.agreement import ConflictRule, KeptAttributes
from concatsplit_core.operators.selection import Carry, Missing, Selection
from concatsplit_core.run.options import Options


class SharedOptions(TypedDict, total=False):
    """The options of every operator: see `Options`.

    Those that only this package itself gives, `step` and `thresholds`, are not among them.
    """

    force: bool
    memory: str | int | None
    jobs: int | None
    dtype: Any
    casting: Casting
    promote: bool
    attrs: KeptAttributes
    conflicts: ConflictRule
    chunks: Sequence[int] | Literal["auto", "none"] | None
    shards: Sequence[int] | Literal["auto", "none"] | None
    codec: str | Codec | None
    checksum: Checksum
    check: bool
    memory_order: Order | None
    zarr_format: int | None
    grid: Literal["regular", "rectilinear"]
    routes: str | Sequence[str] | None
    dry_run: bool
    picture: str | os.PathLike[str] | None
    sync: bool
    manifest: str | os.PathLike[str] | None
    if_changed: bool
    depfile: str | os.PathLike[str] | None
    depends_on: Sequence[str]
    raw: str | None
    offset: int
    follow_links: bool
    resume: bool
    executor: Any
    on_event: Callable[[Any], None] | None


class DataSetOptions(SharedOptions, total=False):
    """The options of operators that work on data sets as well: see `Options` and `Selection`."""

    members: str | Sequence[str] | None
    arrays: Mapping[str, Any] | Sequence[tuple[str, Any]]
    carry: Carry
    missing: Missing
    history: bool | str


class Cuts(TypedDict, total=False):
    """Where to cut: see `Cut`."""

    parts: int | None
    uneven: Uneven | None
    size: int | None
    remainder: Remainder | None
    hop: int | None
    lengths: Sequence[int] | None
    at: Sequence[int] | None
    ratio: str | Sequence[float] | None
    max_bytes: str | int | None
    by_array: bool | None
    range: str | slice | Sequence[int | None] | None
    lengths_from: Any


class DepthSplitOptions(Cuts, SharedOptions, total=False):
    """Where to cut, which parts to write, and the options of every operator."""

    only: str | Sequence[int] | None
    names: str | Sequence[str] | None


class SplitOptions(Cuts, DataSetOptions, total=False):
    """Where to cut, and the options of operators that work on data sets as well."""


def signature_of(function: FunctionType) -> Signature:
    """The signature of an operator, with every option by its name, its type and its default."""
    plain = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__
    )
    plain.__kwdefaults__, plain.__annotations__ = function.__kwdefaults__, function.__annotations__
    signature = Signature.from_callable(plain)
    *given, options = signature.parameters.values()
    name = str(options.annotation).removeprefix("Unpack[").removesuffix("]")
    defaults = _defaults()
    given += [
        Parameter(
            key,
            Parameter.KEYWORD_ONLY,
            default=defaults.get(key),
            annotation=hint.__forward_arg__,
        )
        for key, hint in globals()[name].__annotations__.items()
    ]
    return signature.replace(parameters=given)


def _defaults() -> dict[str, Any]:
    """The default of every option."""
    found: dict[str, Any] = {}
    for owner in (Options, Cut, Selection):
        for field in fields(owner):
            if field.default is not MISSING:
                found[field.name] = field.default
    return found

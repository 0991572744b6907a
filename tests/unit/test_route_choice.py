"""Which way bytes go, and what the plan says stood in the way of a cheaper one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from concatsplit_core.array.geometry import Interval
from concatsplit_core.array.layouts import (
    Chunked,
    Contiguous,
    Encoding,
    InMemory,
    Opaque,
    Sharded,
    Stream,
)
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.array.tiling import Segment, Tiling
from concatsplit_core.foundation.errors import UsageError
from concatsplit_core.foundation.sizes import format_size
from concatsplit_core.planning.move import MoveSpec
from concatsplit_core.planning.plan import Plan
from concatsplit_core.planning.planner import make_plan
from concatsplit_core.planning.task import ROUTES
from concatsplit_core.planning.thresholds import Thresholds
from concatsplit_core.run.options import Options
from concatsplit_core.stores.files import SHAREABLE, SHARED_BLOCK

LONG_RUN = Thresholds().long_run
F8 = np.dtype("<f8")
ROWS, COLUMNS = 64, LONG_RUN // 8
FLAT = ArraySpec((ROWS, COLUMNS), F8)
TEXT = ArraySpec((ROWS, COLUMNS), np.dtypes.StringDType(), Opaque())
ZSTD = Encoding(F8, "zstd")
CHUNKED = replace(FLAT, layout=Chunked((8, 1024), ZSTD))
SHARDED = replace(FLAT, layout=Sharded((16, 1024), (8, 1024), ZSTD, "end"))
FORTRAN = replace(FLAT, layout=Contiguous("F"))
IN_MEMORY = replace(FLAT, layout=InMemory())
STREAM = replace(FLAT, layout=Stream((1, COLUMNS)))


STRADDLES = "a chunk straddles a boundary"
OFFSET = "the chunk grids are offset against each other"


def encoded_by(encoding: Encoding | None) -> ArraySpec:
    return replace(FLAT, layout=Chunked((8, 1024), encoding))


def packed_in(shards: tuple[int, int], packing: str | None) -> ArraySpec:
    return replace(FLAT, layout=Sharded(shards, (8, 1024), ZSTD, packing))


def as_dtype(spec: ArraySpec, dtype: str) -> ArraySpec:
    return replace(spec, dtype=np.dtype(dtype))


def plan_of(
    here: ArraySpec, there: ArraySpec, axis: int = 0, routes: Any = ROUTES, before: int = 0
) -> Plan:
    """A plan of one array to one, behind some rows of another that is laid out in the same way."""
    length = here.shape[axis]
    shape = tuple(n + before if d == axis else n for d, n in enumerate(here.shape))
    sources = [Segment(Interval(before, before + length), here)]
    if before:
        first = tuple(before if d == axis else n for d, n in enumerate(here.shape))
        sources.insert(0, Segment(Interval(0, before), replace(here, shape=first)))
    target = Segment(Interval(0, before + length), replace(there, shape=shape))
    tilings = Tiling(axis, tuple(sources)), Tiling(axis, (target,))
    return make_plan([MoveSpec(shape, *tilings)], memory=1 << 30, jobs=1, routes=routes)


def test_outputs_of_one_input_are_each_compared_with_it() -> None:
    half = ROWS // 2
    others = CHUNKED, encoded_by(Encoding(F8, "gzip")), FLAT
    shape = (3 * half, COLUMNS)
    source = Segment(Interval(0, 3 * half), replace(CHUNKED, shape=shape))
    targets = tuple(
        Segment(Interval(i * half, (i + 1) * half), replace(spec, shape=(half, COLUMNS)))
        for i, spec in enumerate(others)
    )
    move = MoveSpec(shape, Tiling(0, (source,)), Tiling(0, targets))
    plan = make_plan([move], memory=1 << 30, jobs=1)
    routes = {write.array: task.route for task in plan.tasks() for write in task.writes}
    assert routes == {0: "encoded", 1: "decoded", 2: "decoded"}


WAYS: dict[str, tuple[ArraySpec, ArraySpec, str, str | None]] = {
    # from, to, the way, and why it is no cheaper one
    "flat": (FLAT, FLAT, "kernel", None),
    "F order": (FORTRAN, FORTRAN, "kernel", None),
    "in memory": (IN_MEMORY, FLAT, "mapped", "an input is in memory"),
    "into memory": (FLAT, IN_MEMORY, "mapped", "the output is in memory"),
    "other order": (FLAT, FORTRAN, "mapped", "the element order changes"),
    "other dtype": (FLAT, as_dtype(FLAT, "<f4"), "mapped", "float64 becomes float32"),
    "other byte order": (FLAT, as_dtype(FLAT, ">f8"), "mapped", "float64 becomes >f8"),
    "to a stream": (FLAT, STREAM, "decoded", "the output is a stream"),
    "no run of bytes": (
        replace(FLAT, layout=Opaque()),
        FLAT,
        "decoded",
        "an input does not lie in one run of bytes",
    ),
    "chunks to flat": (CHUNKED, FLAT, "decoded", "an input is stored in chunks"),
    "flat to chunks": (FLAT, CHUNKED, "decoded", "elements are encoded into chunks"),
    "chunks to a stream": (
        CHUNKED,
        STREAM,
        "decoded",
        "an input is stored in chunks; the output is a stream",
    ),
    "chunks": (CHUNKED, CHUNKED, "encoded", None),
    "shards": (SHARDED, SHARDED, "encoded", None),
    "out of shards": (SHARDED, CHUNKED, "encoded", None),
    "into shards": (CHUNKED, SHARDED, "encoded", None),
    "other chunks": (
        CHUNKED,
        replace(FLAT, layout=Chunked((8, 512), ZSTD)),
        "decoded",
        "chunks of (8, 1024) become chunks of (8, 512)",
    ),
    "other items": (CHUNKED, as_dtype(CHUNKED, "<i8"), "decoded", "float64 becomes int64"),
    "other codec": (
        CHUNKED,
        encoded_by(Encoding(F8, "gzip")),
        "decoded",
        "the codecs differ",
    ),
    "other byte order in chunks": (
        CHUNKED,
        encoded_by(Encoding(np.dtype(">f8"), "zstd")),
        "decoded",
        "the codecs differ",
    ),
    "transposed": (
        CHUNKED,
        encoded_by(Encoding(F8, "zstd", (1, 0))),
        "decoded",
        "the codecs differ",
    ),
    "out of reach": (
        encoded_by(None),
        CHUNKED,
        "decoded",
        "chunks of an input or an output cannot be read or written as they are stored",
    ),
    "strings": (TEXT, TEXT, "decoded", "an input holds variable-length strings; "
                "an output holds variable-length strings"),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_the_cheapest_way_is_taken_and_the_reason_is_told(way: str) -> None:
    here, there, route, why = WAYS[way]
    plan = plan_of(here, there)
    itemsize = there.dtype.itemsize
    assert plan.routes == {route: ROWS * COLUMNS * itemsize}
    assert plan.to_dict()["reasons"] == ({} if why is None else {route: why.split("; ")})
    assert {task.route for task in plan.tasks()} == {route}


@pytest.mark.parametrize(("columns", "route"), [(COLUMNS, "kernel"), (COLUMNS - 1, "mapped")])
def test_runs_are_long_enough_or_not(columns: int, route: str) -> None:
    plan = plan_of(replace(FLAT, shape=(ROWS, columns)), FLAT, axis=1, before=COLUMNS)
    assert plan.routes[route] >= ROWS * columns * 8
    if route == "mapped":
        least = format_size(LONG_RUN)
        why = f"runs of {8 * columns} bytes are shorter than {least}, where the kernel's copy pays"
        assert plan.reasons["mapped"] == (why,)


@pytest.mark.parametrize(
    ("before", "routes", "why"),
    [
        (8, {"encoded": 72}, ()),
        (12, {"encoded": 8, "decoded": 68}, (STRADDLES, OFFSET)),
        (4, {"decoded": 68}, (STRADDLES, OFFSET)),
    ],
)  # fmt: skip
def test_chunks_move_where_the_grids_agree(
    before: int, routes: dict[str, int], why: tuple[str, ...]
) -> None:
    plan = plan_of(CHUNKED, CHUNKED, before=before)
    assert plan.routes == {route: rows * COLUMNS * 8 for route, rows in routes.items()}
    assert plan.reasons.get("decoded", ()) == why


@pytest.mark.parametrize(
    ("here", "there", "packed"),
    [(SHARDED, SHARDED, True), (packed_in((16, 1024), "start"), SHARDED, False),
     (packed_in((32, 1024), "end"), SHARDED, False), (CHUNKED, SHARDED, False),
     (packed_in((16, 1024), None), packed_in((16, 1024), None), False)],
)  # fmt: skip
def test_shards_move_whole_where_they_are_packed_alike(
    here: ArraySpec, there: ArraySpec, packed: bool
) -> None:
    plan = plan_of(here, there)
    assert set(plan.routes) == {"encoded"}
    assert {task.shards for task in plan.tasks()} == {packed}


@pytest.mark.parametrize(
    ("here", "there", "allowed", "route", "why"),
    [
        (FLAT, FLAT, ("mapped",), "mapped", "--routes leaves out kernel"),
        (FLAT, FLAT, ("decoded",), "decoded", "--routes leaves out kernel"),
        (FLAT, FLAT, ("encoded", "mapped", "decoded"), "mapped", "--routes leaves out kernel"),
        (CHUNKED, CHUNKED, ("decoded",), "decoded", "--routes leaves out encoded"),
        (CHUNKED, CHUNKED, ("kernel", "decoded"), "decoded", "--routes leaves out encoded"),
    ],
)
def test_a_way_that_is_not_allowed_is_the_reason(
    here: ArraySpec, there: ArraySpec, allowed: Any, route: str, why: str
) -> None:
    plan = plan_of(here, there, routes=allowed)
    assert set(plan.routes) == {route}
    assert plan.reasons == {route: (why,)}


@pytest.mark.parametrize(
    ("here", "there", "allowed", "hint"),
    [
        (FLAT, FLAT, ("encoded",), "--routes leaves out kernel); allow mapped as well"),
        (IN_MEMORY, FLAT, ("kernel",), "in memory); allow mapped as well"),
        (CHUNKED, CHUNKED, ("kernel", "mapped"), "leaves out encoded); allow decoded as well"),
        (CHUNKED, FLAT, ("kernel", "encoded", "mapped"), "in chunks); allow decoded as well"),
    ],
)
def test_what_cannot_go_says_what_to_allow(
    here: ArraySpec, there: ArraySpec, allowed: Any, hint: str
) -> None:
    with pytest.raises(UsageError) as refused:
        plan_of(here, there, routes=allowed)
    message = refused.value.message
    assert message.startswith(f"--routes {','.join(allowed)}: input 0 cannot be copied to output 0")
    assert hint in message


def test_a_straddling_chunk_needs_decoded() -> None:
    with pytest.raises(UsageError, match=r"input 0 .*straddles a boundary.*allow decoded"):
        plan_of(CHUNKED, CHUNKED, before=12, routes=("encoded",))


def test_what_is_planned_to_be_shared_can_be() -> None:
    found = Thresholds()
    assert (found.shared_block, found.shareable) == (SHARED_BLOCK, SHAREABLE)


def test_an_empty_array_goes_any_way() -> None:
    empty = replace(FLAT, shape=(0, COLUMNS))
    for route in ROUTES:
        plan = plan_of(empty, empty, routes=(route,))
        assert (plan.routes, len(plan)) == ({}, 0)


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        (None, ROUTES),
        ("decoded", ("decoded",)),
        (" decoded , kernel ", ("kernel", "decoded")),
        (["mapped", "mapped"], ("mapped",)),
        (("decoded", "mapped", "encoded", "kernel"), ROUTES),
    ],
)
def test_routes_are_put_in_order(asked: Any, allowed: tuple[str, ...]) -> None:
    assert Options(routes=asked).allowed_routes == allowed


@pytest.mark.parametrize("asked", ["", " ", "cheap", "kernel,", "Kernel", [], ["kernel,mapped"]])
def test_what_is_no_route_is_refused(asked: Any) -> None:
    with pytest.raises(
        UsageError, match=r"--routes .* is not one of kernel, encoded, mapped, decoded"
    ):
        Options(routes=asked)

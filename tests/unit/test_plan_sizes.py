"""Plans of very many chunks, inputs, outputs and moves: small, and any task in one step."""

from __future__ import annotations

import pickle
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from concatsplit_core.array.geometry import Interval
from concatsplit_core.array.layouts import ArrayLayout, Chunked, Contiguous, Encoding, Sharded
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.array.tiling import Segment, Tiling
from concatsplit_core.foundation.errors import OverBudget
from concatsplit_core.planning.move import MoveSpec
from concatsplit_core.planning.plan import Plan
from concatsplit_core.planning.planner import make_plan
from concatsplit_core.planning.thresholds import Thresholds

F8 = np.dtype("<f8")
ZSTD = Encoding(F8, "zstd")
MANY, MILLION, COLUMNS = 4_000, 1_000_000, 8
BYTES_EACH = (60 << 20) // 100_000
NPY = Contiguous("C", 128)
OUTPUT = Contiguous("C", None, 64)
CHUNKS = Chunked((4, COLUMNS), ZSTD)
LONG_COPIES = Thresholds(for_two_copies=64 << 20)


def whole(rows: int, layout: ArrayLayout, columns: int = COLUMNS) -> Tiling:
    return Tiling(0, (Segment(Interval(0, rows), ArraySpec((rows, columns), F8, layout)),))


def pieces(number: int, rows: int, layout: ArrayLayout) -> Tiling:
    spec = ArraySpec((rows, COLUMNS), F8, layout)
    return Tiling(
        0, tuple(Segment(Interval(i * rows, (i + 1) * rows), spec) for i in range(number))
    )


def join(number: int, rows: int, here: ArrayLayout, there: ArrayLayout) -> MoveSpec:
    total = number * rows
    return MoveSpec((total, COLUMNS), pieces(number, rows, here), whole(total, there))


def cut(number: int, rows: int, here: ArrayLayout, there: ArrayLayout) -> MoveSpec:
    total = number * rows
    return MoveSpec((total, COLUMNS), whole(total, here), pieces(number, rows, there))


def copy(rows: int, here: ArrayLayout, there: ArrayLayout, columns: int = COLUMNS) -> MoveSpec:
    return MoveSpec((rows, columns), whole(rows, here, columns), whole(rows, there, columns))


def planned(*moves: MoveSpec, **options: int) -> Plan:
    return make_plan(moves, **{"memory": 2 << 30, "jobs": 2, **options})


CHUNKY: dict[str, Callable[[], MoveSpec]] = {
    "same chunks": lambda: copy(4 * MILLION, CHUNKS, CHUNKS),
    "other chunks": lambda: copy(4 * MILLION, CHUNKS, Chunked((5, COLUMNS))),
    "large chunks": lambda: copy(
        512 * MILLION, Chunked((512, 1024)), Chunked((512, 1024)), columns=1024
    ),
    "into shards": lambda: copy(4 * MILLION, CHUNKS, Sharded((16, COLUMNS), (4, COLUMNS), ZSTD)),
    "out of chunks": lambda: copy(4 * MILLION, CHUNKS, OUTPUT),
}


@pytest.mark.parametrize("kind", CHUNKY)
def test_a_million_chunks_are_told_in_a_few_words(kind: str) -> None:
    plan = planned(CHUNKY[kind]())
    words = sum(len(sweep.bands.entries) for move in plan.moves for sweep in move.sweeps)
    assert words < 10
    assert len(pickle.dumps(plan)) < 10_000
    assert plan.task(len(plan) - 1).writes[0].box.stop == plan.moves[0].move.shape


CROWDS: dict[str, Callable[[], MoveSpec]] = {
    "long runs": lambda: join(MANY, 4096, NPY, OUTPUT),
    "short runs": lambda: join(MANY, 4, NPY, OUTPUT),
    "chunks": lambda: join(MANY, 16, CHUNKS, CHUNKS),
    "chunks astride": lambda: join(MANY, 15, CHUNKS, CHUNKS),
    "parts of long runs": lambda: cut(MANY, 4096, NPY, OUTPUT),
    "parts of short runs": lambda: cut(MANY, 4, NPY, OUTPUT),
}


@pytest.mark.parametrize("kind", CROWDS)
def test_many_inputs_and_outputs_take_little_memory(kind: str) -> None:
    move = CROWDS[kind]()
    tracemalloc.start()
    try:
        planned(move)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MANY * BYTES_EACH


@pytest.mark.parametrize("kind", ["same chunks", "other chunks", "into shards"])
def test_a_task_by_its_number_is_the_one_that_the_others_leave_room_for(kind: str) -> None:
    plan = planned(CHUNKY[kind](), memory=1 << 20)
    numbers = [0, 1, len(plan) // 3, len(plan) - 2]
    for number in numbers:
        here, there = plan.task(number), plan.task(number + 1)
        assert (here.number, there.number) == (number, number + 1)
        assert here.writes[-1].box.stop[0] == there.writes[0].box.start[0]
    with pytest.raises(IndexError):
        plan.task(len(plan))


def test_moves_share_a_budget_and_their_tasks_say_whose_they_are() -> None:
    moves = [
        join(3, 4096, NPY, OUTPUT),
        copy(64, CHUNKS, Chunked((5, COLUMNS))),
        copy(0, NPY, OUTPUT),
        join(5, 16, CHUNKS, CHUNKS),
    ]
    plan, alone = planned(*moves), [planned(move) for move in moves]
    tasks = list(plan.tasks())
    assert [task.number for task in tasks] == list(range(len(plan)))
    assert tasks == [plan.task(number) for number in range(len(plan))]
    elements = [sum(write.box.size for write in task.writes) for task in tasks]
    assert [plan.bytes_of(number) for number in range(len(plan))] == [
        F8.itemsize * n for n in elements
    ]
    for index, one in enumerate(alone):
        ours = [task for task in tasks if task.move == index]
        assert [t._replace(number=0, move=0) for t in ours] == [
            t._replace(number=0) for t in one.tasks()
        ]
    assert plan.bytes_written == sum(one.bytes_written for one in alone)
    assert plan.bytes_read == sum(one.bytes_read for one in alone)
    assert sum(plan.routes.values()) == plan.bytes_written
    assert set(plan.routes) == {"kernel", "decoded", "encoded"}
    assert plan.peak_memory_bytes <= 2 << 30


def test_the_largest_step_of_any_move_has_to_fit() -> None:
    small, large = (copy(8, Chunked((8, n)), Chunked((8, n)), n) for n in (4, 4096))
    planned(small, memory=64 << 10)
    with pytest.raises(OverBudget) as refused:
        planned(small, large, memory=64 << 10)
    assert isinstance(refused.value.found, int)
    plan = planned(small, large, memory=refused.value.found)
    assert plan.peak_memory_bytes <= refused.value.found


def test_a_plan_can_be_pickled() -> None:
    plan = planned(join(3, 4096, NPY, OUTPUT), join(5, 16, CHUNKS, CHUNKS))
    again = pickle.loads(pickle.dumps(plan))
    assert again == plan
    assert list(again.tasks()) == list(plan.tasks())


@pytest.mark.parametrize(
    ("offset", "rows", "step", "expected"),
    [
        (128, 8192, 64, {0: 128, 1: 128, 2: 128}),
        (128, 5000, 64, {0: 128, 1: (128 + 5000 * 64) % 4096, 2: (128 + 10000 * 64) % 4096}),
        (100, 8192, 64, {}),
        (128, 8192, None, {}),
        (None, 8192, 64, {}),
        (128, 4000, 64, {}),
    ],
)  # fmt: skip
def test_outputs_start_where_blocks_can_be_shared(
    offset: int | None, rows: int, step: int | None, expected: dict[int, int]
) -> None:
    move = cut(3, rows, Contiguous("C", offset), Contiguous("C", None, step))
    plan = make_plan([move], memory=1 << 30, jobs=1, thresholds=Thresholds(shareable=300_000))
    assert plan.moves[0].alignment == expected


@pytest.mark.parametrize(
    ("layouts", "options", "workers"),
    [
        ((Contiguous("C", 128), OUTPUT), {"may_be_alone": True}, 1),
        ((Contiguous("C", 128), OUTPUT), {}, 2),
        ((NPY, OUTPUT), {"may_be_alone": True, "in_memory": True}, 2),
        ((NPY, OUTPUT), {"may_be_alone": True, "in_memory": True, "thresholds": LONG_COPIES}, 1),
        ((Contiguous("F", 128), OUTPUT), {"may_be_alone": True}, 2),
        ((CHUNKS, CHUNKS), {"may_be_alone": True}, 2),
    ],
)
def test_one_worker_does_what_only_the_kernel_copies(
    layouts: tuple[ArrayLayout, ArrayLayout], options: dict[str, Any], workers: int
) -> None:
    assert planned(copy(MILLION, *layouts), **options).workers == workers


@pytest.mark.parametrize(("may_be_alone", "workers"), [(True, 1), (False, 2)])
def test_one_worker_does_what_is_done_before_a_second_one_starts(
    may_be_alone: bool, workers: int
) -> None:
    small = copy(1000, CHUNKS, Chunked((5, COLUMNS)))
    assert planned(small, small, may_be_alone=may_be_alone).workers == workers


def test_tasks_that_take_long_are_started_before_those_that_only_copy() -> None:
    segments = pieces(2, 4002, CHUNKS).segments  # the second input begins inside a chunk
    shape = (8004, COLUMNS)
    move = MoveSpec(shape, Tiling(0, segments), whole(shape[0], CHUNKS))
    routes = [task.route for task in planned(move).tasks()]
    copies = routes.index("encoded")
    assert copies > 0
    assert set(routes[copies:]) == {"encoded"}


@pytest.mark.parametrize(("memory", "tasks"), [(2 << 30, 8), (32 << 20, 22), (16 << 20, 64)])
def test_a_task_copies_many_chunks_where_there_is_room(memory: int, tasks: int) -> None:
    layout = Chunked((1 << 16, COLUMNS), ZSTD)  # of 4 MiB
    assert len(planned(copy(1 << 22, layout, layout), memory=memory)) == tasks


@pytest.mark.parametrize("check", [False, True])
def test_what_the_chunks_of_a_copy_need_is_its_peak(check: bool) -> None:
    """One is read and one written; one that is looked at is decoded, between two steps at most."""
    nbytes = 4 * COLUMNS * F8.itemsize
    assert (
        planned(copy(4, CHUNKS, CHUNKS), check=check).peak_memory_bytes == (2 + 2 * check) * nbytes
    )


def test_a_block_is_no_longer_than_the_only_shard_is_filled() -> None:
    plan = planned(copy(8, CHUNKS, Sharded((16, COLUMNS), (4, COLUMNS), ZSTD)))
    assert plan.routes.keys() == {"encoded"}
    assert plan.moves[0].block == (8, COLUMNS)


def claiming(rows: int, there: ArrayLayout, sharded: bool = False) -> MoveSpec:
    """A join of four rows with an array that claims many, and stores one chunk."""
    claims: ArrayLayout = Chunked((4, COLUMNS), ZSTD, 1)
    if sharded:
        claims = Sharded((16, COLUMNS), (4, COLUMNS), ZSTD, None, 1)
    total = 4 + rows
    segments = (
        Segment(Interval(0, 4), ArraySpec((4, COLUMNS), F8, CHUNKS)),
        Segment(Interval(4, total), ArraySpec((rows, COLUMNS), F8, claims)),
    )
    return MoveSpec((total, COLUMNS), Tiling(0, segments), whole(total, there))


@pytest.mark.parametrize(
    ("move", "says"),
    [
        (claiming(4 * MILLION, CHUNKS), r"^input 1 claims 1000000 chunks, and stores 1 at most"),
        (
            claiming(4 * MILLION, Chunked((5, COLUMNS), ZSTD)),
            r"^input 1 claims 800001 chunks of 244\.1MiB, and stores 1 at most",
        ),
        (
            claiming(4 * MILLION, OUTPUT, sharded=True),
            r"^input 1 claims 1000000 chunks, and stores 1 at most",
        ),
    ],
)
def test_chunks_that_are_claimed_are_counted(move: MoveSpec, says: str) -> None:
    with pytest.raises(OverBudget, match=says):
        planned(move)


def test_few_absent_chunks_are_looked_for() -> None:
    for there in (CHUNKS, Chunked((5, COLUMNS), ZSTD), OUTPUT):
        assert planned(claiming(4000, there)).bytes_written == 4004 * COLUMNS * F8.itemsize
    assert planned(claiming(4 * MILLION, OUTPUT)).routes.keys() == {"decoded"}

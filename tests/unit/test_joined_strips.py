"""Steps of one length that follow each other are one entry of a plan: the tasks stay the same."""

from __future__ import annotations

import random

import numpy as np

from concatsplit_core.array.geometry import Interval
from concatsplit_core.array.layouts import Chunked, Encoding
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.array.tiling import Segment, Tiling
from concatsplit_core.planning.elementwise import _joined
from concatsplit_core.planning.move import MoveSpec
from concatsplit_core.planning.planner import make_plan
from concatsplit_core.planning.sweep import Band, Bands, Strip


def _entries(seed: int) -> list[Band | Strip]:
    """Bands and strips that follow each other, some with a short last step, some of a pair."""
    chosen, at = random.Random(seed), 0
    found: list[Band | Strip] = []
    for _ in range(30):
        step, kind = chosen.choice((4, 8)), chosen.randrange(4)
        length = step * chosen.randrange(1, 4) - (chosen.randrange(step) if kind == 1 else 0)
        along = Interval(at, at := at + length)
        target = chosen.random() < 0.1
        if kind:
            found.append(Strip(int(target), along, length if kind == 2 else step))
        else:
            found.append(Band(((0, along), (1, along)), (along,)))
    return found


def test_joined_entries_are_the_same_bands_in_the_same_order() -> None:
    shorter = 0
    for seed in range(50):
        entries = _entries(seed)
        joined = list(_joined(entries))
        before, after = Bands(tuple(entries)), Bands(tuple(joined))
        assert [before[n] for n in range(len(before))] == [after[n] for n in range(len(after))]
        shorter += len(entries) - len(joined)
    assert shorter > 100


def test_a_plan_has_fewer_entries_than_inputs_whose_chunks_cross_boundaries() -> None:
    inputs, rows, chunks = 64, 1025, Chunked((16, 8), Encoding(np.dtype("<f4"), "zstd"))
    spec, total = ArraySpec((rows, 8), np.dtype("<f4"), chunks), inputs * rows
    sources = tuple(Segment(Interval(i * rows, (i + 1) * rows), spec) for i in range(inputs))
    target = Segment(Interval(0, total), ArraySpec((total, 8), np.dtype("<f4"), chunks))
    move = MoveSpec((total, 8), Tiling(0, sources), Tiling(0, (target,)))
    plan = make_plan([move], memory=1 << 15, jobs=1)
    entries = [entry for sweep in plan.moves[0].sweeps for entry in sweep.bands.entries]
    assert len(plan) > 2 * inputs
    assert len(entries) < inputs / 4

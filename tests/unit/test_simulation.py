"""The simulated run of a large join: its plan is real, its figures add up."""

from __future__ import annotations

import pytest

from benchmarks import simulate as command
from benchmarks.simulation.execution import machine_seconds, simulate
from benchmarks.simulation.workload import INPUT_BYTES, Load, plan_join, sample_load
from benchmarks.simulation.world import ClusterModel, StoreModel

FREE = StoreModel(total_bytes=1e30, total_requests=1e30)
SAFE = ClusterModel(workers=8, threads=4, failures=0.0)
LOAD = Load(requests=4, moved=4e6, coded=0.0)


@pytest.mark.parametrize("astride", [False, True])
def test_tasks_move_every_byte_of_the_join(astride: bool) -> None:
    plan = plan_join(64, astride=astride, memory=1 << 30, jobs=4).plan
    load = sample_load(plan, ratio=1.0, samples=len(plan))
    moved = load.moved * len(plan)
    assert 2 * 64 * INPUT_BYTES <= moved < 2.5 * 64 * INPUT_BYTES
    assert (load.coded > 0) == astride


def test_machines_share_the_tasks_where_the_store_keeps_up() -> None:
    done = simulate(100_000, LOAD, FREE, SAFE)
    alone = 100_000 * machine_seconds(LOAD, FREE, SAFE)
    assert done.seconds == pytest.approx(alone / SAFE.workers, rel=0.05)
    assert (done.limit, done.failures, done.repeated) == ("machines", 0, 0)


def test_a_slow_store_limits_any_number_of_machines() -> None:
    slow = StoreModel(total_bytes=1e8)
    few, many = (
        simulate(10_000, LOAD, slow, SAFE._replace(workers=workers)) for workers in (8, 80)
    )
    assert few.seconds == pytest.approx(many.seconds) == pytest.approx(10_000 * 4e6 / 1e8)
    assert few.limit == "bytes a second of the store"


def test_many_small_requests_limit_as_well() -> None:
    done = simulate(10_000, LOAD, FREE._replace(total_requests=100), SAFE)
    assert done.seconds == pytest.approx(10_000 * 4 / 100)
    assert done.limit == "requests a second of the store"


def test_machines_that_fail_repeat_what_was_not_recorded() -> None:
    steady = simulate(200_000, LOAD, FREE, SAFE)
    failing = simulate(200_000, LOAD, FREE, SAFE._replace(failures=20.0))
    assert failing.failures > 0
    assert failing.seconds > steady.seconds
    rate = SAFE.record_seconds / machine_seconds(LOAD, FREE, SAFE)
    assert 0 < failing.repeated <= failing.failures * rate


def test_the_command_prints_a_row_for_every_cluster(capsys: pytest.CaptureFixture[str]) -> None:
    command.main(["--inputs", "8", "--workers", "1", "4"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "8 inputs, 8GiB: encoded 8GiB"
    assert [line.split("|")[1].strip() for line in lines[-2:]] == ["1", "4"]

"""Plan a join of 1 PiB for real, and run it on a modelled store and cluster.

Prints, for clusters of several sizes, how long the run takes, what limits it, and how many tasks
a second a scheduler has to hand out.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from benchmarks.simulation.execution import simulate
from benchmarks.simulation.workload import INPUT_BYTES, Planned, plan_join, sample_load
from benchmarks.simulation.world import ClusterModel, StoreModel
from concatsplit_core.foundation.sizes import format_size

PEBI_INPUTS = (1 << 50) // INPUT_BYTES
_MEMORY = 16 << 30


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulate", description=__doc__)
    parser.add_argument(
        "--inputs", type=int, default=PEBI_INPUTS, help="arrays of 1 GiB (default: 1 PiB of them)"
    )
    parser.add_argument(
        "--astride", action="store_true", help="chunks cross boundaries and have to be decoded"
    )
    parser.add_argument(
        "--workers", type=int, nargs="+", default=[64, 1000, 10_000], help="machines"
    )
    parser.add_argument("--threads", type=int, default=ClusterModel().threads, help="of each")
    parser.add_argument(
        "--ratio", type=float, default=2.0, help="bytes of elements for every stored byte"
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Plan, simulate and print a table in Markdown."""
    asked = _parse(arguments)
    planned = plan_join(asked.inputs, astride=asked.astride, memory=_MEMORY, jobs=asked.threads)
    for line in [*_facts(planned), "", *_table(planned, asked)]:
        print(line)


def _facts(planned: Planned) -> Iterator[str]:
    plan = planned.plan
    moved = ", ".join(f"{route} {format_size(size)}" for route, size in plan.routes.items())
    yield f"{planned.inputs} inputs, {format_size(plan.bytes_written)}: {moved}"
    yield f"planned in {planned.seconds:.1f} s and {format_size(planned.peak_bytes)}"
    yield f"{len(plan)} tasks, at most {format_size(plan.peak_memory_bytes)} of array data"


def _table(planned: Planned, asked: argparse.Namespace) -> Iterator[str]:
    load = sample_load(planned.plan, asked.ratio)
    yield "| machines | hours | tasks a second | what limits | busy | failures | tasks repeated |"
    yield "|---:|---:|---:|---|---:|---:|---:|"
    for workers in asked.workers:
        cluster = ClusterModel(workers=workers, threads=asked.threads)
        done = simulate(len(planned.plan), load, StoreModel(), cluster)
        yield (
            f"| {workers} | {done.seconds / 3600:.2f} | {done.tasks_per_second:.0f} "
            f"| {done.limit} | {done.busy:.0%} | {done.failures} | {done.repeated} |"
        )


if __name__ == "__main__":
    main()

"""A run of many tasks on a modelled store and cluster, batch by batch."""

from __future__ import annotations

import heapq
import random
from typing import NamedTuple

from benchmarks.simulation.workload import Load
from benchmarks.simulation.world import ClusterModel, StoreModel

_BATCH_SECONDS = 10.0


class Outcome(NamedTuple):
    """How a simulated run went.

    Parameters
    ----------
    seconds : float
        From the first task to the last.
    tasks : int
    limit : str
        What was busiest: the store's bytes or requests, or the machines.
    busy : float
        How busy it was, 0 to 1.
    failures : int
        Machines that failed and were replaced.
    repeated : int
        Tasks that were done twice.
    """

    seconds: float
    tasks: int
    limit: str
    busy: float
    failures: int
    repeated: int

    @property
    def tasks_per_second(self) -> float:
        """Tasks that ended in a second, on average."""
        return self.tasks / self.seconds


def machine_seconds(load: Load, store: StoreModel, cluster: ClusterModel) -> float:
    """Seconds that a machine takes for a task, with all its threads at work and the store idle.

    Parameters
    ----------
    load : Load
        Of one task.
    store : StoreModel
    cluster : ClusterModel
    """
    waiting = load.requests * store.request_seconds + load.moved / store.stream_bytes
    thread = waiting + load.coded / cluster.codec_bytes
    return max(thread / cluster.threads, load.moved / cluster.network_bytes)


def simulate(
    tasks: int, load: Load, store: StoreModel, cluster: ClusterModel, seed: int = 0
) -> Outcome:
    """Run tasks in batches; the store serves batches in turn, as fast as it can.

    Parameters
    ----------
    tasks : int
    load : Load
        Of one task, on average.
    store : StoreModel
    cluster : ClusterModel
    seed : int
        Of the failures.
    """
    chance = random.Random(seed)
    each = machine_seconds(load, store, cluster)
    per_task = max(load.moved / store.total_bytes, load.requests / store.total_requests)
    batch = max(1, int(_BATCH_SECONDS / each))
    free = [(0.0, worker) for worker in range(cluster.workers)]
    fails = [_next_failure(chance, cluster, 0.0) for _ in range(cluster.workers)]
    left, served, end = tasks, 0.0, 0.0
    failures = repeated = 0
    working = 0.0
    while left:
        start, worker = heapq.heappop(free)
        count = min(batch, left)
        served = max(served, start) + count * per_task
        stop = max(start + count * each, served)
        if fails[worker] < stop:
            failures += 1
            lost = min(cluster.record_seconds, max(0.0, fails[worker] - start))
            again = min(count, int(lost / (stop - start) * count))
            repeated += again
            left += again
            back = max(start, fails[worker]) + cluster.restart_seconds
            fails[worker] = _next_failure(chance, cluster, back)
            stop += cluster.restart_seconds
        left -= count
        working += count * each
        end = max(end, stop)
        heapq.heappush(free, (stop, worker))
    return _outcome(end, tasks, load, store, working / (end * cluster.workers), failures, repeated)


def _next_failure(chance: random.Random, cluster: ClusterModel, now: float) -> float:
    if not cluster.failures:
        return float("inf")
    return now + chance.expovariate(cluster.failures / 3600)


def _outcome(
    end: float,
    tasks: int,
    load: Load,
    store: StoreModel,
    machines: float,
    failures: int,
    repeated: int,
) -> Outcome:
    done = (tasks + repeated) / end
    busy = {
        "bytes a second of the store": done * load.moved / store.total_bytes,
        "requests a second of the store": done * load.requests / store.total_requests,
        "machines": machines,
    }
    limit = max(busy, key=lambda name: busy[name])
    return Outcome(end, tasks, limit, busy[limit], failures, repeated)

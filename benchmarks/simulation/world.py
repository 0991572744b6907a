"""What the modelled store and cluster can do: plain figures, each to be replaced by your own."""

from __future__ import annotations

from typing import NamedTuple


class StoreModel(NamedTuple):
    """An object store, as a client sees it.

    Parameters
    ----------
    request_seconds : float
        From a request to its first byte.
    stream_bytes : float
        Bytes a second of one request.
    total_bytes : float
        Bytes a second of all clients together, read and written.
    total_requests : float
        Requests a second of all clients together.
    """

    request_seconds: float = 0.03
    stream_bytes: float = 80e6
    total_bytes: float = 100e9
    total_requests: float = 350_000.0


class ClusterModel(NamedTuple):
    """Machines that take slices of a run.

    Parameters
    ----------
    workers : int
        Machines.
    threads : int
        Tasks at once on each.
    network_bytes : float
        Bytes a second of one machine, read and written.
    codec_bytes : float
        Bytes of elements a second that one thread decodes, or encodes.
    failures : float
        Of one machine, per hour.
    restart_seconds : float
        Until another machine goes on.
    record_seconds : float
        Between two records of what is done: so much work is lost at most.
    """

    workers: int = 1000
    threads: int = 16
    network_bytes: float = 1.25e9
    codec_bytes: float = 400e6
    failures: float = 0.001
    restart_seconds: float = 120.0
    record_seconds: float = 30.0

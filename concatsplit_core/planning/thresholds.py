"""The sizes at which a plan does one thing instead of another."""

from __future__ import annotations

from concatsplit_core.foundation.records import NamedTuple


class Thresholds(NamedTuple):
    """Sizes that were measured to be good; another value changes a plan, never a result.

    Parameters
    ----------
    long_run : int
        Bytes of the shortest run that is worth a call of its own to the kernel.
    copied_bytes : int
        Bytes of elements that one task copies as they are stored: little enough for all workers to
        have some, and so many that what a task costs beside that does not count.
    comfortable : int
        Bytes of a block that has no reason to be larger: it stays in the processor's cache.
    short_run : int
        Bytes that a run of a contiguous array should have: less is not worth a call.
    chunks_astride : int
        How many chunks long a block may grow along an axis on which the chunk grids do not agree.
    bytes_a_target, bytes_a_source : int
        Bytes that a block should have for every target that it serves, and for every source
        there is: each costs a look and a call, block by block.
    chunks_a_task : int
        Chunks that one task copies at most.
    most_steps : int
        Steps along one axis that a plan may have.
    window : int
        Most bytes that are read from a contiguous source at once.
    compared_bytes : int
        Most bytes that are copied as they are stored and have their checksums compared without
        being asked.
    for_one : int
        Bytes of arrays that keep two workers busy for about as long as it takes to start them.
    for_two_copies : int
        Bytes that a task should copy, on the average, for a second worker to help in memory.
    shared_block, shareable : int
        Bytes of the blocks that file systems share between files, and of the shortest run that
        is worth sharing: what `stores` shares.
    """

    long_run: int = 128 << 10
    copied_bytes: int = 32 << 20
    comfortable: int = 4 << 20
    short_run: int = 16 << 10
    chunks_astride: int = 16
    bytes_a_target: int = 256 << 10
    bytes_a_source: int = 8 << 10
    chunks_a_task: int = 512
    most_steps: int = 1 << 22
    window: int = 1 << 20
    compared_bytes: int = 128 << 20
    for_one: int = 256 << 10
    for_two_copies: int = 8 << 20
    shared_block: int = 4096
    shareable: int = 1 << 18


DEFAULT = Thresholds()

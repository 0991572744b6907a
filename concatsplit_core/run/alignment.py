"""Where outputs best start in their files, so that file systems can share blocks with the inputs.

XFS and btrfs share whole blocks between files, which takes no time and no room, where both offsets
agree modulo the block size. An .npy header may be of any multiple of 64 bytes: that is enough room
to let a part start in its file where it starts in a block of the input.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

from concatsplit_core.array.geometry import Box
from concatsplit_core.array.layouts import Contiguous
from concatsplit_core.endpoints.job import Move
from concatsplit_core.endpoints.layout import Outputs
from concatsplit_core.planning.plan import Plan
from concatsplit_core.routes.extents import common_runs
from concatsplit_core.stores.files import SHAREABLE, SHARED_BLOCK


def in_phase(plan: Plan, move: Move, outputs: Outputs) -> Outputs:
    """Give every output that the kernel copies to the phase that most of its bytes have."""
    targets = outputs.planned
    wanted: defaultdict[int, Counter[int]] = defaultdict(Counter)
    for sweep in plan.sweeps:
        for band in sweep.bands if sweep.bands[0].route == "kernel" else ():
            (source, along), (target, _) = band.moves[0], band.writes[0]
            layout = move.sources[source].spec.layout
            offset = layout.offset if isinstance(layout, Contiguous) else None
            box = Box.whole(move.shape).with_axis(targets.axis, along)
            start, to, nbytes = next(
                common_runs(
                    move.source_tiling.view(source),
                    move.source_tiling.within(source, box),
                    targets.view(target),
                    targets.within(target, box),
                )
            )
            if offset is not None and nbytes >= SHAREABLE:
                phase = (offset + start - to) % SHARED_BLOCK
                wanted[outputs.origins[target].output][phase] += nbytes
    storages = [
        replace(storage, phase=wanted[index].most_common(1)[0][0]) if index in wanted else storage
        for index, storage in enumerate(outputs.storages)
    ]
    return outputs._replace(storages=storages)

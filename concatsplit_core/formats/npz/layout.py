"""How an array lies in an .npz archive: stored in one run of bytes, or deflated in pieces."""

from __future__ import annotations

from concatsplit_core.array.layouts import Contiguous, Opaque, Order
from concatsplit_core.array.spec import ArraySpec
from concatsplit_core.codecs.pipeline import Codec
from concatsplit_core.formats.chunking import piece_of, refuse_checksum, refuse_chunks
from concatsplit_core.formats.npy_header import offset_step, refuse_dtype
from concatsplit_core.formats.storage import Storage, Wish
from concatsplit_core.foundation.errors import UsageError
from concatsplit_core.foundation.records import replace

_PIECE = 256 << 10
"""Bytes of elements in a piece, which is deflated on its own."""
_DEFLATING = {"gzip", "zlib"}
"""Names of codecs that make deflate streams, which is what zip archives hold."""


def lay_out(
    spec: ArraySpec, inherited: Storage, wish: Wish, like: ArraySpec | None
) -> tuple[ArraySpec, Storage]:
    """Lay out a member: deflated if that was asked for, or if the inputs are, else stored."""
    refuse_checksum(wish, "an .npz archive, whose members have a CRC-32 anyhow,")
    refuse_chunks(wish, "an .npz archive")
    refuse_dtype(spec)
    codec = _codec(inherited, wish)
    inherited_order = like.order if like is not None and like.chunks is None else "C"
    order: Order = "C" if spec.ndim < 2 else wish.memory_order or inherited_order
    if codec:
        laid = replace(spec, layout=Opaque(order, piece_of(spec, order, _PIECE)))
        return laid, Storage(codec=codec)
    return replace(spec, layout=Contiguous(order, offset_step=offset_step(spec))), Storage()


def _codec(inherited: Storage, wish: Wish) -> Codec:
    """What deflates a member: gzip with a level, or nothing.

    Raises
    ------
    UsageError
        Another codec was asked for.
    """
    if wish.codec is None:
        steps = (inherited.codec or Codec()).steps
        return Codec(steps) if len(steps) == 1 and steps[0].name in _DEFLATING else Codec()
    steps = wish.codec.steps
    if not steps or (len(steps) == 1 and steps[0].name in _DEFLATING):
        return wish.codec
    raise UsageError(
        f"--codec {wish.codec}: members of an .npz archive are stored or deflated; give "
        "--codec none or --codec gzip:LEVEL, or write to .h5 or .zarr"
    )

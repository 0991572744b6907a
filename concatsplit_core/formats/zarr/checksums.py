"""Chooses the checksum of a Zarr output: what was asked for, else the cheapest one."""

from __future__ import annotations

from typing import Any

from concatsplit_core.codecs.checksums import APPENDED, Checksum, bare, guarded, in_frames
from concatsplit_core.codecs.pipeline import Codec
from concatsplit_core.foundation.errors import UsageError
from concatsplit_core.foundation.records import NamedTuple


class Chosen(NamedTuple):
    """The codec of an output, and who chose it.

    Parameters
    ----------
    codec : Codec
    native : tuple of (str, object), optional
        The inputs' own settings, where they are kept.
    ours : bool
        It was neither asked for nor taken from the inputs.
    may_move : bool
        Chunks of the inputs may become chunks of the output as they are stored.
    """

    codec: Codec
    native: tuple[str, Any] | None
    ours: bool
    may_move: bool


def with_checksum(
    chosen: Chosen, checksum: Checksum, inherited: Codec | None, zarr_format: int
) -> tuple[Codec, tuple[str, Any] | None]:
    """The codec of an output with its checksum, and the inputs' own settings with it.

    A zstd frame may carry a checksum whatever the metadata say. Format 3 has a setting for it,
    which an array whose chunks may move takes from its inputs. Format 2 has none, and TensorStore
    does not open arrays that have one nevertheless.

    Raises
    ------
    UsageError
        The format cannot hold what was asked for.
    """
    codec, native = chosen.codec, chosen.native
    if checksum == "fletcher32" and zarr_format == 3:
        raise UsageError(
            "--checksum fletcher32: Zarr format 3 has none that its readers share; give crc32c"
        )
    if checksum in APPENDED:
        return guarded(codec, checksum), _appended(native, checksum)
    if checksum == "none":
        return codec, native
    if chosen.ours and zarr_format == 3:
        return guarded(codec, "crc32c"), _appended(native, "crc32c")
    if chosen.may_move and zarr_format == 3:
        if native is not None:
            return codec, native
        if inherited is not None and bare(inherited) == bare(codec):
            return inherited, None
    return in_frames(codec), _in_frames(native)


def _appended(native: tuple[str, Any] | None, name: str) -> tuple[str, Any] | None:
    """Settings of the inputs, with a checksum as the last codec."""
    if native is None:
        return None
    dialect, own = native
    if dialect == "zarr3":
        chain = list(own["compressors"])
        if chain and chain[-1]["name"] == name:
            return native
        return dialect, {**own, "compressors": [*chain, {"name": name}]}
    last = own["compressor"]
    if last is not None and last["id"] == name:
        return native
    filters = [*(own["filters"] or ()), *([] if last is None else [last])]
    return dialect, {**own, "filters": filters or None, "compressor": {"id": name}}


def _in_frames(native: tuple[str, Any] | None) -> tuple[str, Any] | None:
    """Settings of the inputs, with checksums in zstd's frames if format 3 can say so."""
    if native is None or native[0] != "zarr3":
        return native
    chain = native[1]["compressors"]
    if chain and chain[-1]["name"] in APPENDED:
        return native
    return "zarr3", {**native[1], "compressors": [_checked(codec) for codec in chain]}


def _checked(codec: dict[str, Any]) -> dict[str, Any]:
    if codec["name"] != "zstd":
        return codec
    return {**codec, "configuration": {**(codec.get("configuration") or {}), "checksum": True}}

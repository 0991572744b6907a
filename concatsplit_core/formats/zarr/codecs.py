"""Translates codecs between Zarr's metadata, formats 2 and 3, and neutral terms."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from concatsplit_core.array.layouts import Encoding
from concatsplit_core.codecs.checksums import bare
from concatsplit_core.codecs.chunks import can_decode, can_encode
from concatsplit_core.codecs.pipeline import BLOSC_MISSING, BLOSC_SHUFFLES, Codec, Step
from concatsplit_core.formats.zarr.forms import ChunkForm, ShardForm
from concatsplit_core.foundation.errors import UsageError

_BLOSC_WORDS = {"NOSHUFFLE": 0, "SHUFFLE": 1, "BIT": 2, "BITSHUFFLE": 2, "AUTOSHUFFLE": -1}
"""Words that some writers of format 2 use instead of blosc's numbers."""
TEXT = "vlen-utf8"
"""The codec of variable-length text, in both formats."""
_STEPS = {"gzip", "zlib", "zstd", "blosc", "lz4", "bz2", "shuffle", "fletcher32", "crc32c"}
_DEFLATE, _USUAL = {"gzip", "zlib"}, 6
"""Codecs that deflate, and the level that -1 stands for."""
_RAW = 3
"""lzma's format without a container."""
_LEVELS = {"gzip": 5, "zlib": 1, "zstd": 0, "bz2": 1}


def form_v2(metadata: dict[str, Any], dtype: np.dtype, ndim: int) -> ChunkForm | None:
    """The form of the chunks of a format 2 array; None if only zarr-python can decode them."""
    configs = [*(metadata.get("filters") or ()), metadata.get("compressor")]
    configs = [c for c in configs if c is not None]
    if dtype.kind == "T":
        plain = configs and configs[0]["id"] == TEXT and metadata.get("order") == "C"
        return _text_form(neutral_v2(configs[1:]), dtype, ndim) if plain else None
    codec = neutral_v2(configs)
    if codec is None or dtype.hasobject or not can_decode(codec.steps):
        return None
    axes = tuple(range(ndim))
    return ChunkForm(dtype, axes[::-1] if metadata.get("order") == "F" else axes, codec.steps)


def form_v3(codecs: list[dict[str, Any]], dtype: np.dtype, ndim: int) -> Any:
    """The form of the chunks or shards of a format 3 array; None as for format 2."""
    if len(codecs) == 1 and codecs[0]["name"] == "sharding_indexed":
        return _shard_form(codecs[0]["configuration"], dtype, ndim)
    codecs = list(codecs)
    if codecs[0]["name"] == TEXT and dtype.kind == "T":
        return _text_form(neutral_v3(codecs[1:]), dtype, ndim)
    permutation = tuple(range(ndim))
    if codecs[0]["name"] == "transpose":
        order = codecs.pop(0)["configuration"]["order"]
        if not isinstance(order, list | tuple):
            return None
        permutation = tuple(order)
    if not codecs or codecs[0]["name"] not in {"bytes", "endian"}:
        return None
    endian = (codecs.pop(0).get("configuration") or {}).get("endian", "little")
    codec = neutral_v3(codecs)
    if codec is None or not can_decode(codec.steps) or dtype.kind == "T" or dtype.hasobject:
        return None
    if dtype.names is not None and endian != "little" and dtype.itemsize > 1:
        return None
    stored = dtype if dtype.names else dtype.newbyteorder("<" if endian == "little" else ">")
    return ChunkForm(stored, permutation, codec.steps)


def _text_form(codec: Codec | None, dtype: np.dtype, ndim: int) -> ChunkForm | None:
    """The form of chunks of variable-length text; the codec is what comes after vlen-utf8."""
    if codec is None or not can_decode(codec.steps):
        return None
    return ChunkForm(dtype, tuple(range(ndim)), codec.steps)


def _shard_form(config: dict[str, Any], dtype: np.dtype, ndim: int) -> ShardForm | None:
    inner = form_v3(list(config["codecs"]), dtype, ndim)
    names = [codec["name"] for codec in config["index_codecs"]]
    settings = config["index_codecs"][0].get("configuration") or {}
    plain = names[:1] == ["bytes"] and names[1:] in ([], ["crc32c"])
    if not isinstance(inner, ChunkForm) or not plain or settings.get("endian") != "little":
        return None
    return ShardForm(inner, config.get("index_location", "end") == "end", "crc32c" in names)


def encoding(
    dtype: np.dtype, ndim: int, codec: Codec | None, native: tuple[str, Any], sharded: bool
) -> Encoding | None:
    """How chunks are encoded, of inputs and outputs alike.

    Parameters
    ----------
    codec : Codec, optional
        In neutral terms.
    native : tuple of (str, object)
        The dialect, and the codecs in its own terms where they were kept. Chunks whose codecs
        have no neutral names still move between arrays that have the very same ones.
    sharded : bool
        Whether the chunks lie in shards, which have to be put together here.
    """
    dialect, own = native
    form: ChunkForm | ShardForm | None = None
    if own is None:
        little = dialect == "zarr3" and not dtype.names
        if codec is not None and dtype.kind != "T":
            form = ChunkForm(dtype.newbyteorder("<") if little else dtype, (), codec.steps)
    elif dialect == "zarr2":
        form = form_v2(own, dtype, ndim)
    else:
        form = form_v3([*own["filters"], *own["serializer"], *own["compressors"]], dtype, ndim)
    if not isinstance(form, ChunkForm) or dtype.kind == "T":
        opaque = own is None or sharded
        return None if opaque else Encoding(dtype, json.dumps(native, sort_keys=True))
    if sharded and not can_encode(form.steps):
        return None
    plain = form.permutation in {(), tuple(range(ndim))}
    steps = bare(Codec(form.steps)).steps
    return Encoding(form.dtype, steps, () if plain else form.permutation)


def packing(
    index_at_end: bool, index_has_checksum: bool, fill_value: Any, dtype: np.dtype
) -> tuple[bool, bool, bytes]:
    """How chunks lie in shards, and the fill value of chunks that a shard does not hold."""
    fill = np.zeros((), dtype) if fill_value is None else np.asarray(fill_value).astype(dtype)
    return index_at_end, index_has_checksum, fill.tobytes()


def as_written(fill_value: Any, dtype: np.dtype) -> Any:
    """A fill value as an output has it: in JSON a NaN loses its payload."""
    if fill_value is None or dtype.kind not in "fc":
        return fill_value
    parts = np.atleast_1d(np.asarray(fill_value).astype(dtype))
    parts = parts.view(parts.real.dtype)
    parts[np.isnan(parts)] = np.nan
    return parts.view(dtype)[0]


def spelled_v2(config: dict[str, Any], itemsize: int) -> dict[str, Any]:
    """The settings of a codec of format 2, with blosc's shuffle as a number."""
    shuffle = config.get("shuffle")
    if config["id"] != "blosc" or shuffle is None:
        return config
    if isinstance(shuffle, str):
        shuffle = _BLOSC_WORDS[shuffle.upper()]
    if shuffle == -1:
        shuffle = 2 if itemsize == 1 else 1
    return config | {"shuffle": shuffle}


def neutral_v2(configs: list[dict[str, Any]]) -> Codec | None:
    """Filters and compressor of format 2 in neutral terms; None if one has no neutral name."""
    steps = [_neutral(config["id"], config) for config in configs]
    return Codec(tuple(s for s in steps if s)) if all(steps) else None


def neutral_v3(codecs: list[dict[str, Any]]) -> Codec | None:
    """Bytes-to-bytes codecs of format 3 in neutral terms; None as for format 2."""
    steps = [
        _neutral(c["name"].removeprefix("numcodecs."), c.get("configuration") or {}) for c in codecs
    ]
    return Codec(tuple(s for s in steps if s)) if all(steps) else None


def _neutral(name: str, config: dict[str, Any]) -> Step | None:
    if name in _LEVELS:
        level = int(config.get("level", _LEVELS[name]))
        if level < 0 and name in _DEFLATE:
            level = _USUAL
        settings: tuple[Any, ...] = (level,)
        if name == "zstd" and config.get("checksum"):
            settings += (True,)
        return Step(name, settings)
    if name == "blosc":
        shuffle = config.get("shuffle", 1)
        if isinstance(shuffle, int):
            shuffle = BLOSC_SHUFFLES[shuffle] if 0 <= shuffle <= 2 else "shuffle"
        return Step("blosc", (config.get("cname", "lz4"), int(config.get("clevel", 5)), shuffle))
    if name == "lzma" and config.get("format", 1) != _RAW:  # the raw format lists its filters
        return Step("lzma", (int(config.get("format", 1)),))
    if name == "shuffle":
        return Step("shuffle", (int(config.get("elementsize", 4)),))
    if name == "crc32c" and config.get("location", "end") != "end":
        return None
    return Step(name) if name in {"lz4", "crc32c", "fletcher32"} else None


def in_own_steps(codec: Codec, itemsize: int, zarr_format: int) -> Codec:
    """The codec in steps that Zarr has; shuffle gets the size of an item.

    Raises
    ------
    UsageError
        Zarr has no codec for a step.
    """
    steps: list[Step] = []
    for own in codec.steps:
        step = Step("lz4") if own.name == "lz4_blocks" else own
        if not available(step):
            raise UsageError(
                f"codec '{step}' is not available for Zarr format {zarr_format}; choose one such "
                "as zstd:3"
            )
        if step.name == "shuffle" and steps:
            raise UsageError(f"codec '{codec}': Zarr shuffles whole items only; put shuffle first")
        steps.append(Step("shuffle", (itemsize,)) if step.name == "shuffle" else step)
    return Codec(tuple(steps))


def available(step: Step) -> bool:
    """Whether Zarr has a codec for a step."""
    name = "lz4" if step.name == "lz4_blocks" else step.name
    if name == "blosc" and step.settings[0] == BLOSC_MISSING:
        return False
    return name in _STEPS


def as_v2(codec: Codec) -> list[dict[str, Any]]:
    """Configurations of numcodecs; the last one is the compressor."""
    return [{"id": step.name, **_settings(step, 2)} for step in codec.steps]


def as_v3(codec: Codec, itemsize: int) -> list[dict[str, Any]]:
    """Bytes-to-bytes codecs of format 3; those that it has no name for are numcodecs' own."""
    standard = {"gzip", "zstd", "blosc", "crc32c"}
    found = []
    for step in codec.steps:
        name = step.name if step.name in standard else f"numcodecs.{step.name}"
        settings = _settings(step, 3, itemsize)
        bare = not settings and step.name in standard
        found.append({"name": name} if bare else {"name": name, "configuration": settings})
    return found


def _settings(step: Step, zarr_format: int, itemsize: int = 1) -> dict[str, Any]:
    if step.name == "zstd":
        level, *checksum = step.settings
        return (
            {"level": level} if zarr_format == 2 else {"level": level, "checksum": bool(checksum)}
        )
    if step.name in _LEVELS:
        return {"level": step.settings[0]}
    if step.name == "blosc":
        cname, level, shuffle = step.settings[:3]
        if zarr_format == 2:
            coded = BLOSC_SHUFFLES.index(shuffle)
            return {"cname": cname, "clevel": level, "shuffle": coded, "blocksize": 0}
        form = {"typesize": itemsize, "cname": cname, "clevel": level, "shuffle": shuffle}
        return {**form, "blocksize": 0}
    return {"elementsize": step.settings[0]} if step.name == "shuffle" else {}

"""Indexes of sharded checkpoints: which file holds which tensor.

::

    model.safetensors.index.json      {"metadata": {"total_size": ..},
    model-00001-of-00002.safetensors   "weight_map": {"a": "model-00001-of-00002.safetensors",
    model-00002-of-00002.safetensors                  "b": "model-00002-of-00002.safetensors"}}
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from concatsplit_core.formats.misnamed import chosen_member
from concatsplit_core.formats.safetensors.header import LONGEST
from concatsplit_core.formats.safetensors.reading import (
    TensorSource,
    header_of,
    open_tensor,
)
from concatsplit_core.formats.structure import GroupInfo, Structure
from concatsplit_core.foundation.errors import (
    InputUnavailable,
    MalformedInput,
    UnsafeContent,
)
from concatsplit_core.stores.files import ReadingInput, open_input, read_exactly

_INDEXES = 8


def _files_of(path: str, ref: str) -> Mapping[str, str]:
    """The name of the file that holds each tensor."""
    with ReadingInput(ref):
        status = os.stat(path)
        version = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)
        return _read_index(path, version)


@lru_cache(_INDEXES)
def _read_index(path: str, version: tuple[int, ...]) -> Mapping[str, str]:
    """The index in one version of a file."""
    import msgspec  # it builds only what is asked for, and skips the rest

    ref = path
    if version[-1] > LONGEST:
        raise MalformedInput(
            f"{ref}: has {version[-1]} bytes; an index has {LONGEST} at most",
            ref=ref,
            found=version[-1],
            expected=LONGEST,
        )
    wanted = msgspec.defstruct("Index", [("weight_map", dict[str, str])])
    try:
        index: Any = msgspec.json.decode(_all_of(path, version[-1]), type=wanted)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedInput(
            f"{ref}: is not an index of safetensors files: {error}; expected an object with a "
            "'weight_map' of names to files",
            ref=ref,
        ) from error
    files: dict[str, str] = index.weight_map
    for name, file in files.items():
        if not name or not file or "\0" in file or os.path.basename(file) in {".", ".."}:
            raise MalformedInput(
                f"{ref}: says that the tensor '{name}' is in '{file}', which no file is called",
                ref=ref,
            )
        if os.path.basename(file) != file:
            raise UnsafeContent(
                f"{ref}: the tensor '{name}' is in '{file}', which is not in the folder of the "
                "index; an index names files beside it",
                ref=ref,
            )
    return files


def _all_of(path: str, size: int) -> bytearray:
    fd = open_input(path)
    try:
        text = bytearray(size)
        read_exactly(fd, memoryview(text), 0, path)
    finally:
        os.close(fd)
    return text


def _beside(index: str, file: str) -> str:
    """The path of a shard."""
    return os.path.join(os.path.dirname(index), file)


def list_members(path: str, ref: str) -> list[str]:
    """Names of the tensors in all shards; they must be exactly those of the index.

    Raises
    ------
    MalformedInput
        The index and the shards differ.
    """
    files = _files_of(path, ref)
    for file in dict.fromkeys(files.values()):
        for name in header_of(_beside(path, file), f"{ref}: {file}").tensors:
            if files.get(name) != file:
                says = f"says {files[name]}" if name in files else "does not list it"
                raise MalformedInput(
                    f"{ref}: {file} holds the tensor '{name}', and the index {says}; download the "
                    "index and its files again",
                    ref=ref,
                )
    for name, file in files.items():
        _check(name, file, path, ref)
    return list(files)


def _check(name: str, file: str, path: str, ref: str) -> None:
    if name not in header_of(_beside(path, file), f"{ref}: {file}").tensors:
        raise MalformedInput(
            f"{ref}: says that {file} holds the tensor '{name}', which it does not; download the "
            "index and its files again",
            ref=ref,
        )


def open_member(path: str, member: str | None, ref: str) -> TensorSource:
    """Open a tensor in its shard."""
    files = _files_of(path, ref)
    if member is None:
        list_members(path, ref)  # refuses an index that does not list all that the shards hold
    name = chosen_member(files, member, ref, "tensor")
    file = _beside(path, files[name])
    if not os.path.exists(file):
        raise InputUnavailable(
            f"{ref}: the file {file}, which the index names, is missing", ref=ref
        )
    _check(name, files[name], path, ref)
    return open_tensor(file, header_of(file, file), name, ref, _root(path, file))


def _root(index: str, shard: str) -> str:
    """The folder that a shard must lie in, whatever it is a link to.

    Caches of downloads keep an index and its shards as links into one folder.
    """
    real, of_index = (os.path.dirname(os.path.realpath(one)) for one in (shard, index))
    return real if real == of_index else os.path.dirname(index) or os.curdir


def structure_of(path: str, ref: str) -> Structure:
    """The texts of ``__metadata__`` that all shards have, as attributes of the file."""
    shards = dict.fromkeys(_files_of(path, ref).values())
    texts = [header_of(_beside(path, file), f"{ref}: {file}").metadata or {} for file in shards]
    first = texts[0] if texts else {}
    kept = {key: text for key, text in first.items() if all(m.get(key) == text for m in texts)}
    return Structure({"": GroupInfo(kept)})


def format_index(files: Mapping[str, str], nbytes: int) -> bytes:
    """The index of a sharded checkpoint.

    Parameters
    ----------
    files : mapping of str to str
        The name of the file that holds each tensor.
    nbytes : int
        Of all tensors together.
    """
    index = {"metadata": {"total_size": nbytes}, "weight_map": dict(sorted(files.items()))}
    return (json.dumps(index, indent=2, ensure_ascii=False) + "\n").encode()

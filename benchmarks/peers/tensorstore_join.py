"""TensorStore: the inputs as one virtual array, and one copy that it runs on all cores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tensorstore as ts

from benchmarks.peers.arguments import parser

_COPIED = ("data_type", "chunk_grid", "chunk_key_encoding", "fill_value", "codecs")


def _with_codec(codecs: list[dict[str, Any]], codec: str) -> list[dict[str, Any]]:
    name, _, level = codec.partition(":")
    return [codecs[0], {"name": name, "configuration": {"level": int(level)}}]


def main() -> None:
    """Join Zarr arrays of format 3."""
    arguments = parser(__doc__)
    arguments.add_argument("--codec")
    options = arguments.parse_args()
    # As with the others, nothing is forced to the disk. By default the context copies on all
    # cores and has up to 32 files under way; transactions, caches and higher limits were slower.
    context = ts.Context({"file_io_sync": False})

    def spec(name: str) -> dict[str, Any]:
        return {"driver": "zarr3", "kvstore": {"driver": "file", "path": name}}

    inputs = [ts.open(spec(name), read=True, context=context).result() for name in options.inputs]
    joined = ts.concat(inputs, axis=options.axis)
    metadata = json.loads(Path(options.inputs[0], "zarr.json").read_text())
    metadata = {key: metadata[key] for key in _COPIED} | {"shape": list(joined.shape)}
    if options.codec:
        metadata["codecs"] = _with_codec(metadata["codecs"], options.codec)
    target = spec(options.output) | {"metadata": metadata}
    out = ts.open(target, create=True, context=context).result()
    out.write(joined).result()


if __name__ == "__main__":
    main()

"""The safetensors library, everything in memory: load_file of every shard, then save_file."""

from __future__ import annotations

from safetensors.numpy import load_file, save_file

from benchmarks.peers.arguments import named, parser


def main() -> None:
    """Merge the tensors of several files."""
    options = parser(__doc__, ("concat",)).parse_args()
    tensors = {}
    for name in named(options.inputs):
        tensors |= load_file(name)
    save_file(tensors, options.output)


if __name__ == "__main__":
    main()

"""NumPy, everything in memory: np.save(np.concatenate(...)), or np.save of every part."""

from __future__ import annotations

import numpy as np

from benchmarks.peers.arguments import named, parser


def main() -> None:
    """Join, stack or split .npy files."""
    arguments = parser(__doc__, ("concat", "stack", "split"))
    arguments.add_argument("--parts", type=int)
    options = arguments.parse_args()
    # Mapped inputs save a copy, except that thousands of maps cost more than they save.
    names = named(options.inputs)
    arrays = [np.load(name, mmap_mode="r" if len(names) < 100 else None) for name in names]
    if options.operator == "split":
        for index, part in enumerate(np.split(arrays[0], options.parts, options.axis)):
            # np.save writes an array that is not contiguous item by item.
            np.save(options.output.format(index=index), np.ascontiguousarray(part))
    else:
        join = np.concatenate if options.operator == "concat" else np.stack
        np.save(options.output, join(arrays, axis=options.axis))


if __name__ == "__main__":
    main()

"""The values of all inputs: a smooth field and quantised noise, which compress about 2:1."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np

_BLOCK = 1 << 20
"""Elements made at a time; the noise of a block depends on nothing but the seed and its place."""

_AMPLITUDE, _NOISE_LEVELS, _QUANTUM = 1000, 256, 256


def blocks(elements: int, seed: int) -> Iterator[np.ndarray]:
    """The field in C order, piece by piece.

    Parameters
    ----------
    elements : int
    seed : int
        Another field for every seed.

    Yields
    ------
    ndarray of float32
        One-dimensional, together ``elements`` long.
    """
    place = np.arange(_BLOCK)
    smooth = np.round(_AMPLITUDE * (np.sin(place / 4000 + seed) + np.sin(place / 9472)))
    smooth = smooth.astype(np.float32)
    for start in range(0, elements, _BLOCK):
        length = min(_BLOCK, elements - start)
        noise = np.random.default_rng((seed, start)).integers(0, _NOISE_LEVELS, length, np.uint8)
        yield (np.roll(smooth, start // 4099)[:length] + noise) / np.float32(_QUANTUM)


def field(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """The whole field as an array of float32 of this shape."""
    whole = np.empty(prod(shape), np.float32)
    start = 0
    for block in blocks(whole.size, seed):
        whole[start : start + block.size] = block
        start += block.size
    return whole.reshape(shape)

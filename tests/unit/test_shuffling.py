"""Byte shuffle, as numcodecs and HDF5 do it."""

from __future__ import annotations

import numpy as np
import pytest
from numcodecs.shuffle import Shuffle

from concatsplit_core.codecs.chunks import decode
from concatsplit_core.codecs.pipeline import Step
from concatsplit_core.codecs.shuffling import shuffled, unshuffled
from concatsplit_core.foundation.errors import MalformedInput


@pytest.mark.parametrize(("itemsize", "items"), [(2, 0), (2, 1), (3, 7), (4, 1000), (300, 5)])
def test_bytes_are_those_of_numcodecs_and_come_back(itemsize: int, items: int) -> None:
    data = np.random.default_rng(1).bytes(itemsize * items)
    found = shuffled(data, itemsize)
    assert found.tobytes() == bytes(Shuffle(itemsize).encode(data) if data else b"")
    assert unshuffled(bytearray(found), itemsize).tobytes() == data
    space = memoryview(bytearray(len(data)))
    unshuffled(found, itemsize, space)
    assert bytes(space) == data


def test_a_part_of_an_item_is_refused() -> None:
    with pytest.raises(MalformedInput, match="10 bytes are not a whole number of 4-byte items"):
        decode(bytes(10), (Step("shuffle", (4,)),), 10)
    with pytest.raises(ValueError, match="10 bytes are not a whole number"):
        shuffled(bytes(10), 4)

"""A new format is one module, one row and one test class: a toy, which takes part in everything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from conformance import toy
from conformance.arrays import NUMBERS, SWAPPED, Row, assert_same, make
from conformance.base import FormatConformance

import concatsplit_core as cs
from concatsplit_core.formats import registry
from concatsplit_core.foundation.errors import OutputRefused, UnsupportedDtype


@pytest.fixture(scope="module", autouse=True)
def _row() -> Iterator[None]:
    """The row of the format."""
    row = registry.Row(toy.ToyFormat, toy.ToyFormat.suffixes, is_folder=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(registry.ROWS, "toy", row)
        yield


class TestToy(FormatConformance):
    """Written and read by NumPy and json."""

    output = ".toy"
    dtypes: ClassVar[tuple] = (*NUMBERS, *SWAPPED)
    layouts: ClassVar[tuple] = (Row("plain"),)

    def write(self, path: Path, array: np.ndarray, layout: Row) -> str:
        folder = path.with_suffix(".toy")
        folder.mkdir(parents=True)
        said = {"shape": array.shape, "dtype": array.dtype.str}
        (folder / toy.DESCRIPTION).write_text(json.dumps(said))
        (folder / toy.ELEMENTS).write_bytes(array.tobytes())
        return str(folder)

    def read(self, ref: str) -> np.ndarray:
        said = json.loads(Path(ref, toy.DESCRIPTION).read_text())
        data = Path(ref, toy.ELEMENTS).read_bytes()
        return np.frombuffer(data, said["dtype"]).reshape(said["shape"])


@pytest.mark.parametrize("suffix", [".npy", ".h5", ".zarr"])
def test_it_is_converted_from_and_to_others(tmp_path: Path, suffix: str) -> None:
    array = make("<f4", (6, 5))
    there, back = str(tmp_path / f"there{suffix}"), str(tmp_path / "back.toy")
    cs.concat([array, array], str(tmp_path / "first.toy"))
    cs.concat([str(tmp_path / "first.toy")], there)
    result = cs.split(there, [back, str(tmp_path / "rest.toy")], at=[6])
    assert [blob.format for blob in result.inputs] != ["toy"]
    assert [blob.format for blob in result.outputs] == ["toy", "toy"]
    assert_same(TestToy().read(back), array)
    assert_same(TestToy().read(str(tmp_path / "rest.toy")), array)


def test_it_is_described_refused_and_replaced_like_any_other(tmp_path: Path) -> None:
    out = tmp_path / "out.toy"
    cs.concat([make("<i2", (4, 3))], str(out))
    (found,) = cs.info(str(out))
    assert (found.format, found.shape, found.dtype) == ("toy", (4, 3), "<i2")
    cs.concat([make("<i2", (2, 3))], str(out), force=True)
    assert TestToy().read(str(out)).shape == (2, 3)
    with pytest.raises(UnsupportedDtype, match="no number"):
        cs.concat([np.array(["a"])], str(out), force=True)
    (tmp_path / "mine.toy").mkdir()
    (tmp_path / "mine.toy" / "note").touch()
    with pytest.raises(OutputRefused, match="folder"):
        cs.concat([make("<i2", (2, 3))], str(tmp_path / "mine.toy"), force=True)

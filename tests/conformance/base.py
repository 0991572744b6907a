"""What every format has to do: NumPy's answers, bit for bit, for any dtype, axis and layout."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
import pytest
from conformance.arrays import Row, assert_same, concatenated, make, stacked, tree_bytes
from conformance.passed_on import again, read_elsewhere, written

import concatsplit_core as cs
from concatsplit_core.endpoints.inputs import open_inputs
from concatsplit_core.run.loading import load

Inputs = Callable[..., tuple[list[str], list[np.ndarray]]]

ELEMENTS = {0: "decoded", -1: "mapped,decoded"}
"""Routes that move elements, by the axis that is joined or cut: so each layout meets both."""


class Shared(NamedTuple):
    """Inputs that many tests read, and where they are."""

    folder: Path
    inputs: dict[tuple, tuple[str, np.ndarray]]


class FormatConformance:
    """Subclass it as ``Test...``, fill in the tables and say how the reference library does it.

    Attributes
    ----------
    dtypes : sequence
        What the format can hold.
    layouts : sequence of Row
        Ways to keep an array; the first one is the plain one.
    output : str
        Suffix of outputs: the format's own, or another one's where it is read only.
    ranks : sequence of int
    attributes : bool
        Whether the format has attributes.
    member : str
        What an output's array is called in its file.
    """

    dtypes: ClassVar[tuple] = ()
    layouts: ClassVar[tuple[Row, ...]] = ()
    output: ClassVar[str] = ""
    attributes: ClassVar[bool] = False
    member: ClassVar[str] = ""

    def write(self, path: Path, array: np.ndarray, layout: Row) -> str:
        """Write an array with the reference library; the path has no suffix yet."""
        raise NotImplementedError

    def read(self, ref: str) -> np.ndarray:
        """Read an array of this format, or of the output's, with the reference library."""
        raise NotImplementedError

    def read_attributes(self, ref: str) -> dict:
        raise NotImplementedError

    # ------------------------------------------------------------------ helpers

    def inputs(self, folder: Path, dtype: object, shapes: list, layout: Row | None = None):
        """References of random arrays that the reference library has written, and the arrays."""
        layout = layout if layout is not None else self.layouts[0]
        arrays = [make(dtype, shape, i) for i, shape in enumerate(shapes)]
        refs = [self.write(folder / f"in{i}", array, layout) for i, array in enumerate(arrays)]
        return refs, arrays

    @pytest.fixture
    def shared_inputs(self, shared: Shared) -> Inputs:
        """As `inputs` gives them, but written once for all tests: whoever takes them only reads."""

        def found(dtype: object, shapes: list, layout: Row | None = None) -> tuple[list, list]:
            layout = layout if layout is not None else self.layouts[0]
            pairs = [self.shared_input(shared, dtype, *one, layout) for one in enumerate(shapes)]
            return [ref for ref, _ in pairs], [array for _, array in pairs]

        return found

    def shared_input(
        self, shared: Shared, dtype: object, seed: int, shape: Sequence[int], layout: Row
    ) -> tuple[str, np.ndarray]:
        key = (type(self), np.dtype(dtype), seed, tuple(shape), layout, id(layout))
        if key not in shared.inputs:
            # a run looks for what killed runs left beside its inputs: few files lie in one folder
            folder = shared.folder / str(len(shared.inputs) // 8)
            folder.mkdir(exist_ok=True)
            path = folder / f"in{len(shared.inputs)}"
            array = make(dtype, shape, seed)
            ref = self.write(path, array, layout)
            array.flags.writeable = False
            shared.inputs[key] = ref, array
        return shared.inputs[key]

    def template(self, folder: Path) -> str:
        return os.path.join(folder, "part{index:02d}" + self.output)

    def parts(self, result: cs.Result) -> list[np.ndarray]:
        return [self.read(blob.ref) for blob in result.outputs]

    def compare(self, run: Callable[..., cs.Result], expected: Sequence, routes: str) -> None:
        """Run by the cheapest routes and once more by others; both have to give these arrays.

        Files of the very same bytes hold the same arrays, and are not read again.
        """
        first, other = run("first", None), run("other", routes)
        assert set(other.plan.routes) <= set(routes.split(","))
        assert sum(other.plan.routes.values()) == sum(first.plan.routes.values())
        for one, two, wanted in zip(first.outputs, other.outputs, expected, strict=True):
            assert_same(self.read(one.ref), wanted)
            if tree_bytes(one.ref) != tree_bytes(two.ref):
                assert_same(self.read(two.ref), wanted)

    def tight(self, arrays: list[np.ndarray], layout: Row) -> int:
        """Bytes of memory that are not enough for two of the arrays at once."""
        return max(48 << 10, arrays[0].nbytes * 5 // 4)

    # ------------------------------------------------------------------ dtypes

    def test_concat_dtype(self, shared_inputs: Inputs, tmp_path: Path, dtype: object) -> None:
        refs, arrays = shared_inputs(dtype, [(3, 2, 5), (3, 4, 5)])
        out = str(tmp_path / f"out{self.output}")
        result = cs.concat(refs, out, axis=1, sync=False)
        assert_same(self.read(out), concatenated(arrays, 1))
        assert result.split_info == (2, 4)

    def test_split_dtype(self, shared_inputs: Inputs, tmp_path: Path, dtype: object) -> None:
        refs, (array,) = shared_inputs(dtype, [(3, 2, 5)])
        result = cs.split(refs[0], self.template(tmp_path), at=[2, 2, 4], axis=-1, sync=False)
        for found, expected in zip(self.parts(result), np.split(array, [2, 2, 4], -1), strict=True):
            assert_same(found, expected)

    def test_stack_scalars(self, shared_inputs: Inputs, tmp_path: Path, dtype: object) -> None:
        refs, arrays = shared_inputs(dtype, [()] * 3)
        out = str(tmp_path / f"out{self.output}")
        cs.stack(refs, out, axis=-1, sync=False)
        assert_same(self.read(out), stacked(arrays, -1))

    def test_unstack_to_scalars(self, shared_inputs: Inputs, tmp_path: Path, dtype: object) -> None:
        refs, (array,) = shared_inputs(dtype, [(3,)])
        result = cs.unstack(refs[0], self.template(tmp_path), sync=False)
        for index, found in enumerate(self.parts(result)):
            assert_same(found, array[index : index + 1].reshape(()))
        assert len(result.outputs) == 3

    # ------------------------------------------------------------------ layouts and axes

    @pytest.mark.parametrize("axis", ELEMENTS)
    def test_concat_layout(
        self, shared_inputs: Inputs, tmp_path: Path, layout: Row, axis: int
    ) -> None:
        shapes = [[7, 9, 5], [7, 9, 5]]
        shapes[1][axis] = 4
        refs, arrays = shared_inputs(layout.dtype, shapes, layout)

        def run(name: str, routes: str | None) -> cs.Result:
            out = str(tmp_path / f"{name}{self.output}")
            return cs.concat(refs, out, axis=axis, jobs=2, sync=False, routes=routes)

        self.compare(run, [concatenated(arrays, axis)], ELEMENTS[axis])

    @pytest.mark.parametrize("axis", ELEMENTS)
    def test_split_layout(
        self, shared_inputs: Inputs, tmp_path: Path, layout: Row, axis: int
    ) -> None:
        refs, (array,) = shared_inputs(layout.dtype, [(11, 3, 10)], layout)
        at = [4, 9]

        def run(name: str, routes: str | None) -> cs.Result:
            out = self.template(tmp_path / name)
            return cs.split(refs[0], out, at=at, axis=axis, jobs=2, sync=False, routes=routes)

        self.compare(run, np.split(array, at, axis), ELEMENTS[axis])

    @pytest.mark.parametrize("axis", range(-4, 4))
    def test_stack_axis(self, shared_inputs: Inputs, tmp_path: Path, axis: int) -> None:
        refs, arrays = shared_inputs("<f8", [(3, 4, 2)] * 3)
        out = str(tmp_path / f"out{self.output}")
        result = cs.stack(refs, out, axis=axis, sync=False)
        assert_same(self.read(out), stacked(arrays, axis))
        assert result.split_info == (1, 1, 1)

    @pytest.mark.parametrize("axis", range(-3, 3))
    def test_unstack_axis(self, shared_inputs: Inputs, tmp_path: Path, axis: int) -> None:
        refs, (array,) = shared_inputs("<f8", [(3, 4, 2)])
        result = cs.unstack(refs[0], self.template(tmp_path), axis=axis, sync=False)
        for found, expected in zip(self.parts(result), np.unstack(array, axis=axis), strict=True):
            assert_same(found, expected)

    def test_stack_and_unstack_tiling(
        self, shared_inputs: Inputs, tmp_path: Path, tiling: Row
    ) -> None:
        refs, arrays = shared_inputs(tiling.dtype, [(6, 3)] * 2, tiling)

        def stack(name: str, routes: str | None) -> cs.Result:
            out = str(tmp_path / f"{name}{self.output}")
            return cs.stack(refs, out, axis=1, sync=False, routes=routes)

        def unstack(name: str, routes: str | None) -> cs.Result:
            out = self.template(tmp_path / name)
            return cs.unstack(refs[0], out, axis=1, sync=False, routes=routes)

        self.compare(stack, [stacked(arrays, 1)], ELEMENTS[-1])
        self.compare(unstack, np.unstack(arrays[0], axis=1), ELEMENTS[0])

    def test_tight_memory(self, shared_inputs: Inputs, tmp_path: Path, tiling: Row) -> None:
        refs, arrays = shared_inputs(tiling.dtype, [(24, 30, 9), (24, 13, 9)], tiling)
        out = str(tmp_path / f"out{self.output}")
        memory = self.tight(arrays, tiling)
        result = cs.concat(refs, out, axis=1, memory=memory, jobs=2, sync=False)
        assert_same(self.read(out), concatenated(arrays, 1))
        assert result.plan.peak_memory_bytes <= memory

    # ------------------------------------------------------------------ empties

    @pytest.mark.parametrize(
        ("shapes", "axis"),
        [
            ([(0, 3), (0, 3)], 0),
            ([(2, 0), (2, 0)], 1),
            ([(2, 0), (3, 0)], 0),
            ([(0,), (0,)], -1),
            ([(1, 1, 1), (1, 0, 1)], 1),
        ],
        ids=str,
    )
    def test_concat_empty(
        self, shared_inputs: Inputs, tmp_path: Path, shapes: list, axis: int
    ) -> None:
        refs, arrays = shared_inputs("<f4", shapes)
        out = str(tmp_path / f"out{self.output}")
        cs.concat(refs, out, axis=axis, sync=False)
        assert_same(self.read(out), concatenated(arrays, axis))

    def test_empty_among_others(self, shared_inputs: Inputs, tmp_path: Path, tiling: Row) -> None:
        shapes = [(0, 3), (2, 3), (0, 3)]
        refs, arrays = shared_inputs(tiling.dtype, shapes, tiling)
        out = str(tmp_path / f"out{self.output}")
        cs.concat(refs, out, sync=False)
        assert_same(self.read(out), concatenated(arrays, 0))

    def test_zero_length_parts(self, shared_inputs: Inputs, tmp_path: Path, tiling: Row) -> None:
        refs, (array,) = shared_inputs(tiling.dtype, [(5, 4)], tiling)
        result = cs.split(refs[0], self.template(tmp_path), lengths=[0, 2, 0, 3, 0], sync=False)
        for found, expected in zip(self.parts(result), np.split(array, [0, 2, 2, 5]), strict=True):
            assert_same(found, expected)

    # ------------------------------------------------------------------ the file itself

    def test_same_inputs_same_bytes(
        self, shared_inputs: Inputs, tmp_path: Path, layout: Row
    ) -> None:
        refs, _ = shared_inputs(layout.dtype, [(7, 9, 5), (7, 9, 4)], layout)
        runs = []
        for name in ("first", "again"):
            (tmp_path / name).mkdir()
            out = tmp_path / name / f"out{self.output}"
            cs.concat(refs, str(out), axis=2, memory="64KiB", jobs=2, sync=False)
            runs.append(tree_bytes(out))
        assert runs[0] == runs[1]

    def test_one_job_or_two_same_bytes(self, shared_inputs: Inputs, tmp_path: Path) -> None:
        refs, _ = shared_inputs("<f4", [(50, 40, 9), (50, 40, 4)])
        runs = []
        for jobs in (1, 2):
            out = tmp_path / f"out{jobs}{self.output}"
            cs.concat(refs, str(out), axis=2, memory="96KiB", jobs=jobs, sync=False)
            runs.append(tree_bytes(out))
        assert runs[0] == runs[1]

    def test_inputs_are_left_alone(self, tmp_path: Path) -> None:
        refs, _ = self.inputs(tmp_path, "<f4", [(5, 4), (5, 4)])
        before = tree_bytes(tmp_path)
        out = tmp_path / "result" / f"out{self.output}"
        out.parent.mkdir()
        cs.concat(refs, str(out))
        after = {k: v for k, v in tree_bytes(tmp_path).items() if not k.startswith("result")}
        assert after == before

    def test_dry_run_creates_nothing(self, tmp_path: Path) -> None:
        refs, _ = self.inputs(tmp_path, "<f4", [(5, 4), (5, 4)])
        before = tree_bytes(tmp_path)
        result = cs.concat(refs, str(tmp_path / f"out{self.output}"), dry_run=True)
        assert tree_bytes(tmp_path) == before
        assert result.outputs[0].shape == (10, 4)
        assert result.seconds is None

    # ------------------------------------------------------------------ other processes

    def test_a_pickled_input_reads_the_same(
        self, shared_inputs: Inputs, tmp_path: Path, layout: Row
    ) -> None:
        (ref,), (array,) = shared_inputs(layout.dtype, [(7, 9, 5)], layout)
        (source,) = open_inputs(ref)
        try:
            for other in (again(source), again(source)):  # before anything was read, and after
                assert (other.spec, other.ref) == (source.spec, source.ref)
                assert_same(load(other), array)
                other.close()
                assert_same(load(source), array)
        finally:
            source.close()

    def test_another_process_reads_the_same(self, shared_inputs: Inputs, tmp_path: Path) -> None:
        (ref,), (array,) = shared_inputs("<f4", [(7, 9)])
        (source,) = open_inputs(ref)
        load(source)
        assert read_elsewhere(source) == array.dtype.str.encode() + b" " + array.tobytes()
        source.close()

    def test_a_pickled_output_is_written_the_same(
        self, shared_inputs: Inputs, tmp_path: Path, layout: Row
    ) -> None:
        (ref,), (array,) = shared_inputs(layout.dtype, [(7, 9, 5)], layout)
        out = tmp_path / f"out{self.output}"
        (source,) = open_inputs(ref)
        source.close()
        member = self.member
        written(array, out, member, source)
        assert_same(self.read(f"{out}::{member}" if member else str(out)), array)

    def test_attributes_travel(self, tmp_path: Path) -> None:
        if not self.attributes:
            assert not cs.info(self.inputs(tmp_path, "<f4", [(2,)])[0][0])[0].attrs
            return
        wanted = {"unit": "mm", "scale": 2.5, "count": 3, "axes": [1, 2, 3], "name": "Ünï"}
        layout = Row("with attributes", "<f4", **self.layouts[0].settings, attributes=wanted)
        refs, _ = self.inputs(tmp_path, "<f4", [(4, 4)], layout)
        second = self.write(tmp_path / "second", make("<f4", (4, 4), 9), self.layouts[0])
        out = str(tmp_path / f"out{self.output}")
        cs.concat([refs[0], second], out)
        assert self.read_attributes(out) == wanted
        result = cs.split(refs[0], self.template(tmp_path), parts=2)
        assert [self.read_attributes(blob.ref) for blob in result.outputs] == [wanted, wanted]

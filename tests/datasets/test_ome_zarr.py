"""Images of several levels: joined and cut in step, with what OME-Zarr says of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

import concatsplit_core as cs
from concatsplit_core.foundation.errors import MeaningMismatch

SHAPE = (3, 2, 4, 8, 8)
UNITS = {"t": "second", "z": "micrometer", "y": "micrometer", "x": "micrometer"}
TYPES = {"t": "time", "c": "channel"}


@pytest.fixture(params=["0.4", "0.5"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def pixels(seed: int, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 999, shape).astype("u2")


def levels(array: np.ndarray) -> list[np.ndarray]:
    return [array, array[..., ::2, ::2]]


def image(path: str, array: np.ndarray, version: str, names: str = "ab", **changes: Any) -> str:
    """An image of two levels, the second of half the size in y and x."""
    scale = {"t": 2.0, "c": 1.0, "z": 0.5, "y": 0.1, "x": 0.1, **changes}
    axes = [
        {"name": n, "type": TYPES.get(n, "space")} | ({"unit": UNITS[n]} if n in UNITS else {})
        for n in "tczyx"
    ]
    factors = [[scale[n] * (2**level if n in "yx" else 1) for n in "tczyx"] for level in (0, 1)]
    scales = [
        {
            "path": str(level),
            "coordinateTransformations": [{"type": "scale", "scale": factors[level]}],
        }
        for level in (0, 1)
    ]
    channels = [
        {
            "label": name,
            "color": "00FF00",
            "active": True,
            "window": {"start": 0, "end": 9, "min": 0, "max": 99},
        }
        for name in names
    ]
    described = {
        "multiscales": [{"version": version, "name": "m", "axes": axes, "datasets": scales}],
        "omero": {"channels": channels, "rdefs": {"model": "color"}},
    }
    is_old = version == "0.4"
    group = zarr.open_group(path, mode="w", zarr_format=2 if is_old else 3)
    group.attrs.update(described if is_old else {"ome": {"version": version, **described}})
    group.attrs["note"] = "kept"
    for level, data in enumerate(levels(array)):
        more = {"chunk_key_encoding": {"name": "v2", "separator": "/"}} if is_old else {}
        group.create_array(
            str(level), shape=data.shape, dtype=data.dtype, chunks=(1, 1, 2, 4, 4), **more
        )[...] = data
    return path


def described(path: str) -> dict[str, Any]:
    attrs = zarr.open_group(path, mode="r").attrs.asdict()
    found: dict[str, Any] = attrs.get("ome", attrs)
    return found


def starts(path: str) -> list[Any]:
    return [
        [step["translation"] for step in level["coordinateTransformations"][1:]]
        for level in described(path)["multiscales"][0]["datasets"]
    ]


def labels(path: str) -> list[str]:
    return [channel["label"] for channel in described(path)["omero"]["channels"]]


def check(path: str, array: np.ndarray) -> None:
    group = zarr.open_group(path, mode="r")
    for level, wanted in enumerate(levels(array)):
        np.testing.assert_array_equal(group[str(level)][...], wanted)
    assert group.attrs["note"] == "kept"


def test_all_levels_of_a_time_lapse_are_joined(tmp_path: Path, version: str) -> None:
    arrays = [pixels(0), pixels(1)]
    refs = [image(str(tmp_path / f"{i}.zarr"), a, version) for i, a in enumerate(arrays)]
    out = str(tmp_path / "y.zarr")
    cs.concat(refs, out, axis="t")
    check(out, np.concatenate(arrays))
    assert described(out) == described(refs[0])
    key = "0/0/0/0/0" if version == "0.4" else "c/0/0/0/0/0"
    assert (tmp_path / "y.zarr" / "0" / key).is_file()


def test_channels_are_joined_with_what_is_said_of_them(tmp_path: Path, version: str) -> None:
    arrays = [pixels(0), pixels(1, (3, 1, *SHAPE[2:]))]
    refs = [
        image(str(tmp_path / f"{i}.zarr"), array, version, names)
        for i, (array, names) in enumerate(zip(arrays, ("ab", "d"), strict=True))
    ]
    out = str(tmp_path / "y.zarr")
    cs.concat(refs, out, axis="c", attrs="common")
    check(out, np.concatenate(arrays, 1))
    assert labels(out) == ["a", "b", "d"]
    cs.split(out, str(tmp_path / "c{index}.zarr"), axis="c", size=2)
    assert [labels(str(tmp_path / f"c{i}.zarr")) for i in (0, 1)] == [["a", "b"], ["d"]]
    assert starts(str(tmp_path / "c1.zarr")) == [[], []]
    cs.unstack(out, str(tmp_path / "u{index}.zarr"), axis=1)
    single = described(str(tmp_path / "u2.zarr"))
    assert [axis["name"] for axis in single["multiscales"][0]["axes"]] == list("tzyx")
    assert [c["label"] for c in single["omero"]["channels"]] == ["d"]


@pytest.mark.parametrize(("axis", "offset"), [("t", (4.0, 0)), ("z", (0, 1.0))])
def test_a_part_begins_at_its_own_position(
    tmp_path: Path, version: str, axis: str, offset: tuple[float, float]
) -> None:
    array = pixels(0)
    ref = image(str(tmp_path / "a.zarr"), array, version)
    record, again = tmp_path / "run.json", str(tmp_path / "again.zarr")
    cs.split(ref, str(tmp_path / "p{index}.zarr"), axis=axis, size=2, manifest=record)
    second = str(tmp_path / "p1.zarr")
    place = "tczyx".index(axis)
    check(second, np.take(array, range(2, array.shape[place]), place))
    assert starts(second) == [[[offset[0], 0.0, offset[1], 0.0, 0.0]]] * 2
    assert starts(str(tmp_path / "p0.zarr")) == [[], []]
    cs.undo(record, output=again)
    check(again, array)
    assert described(again) == described(ref)


def test_other_pixel_sizes_are_refused(tmp_path: Path, version: str) -> None:
    refs = [
        image(str(tmp_path / f"{i}.zarr"), pixels(i), version, z=size)
        for i, size in enumerate((0.5, 0.7))
    ]
    out = str(tmp_path / "y.zarr")
    with pytest.raises(MeaningMismatch, match=r"input 1, group '/': pixel sizes .*0\.7.*0\.5"):
        cs.concat(refs, out, axis="t")
    assert not Path(out).exists()
    cs.concat(refs, out, axis="t", conflicts="first")
    assert described(out) == described(refs[0])


def test_channels_that_are_not_all_listed_are_left_out(tmp_path: Path, version: str) -> None:
    refs = [image(str(tmp_path / f"{i}.zarr"), pixels(i), version, "abc"[: 2 + i]) for i in (0, 1)]
    result = cs.concat(refs, str(tmp_path / "y.zarr"), axis="c")
    assert "omero" not in described(str(tmp_path / "y.zarr"))
    assert [note for note in result.notes if "omero is left out" in note]


def test_only_levels_that_are_written_are_listed(tmp_path: Path, version: str) -> None:
    ref = image(str(tmp_path / "a.zarr"), pixels(0), version)
    out = str(tmp_path / "y.zarr")
    cs.concat([ref, ref], out, axis="t", members="1")
    (found,) = described(out)["multiscales"]
    assert [level["path"] for level in found["datasets"]] == ["1"]


def test_what_a_stack_cannot_name_is_left_out(tmp_path: Path, version: str) -> None:
    ref = image(str(tmp_path / "a.zarr"), pixels(0), version)
    result = cs.stack([ref, ref], str(tmp_path / "y.zarr"))
    assert "multiscales" not in described(str(tmp_path / "y.zarr"))
    assert [note for note in result.notes if "multiscales is left out" in note]


ODD = [
    None,
    3,
    [],
    [3],
    [{"axes": 3, "datasets": []}],
    [{"axes": ["t", "c", "z", "y", "x"], "datasets": [{"path": "0"}, {"path": "1"}]}],
    [{"axes": [{"name": "t"}], "datasets": [{"path": "0", "coordinateTransformations": [{}]}]}],
    [{"axes": [{"name": "t"}], "datasets": [{"path": "../0"}, {"path": 7}, None]}],
    [
        {
            "axes": [{"name": "t"}],
            "datasets": [
                {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1]}]}
            ],
        }
    ],
]


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_what_describes_no_image_is_kept_as_it_is(tmp_path: Path, odd: Any, version: str) -> None:
    ref, out = image(str(tmp_path / "a.zarr"), pixels(0), version), str(tmp_path / "y.zarr")
    group = zarr.open_group(ref)
    holder = {"version": version, "multiscales": odd, "omero": odd}
    group.attrs.update(holder if version == "0.4" else {"ome": holder})
    cs.concat([ref, ref], out)
    assert described(out) == described(ref)
    cs.split(out, str(tmp_path / "p{index}.zarr"), size=3)
    assert described(str(tmp_path / "p1.zarr")) == described(ref)


def test_an_image_of_one_level_is_an_image_still(tmp_path: Path, version: str) -> None:
    ref, one = image(str(tmp_path / "a.zarr"), pixels(0), version), str(tmp_path / "one.zarr")
    cs.concat(ref, one, members="0")
    cs.concat([one, one], str(tmp_path / "y.zarr"), axis="t")
    (found,) = described(str(tmp_path / "y.zarr"))["multiscales"]
    assert [level["path"] for level in found["datasets"]] == ["0"]
    joined = zarr.open_group(str(tmp_path / "y.zarr"), mode="r")["0"]
    assert joined.shape == (6, *SHAPE[1:])
    cs.concat([one, one], str(tmp_path / "y.npy"))
    assert np.load(tmp_path / "y.npy").shape == joined.shape


def test_one_variable_of_a_netcdf_file_becomes_a_root_array(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.nc", "w") as file:
        file.create_dataset("v", data=[1.0, 2.0]).dims[0].label = "t"
    cs.concat([str(tmp_path / "a.nc")], str(tmp_path / "y.zarr"))
    assert zarr.open_array(str(tmp_path / "y.zarr"), mode="r")[...].tolist() == [1.0, 2.0]


READ = """
import json, sys
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader
found = []
for path in sys.argv[1:]:
    node = next(iter(Reader(parse_url(path))()))
    found.append([[list(level.shape) for level in node.data], node.metadata["channel_names"],
                  [axis["name"] for axis in node.metadata["axes"]]])
print(json.dumps(found))
"""


def test_the_reference_library_reads_outputs(tmp_path: Path) -> None:
    paths = []
    for version in ("0.4", "0.5"):
        refs = [image(str(tmp_path / f"{i}-{version}"), pixels(i), version) for i in (0, 1)]
        cs.concat(refs, str(tmp_path / f"t-{version}.zarr"), axis="t")
        cs.concat(refs, str(tmp_path / f"c-{version}.zarr"), axis="c")
        cs.split(refs[0], str(tmp_path / f"z{{index}}-{version}.zarr"), axis="z", size=2)
        paths += [str(tmp_path / f"{name}-{version}.zarr") for name in ("t", "c", "z1")]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", READ, *paths], capture_output=True, check=False
    )
    assert not done.returncode, done.stderr.decode()
    wanted = [
        [[[6, 2, 4, 8, 8], [6, 2, 4, 4, 4]], ["a", "b"], list("tczyx")],
        [[[3, 4, 4, 8, 8], [3, 4, 4, 4, 4]], ["a", "b", "a", "b"], list("tczyx")],
        [[[3, 2, 2, 8, 8], [3, 2, 2, 4, 4]], ["a", "b"], list("tczyx")],
    ]
    assert json.loads(done.stdout) == wanted * 2

"""Every help text has examples, and every example runs."""

from __future__ import annotations

import re
import shlex
from typing import Any

import click
import h5py
import numpy as np
import pytest
import zarr
from click.testing import CliRunner
from safetensors.numpy import save_file

from concatsplit_cli.main import main


def _commands(group: click.Group, above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [above]
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found += _commands(command, (*above, name))
        else:
            found.append((*above, name))
    return found


def _help(path: tuple[str, ...]) -> str:
    shown = CliRunner().invoke(main, [*path, "--help"], terminal_width=200, max_content_width=200)
    assert shown.exit_code == 0
    return shown.stdout


COMMANDS = _commands(main)
assert len(COMMANDS) > 15, "the commands are not found"
EXAMPLES = [
    (path, example.strip())
    for path in COMMANDS
    for example in re.findall(
        r"^ +((?:(?:cat|find) .*)?concatsplit .*)$", _help(path), re.MULTILINE
    )
]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_help_has_an_example(shell: Any, path: tuple[str, ...]) -> None:
    own = [example for of, example in EXAMPLES if of == path]
    assert own
    if path:
        assert all(f"concatsplit {' '.join(path)} " in example for example in own)
    shown = shell.ok(*path, "--help").out
    for example in own:
        assert example in shown


LOOK_ONLY = {"diff", "help", "info", "recover", "verify"}
"""Commands that say something and change nothing here, where no run was killed."""

A = np.arange(24, dtype="<f4").reshape(4, 6)
B = -A
PARTS = [A, A + 1, A + 2]
ROWS = np.arange(768, dtype="<i2").reshape(2, 384)
DONE: dict[str, dict[str, np.ndarray | None]] = {
    "concat a.npy b.npy -o joined.zarr --axis 1": {"joined.zarr": np.concatenate([A, B], 1)},
    "concat a.npy b.npy -o joined.npy": {"joined.npy": np.concatenate([A, B])},
    "concat a.npy b.npy -o sharded.zarr --chunks 1,1 --shards 2,1": {
        "sharded.zarr": np.concatenate([A, B])
    },
    "concat 'part-*.npy' -o joined.h5::/images --codec gzip:4": {
        "joined.h5::images": np.concatenate(PARTS)
    },
    "concat a.npy b.npy -o y.h5::y --split-info y.h5::split_info": {
        "y.h5::y": np.concatenate([A, B]), "y.h5::split_info": np.array([4, 4], "i4"),
    },
    "concat a.npy store.zarr -o ragged.zarr --grid rectilinear": {
        "ragged.zarr": np.concatenate([A, A])
    },
    "concat jan.nc::t feb.nc::t -o year.nc::t --axis time --conflicts convert": {
        "year.nc::t": np.concatenate([A, A])
    },
    "concat jan.nc feb.nc -o all.nc --axis time": {
        "all.nc::t": np.concatenate([A, A]), "all.nc::rain": np.concatenate([B, B]),
        "all.nc::lat": np.arange(6.0),
    },
    "concat jan.nc mar.nc -o both.nc --axis time --missing fill --history": {
        "both.nc::t": np.concatenate([A, A]), "both.nc::rain": np.concatenate([B, A * 0 - 9]),
        "both.nc::lat": np.arange(6.0),
    },
    "concat a.npy b.npy -o y.npy --routes mapped,decoded": {"y.npy": np.concatenate([A, B])},
    "concat a.npy b.npy -o summed.h5 --checksum fletcher32": {
        "summed.h5::data": np.concatenate([A, B])
    },
    "concat store.zarr -o copy.zarr --check": {"copy.zarr": A},
    "concat a.npy b.npy -o long.zarr --resume": {"long.zarr": np.concatenate([A, B])},
    "concat recording.dat recording.dat -o twice.npy --raw 'int16,*,384'": {
        "twice.npy": np.concatenate([ROWS, ROWS])
    },
    "concat --files-from - -0 -o y.npy": {"y.npy": np.concatenate(PARTS)},
    "stack a.npy b.npy -o stacked.npy": {"stacked.npy": np.stack([A, B])},
    "stack a.npy b.npy -o stacked.npy --axis -1 --force": {"stacked.npy": np.stack([A, B], -1)},
    "depth-concat a.npy b.npy -o y.npy --order NC": {"y.npy": np.concatenate([A, B], 1)},
    "concat a.npy b.npy -o made.npy --depfile made.d --manifest made.json --if-changed": {
        "made.npy": np.concatenate([A, B]), "made.d": None, "made.json": None,
    },
    "split a.npy -o 'half-{index}.npy' --parts 2": {"half-0.npy": A[:2], "half-1.npy": A[2:]},
    "split a.npy -o left.npy -o right.npy --axis 1": {
        "left.npy": A[:, :3], "right.npy": A[:, 3:],
    },
    "split a.npy -o 'shard-{index:05d}-of-{count:05d}.npy' --parts 3 --uneven balanced": {
        f"shard-0000{i}-of-00003.npy": part for i, part in enumerate(np.array_split(A, 3))
    },
    "split a.npy -o parts/ --size 2": {
        f"parts/a-0000{i}-of-00002.npy": part for i, part in enumerate(np.split(A, 2))
    },
    "split a.npy -o 'all.h5::part{index}' --lengths 1,-1": {
        "all.h5::part0": A[:1], "all.h5::part1": A[1:],
    },
    "split a.npy -o train.npy -o val.npy --ratio 3:1": {"train.npy": A[:3], "val.npy": A[3:]},
    "split a.npy -o '{name}.npy' --names fit,test --ratio 80%,20%": {
        "fit.npy": A[:3], "test.npy": A[3:],
    },
    "split a.npy -o middle.npy --range 1:3": {"middle.npy": A[1:3]},
    "split jan.nc::t -o 'day{index}.nc::t' --axis time --size 1": {
        f"day{i}.nc::t": A[i : i + 1] for i in range(4)
    },
    "split jan.nc -o 'whole-day{index}.nc' --axis time --size 1": {
        f"whole-day{i}.nc::{name}": data
        for i in range(4)
        for name, data in (("t", A[i : i + 1]), ("rain", B[i : i + 1]), ("lat", np.arange(6.0)))
    },
    "split m.safetensors -o 'r{index}.h5' --size 2 --axis 'q*=0' --axis '*=carry'": {
        f"r{i}.h5::{name}": data
        for i in range(2)
        for name, data in (("q.weight", A[2 * i : 2 * i + 2]), ("norm", B))
    },
    "split m.safetensors -o 'm-{index}.safetensors' --by-array --max-bytes 100": {
        "m-0.safetensors::norm": B, "m-1.safetensors::q.weight": A,
        "m.safetensors.index.json": None,
    },
    "concat m.safetensors -o model.h5": {"model.h5::q.weight": A, "model.h5::norm": B},
    "depth-split a.npy -o 'channels-{index}.npy' --order CN --parts 2": {
        "channels-0.npy": A[:2], "channels-1.npy": A[2:],
    },
    "unstack a.npy -o 'row-{index}.npy'": {f"row-{i}.npy": A[i] for i in range(4)},
    "split-by-lengths a.npy lengths.npy -o 'sequence-{index}.npy'": {
        "sequence-0.npy": A[:1], "sequence-1.npy": A[1:],
    },
    "reshard 'part-*.npy' -o 'new/shard-{index:03d}.npy' --size 3": {
        f"new/shard-00{i}.npy": part for i, part in enumerate(np.split(np.concatenate(PARTS), 4))
    },
    "gradient concat dy.npy -o 'dx{index}.npy' --split-info lengths.npy": {
        "dx0.npy": A[:1], "dx1.npy": A[1:],
    },
    "gradient split a.npy zeros -o dx.npy --split-info split_info.npy": {
        "dx.npy": np.concatenate([A, np.zeros((5, 6), "<f4")])
    },
    "fetch store.h5::x > x.npy": {"x.npy": A},
    "fetch store.h5::group/y -o y.npy": {"y.npy": B},
    "feed a.npy store.h5::new/member": {"store.h5::new/member": A},
    "feed - fed.zarr::a": {"fed.zarr::a": A},
    "undo run.json -o 'restored/{name}'": {"restored/a.npy": A, "restored/b.npy": B},
    "undo run.json -o 'again-{index}.npy'": {"again-0.npy": A, "again-1.npy": B},
}  # fmt: skip
"""What each example that makes something makes, by its last command."""


def test_every_example_that_is_expected_is_there() -> None:
    assert set(DONE) <= {example.rpartition("concatsplit ")[2] for _, example in EXAMPLES}


@pytest.fixture
def workshop(shell: Any) -> None:
    """A folder with what the examples name."""
    shell.save(a=A, b=B, dy=A, split_info=np.array([4, 5]), lengths=np.array([1, 3]))
    for index, part in enumerate(PARTS):
        np.save(f"part-{index}.npy", part)
    with h5py.File("store.h5", "w") as file:
        file["x"], file["group/y"] = A, B
    zarr.save_array("store.zarr", A)
    save_file({"q.weight": A, "norm": B}, "m.safetensors")
    ROWS.tofile("recording.dat")
    np.save("copy.npy", ROWS)
    for month in ("jan", "feb", "mar"):
        with h5py.File(f"{month}.nc", "w") as file:
            for name, data in (("t", A), ("rain", B))[: 1 if month == "mar" else 2]:
                made = file.create_dataset(name, data=data)
                made.dims[0].label = "time"
                made.attrs["_FillValue"] = data.dtype.type(-9)
            file["lat"] = np.arange(6.0)
    shell.ok("concat", "a.npy", "b.npy", "-o", "joined-before.npy", "--manifest", "run.json")


STAGED = {"stage", "run", "commit", "discard"}
"""Commands that are steps of one run, so that their examples need the steps before."""


@pytest.mark.parametrize(
    ("path", "example"), [(path, text) for path, text in EXAMPLES if STAGED.intersection(path[:1])]
)
def test_every_example_of_a_staged_run_runs(
    shell: Any, workshop: None, path: tuple[str, ...], example: str
) -> None:
    words = shlex.split(example)[1:]
    if path != ("stage",):
        assert (
            shell.run("stage", "concat", "a.npy", "b.npy", "-o", "y.npy", "--to", "RUN").code == 0
        )
        if path == ("commit",):
            assert shell.run("run", "RUN").code == 0
    outcome = shell.run(*words)
    assert (outcome.code, outcome.err) == (0, "")
    assert shell.names().count("RUN") == (path == ("run",))
    if path == ("stage",):
        assert "run1" in shell.names()
        assert outcome.out == "run1: 1 task\n"
    assert shell.names().count("y.npy") == (path == ("commit",))


@pytest.mark.parametrize(
    ("path", "example"),
    [(path, text) for path, text in EXAMPLES if not STAGED.intersection(path[:1])],
)
def test_every_example_runs(
    shell: Any, workshop: None, path: tuple[str, ...], example: str
) -> None:
    before = shell.snapshot()
    if re.search(r"[|>]", example):
        piped = shell.bash(example)
        assert (piped.returncode, piped.stderr) == (0, "")
        out = piped.stdout
    else:
        out = shell.ok(*shlex.split(example)[1:]).out
    if "--dry-run" in example or LOOK_ONLY.intersection(path[:1]):
        assert bool(out) != ("--quiet" in example)
        drawn = {name for name in shell.names() if name.endswith(".svg")}
        assert bool(drawn) == ("--picture" in example)
        assert {n: v for n, v in shell.snapshot().items() if n not in drawn} == before
        return
    made = DONE[example.rpartition("concatsplit ")[2]]
    for ref, expected in made.items():
        if expected is None:  # no array, but a document
            assert ref in shell.names()
            continue
        found = shell.read(ref)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    new = {name.partition("/")[0] for name in shell.snapshot() if name not in before}
    assert new <= {re.split("::|/", ref)[0] for ref in made}

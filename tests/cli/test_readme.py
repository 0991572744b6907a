"""What the README tells people to type is typed here."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import readers
import zarr
from safetensors.numpy import load_file, save_file
from shells import Shell

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BIN = Path(sys.executable).parent


def blocks(language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    return subprocess.run(
        ["sh", "-e", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the README speaks of."""
    path = tmp_path_factory.mktemp("readme")
    rng = np.random.default_rng(0)
    np.save(path / "a.npy", rng.random((4, 3), "f4"))
    with h5py.File(path / "b.h5", "w") as file:
        file["images"] = rng.random((4, 5), "f4")
    zarr.create_array(path / "c.zarr", data=rng.random((4, 2), "f4"))
    weights = {f"{name}_proj": rng.random((32, 16), "f4") for name in "qo"}
    save_file({**weights, "norm": np.ones(16, "f4")}, path / "model.safetensors")
    (path / "shards").mkdir()
    (path / "labels").mkdir()
    for index in range(11):
        rows = 50 if index < 9 else 25
        np.save(path / f"shards/part-{index}.npy", np.full((rows, 8, 8), index, "u1"))
        np.save(path / f"labels/part-{index}.npy", np.full(rows, index))
    for channel in ("red", "green", "blue"):
        np.save(path / f"{channel}.npy", rng.integers(0, 255, (6, 7), "u1"))
    for month in (1, 2):
        with h5py.File(path / f"m{month}.nc", "w") as file:
            made = file.create_dataset("temperature", data=np.full((2, 3), month, "f4"))
            for axis, name in enumerate(("time", "x")):
                file[name] = np.arange(float(made.shape[axis]))
                file[name].make_scale(name)
                made.dims[axis].attach_scale(file[name])
    return path


def typed(line: str, folder: Path) -> None:
    """Do what a line says: a command of ours in this process, anything else in a shell."""
    match shlex.split(line):
        case ["concatsplit", *words] if not set("|<>&;$`").intersection(line):
            done = Shell(folder).run(*words)
            assert done.code == 0, (line, done.err)
        case _:
            other = shell(line, folder)
            assert other.returncode == 0, (line, other.stderr)


def test_every_command_of_the_readme_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    scripts = blocks("sh")
    assert len(scripts) >= 6
    for line in "".join(scripts).replace("\\\n", " ").splitlines():
        typed(line, folder)
    train = np.load(folder / "train.npy")
    assert train[:, 0, 0].tolist() == sorted(train[:, 0, 0].tolist())
    assert train.shape == (500, 8, 8)
    assert zarr.open_array(folder / "train.zarr", mode="r")[:].tobytes() == train.tobytes()
    with h5py.File(folder / "train.h5") as file:
        assert file["train"][:].tobytes() + file["val"][:].tobytes() == train.tobytes()
    assert (folder / "train-again.npy").read_bytes() == (folder / "train.npy").read_bytes()
    model = (folder / "model.safetensors").read_bytes()
    assert (folder / "model-again.safetensors").read_bytes() == model
    rank = load_file(folder / "rank1.safetensors")
    assert {name: array.shape for name, array in rank.items()} == {
        "q_proj": (16, 16), "o_proj": (32, 8), "norm": (16,)
    }  # fmt: skip
    year = readers.netcdf(folder / "year.nc", "temperature")
    assert (year.dims, year.values[:, 0].tolist()) == (("time", "x"), [1, 1, 2, 2])
    half = readers.netcdf(folder / "half-1.nc", "temperature")
    assert half.values[:, 0].tolist() == [2, 2]
    assert readers.netcdf(folder / "half-1.nc", "x").values.tolist() == [0, 1, 2]
    assert np.load(folder / "pairs/y-001.npy").tolist() == [1] * 50
    assert (np.load(folder / "pairs/x-001.npy") == 1).all()
    photo = np.load(folder / "photo.npy")
    assert np.load(folder / "channel-1.npy").tobytes() == photo[..., 1].tobytes()


def test_the_rule_for_make(folder: Path) -> None:
    (rule,) = blocks("make")
    (folder / "Makefile").write_text(rule)
    (folder / "train.npy").unlink(missing_ok=True)
    done = shell("make train.npy", folder)
    assert done.returncode == 0, done.stderr
    assert np.load(folder / "train.npy").shape == (500, 8, 8)
    assert "up to date" in shell("make train.npy", folder).stdout
    np.save(folder / "shards/part-3.npy", np.ones((50, 8, 8), "u1"))
    assert "concatsplit" in shell("make train.npy", folder).stdout
    assert np.load(folder / "train.npy")[150].all()


def test_the_step_of_a_ci_job(folder: Path) -> None:
    (step,) = blocks("yaml")
    own = folder / "ci"  # the examples above have made a train.zarr
    own.mkdir()
    zarr.create_array(own / "data.zarr", data=np.arange(2500))
    run, env = re.fullmatch(r"- run: (.*)\n  env: \{(.*)\}\n", step).groups()
    done = shell(f"export {env.replace(': ', '=')}; {run}", own)
    assert done.returncode == 0, done.stderr
    assert zarr.open_array(own / "set/val.zarr", mode="r").shape == (250,)


def test_the_python_examples(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    known: dict = {}
    for code in blocks("python"):
        exec(compile(code, "README.md", "exec"), known)
    assert known["view"].shape == (13, 3)
    with h5py.File(folder / "joined.h5") as file:
        assert file["data"].shape == (9, 3)


def test_the_exit_codes_are_those_of_the_errors() -> None:
    from concatsplit_core.foundation import errors

    codes = {
        leaf.exit_code
        for leaf in vars(errors).values()
        if isinstance(leaf, type) and issubclass(leaf, errors.ConcatsplitError)
    }
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    assert codes <= listed


def test_the_demo_ends_with_its_round_trip(tmp_path: Path) -> None:
    copy = tmp_path / "clone"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "sample_data"], cwd=ROOT, capture_output=True, check=True
    )
    for name in listed.stdout.decode().split("\0"):
        if name:
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    done = shell("sh sample_data/demo.sh", copy)
    assert done.returncode == 0, done.stderr
    assert "bit for bit the same" in done.stdout.splitlines()[-1]

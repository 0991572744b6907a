"""Tab completion, in the real shells where they are installed."""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr
from click.testing import CliRunner

from concatsplit_cli.main import main

WORDS = {
    # the line so far: the words that can come next; "file" and "dir" stand for those of the shell
    "": "concat split info help undo",
    "con": "=concat",
    "gradient ": "=concat split",
    "help ": "concat split gradient",
    "help gradient ": "=concat split",
    "help env": "=environment",
    "stage ": "=concat stack depth-concat split depth-split unstack split-by-lengths reshard "
    "gradient fetch feed",
    "stage --to run sp": "=split split-by-lengths",
    "stage split --pa": "=--parts",
    "stage split a.npy --t": "=--to",
    "stage --to run split --t": "=--to",
    "stage split a.npy --to ": "dir",
    "stage --to=run gradient ": "=concat split",
    "stage concat x.h5::": "=x.h5::group/labels x.h5::images",
    "stage concat --to run d.nc --axis l": "=lat",
    "concat --executor ": "=threads dask dask:tcp://",
    "concat a.npy -oa": "=-oa.npy",
    "concat a.npy -ox.h5::g": "=-ox.h5::group/labels",
    "concat --codec blosc:": "=blosc:blosclz blosc:lz4 blosc:lz4hc blosc:zlib blosc:zstd",
    "concat --codec blosc:zstd:5:b": "=blosc:zstd:5:bitshuffle",
    "concat --codec shuffle+gzip:": "shuffle+gzip:1 shuffle+gzip:9",
    "concat --codec lz4:": "=",
    "concat --codec blosc:zstd:5:shuffle:": "=",
    "concat ": "file",
    "concat a.npy -o ": "file",
    "split a.npy -o ": "file",
    "fetch x": "file",
    "feed x": "file",
    "info x": "file",
    "diff a.npy ": "file",
    "undo ": "file",
    "verify ": "file",
    "recover ": "dir",
    "concat --files-from ": "file",
    "concat a.npy --manifest ": "file",
    "split a.npy --lengths-from ": "file",
    "concat x.h5::": "=x.h5::group/labels x.h5::images",
    "concat x.h5::gr": "=x.h5::group/labels",
    "concat two.zarr::": "=two.zarr::images two.zarr::labels",
    "concat n.npz::i": "=n.npz::images",
    "concat a.npy -o x.h5::i": "=x.h5::images",
    "concat nothing.h5::": "=",
    "concat a.npy::": "=",
    "concat broken.h5::": "=",
    "concat @a": "=@a.npy",
    "concat --array x=a": "=x=a.npy",
    "concat x.h5 --members ": "=group/labels images",
    "concat x.h5 --members images,g": "=images,group/labels",
    "concat d.nc --axis ": "=time lat",
    "concat 'd*.nc' -o y.nc --axis l": "=lat",
    "concat a.npy --axis ": "=",
    "concat --codec z": "=zlib zstd",
    "concat --codec=z": "=zlib zstd",
    "concat --routes ": "=kernel encoded mapped decoded",
    "concat --routes kernel,en": "=kernel,encoded",
    "concat --dtype f": "=float16 float32 float64",
    "concat --chunks ": "=auto none",
    "concat --conflicts ": "=exact refuse first convert",
    "depth-concat --order NC": "NCHW NCDHW",
    "concat --ax": "=--axis",
    "split --p": "--parts --progress",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Arrays and containers of arrays."""
    folder = tmp_path_factory.mktemp("completion")
    array = np.zeros((4, 6), "<f4")
    np.save(folder / "a.npy", array)
    np.savez(folder / "n.npz", images=array, labels=array)
    with h5py.File(folder / "x.h5", "w") as file:
        file["images"] = file["group/labels"] = array
    with h5py.File(folder / "d.nc", "w") as file:
        made = file.create_dataset("t", data=array)
        made.dims[0].label, made.dims[1].label = "time", "lat"
    (folder / "broken.h5").write_bytes((folder / "x.h5").read_bytes()[:600])
    group = zarr.open_group(folder / "two.zarr", mode="w", zarr_format=3)
    for name in ("images", "labels"):
        group.create_array(name, data=array)
    return folder


@pytest.fixture
def here(shell: Any, files: Path) -> None:
    """A copy of these files."""
    shell.bring(files)


@pytest.mark.parametrize("line", WORDS)
def test_words_that_can_come_next(
    shell: Any, here: None, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_CONCATSPLIT_COMPLETE", "zsh_complete")
    monkeypatch.setenv("COMP_LINE", f"concatsplit {line}")
    outcome = CliRunner().invoke(main, [], prog_name="concatsplit")
    assert outcome.exit_code == 0
    assert line != "con" or "concat\tJoin arrays" in outcome.stdout
    kind, *lines = outcome.stdout.splitlines()
    found = [line.partition("\t")[0] for line in lines]
    wanted = WORDS[line]
    if wanted in {"file", "dir"}:
        assert (kind, found) == (wanted, [])
    elif wanted.startswith("="):
        assert (kind, set(found)) == ("plain", set(wanted[1:].split()))
    else:
        assert set(wanted.split()) <= set(found)


def _needs(name: str) -> Any:
    return pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not installed")


SET_UP = {
    "bash": [
        "bash --norc --noprofile -i",
        "bind 'set enable-bracketed-paste off'; bind 'set show-all-if-ambiguous on'",
    ],
    "zsh": [
        "zsh -f -i",
        "bindkey -e; unsetopt zle_bracketed_paste; autoload compinit; compinit -D -u",
    ],
}
TYPED = {
    "concatsplit con": "concatsplit concat ",
    "concatsplit sp": "concatsplit split",
    "concatsplit concat order/": "concatsplit concat order/p",
    "concatsplit concat a.n": "concatsplit concat a.npy ",
    "concatsplit concat x.h5::im": "concatsplit concat x.h5::images ",
    "concatsplit concat a.npy x.h5::gr": "concatsplit concat a.npy x.h5::group/labels ",
    "concatsplit concat --codec=zs": "concatsplit concat --codec=zstd ",
    "concatsplit concat d.nc --axis ti": "concatsplit concat d.nc --axis time ",
    "concatsplit concat @a": "concatsplit concat @a.npy ",
    "concatsplit concat -oa": "concatsplit concat -oa.npy ",
    "concatsplit concat -ox.h5::im": "concatsplit concat -ox.h5::images ",
    "concatsplit concat --codec blosc:zs": "concatsplit concat --codec blosc:zstd ",
    "concatsplit stage concat --exe": "concatsplit stage concat --executor ",
    "concatsplit concat -o sp": "concatsplit concat -o sp\\ ace.npy ",
}


@pytest.mark.parametrize("name", [pytest.param(n, marks=_needs(n)) for n in SET_UP])
def test_tab_in_the_shell_itself(shell: Any, here: None, name: str) -> None:
    """The keys are typed on a terminal; a line is completed, then echoed and not run."""
    Path("sp ace.npy").touch()
    Path("order").mkdir()
    for letter in "bdac":
        Path(f"order/p{letter}").touch()
    start, setting = SET_UP[name]
    ready = f'{setting}; eval "$(_CONCATSPLIT_COMPLETE={name}_source concatsplit)"\n'
    keys = "".join(f"{line}\t'\x01echo 'GOT:\n" for line in TYPED)
    shown = _typed(shell, start, ready + keys)
    got = [line.removeprefix("GOT:") for line in shown.splitlines() if line.startswith("GOT:")]
    assert got == list(TYPED.values())
    assert name == "zsh" or re.search(r"pa +pb +pc +pd", shown)  # zsh waits before it lists them


def _typed(shell: Any, start: str, keys: str) -> str:
    """What a shell shows on its terminal while these keys are typed."""
    path = f"{Path(shell.command).parent}{os.pathsep}{os.environ['PATH']}"
    settings = {"PATH": path, "TERM": "dumb", "PS1": "$ ", "HISTFILE": "", "COLUMNS": "200"}
    terminal, its_own = os.openpty()
    child = subprocess.Popen(
        ["setsid", "--ctty", *start.split()],
        stdin=its_own,
        stdout=its_own,
        stderr=its_own,
        env=os.environ | settings,
    )
    os.close(its_own)
    try:
        os.write(terminal, f"{keys}exit\n".encode())
        shown = b""
        while select.select([terminal], [], [], 60)[0]:
            try:
                piece = os.read(terminal, 1 << 16)
            except OSError:  # the shell has ended
                break
            if not piece:
                break
            shown += piece
    finally:
        os.close(terminal)
        child.wait(60)
    return shown.decode(errors="replace").replace("\r", "")


@_needs("fish")
def test_fish_completes(shell: Any, here: None) -> None:
    lines = [
        "concat x.h5::",
        "concat a.n",
        "concat --codec=z",
        "concat d.nc --axis t",
        "concat --ax",
    ]
    script = "env _CONCATSPLIT_COMPLETE=fish_source concatsplit | source\n" + "".join(
        f"complete -C 'concatsplit {line}'\n" for line in lines
    )
    path = f"{Path(shell.command).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["fish", "--no-config", "-c", script],
        env=os.environ | {"PATH": path, "HOME": str(shell.folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert [line.partition("\t")[0] for line in done.stdout.splitlines()] == [
        "x.h5::group/labels",
        "x.h5::images",
        "a.npy",
        "--codec=zlib",
        "--codec=zstd",
        "time",
        "--axis",
    ]

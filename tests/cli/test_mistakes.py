"""A hundred mistakes that people make at the command line, and what they are told."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr
from safetensors.numpy import save_file

J = "concat a.npy b.npy -o y.npy"
S = "split a.npy -o 'p{index}.npy'"

MISTAKES = {
    # commands by what they are called elsewhere, and misspelt
    "join a.npy b.npy -o y.npy": "there is no command 'join'; did you mean 'concat'?",
    "merge a.npy": "did you mean 'concat'?",
    "cat a.npy": "did you mean 'concat'?",
    "concatenate a.npy": "did you mean 'concat'?",
    "conact a.npy": "did you mean 'concat'?",
    "cut a.npy": "did you mean 'split'?",
    "chunk a.npy": "did you mean 'split'?",
    "slice a.npy": "did you mean 'split'?",
    "splt a.npy": "did you mean 'split'?",
    "Split a.npy": "did you mean 'split'?",
    "rechunk a.npy": "did you mean 'reshard'?",
    "extract x.h5": "did you mean 'fetch'?",
    "insert a.npy": "did you mean 'feed'?",
    "ls x.h5": "did you mean 'info'?",
    "compare a.npy b.npy": "did you mean 'diff'?",
    "check run.json": "did you mean 'verify'?",
    "repair .": "did you mean 'recover'?",
    "revert run.json": "did you mean 'undo'?",
    "a.npy b.npy": "a command comes first, such as 'concatsplit concat', then the files",
    "frobnicate": "concatsplit --help lists all commands",
    "gradient join dy.npy": "did you mean 'concat'?",
    "help splitt": "did you mean 'split'?",
    # options by what they are called elsewhere, and misspelt
    f"{J} --dim 1": "concat has no option --dim; did you mean --axis?",
    f"{J} --axes 1": "did you mean --axis?",
    f"{J} --axsi 1": "did you mean --axis?",
    f"{J} --Axis 1": "did you mean --axis?",
    f"{J} --along 1": "did you mean --axis?",
    f"{J} --overwrite": "did you mean --force?",
    f"{J} -n --plot p.svg": "did you mean --picture?",
    f"{J} --replace": "did you mean --force?",
    f"{J} --clobber": "did you mean --force?",
    f"{J} --threads 2": "did you mean --jobs?",
    f"{J} --workers 2": "did you mean --jobs?",
    f"{J} --compress gzip": "did you mean --codec?",
    f"{J} --compression gzip": "did you mean --codec?",
    f"{J} --mem 1G": "did you mean --memory?",
    f"{J} --type f4": "did you mean --dtype?",
    f"{J} --astype f4": "did you mean --dtype?",
    f"{J} --dryrun": "did you mean --dry-run?",
    f"{J} --plan": "did you mean --dry-run?",
    f"{J} --silent": "did you mean --quiet?",
    f"{J} --verbose": "did you mean --debug?",
    f"{J} --variables x": "did you mean --members?",
    f"{J} --new-axis": "did you mean --add-axis?",
    f"{J} --add_axis": "did you mean --add-axis?",
    f"{J} --chunk 2,2": "did you mean --chunks?",
    f"{J} --chunksize 2,2": "did you mean --chunks?",
    f"{J} --nosync": "did you mean --no-sync?",
    f"{J} --frobnicate": "concatsplit concat --help lists all",
    f"{J} --parts 2": "--parts is an option of split",
    "concat a.npy b.npy --out y.npy": "did you mean --output?",
    f"{S} --count 2": "did you mean --parts?",
    f"{S} --sections 2": "did you mean --parts?",
    f"{S} --chunk-size 2": "did you mean --size?",
    f"{S} --part-size 2": "did you mean --size?",
    f"{S} --indices 2": "did you mean --at?",
    f"{S} --max-shard-size 1G": "did you mean --max-bytes?",
    f"{S} --squeeze": "did you mean --drop-axis?",
    f"{S} --stride 2": "did you mean --hop?",
    "diff a.npy b.npy --tolerance 1": "did you mean --rtol?",
    "diff a.npy b.npy --equal-nan": "did you mean --nan-equal?",
    # one dash for two
    f"{J} -axis 1": "-axis has one dash; write --axis",
    f"{J} -force": "-force has one dash; write --force",
    "concat a.npy b.npy -output y.npy": "-output has one dash; write --output",
    f"{J} -axis=1": "-axis=1 has one dash; write --axis=1",
    # lists in several words
    f"{S} --lengths 1 1 2": "write --lengths 1,1,2",
    f"{S} --lengths 1, 1, 2": "write --lengths 1,1,2",
    f"{S} --at 1 3": "write --at 1,3",
    f"{S} --ratio 3 1": "write --ratio 3:1",
    "concat a.npy -o y.h5 --chunks 2 2": "write --chunks 2,2",
    "concat a.npy -o y.zarr --shards 2 2": "write --shards 2,2",
    f"{J} --shard 2,2": "did you mean --shards?",
    f"{S} --ratio 3,1": "did you mean 3:1?",
    f"{S} --ratio 3/1": "did you mean 3:1?",
    f"{S} --lengths 3:1": "did you mean 3,1?",
    f"{S} --lengths [3,1]": "did you mean 3,1?",
    "concat a.npy -o y.h5 --chunks 2x2": "did you mean 2,2?",
    "split a.npy 2 -o 'p{index}.npy'": "did you mean --parts 2?",
    "split a.npy b.npy -o 'p{index}.npy'": "use reshard",
    # what is missing
    "concat a.npy b.npy z.npy": "say where to write, such as -o z.npy",
    "concat a.npy b.npy": "say where to write, such as -o y.npy",
    "split a.npy": "say where to write, such as -o 'part-{index}.npy'",
    "feed a.npy": "REF is missing: concatsplit feed [OPTIONS] FILE REF",
    "gradient concat a.npy -o y.npy": "--split-info is missing",
    # names of files and arrays
    "concat aa.npy -o y.npy": "did you mean 'a.npy'?",
    "concat A.npy -o y.npy": "did you mean 'a.npy'?",
    "concat a.np -o y.npy": "did you mean 'a.npy'?",
    "concat nowhere/a.npy -o y.npy": "there is no folder nowhere",
    "concat x.h5:images -o y.npy": "two colons before it: x.h5::images",
    "concat x.h5/images -o y.npy": "name an array in it as x.h5::images",
    "concat x.h5::imges -o y.npy": "did you mean 'images'?",
    "concat x.h5::labels -o y.npy": "did you mean 'group/labels'?",
    "concat two.zarr::imges -o y.npy": "did you mean 'images'?",
    "concat two.zarr/imges -o y.npy": "did you mean 'images'?",
    "concat n.npz::Images -o y.npy": "did you mean 'images'?",
    "concat m.safetensors::image -o y.npy": "did you mean 'images'?",
    "info x.h5::group/label": "did you mean 'group/labels'?",
    "concat a.npy -o y.np": "did you mean '.npy'?",
    "concat a.npy -o y.hdf55": "did you mean '.hdf5'?",
    "concat a.npy -o y.zar": "did you mean '.zarr'?",
    "concat a.npy -o .": "output .: is a folder; name a file in it",
    # values
    f"{J} --memory lots": "--memory: 'lots' is not a size",
    f"{S} --max-bytes lots": "--max-bytes: 'lots' is not a size",
    f"{J} --dtype flot32": "did you mean '--dtype float32'?",
    f"{J} --dtype fp16": "did you mean '--dtype float16'?",
    f"{J} --dtype double64": "did you mean '--dtype float64'?",
    "concat a.npy -o y.h5 --codec gzp": "did you mean 'gzip'?",
    f"{J} --routes kernal": "did you mean 'kernel'?",
    "split a.npy -o 'p{idx}.npy' --parts 2": "did you mean '{index}'?",
    "split a.npy -o 'p{i}.npy' --parts 2": "did you mean '{index}'?",
    "split a.npy -o 'p{cuont}.npy' --parts 2": "did you mean '{count}'?",
    f"{J} --jobs many": "--jobs: 'many' is not a whole number",
    f"{J} --jobs 0": "--jobs: 0 is less than 1",
    f"{S} --parts 1.5": "--parts: '1.5' is not a whole number",
    "diff a.npy b.npy --rtol x": "--rtol: 'x' is not a number",
    f"{J} --casting save": "--casting: 'save' is not one of 'no', 'equiv', 'safe', 'same_kind', "
    "'unsafe'; did you mean 'safe'?",
    f"{J} --axis ''": "--axis: '' is empty",
    f"{J} --routes ''": "--routes: '' is empty",
    f"{J} --memory": "--memory needs a value behind it",
    f"{J} --force=yes": "--force takes no value",
    # two of one, and one in place of another
    f"{J} --output z.npy": "-o is given 2 times; concat writes one output",
    "fetch x.h5::images y.npy": "to write to it, give -o y.npy",
    "split 0.npy -o 'p{index}.npy' --parts 1": "has no axis to join or cut along",
    "concat a.npy -o y": "output y: no suffix says its format",
    # names that are there, and are not what was meant
    "concat x.h5::group -o y.npy": "is a group, not an array; name an array in it, such as "
    "group/labels",
    "concat one.zarr::x -o y.npy": "is one array, and has no array 'x'",
    "concat link.npy -o y.npy": "it is a link to nowhere, which is not there",
    "concat s3://bucket/a.npy -o y.npy": "only files of this machine are read",
    "concat a.npy -o s3://bucket/y.npy": "only files of this machine are written, and no URLs",
    f"{J} --manifest folder": "is a folder; it is not replaced",
    "info texts.zip": "texts.zip::a.txt: not an .npy file",
    "verify a.npy": "is not a manifest of concatsplit: it is not text",
}
"""Command lines, and what the message says at its end or in it."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two arrays, and containers of two arrays each."""
    folder = tmp_path_factory.mktemp("mistakes")
    array = np.zeros((4, 6), "<f4")
    np.save(folder / "a.npy", array)
    np.save(folder / "b.npy", array)
    np.savez(folder / "n.npz", images=array, labels=array)
    save_file({"images": array, "labels": array}, folder / "m.safetensors")
    with h5py.File(folder / "x.h5", "w") as file:
        file["images"] = file["group/labels"] = array
    group = zarr.open_group(folder / "two.zarr", mode="w", zarr_format=3)
    for name in ("images", "labels"):
        group.create_array(name, data=array)
    zarr.create_array(folder / "one.zarr", data=array)
    np.save(folder / "0.npy", np.array(1.0))
    (folder / "link.npy").symlink_to("nowhere")
    (folder / "folder").mkdir()
    with zipfile.ZipFile(folder / "texts.zip", "w") as archive:
        archive.writestr("a.txt", "text")
    return folder


@pytest.fixture
def things(shell: Any, made: Path) -> None:
    """A copy of these files."""
    shutil.copytree(made, shell.folder, symlinks=True, dirs_exist_ok=True)


def test_there_are_a_hundred() -> None:
    assert len(MISTAKES) >= 100


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_explained(shell: Any, things: None, line: str) -> None:
    before = shell.snapshot()
    outcome = shell.run(*shlex.split(line))
    assert outcome.code in {2, 3, 4, 5}
    shell.one_line(outcome.err, MISTAKES[line])
    assert outcome.out == ""
    assert shell.snapshot() == before


def test_the_message_is_that_of_json_too(shell: Any, things: None) -> None:
    outcome = shell.run(*shlex.split(J), "--dim", 1, "--json")
    assert outcome.json["error"]["message"] == "concat has no option --dim; did you mean --axis?"
    assert outcome.json["error"]["code"] == outcome.code == 2


ODD = {
    "concat a.npy b.npy -o 'x-{index}.npy'": "output x-{index}.npy: the name is no template here",
    "concat p-1.npy p-10.npy p-2.npy -o y.npy": "in the order of the alphabet: p-10.npy comes "
    "before p-2.npy",
    "stack p-2.npy p-1.npy -o y.npy": "not in the order of their numbers: p-2.npy comes before",
    "concat a.npy b.npy -o 'y-{axis}.npy'": "output y-{axis}.npy: the name is no template here",
    "concat a.npy b.npy -o 'new/y*.npy'": "output new/y*.npy: the name is no pattern here",
    f"{J} --split-info 'lengths-{{count}}.npy'": "lengths-{count}.npy: the name is no template",
    "concat n.npz m.safetensors -o 'y{index}.h5'": "output y{index}.h5: the name is no template",
    "split x.h5 -o 'p?{index}.h5' --parts 2": "output p?0.h5: the name is no pattern here",
    "split a.npy -o '{a}.npy' -o '{b}.npy'": "output {a}.npy: the name is no template here",
    # options that ask for what none of the inputs or outputs can have
    f"{J} --zarr-format 3": "--zarr-format 3 changes nothing: no output is Zarr",
    "split a.npy -o 'p{index}.h5' --parts 2 --zarr-format 2": "--zarr-format 2 changes nothing",
    "concat a.npy b.npy -o y.zarr --memory-order F": "--memory-order F changes nothing: no output "
    "is .npy or .npz",
    f"{J} --raw int8,*": "--raw int8,* changes nothing: no input is a .dat, .bin or .raw file",
    f"{J} --carry first": "--carry first changes nothing: this is one array",
    "split a.npy -o 'p{index}.npy' --parts 2 --carry drop": "--carry drop changes nothing",
}


@pytest.mark.parametrize("line", ODD)
def test_what_may_not_be_meant_gets_a_note(shell: Any, things: None, line: str) -> None:
    for number in (1, 2, 10):
        shutil.copy("a.npy", f"p-{number}.npy")
    for extra in (["--dry-run"], []):
        outcome = shell.run(*shlex.split(line), *extra)
        assert outcome.code == 0
        [note] = outcome.err.splitlines()
        assert note.startswith("concatsplit: note: ")
        assert ODD[line] in note
    noted = shell.run(*shlex.split(line), "--force", "--json").json["notes"]
    assert [ODD[line] in note for note in noted] == [True]


@pytest.mark.parametrize(
    "line",
    [
        f"{J} --memory-order F",
        "concat a.npy b.npy -o y.h5 --memory-order C",
        "concat a.npy b.npy -o y.npz --memory-order F",
        "concat a.npy b.npy -o y.zarr.zip --zarr-format 2",
        "concat a.npy b.npy -o y.npy --split-info n.zarr --zarr-format 2",
        "concat e.dat a.npy -o y.npy --raw <f4,*,6",
        "concat x.h5 -o y.h5 --carry first --members '*'",
    ],
)
def test_options_that_one_input_or_output_has_a_use_for_get_none(
    shell: Any, things: None, line: str
) -> None:
    Path("e.dat").write_bytes(bytes(48))
    assert shell.ok(*shlex.split(line)).err == ""


@pytest.mark.parametrize(
    "inputs",
    [("p-1.npy", "p-2.npy", "p-10.npy"), ("'p-*.npy'",), ("b.npy", "a.npy"), ("p-2.npy", "a.npy")],
)
def test_other_orders_get_none(shell: Any, things: None, inputs: tuple[str, ...]) -> None:
    for number in (1, 2, 10):
        shutil.copy("a.npy", f"p-{number}.npy")
    shell.ok(*shlex.split(" ".join(("concat", *inputs, "-o", "y.npy"))))


def test_no_array_goes_to_or_comes_from_a_terminal(shell: Any, things: None) -> None:
    master, terminal = os.openpty()
    plain = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
    try:
        for args, name in ((("fetch", "a.npy"), "stdout"), (("info", "-"), "stdin")):
            done = subprocess.run(
                [shell.command, *args],
                **(plain | {name: terminal}),
                stderr=subprocess.PIPE,
                text=True,
                timeout=60,
                check=False,
            )
            assert done.returncode == 2
            shell.one_line(done.stderr, f"{name} is a terminal")
    finally:
        os.close(master)
        os.close(terminal)
    assert shell.hidden() == []

"""The benchmarks: their cases fit together, and the history of releases is kept and drawn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import h5py
import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import data, history
from benchmarks.bounds import ShareOf, Within
from benchmarks.cases import all_cases
from benchmarks.checking import equal
from benchmarks.judging import judge
from benchmarks.measures import Measured, Result, Sample
from benchmarks.model import OURS, Case, Check, Contestant, Role
from benchmarks.peers import codecs_alone
from benchmarks.running import run_case
from benchmarks.sizes import Sizes

SIZES = Sizes(0.01)


def results(version: str, **ratios: float) -> dict[str, Any]:
    def ours(ratio: float) -> dict[str, Any]:
        return {
            "role": "ours",
            "seconds": [3.0, 1.0, 2.0],
            "ratio": ratio,
            "note": "",
            "equal": True,
        }

    return {
        "scale": 1.0,
        "machine": {"processor": "p", "cores": "2", "file system": "tmpfs", "load": "1"},
        "versions": {"concatsplit": version},
        "cases": [{"name": name, "contestants": [ours(r)]} for name, r in ratios.items()],
    }


def test_cases_have_names_of_their_own_and_inputs_that_can_be_made() -> None:
    cases = all_cases(SIZES)
    assert len({case.name for case in cases}) == len(cases) > 40
    for case in cases:
        assert case.contestants[0].role is Role.OURS
        for name in case.inputs:
            assert name[1:].partition("/")[0] in data._BUILDERS


def test_a_missing_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "no"
    assert command.main(["--dir", str(folder), "--case", "npy/join-first"]) == 2
    assert f"--dir {folder} is not a folder" in capsys.readouterr().out


def test_a_line_of_history_has_medians_and_no_failures() -> None:
    found = results("1.0", **{"npy/a": 2.0, "npy/b": 8.0, "zarr/c": 1.0})
    found["cases"][2]["contestants"][0]["note"] = "exit code 1"
    line = history.release_of(found)
    assert line["version"] == "1.0"
    assert line["cases"]["npy/a"] == {"seconds": 2.0, "ratio": 2.0}
    assert "zarr/c" not in line["cases"]
    assert "load" not in line["machine"]
    assert history.groups_of(line) == {"npy": pytest.approx(4.0)}


def test_history_has_one_line_a_release(tmp_path: Path) -> None:
    for version, ratio in (("1.0", 2.0), ("1.1", 1.5), ("1.1", 1.2)):
        (tmp_path / "results.json").write_text(json.dumps(results(version, **{"npy/a": ratio})))
        history.main(["--results", str(tmp_path), "--history", str(tmp_path / "h.jsonl")])
    lines = [json.loads(line) for line in (tmp_path / "h.jsonl").read_text().splitlines()]
    assert [line["version"] for line in lines] == ["1.0", "1.1"]
    assert lines[1]["cases"]["npy/a"]["ratio"] == 1.2
    root = ElementTree.parse(tmp_path / "history.svg").getroot()
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"1.0", "1.1", "npy"} <= set(texts)
    line = root.find("{http://www.w3.org/2000/svg}polyline")
    assert line is not None
    points = [tuple(map(float, p.split(","))) for p in line.attrib["points"].split()]
    assert points[0][0] < points[1][0]
    assert points[0][1] < points[1][1]  # a smaller multiple is lower in the picture


def test_the_kept_history_can_be_read() -> None:
    lines = [json.loads(line) for line in (history.HERE / "history.jsonl").read_text().splitlines()]
    assert "<svg" in history.plot(lines)


def test_codecs_alone_do_what_a_misaligned_join_decodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, rows in (("a.h5", 5), ("b.h5", 8)):
        with h5py.File(name, "w") as file:
            values = np.arange(rows * 6, dtype="f4").reshape(rows, 6)
            file.create_dataset("data", data=values, chunks=(2, 3), compression="gzip")
    arrays = [codecs_alone._opened(name) for name in ("a.h5", "b.h5")]
    # the last row of chunks of the first input, and all four of the second, two chunks each
    assert len(list(codecs_alone._decoded_chunks(arrays))) == 2 + 8
    monkeypatch.setattr("sys.argv", ["codecs_alone", "a.h5", "b.h5"])
    codecs_alone.main()
    assert float(capsys.readouterr().out) > 0


def measured(name: str, role: Role, seconds: float) -> Measured:
    return Measured(Contestant(name, role, ("true",)), (Sample(seconds, 1),))


@pytest.mark.parametrize(("seconds", "met"), [(1.1, True), (1.3, False)])
def test_shares_and_seconds_are_judged(seconds: float, met: bool) -> None:
    bounds = (ShareOf(0.85, "alone"), Within(1.2))
    case = Case("x/y", "", 0, (), (), bounds)
    both = (measured(OURS, Role.OURS, seconds), measured("alone", Role.PROBE, 1.0))
    assert [verdict.met for verdict in judge(Result(case, both))] == [met, met]


def test_a_contestant_may_tell_its_time_and_start_cold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("folder", "file").write_bytes(b"x" * 5000)
    told = Contestant("told", Role.PROBE, ("echo", "12.5"), tells_seconds=True)
    case = Case("x/y", "", 0, ("folder",), (told,), cold=True)
    (one,) = run_case(case, rounds=1, settle=False).measured
    assert [sample.seconds for sample in one.samples] == [12.5]


def test_outputs_may_be_listed_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data.build("a-wide.npy", SIZES)
    Path("out").mkdir()
    whole = np.load("a-wide.npy")
    for name, row in zip(Path("a-wide.txt").read_text().split(), whole, strict=True):
        np.save(name, row[None])
    assert equal(Check(0, "a-wide.npy", ("@a-wide.txt",)))
    np.save("out/00001.npy", whole[:1])
    assert not equal(Check(0, "a-wide.npy", ("@a-wide.txt",)))

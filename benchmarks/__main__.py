"""Compare concatsplit with its peers: build inputs, run the cases, judge them, write the report.

Everything happens in a folder of its own on a RAM disk, which is removed at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import machine
from benchmarks.cases import all_cases
from benchmarks.chart import chart
from benchmarks.judging import judge
from benchmarks.measures import Result, Run, Verdict
from benchmarks.model import Case
from benchmarks.report import as_json, markdown
from benchmarks.running import build, run_case
from benchmarks.sizes import Sizes

RESULTS = Path(__file__).parent / "results"
_RAM_DISK = Path("/dev/shm")
_ROUNDS = 5


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--dir", type=Path, help="folder for inputs and outputs (default: the RAM disk)"
    )
    parser.add_argument(
        "--scale", type=float, default=1.0, help="size of everything; 1 is two inputs of 256 MiB"
    )
    parser.add_argument(
        "--rounds", type=int, default=_ROUNDS, help=f"of every case (default: {_ROUNDS})"
    )
    parser.add_argument("--case", default="*", help="only cases of this name or shell pattern")
    parser.add_argument("--list", action="store_true", help="print the names of the cases")
    parser.add_argument("--keep", action="store_true", help="leave the inputs where they are")
    parser.add_argument(
        "--results",
        type=Path,
        help="folder for the report (default: benchmarks/results, or trial/ in it unless all "
        f"cases run at scale 1 and at least {_ROUNDS} rounds)",
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison.

    Returns
    -------
    int
        Exit code: 0, or 1 where a result of ours was wrong or missing, or 2 where nothing ran.
    """
    options = _parse(arguments)
    sizes = Sizes(options.scale)
    cases = all_cases(sizes, options.case)
    if options.list or not cases:
        print("\n".join(case.name for case in cases) or f"no case matches {options.case}")
        return 0 if cases else 2
    place = options.dir or (_RAM_DISK if _RAM_DISK.is_dir() else Path(tempfile.gettempdir()))
    if not place.is_dir():
        print(f"--dir {place} is not a folder: make it first, or choose another one")
        return 2
    if shutil.disk_usage(place).free < sizes.needed_bytes:
        print(f"{sizes.needed_bytes >> 20} MiB are needed; choose --dir or a smaller --scale")
        return 2
    results = (options.results or _results_folder(options)).resolve()
    run = _measure(options, cases, place)
    _write(run, results)
    print(f"\nwritten to {os.path.relpath(results)}")
    return 0 if all(result.ours for result in run.results) else 1


def _results_folder(options: argparse.Namespace) -> Path:
    """What is published is never replaced by a part of a run, or by a hasty one."""
    whole = options.case == "*" and options.scale == 1 and options.rounds >= _ROUNDS
    return RESULTS if whole else RESULTS / "trial"


def _measure(options: argparse.Namespace, cases: list[Case], place: Path) -> Run:
    """Run all cases in a folder of their own."""
    # Ended from outside, a run removes its folder too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    before = Path.cwd()
    folder = Path(tempfile.mkdtemp(prefix="concatsplit-bench-", dir=place))
    found = machine.facts(folder)
    results: list[Result] = []
    verdicts: list[Verdict] = []
    os.chdir(folder)
    try:
        for index, case in enumerate(cases):
            print(f"\n{case.name}: {case.title}", flush=True)
            if case.on_disk and found["file system"] == "tmpfs":
                _say("left out: it says something about disks only; choose one with --dir")
                continue
            begin = time.monotonic()
            build(case.inputs, options.scale)
            settle = found["file system"] != "tmpfs"
            results.append(run_case(case, options.rounds, settle, _say))
            verdicts += _judged(results[-1])
            if not options.keep:
                _remove(
                    set(case.inputs)
                    - {name for later in cases[index + 1 :] for name in later.inputs}
                )
            print(f"  {time.monotonic() - begin:.0f} s in all", flush=True)
    finally:
        os.chdir(before)
        if not options.keep:
            shutil.rmtree(folder)
    return Run(
        options.scale,
        options.rounds,
        found,
        machine.versions(),
        machine.own_peak_bytes(),
        tuple(results),
        tuple(verdicts),
    )


def _say(text: str) -> None:
    print(f"  {text}", flush=True)


def _judged(result: Result) -> list[Verdict]:
    verdicts = judge(result)
    words = {True: "met", False: "MISSED", None: "not judged"}
    for one in verdicts:
        _say(f"{words[one.met]}: {one.bound}: {one.measured}")
    return verdicts


def _remove(names: set[str]) -> None:
    for name in names:
        path = Path(name)
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _write(run: Run, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.md").write_text(markdown(run))
    (folder / "results.json").write_text(json.dumps(as_json(run), indent=1) + "\n")
    (folder / "chart.svg").write_text(chart(run))


if __name__ == "__main__":
    sys.exit(main())

"""What the pages in docs/ tell people to type is typed here, and what they show is what comes."""

from __future__ import annotations

import contextlib
import filecmp
import io
import re
import shlex
import shutil
from pathlib import Path
from typing import Any, get_args

import pytest
from shells import Shell

ROOT = Path(__file__).parents[2]
OPERATORS = ROOT / "docs/operators.md"
VALUES = ROOT / "docs/values.md"
RECIPES = ROOT / "docs/recipes.md"
DATA_SETS = ROOT / "docs/data-sets.md"
MANIFEST = ROOT / "docs/manifest.md"
CHECKPOINTS = ROOT / "docs/checkpoints.md"
SAMPLES = ROOT / "sample_data"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Page:
    """A page whose blocks are run from top to bottom, as a reader would."""

    def __init__(self, path: Path, shell: Shell) -> None:
        self.name = path.name
        self.shell = shell
        self.blocks = FENCE.findall(path.read_text())
        self.names: dict[str, Any] = {}
        self.printed: str | None = None

    def run(self) -> dict[str, int]:
        """Run all blocks; a text block holds what the block before it printed.

        Returns
        -------
        dict
            How many blocks there were of each language.
        """
        count: dict[str, int] = {}
        for language, code in self.blocks:
            count[language] = count.get(language, 0) + 1
            getattr(self, language)(code)
        self.expect_nothing_left()
        return count

    def sh(self, code: str) -> None:
        """Run commands, one a line but for what a backslash continues."""
        self.expect_nothing_left()
        for line in code.replace("\\\n", " ").splitlines():
            match shlex.split(line):
                case ["cmp", one, other]:
                    assert filecmp.cmp(one, other, shallow=False), line
                case ["concatsplit", *args]:
                    self.shell.ok(*args)
                case _:
                    pytest.fail(f"what is this? {line}")

    def python(self, code: str) -> None:
        """Run code that has asserts, or prints what the next block shows."""
        self.expect_nothing_left()
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(code, self.name, "exec"), self.names)
        self.printed = out.getvalue()

    def text(self, shown: str) -> None:
        """Compare what a page shows with what was printed."""
        assert self.printed == shown
        self.printed = None

    def expect_nothing_left(self) -> None:
        """No block prints what the page does not show."""
        assert not self.printed, f"{self.name} does not show: {self.printed}"


def test_the_operators(shell: Shell) -> None:
    count = Page(OPERATORS, shell).run()
    assert set(count) == {"sh", "python", "text"}
    assert count["sh"] >= 11


@pytest.mark.parametrize(
    ("title", "call"),
    [
        ("concat", "cs.concat("),
        ("stack", "cs.stack("),
        ("depth-concat", "cs.depth_concat("),
        ("split", "cs.split("),
        ("depth-split", "cs.depth_split("),
        ("unstack", "cs.unstack("),
        ("split-by-lengths", "cs.split_by_lengths("),
        ("reshard", "cs.reshard("),
        ("gradient concat", "cs.concat_gradient("),
        ("gradient split", "cs.split_gradient("),
        ("fetch", "cs.fetch("),
        ("feed", "cs.feed("),
        ("undo", "cs.undo("),
        ("verify", "cs.verify("),
    ],
)
def test_a_section_has_a_definition_a_command_a_call_and_what_differs(
    title: str, call: str
) -> None:
    (section,) = re.findall(rf"^## {title}$(.*?)(?=^## )", OPERATORS.read_text(), re.M | re.S)
    assert "$" in section
    assert re.search(rf"^concatsplit {title} ", section, re.MULTILINE)
    assert call in section
    assert all(library in section for library in ("Caffe2", "NumPy", "PyTorch", "ONNX"))


def test_the_data_sets(shell: Shell) -> None:
    count = Page(DATA_SETS, shell).run()
    assert count == {"python": 3, "sh": 3, "text": 1}


def test_the_manifest(shell: Shell) -> None:
    count = Page(MANIFEST, shell).run()
    assert count == {"python": 3, "text": 2}


def test_the_page_on_manifests_names_every_key_and_kind() -> None:
    from concatsplit_core.run import manifest_reading
    from concatsplit_core.run.hashing import leaves
    from concatsplit_core.run.hashing.record import KINDS

    page = MANIFEST.read_text()
    known = (*manifest_reading.TOP, *manifest_reading.ENTRY, *manifest_reading.HASH)
    for key in (*known, *manifest_reading.SECTIONS):
        assert f"`{key}`" in page
    for kind in KINDS:
        assert f'`"{kind}"`' in page
        assert f"**`{kind}`**" in page
    assert f"{leaves.ROW_BYTES >> 10} KiB" in page
    assert f"{leaves.LEAF_BYTES >> 20} MiB" in page
    assert f"{leaves.MOST_SECTIONS} sections" in page


def test_what_numbers_mean(shell: Shell) -> None:
    count = Page(VALUES, shell).run()
    assert count["text"] >= 3


def test_the_page_on_values_names_every_attribute_and_rule() -> None:
    from concatsplit_core.meaning.agreement import ConflictRule, KeptAttributes
    from concatsplit_core.meaning.model import DEFINING

    page = VALUES.read_text()
    for word in (*DEFINING, *get_args(ConflictRule), *get_args(KeptAttributes)):
        assert f"`{word}`" in page or f"`--attrs {word}`" in page


@pytest.fixture
def samples(shell: Shell) -> Shell:
    """A copy of the sample data, as the working directory."""
    for item in SAMPLES.iterdir():
        if item.is_dir():
            shutil.copytree(item, shell.folder / item.name)
    return shell


def test_the_recipes(samples: Shell) -> None:
    before = samples.snapshot()
    count = Page(RECIPES, samples).run()
    assert set(count) == {"sh", "python", "text"}
    after = samples.snapshot()
    assert all(after[name] == before[name] for name in before)
    assert all(name.partition("/")[0] == "made" for name in set(after) - set(before))


def test_checkpoints(shell: Shell) -> None:
    count = Page(CHECKPOINTS, shell).run()
    assert count == {"python": 4, "text": 4, "sh": 5}


def test_the_sample_data_stay_small() -> None:
    files = [path for path in SAMPLES.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 900 << 10
    recording = [path for path in files if path.parent.name == "recording"]
    assert 0 < sum(path.stat().st_size for path in recording) < 120 << 10

"""What the pages in docs/ tell people to type is typed here, and what they show is what comes."""

from __future__ import annotations

import contextlib
import filecmp
import io
import re
import shlex
import shutil
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import click
import numpy as np
import pytest
import zarr
from shells import Shell
from test_help_examples import COMMANDS

from concatsplit_cli.main import main

ROOT = Path(__file__).parents[2]
OPERATORS = ROOT / "docs/operators.md"
VALUES = ROOT / "docs/values.md"
RECIPES = ROOT / "docs/recipes.md"
DATA_SETS = ROOT / "docs/data-sets.md"
MANIFEST = ROOT / "docs/manifest.md"
CHECKPOINTS = ROOT / "docs/checkpoints.md"
DOCS = ROOT / "docs"
HOW_TO = sorted((DOCS / "how-to").glob("*.md"))
SAMPLES = ROOT / "sample_data"
FENCE = re.compile(r"^```([\w{}-]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Page:
    """A page whose blocks are run from top to bottom, as a reader would."""

    def __init__(self, path: Path, shell: Shell) -> None:
        self.name = path.name
        self.shell = shell
        found = FENCE.findall(path.read_text())
        self.blocks = [block for block in found if not block[0].startswith("{")]
        self.names: dict[str, Any] = {}
        self.printed: str | None = None
        self.is_shown = False
        """Whether the next block shows what this one prints."""

    def run(self) -> dict[str, int]:
        """Run all blocks; a text block holds what the block before it printed.

        Returns
        -------
        dict
            How many blocks there were of each language.
        """
        count: dict[str, int] = {}
        languages = [language for language, _ in self.blocks]
        for (language, code), following in zip(self.blocks, [*languages[1:], ""], strict=True):
            count[language] = count.get(language, 0) + 1
            self.is_shown = following == "text"
            getattr(self, language)(code)
        self.expect_nothing_left()
        return count

    def sh(self, code: str) -> None:
        """Run commands, one a line but for what a backslash continues."""
        self.expect_nothing_left()
        printed = ""
        with pytest.MonkeyPatch.context() as exported:
            for line in code.replace("\\\n", " ").splitlines():
                match shlex.split(line):
                    case ["cmp", one, other]:
                        assert filecmp.cmp(one, other, shallow=False), line
                    case ["concatsplit", *args]:
                        printed += self.shell.ok(*args).out
                    case ["export", *variables]:
                        for variable in variables:
                            exported.setenv(*variable.split("="))
                    case _:
                        pytest.fail(f"what is this? {line}")
        if self.is_shown:
            self.printed = "".join(f"{one.rstrip()}\n" for one in printed.rstrip().splitlines())

    def make(self, code: str) -> None:
        """Run make with these rules."""
        self.expect_nothing_left()
        Path("Makefile").write_text(code)
        done = self.shell.bash("make")
        assert done.returncode == 0, done.stderr

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


@pytest.mark.parametrize("path", HOW_TO, ids=lambda path: path.stem)
def test_how_to(shell: Shell, path: Path) -> None:
    count = Page(path, shell).run()
    assert count["sh"] >= 3
    _same_pictures(path)


@pytest.mark.parametrize("name", ["tutorial", "memory"])
def test_the_tutorial_and_what_is_explained(shell: Shell, name: str) -> None:
    Page(DOCS / f"{name}.md", shell).run()
    _same_pictures(DOCS / f"{name}.md")


def test_the_picture_of_the_home_page(shell: Shell) -> None:
    for name, rows in (("x", 100), ("z", 55)):
        zarr.create_array(f"{name}.zarr", data=np.zeros((rows, 40), "f4"), chunks=(10, 20))
    Page(DOCS / "index.md", shell).run()
    _same_pictures(DOCS / "index.md")


def _same_pictures(page: Path) -> None:
    """The pictures of a page are those that its commands have drawn here.

    Sizes of compressed chunks differ between versions of a codec, so that those pictures are
    compared without numbers and shades.
    """
    for name in re.findall(r"\]\((?:\.\./)?pictures/([\w-]+\.svg)\)", page.read_text()):
        drawn, shown = (folder.joinpath(name).read_text() for folder in (Path(), DOCS / "pictures"))
        if "<title>chunk" in shown:
            drawn, shown = (
                re.sub(r"[\d.]+|heat", "", text).count("<rect") for text in (drawn, shown)
            )
        assert drawn == shown, f"{name} is not what the commands of {page.name} draw"


def test_the_site_has_every_page() -> None:
    index = (DOCS / "index.md").read_text()
    listed = {name for tree in re.findall(r"```{toctree}\n(.*?)```", index, re.DOTALL)
              for name in tree.splitlines() if name and name[0] != ":"}  # fmt: skip
    pages = {str(path.relative_to(DOCS).with_suffix("")) for path in DOCS.rglob("*.md")}
    assert listed | {"index"} == pages


def test_no_link_leads_nowhere() -> None:
    for path in DOCS.rglob("*.md"):
        text = FENCE.sub("", path.read_text())
        for target, anchor in re.findall(r"\]\(([^)#:\s]+)(#[^)\s]+)?\)", text):
            found = path.parent / target
            assert found.exists(), f"{path.name}: {target}"
            if anchor:
                titles = re.findall(r"^#+ (.*)$", found.read_text(), re.MULTILINE)
                slugs = {
                    re.sub(r"[^\w\- ]", "", title).lower().replace(" ", "-") for title in titles
                }
                assert anchor[1:] in slugs, f"{path.name}: {target}{anchor}"


def test_the_reference_has_every_command_option_and_function(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import concatsplit_core as cs

    monkeypatch.syspath_prepend(DOCS / "_site")
    reference = import_module("reference")
    sections = dict(re.findall(r"^## concatsplit (.*?)\n(.*?)(?=^## |\Z)", reference.commands(),
                               re.DOTALL | re.MULTILINE))  # fmt: skip
    for path in COMMANDS:
        command: click.Command = main
        for name in path:
            assert isinstance(command, click.Group)
            command = command.commands[name]
        if not isinstance(command, click.Group):
            section = sections.pop(" ".join(path))
            for param in command.params:
                if isinstance(param, click.Option) and not param.hidden:
                    assert re.search(rf"^\| `.*{param.opts[0]}\b", section, re.MULTILINE), param
    assert not sections
    named = re.findall(r":: concatsplit_core\.(\w+)", reference.functions())
    assert sorted(named) == sorted(cs.__all__)


def test_pages_are_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(DOCS / "_site")
    sources = import_module("sources")
    for page in (
        "safety",
        "formats",
        "project/contributing",
        "comparison",
        "commands",
        "python",
        "recipes",
    ):
        content = [(DOCS / f"{page}.md").read_text()]
        sources.fill(None, page, content)
        assert "<!--" not in content[0]
        for target in re.findall(r"\]\(([^)#:\s]+)", FENCE.sub("", content[0])):
            assert (DOCS / page).parent.joinpath(target).exists(), (page, target)
    with pytest.raises(ValueError, match="no section 'None such'"):
        sources.fill(None, "safety", ["<!-- from README.md: None such -->"])


def test_what_the_site_takes_from_elsewhere_is_there() -> None:
    comment = re.compile(r"<!-- from ([\w/.]+)(?:: (.+))? -->")
    taken = [one for path in DOCS.rglob("*.md") for one in comment.findall(path.read_text())]
    assert len(taken) >= 6
    for name, title in taken:
        assert f"\n## {title}\n" in (ROOT / name).read_text() if title else (ROOT / name).exists()


def test_tensorstore_has_no_hdf5(tmp_path: Path) -> None:
    """As docs/comparison.md says."""
    import tensorstore

    kvstore = {"driver": "file", "path": str(tmp_path / "x.h5")}
    with pytest.raises(ValueError, match="is not a registered TensorStore driver"):
        tensorstore.open({"driver": "hdf5", "kvstore": kvstore}).result()


def test_the_sample_data_stay_small() -> None:
    files = [path for path in SAMPLES.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 900 << 10
    recording = [path for path in files if path.parent.name == "recording"]
    assert 0 < sum(path.stat().st_size for path in recording) < 120 << 10

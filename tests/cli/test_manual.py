"""The manual pages say what the help says, and man reads them without a warning."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from concatsplit_cli.main import main
from concatsplit_cli.manual import pages, write_pages

PAGES = pages(main)


def text_of(page: str) -> str:
    """A page without escapes."""
    page = re.sub(r"\\f[BIR]|\\&", "", page).replace(r"\-", "-").replace(r"\(aq", "'")
    return page.replace(r"\(ga", "`").replace(r"\(ha", "^").replace(r"\(ti", "~")


@pytest.mark.parametrize("name", [*main.commands, "gradient-concat", "gradient-split"])
def test_a_page_has_all_options_and_examples(name: str) -> None:
    command: click.Command = main
    for word in name.split("-") if name.startswith("gradient-") else [name]:
        assert isinstance(command, click.Group)
        command = command.commands[word]
    page = text_of(PAGES[f"concatsplit-{name}.1"])
    assert f"concatsplit-{name} - " in page
    for param in command.params:
        for option in (*param.opts, *param.secondary_opts) if option_like(param) else ():
            assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", page), option
    for line in re.findall(r"^ +concatsplit .*", command.help or "", re.MULTILINE):
        assert f"\n{line.strip()}\n" in page


def option_like(param: click.Parameter) -> bool:
    return isinstance(param, click.Option) and not param.hidden


def test_the_first_page_leads_to_all_others() -> None:
    page = text_of(PAGES["concatsplit.1"])
    for name in PAGES:
        assert name == "concatsplit.1" or f"{name.removesuffix('.1')}(1)" in page
    assert "CONCATSPLIT_MEMORY" in page
    assert "\n.TP\n10\nThe run does not fit the memory budget" in page


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_groff_has_no_warning(tmp_path: Path) -> None:
    paths = write_pages(tmp_path / "man")
    command = ["groff", "-man", "-ww", "-Tutf8", *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    shown = re.sub(r"\x1b\[[\d;]*m|.\x08", "", done.stdout)
    assert "concatsplit split a.npy -o 'half-{index}.npy' --parts 2" in shown

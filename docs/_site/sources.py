"""What is written once is read from there: sections of the README, pages at the top, commands.

A page says what it takes in a comment: ``<!-- from README.md: Memory -->`` for a section,
``<!-- from CHANGELOG.md -->`` for all of a file, ``<!-- commands -->`` and ``<!-- python -->`` for
the commands and what the library offers.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from reference import commands, functions

ROOT = Path(__file__).parents[2]

PAGES = {
    "CONTRIBUTING.md": "docs/project/contributing.md",
    "CHANGELOG.md": "docs/project/changelog.md",
    "benchmarks/README.md": "docs/project/benchmarks.md",
    "sample_data/README.md": "docs/project/sample-data.md",
}
"""Files outside of docs/, and the pages that show them."""

_FROM = re.compile(r"<!-- from ([\w/.]+)(?:: (.+))? -->")
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]*)(#[^)]*)?\)")
_CODE = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)


def fill(_: Any, docname: str, content: list[str]) -> None:
    """Fill in what a page takes from elsewhere, before Sphinx reads it."""
    page = f"docs/{docname}.md"
    text = _with_links(content[0], page, page)
    text = _FROM.sub(lambda found: _taken(found[1], found[2], page), text)
    text = text.replace("<!-- commands -->", commands()) if "<!-- commands -->" in text else text
    content[0] = text.replace("<!-- python -->", functions())


def _taken(name: str, title: str | None, page: str) -> str:
    """The text of a file, or of one of its sections without the heading."""
    text = (ROOT / name).read_text()
    if title is not None:
        found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
        if found is None:
            raise ValueError(f"{page}: {name} has no section '{title}'")
        text = found[1].strip()
    return _with_links(text, name, page)


def _with_links(text: str, origin: str, page: str) -> str:
    """Text from a file, with its links as a page has to write them."""
    parts = _CODE.split(text)
    parts[::2] = [_LINK.sub(lambda found: _linked(found, origin, page), p) for p in parts[::2]]
    return "".join(parts)


def _linked(found: re.Match[str], origin: str, page: str) -> str:
    """A link; what is not on the site is named without one."""
    mark, words, target, anchor = found[1], found[2], found[3], found[4] or ""
    if "://" in target or not target:
        return found[0]
    path = os.path.normpath(os.path.join(os.path.dirname(origin), target))
    path = PAGES.get(path, path)
    if not path.startswith("docs/"):
        return words
    return f"{mark}[{words}]({os.path.relpath(path, os.path.dirname(page))}{anchor})"

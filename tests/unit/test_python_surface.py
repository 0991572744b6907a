"""What Python users see: names, signatures, help, and results in an interpreter or a notebook."""

from __future__ import annotations

import ast
import inspect
import pydoc
import rlcompleter
from base64 import b64decode
from dataclasses import fields
from html.parser import HTMLParser
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest

import concatsplit_core as cs
from concatsplit_core.operators import keywords
from concatsplit_core.operators.selection import Selection

WITH_OPTIONS = (
    "concat", "concat_gradient", "depth_concat", "depth_split", "feed", "fetch_to", "reshard",
    "split", "split_by_lengths", "split_gradient", "stack", "undo", "unstack",
)  # fmt: skip

INTERNAL = {"step", "thresholds"}
"""Options that only the package itself gives."""


def test_dir_and_completion_offer_what_there_is_and_nothing_else() -> None:
    offered = [name for name in dir(cs) if not name.startswith("_")]
    assert offered == sorted(cs.__all__)
    completer = rlcompleter.Completer({"cs": cs})
    assert completer.complete("cs.split_g", 0) == "cs.split_gradient("


def test_help_shows_the_operators_with_their_options() -> None:
    text = pydoc.render_doc(cs, renderer=pydoc.plaintext)
    assert "doctest" not in text
    for name in WITH_OPTIONS:
        assert f"\n    {name}(" in text
    text = pydoc.render_doc(cs.split, renderer=pydoc.plaintext)
    assert "max_bytes: 'str | int | None' = None" in text
    assert "dry_run: 'bool' = False" in text


@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_signatures_have_every_option_and_take_no_others(name: str) -> None:
    operator = getattr(cs, name)
    signature = inspect.signature(operator)
    given = set(signature.parameters)
    assert {field.name for field in fields(cs.Options)} - given == INTERNAL
    kinds = {parameter.kind for parameter in signature.parameters.values()}
    assert inspect.Parameter.VAR_KEYWORD not in kinds
    first = next(iter(signature.parameters.values()))
    assert first.default is inspect.Parameter.empty
    with pytest.raises(TypeError):
        signature.bind("a", "b", "c", memry="1MiB")


def test_an_option_that_there_is_not_is_an_error() -> None:
    with pytest.raises(TypeError, match="memry"):
        cs.concat(["a.npy"], "y.npy", memry="1MiB")  # type: ignore[call-arg]


def test_type_checkers_know_the_options_that_there_are() -> None:
    shared = {field.name: field.type for field in fields(cs.Options) if field.name not in INTERNAL}
    given = {k: h.__forward_arg__ for k, h in keywords.SharedOptions.__annotations__.items()}
    assert given == shared
    chosen = {field.name for field in fields(Selection)}
    assert set(keywords.DataSetOptions.__annotations__) == {*shared, *chosen}
    cut = {field.name for field in fields(cs.Cut)}
    assert set(keywords.Cuts.__annotations__) == {*cut, "lengths_from"}
    assert get_type_hints(keywords.SplitOptions).keys() == {*shared, *chosen, *cut, "lengths_from"}
    assert Path(cs.__file__).with_name("py.typed").exists()


def test_no_list_of_names_hides_the_names_from_type_checkers() -> None:
    # mypy reads `from operators import *` as nothing if __all__ is no plain list: all would be Any
    source = Path(cs.__file__).with_name("operators") / "__init__.py"
    for node in ast.parse(source.read_text()).body:
        names = [ast.unparse(name) for name in getattr(node, "targets", [])]
        assert "__all__" not in names


def test_defaults_are_those_that_apply() -> None:
    parameters = inspect.signature(cs.reshard).parameters
    for owner in (cs.Options, Selection, cs.Cut):
        made = owner()
        for field in fields(owner):
            if field.name not in INTERNAL:
                assert parameters[field.name].default == getattr(made, field.name), field.name


@pytest.fixture
def result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> cs.Result:
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.zeros((2, 3), "f4"))
    Path("a.npy").rename("<b>&\n.npy")
    return cs.concat(["<b>&\n.npy", "<b>&\n.npy"], "y.npy", axis=1, sync=False)


def test_a_result_is_one_short_line(result: cs.Result) -> None:
    line = "<Result of concat: 2 inputs to 'y.npy' of shape (2, 6) and dtype float32, 48B>"
    assert repr(result) == line
    parts = cs.split("y.npy", "p{index}-\n.npy", parts=3, axis=1, dry_run=True)
    assert repr(parts) == (
        "<Result of split: 1 input to 3 outputs 'p0-\\n.npy' to 'p2-\\n.npy', 48B, dry run>"
    )


class _Cells(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.images: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.images += [str(value) for name, value in attrs if name == "src"]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_a_notebook_shows_a_table_in_which_names_are_only_text(result: cs.Result) -> None:
    parser = _Cells()
    parser.feed(result._repr_html_())
    assert set(parser.tags) == {"table", "caption", "tr", "th", "td", "ul", "li", "img"}
    (image,) = parser.images
    head, _, data = image.partition(",")
    assert head == "data:image/svg+xml;base64"
    assert b64decode(data).decode() == result.picture()
    assert parser.texts.count("<b>&\n.npy") == 2
    assert {"y.npy", "2 x 6", "float32"} <= set(parser.texts)
    strange = result.arrays[0].inputs[0]._replace(ref="\udcff")
    array = result.arrays[0]._replace(inputs=(strange,) * 40)
    shown = result._replace(arrays=(array,))._repr_html_()
    assert "\\udcff" in shown
    assert "… 24 more" in shown

"""Words of a command line that stand where they do not belong, and what was probably meant."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from itertools import takewhile

import click

_LISTS = {
    "--lengths": ",",
    "--at": ",",
    "--chunks": ",",
    "--shards": ",",
    "--only": ",",
    "--ratio": ":",
}
"""Options with a list as their value, and what stands between its items."""
_NUMBER = re.compile(r"-?\d+")
_LIST = re.compile(r"\d+(,\d+)*")


def list_in_words(words: Sequence[str]) -> str:
    """The hint how to write a list whose items were given as several words; else empty."""
    for place, option in enumerate(words):
        if option in _LISTS:
            items = []
            for word in words[place + 1 :]:
                if not _NUMBER.fullmatch(word.strip(",:")):
                    break
                items.append(word.strip(",:"))
            if len(items) > 1:
                return f"; write {option} {_LISTS[option].join(items)}"
        elif option == "--names":
            names = list(takewhile(_is_name, words[place + 1 :]))
            if len(names) > 1:
                return f"; write {option} {','.join(name.strip(',') for name in names)}"
    return ""


def _is_name(word: str) -> bool:
    """Whether a word is the name of a part, and neither an option nor a file."""
    return re.fullmatch(r"\w+,?", word) is not None and not os.path.exists(word)


def misplaced(number: str, words: Sequence[str]) -> str:
    """The hint if a number that belongs to an option was taken as an argument; else empty.

    Parameters
    ----------
    number : str
        What was taken as an argument.
    words : sequence of str
        The command line.
    """
    place = words.index(number) if number in words else 0
    before, last = words[max(place - 2, 0)], words[max(place - 1, 0)]
    if last == "--lengths-from" and _LIST.fullmatch(number):
        return f"; did you mean --lengths {number}?"
    if words[:1] == ["split-by-lengths"] and "," in number and _LIST.fullmatch(number):
        return f"; LENGTHS is an array; for numbers, give split --lengths {number}"
    if not _NUMBER.fullmatch(number):
        return ""
    if before == "--codec":
        return f"; write --codec {last}:{number}"
    if last in {"-n", "--dry-run"}:
        return f"; {last} takes no value, and asks for the plan only"
    return ""


def why_extra(extra: str, context: click.Context, words: Sequence[str]) -> str:
    """What was probably meant by words that are too many.

    Parameters
    ----------
    extra : str
        These words.
    context : click.Context
        Of the command.
    words : sequence of str
        The command line.
    """
    in_words = list_in_words(words)
    if in_words:
        return in_words
    known = {opt for p in context.command.params for opt in p.opts}
    if "--parts" not in known:
        return _why_second(extra, context, words, known)
    numbers = [word for word in words[1:] if word.isdigit() and not os.path.exists(word)]
    taken = [number for number in numbers if number in {extra, *_first_words(words)}]
    if taken:
        return f"{misplaced(taken[0], words)}; did you mean --parts {taken[0]}?"
    if "." in extra and " " not in extra and not os.path.exists(extra):
        return f"; to write to it as well, give -o {extra}"
    return "; give one input, or use reshard for an array in several files"


def _first_words(words: Sequence[str]) -> list[str]:
    """What may have been taken as the input: the first words that are no option."""
    return [word for word in words[1:] if not word.startswith("-")][:1]


def _why_second(
    extra: str, context: click.Context, words: Sequence[str], known: Iterable[str]
) -> str:
    """What was probably meant by a second word of a command that takes one, or a third of two."""
    if "--output" in known and " " not in extra:
        for file in _first_words(words):
            if "." not in extra and os.path.exists(file) and not file.endswith(".npy"):
                return f"; an array in a file is named as in {file}::{extra}"
        return f"; to write to it, give -o {extra}"
    if context.info_name == "feed" and not re.search(r"[ .]", extra):
        [file] = [word for word in words[1:] if not word.startswith("-")][1:2] or [""]
        return f"; an array in a file is named as in {file}::{extra}"
    return f"; see concatsplit {context.command_path.partition(' ')[2]} --help"

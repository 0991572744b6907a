"""Completion in bash, zsh and fish: their scripts, and the words that the scripts get."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from click.shell_completion import (
    CompletionItem,
    ShellComplete,
    add_completion_class,
    split_arg_string,
)

_BASH = """\
%(complete_func)s() {
    local reply
    mapfile -t reply <<< "$(COMP_LINE="${COMP_LINE:0:COMP_POINT}" \
COMP_CURRENT="${COMP_WORDS[COMP_CWORD]}" COMP_BREAKS="$COMP_WORDBREAKS" \
%(complete_var)s=bash_complete "$1" 2>/dev/null)"
    COMPREPLY=()
    case "${reply[0]}" in
        file) compopt +o nosort -o default ;;
        dir) compopt +o nosort -o dirnames ;;
        plain) COMPREPLY=("${reply[@]:1}") ;;
    esac
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""

_ZSH = """\
#compdef %(prog_name)s
%(complete_func)s() {
    local -a reply found shown
    local each
    reply=("${(@f)$(COMP_LINE="${(j: :)words[1,CURRENT-1]} ${QIPREFIX}${PREFIX}" \
%(complete_var)s=zsh_complete ${words[1]} 2>/dev/null)}")
    compset -P '--*='
    case "${reply[1]}" in
        file) _files ;;
        dir) _files -/ ;;
        plain)
            for each in "${(@)reply[2,-1]}"; do
                found+=("${each%%%%$'\t'*}")
                shown+=("${each/$'\t'/  -- }")
            done
            if [[ "${found[*]}" == "${shown[*]}" ]]; then
                compadd -V unsorted -a -- found
            else
                compadd -V unsorted -l -d shown -a -- found
            fi ;;
    esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""

_FISH = """\
function %(complete_func)s
    set -l reply (COMP_LINE=(commandline -cp) %(complete_var)s=fish_complete \
%(prog_name)s 2>/dev/null)
    switch $reply[1]
        case file
            __fish_complete_path (commandline -ct)
        case dir
            __fish_complete_directories (commandline -ct)
        case plain
            printf '%%s\\n' $reply[2..]
    end
end
complete --no-files --command %(prog_name)s --arguments '(%(complete_func)s)'
"""

_SPECIAL = re.compile(r"([^\w@%+=:,./~-])")
_OUTPUT, _TO = "-o", "--to"
_OPTION = re.compile(r"--[a-z-]+=|-o(?=.)")


class _Complete(ShellComplete):
    """Prints for a shell who completes the word, and then what the word can be."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the cursor, and the start of the one at the cursor."""
        line = os.environ.get("COMP_LINE", "")
        words = split_arg_string(line)
        is_new = not line or (line[-1].isspace() and not line.endswith("\\ "))
        return (words[1:], "") if is_new else (words[1:-1], words[-1] if words else "")

    def complete(self) -> str:
        """Who completes: ``file`` or ``dir`` for the shell itself; ``plain``, then the words."""
        args, incomplete = self.get_completion_args()
        option = _OPTION.match(incomplete)
        before = option[0] if option else ""
        own = _without_stage(args)
        is_joined = before == _OUTPUT
        if is_joined:
            own, incomplete, before = [*own, before], incomplete.removeprefix(before), ""
        self.ctx_args = {**self.ctx_args, "obj": own}
        items = self.get_completions(own, incomplete)
        if is_joined:
            items = _joined_to(_OUTPUT, incomplete, items)
        elif own != args and incomplete[:1] == "-" and _TO.startswith(incomplete):
            items.append(CompletionItem(_TO, help="A new folder for the run."))
        if any(item.type in {"file", "dir"} for item in items):
            return str(items[0].type)
        return "\n".join(["plain", *(self.word(item, before) for item in items)])

    def word(self, item: CompletionItem[Any], before: str) -> str:
        """A word as the shell's script wants it."""
        raise NotImplementedError


def _without_stage(args: list[str]) -> list[str]:
    """The words before the cursor, where they are staged: those of the operator's own command."""
    if args[:1] != ["stage"] or args[-1] == _TO:
        return args
    own = [
        word
        for before, word in pairwise(args)
        if _TO not in {before, word} and not word.startswith(f"{_TO}=")
    ]
    return own or args


def _joined_to(
    option: str, incomplete: str, items: Sequence[CompletionItem[Any]]
) -> list[CompletionItem[Any]]:
    """The values of a short option that follow it without a space, each together with it."""
    if any(item.type == "file" for item in items):  # the shell would look for files named -o...
        from concatsplit_cli.candidates import file_names

        return [CompletionItem(name) for name in file_names(incomplete, option)]
    return [CompletionItem(f"{option}{item.value}") for item in items]


class Bash(_Complete):
    """Bash splits words at ``:``, ``=`` and ``@``, and completes what follows the last one."""

    name = "bash"
    source_template = _BASH

    def word(self, item: CompletionItem[Any], before: str) -> str:
        """The part of a word that bash completes, with what is special to it escaped."""
        incomplete = self.get_completion_args()[1].removeprefix(before)
        if os.environ.get("COMP_CURRENT", "")[:1] in {"'", '"'}:
            return str(item.value)
        breaks = os.environ.get("COMP_BREAKS", "")
        known = max((incomplete.rfind(mark) + 1 for mark in ":=" if mark in breaks), default=0)
        if "@" in breaks:  # bash completes it together with what follows it
            known = max(known, incomplete.rfind("@"))
        return _SPECIAL.sub(r"\\\1", str(item.value)[known:])


class Zsh(_Complete):
    """Zsh escapes words itself; its script has it leave out the option in ``--option=``."""

    name = "zsh"
    source_template = _ZSH

    def word(self, item: CompletionItem[Any], before: str) -> str:
        """The word, and what it means; the script takes them apart."""
        return _described(str(item.value), item)


class Fish(_Complete):
    """Fish completes ``--option=value`` as one word; what follows a tab is its description."""

    name = "fish"
    source_template = _FISH

    def word(self, item: CompletionItem[Any], before: str) -> str:
        """The word, and what it means."""
        return _described(f"{before}{item.value}", item)


def _described(word: str, item: CompletionItem[Any]) -> str:
    """A word, and what it means after a tab."""
    text = (item.help or "").split(". ")[0].replace("\n", " ").strip()
    return word + (f"\t{text}" if text else "")


def register() -> None:
    """Have Click use these for its three shells."""
    for shell in (Bash, Zsh, Fish):
        add_completion_class(shell)

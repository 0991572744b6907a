"""What was probably meant by a command line that Click does not understand."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

import click

from concatsplit_cli.misplaced import list_in_words, why_extra
from concatsplit_core.foundation.errors import did_you_mean

_COMMANDS = {
    "concat": "join merge cat concatenate append combine paste hstack vstack cat-files union "
    "column-stack row-stack dstack",
    "split": "cut chunk slice divide partition array-split hsplit vsplit chop",
    "reshard": "rechunk repartition rebalance resplit",
    "unstack": "unbind explode",
    "fetch": "get extract export read",
    "feed": "put set import write store insert add",
    "info": "ls list describe inspect stat head header print show dump "
    "view stats tree summary shape",
    "diff": "compare cmp equal allclose",
    "verify": "check validate checksum",
    "recover": "repair fix clean cleanup",
    "undo": "revert restore rollback",
    "gradient": "grad backward",
}
"""What commands are called elsewhere."""

_ONE = "'concatsplit concat ONE -o OTHER' does it, for one input"
_NO_COMMANDS = {
    "convert copy cp transcode": _ONE,
    "rechunk": f"{_ONE}; --chunks says which chunks",
    "compress recompress": f"{_ONE}; --codec says how it is compressed",
    "cast astype": f"{_ONE}; --dtype says to which dtype",
    "resume restart continue retry": "a run with --resume goes on if its command is given again",
    "plan preview dry-run": "--dry-run prints the plan of any command that writes",
    "completion completions": "the README says how a shell learns to complete",
    "usage": "did you mean --help?",
    "version": "did you mean --version?",
}
"""Commands of other programs that are none here, and what does it."""
_LEAST_ALIKE = 0.8
"""How alike a command or an option has to be to be suggested: a wrong one is worse than none."""

_OPTIONS = {
    "--axis": "dim dimension along record-dimension axes d",
    "--force": "overwrite force-overwrite replace clobber yes y exist-ok",
    "--parts": "num count number sections pieces n-parts num-parts nparts chunks-count k p n "
    "splits n-splits",
    "--picture": "draw plot svg image graph visualize visualise diagram chart",
    "--jobs": "threads workers nproc num-workers parallel cpus n-jobs processes num-threads p "
    "cores ncores",
    "--codec": "compress compression compressor filter gzip zstd z",
    "--memory": "mem memory-limit max-memory budget buffer-size ram m max-mem mem-limit maxmem",
    "--output": "out outfile output-file dest destination to target outputs",
    "--shards": "shard shard-shape sharding",
    "--size": "length chunk-size part-size lines rows step batch-size shard-size l window every-n",
    "--lengths": "sections split-sizes sizes",
    "--at": "indices positions split-at points",
    "--ratio": "proportions fractions percent ratios",
    "--max-bytes": "bytes max-size max-shard-size size-limit b",
    "--dtype": "type astype cast convert-to data-type",
    "--chunks": "chunk chunk-shape chunksize chunk-sizes tile tiles",
    "--dry-run": "plan dryrun simulate no-act what-if just-print preview",
    "--quiet": "silent q",
    "--debug": "traceback",
    "--members": "variables vars variable keys datasets names member",
    "--files-from": "file-list input-list from-file inputs-from",
    "--add-axis": "new-axis stack newaxis expand-dims",
    "--drop-axis": "squeeze keepdims unstack",
    "--memory-order": "fortran layout",
    "--promote": "upcast common-dtype",
    "--no-sync": "nosync no-fsync fast",
    "--checksum": "crc crc32 hash",
    "--only": "part select index parts-only",
    "--hop": "stride overlap every",
    "--remainder": "drop-last last rest",
    "--order": "data-format format-letters",
    "--range": "slice start stop end begin from until",
    "--resume": "continue restart retry",
    "--head": "rows lines first n limit",
    "--stats": "summary statistics describe",
    "--progress": "verbose v bar",
    "--rtol": "tolerance relative",
    "--atol": "epsilon absolute eps",
    "--nan-equal": "equal-nan nans-equal",
    "--split-info": "splitinfo save-lengths",
    "--offset": "skip header-size skip-bytes",
    "--zarr-format": "zarr-version zarr_version",
    "--json": "as-json format-json format output-format",
    "--version": "v V",
    "--help": "? usage",
}
"""What options are called elsewhere, without their dashes."""

_NO_OPTIONS = {
    "i in input inputs infile input-file if": "inputs need none; only name them",
    "level compression-level clevel compression-opts": "the level follows the codec, as in "
    "--codec zstd:3",
    "format output-format to-format": "the suffix of the output chooses the format, such as y.zarr",
    "r recursive": "quote a pattern, such as 'folder/**/*.npy'",
    "pattern glob": "quote a pattern as an input, such as 'part-*.npy'",
    "no-compress no-compression uncompressed": "--codec none stores as it is",
}
"""Options of other programs that are none here, and what to do instead."""

_CONTAINERS = (".h5", ".hdf5", ".nc", ".nc4", ".zarr", ".npz", ".safetensors")
"""Suffixes of files that may hold several arrays."""

_VALUES = (
    (r"is not a valid integer( range)?", "is not a whole number"),
    (r"is not a valid float( range)?", "is not a number"),
    (r"is not in the range x>=(\d+)", r"is less than \1"),
    (r"is not a valid boolean.*", "is neither yes nor no; write 1 or 0"),
)
"""What Click says of values, and how it is said here."""


def message_of(error: click.ClickException, words: Sequence[str]) -> str:
    """What Click says is wrong, in our words, and what was probably meant.

    Parameters
    ----------
    error : click.ClickException
    words : sequence of str
        The command line.
    """
    if isinstance(error, click.BadOptionUsage):
        needs = "requires" in error.message
        return f"{error.option_name} {'needs a value after it' if needs else 'takes no value'}"
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is None:
        return error.format_message()
    if isinstance(error, click.NoSuchOption):
        return _no_option(error.option_name, context, words)
    if isinstance(error, click.MissingParameter) and isinstance(error.param, click.Option):
        return _missing_option(error.param, words)
    if isinstance(error, click.MissingParameter) and error.param is not None:
        name = error.param.make_metavar(context)
        if name == "REF" and context.info_name == "feed":
            return "REF is missing: say where to copy to, such as store.h5::new"
        usage = " ".join(context.command.collect_usage_pieces(context))
        return f"{name} is missing: concatsplit {_path(context)} {usage}"
    message = error.format_message()
    if isinstance(error, click.BadParameter):
        return f"{_wrong_value(error, context)}{list_in_words(words)}"
    extra = re.fullmatch(r"Got unexpected extra arguments? \((.*)\)", message)
    if extra:
        count = extra[1].count(" ") + 1
        what = f"{count} arguments too many: {extra[1]}"
        what = what if count > 1 else f"{extra[1]} is one argument too many"
        return f"{what}{why_extra(extra[1], context, words)}"
    return message


def no_command(name: str, known: Iterable[str], path: str = "concatsplit") -> str:
    """The message that there is no such command in a group, which is called by its path."""
    names, bare = list(known), name.lower().replace("_", "-")
    meant = _by_meaning(bare, _COMMANDS, names)
    other = next((ours for theirs, ours in _NO_COMMANDS.items() if bare in theirs.split()), None)
    if other is not None and "concat" in names and "info" in names:
        return f"there is no command '{name}'; {other}"
    hint = did_you_mean(bare, names, cutoff=_LEAST_ALIKE)
    hint = f"; did you mean '{meant}'?" if meant else hint
    if not hint and "." in name:
        hint = "; a command comes first, such as 'concatsplit concat', then the files"
    return f"there is no command '{name}'{hint or f'; {path} --help lists all commands'}"


def _no_option(name: str, context: click.Context, words: Sequence[str]) -> str:
    command = context.command
    options = [p for p in command.get_params(context) if isinstance(p, click.Option)]
    known = [
        opt for option in options for opt in (*option.opts, *option.secondary_opts) if len(opt) > 2
    ]
    bare = name.lstrip("-").lower().replace("_", "-")
    path = _path(context)
    if not path and (having := _of_other_commands(name, context)):
        return f"concatsplit has no option {name}{having}; write it after the command"
    for theirs, remedy in _NO_OPTIONS.items():
        if bare in theirs.split() and "--output" in known:
            return f"{path} has no option {name}; {remedy}"
    if name in {"-o", "--output"} and path:
        where = "writes to REF, its second word" if path == "feed" else "prints to stdout"
        return f"{path} has no option {name}; it {where}"
    if bare in {"balanced", "trailing"} and "--uneven" in known:
        return f"{path} has no option {name}; did you mean --uneven {bare}?"
    if name == "-:":
        return "stdin is one .npy array, whose name is - alone"
    if bare.isdigit() and (asked := next((w for w in words if re.fullmatch(r"-n\d+", w)), "")):
        parts = f"; did you mean --parts {asked[2:]}?" if "--parts" in known else ""
        return f"{asked}: -n takes no value, and asks for the plan only{parts}"
    if bare.isdigit() and "--codec" in known:
        return f"{path} has no option {name}; a level follows the codec: --codec gzip:{bare}"
    start = [opt for opt in known if len(bare) > 2 and opt.startswith(f"--{bare}")]
    meant = f"--{bare}" if f"--{bare}" in known else _by_meaning(bare, _OPTIONS, known)
    meant = meant or (start[0] if len(start) == 1 else None)
    hint = f"; did you mean {meant}?" if meant else _of_other_commands(name, context)
    if not hint and len(bare) > 1:
        letters = [opt.removeprefix("--") for opt in known]
        hint = did_you_mean(bare, letters, "--", cutoff=_LEAST_ALIKE).replace("'", "")
    where = f"concatsplit {path}".strip()
    return f"{path or where} has no option {name}{hint or f'; {where} --help lists all'}"


def _path(context: click.Context) -> str:
    """The command, as it follows the name of the program."""
    return context.command_path.partition(" ")[2]


def _of_other_commands(name: str, context: click.Context) -> str:
    """Which commands have an option, if the ones that are used most have it."""
    root = context.find_root().command
    if not isinstance(root, click.Group):
        return ""
    usual = [root.commands[command] for command in ("concat", "split", "reshard", "diff")]
    having = [str(c.name) for c in usual if any(name in param.opts for param in c.params)]
    listed = " and ".join(filter(None, (", ".join(having[:-1]), *having[-1:])))
    return f"; {name} is an option of {listed}" if having else ""


def _by_meaning(name: str, synonyms: dict[str, str], known: Iterable[str]) -> str | None:
    """What something is called here that has this name elsewhere."""
    found = (ours for ours, theirs in synonyms.items() if name in theirs.split())
    return next((ours for ours in found if ours in known), None)


def _wrong_value(error: click.BadParameter, context: click.Context) -> str:
    """What is wrong with the value of an option or an argument."""
    message = error.message.rstrip(".")
    for theirs, ours in _VALUES:
        message = re.sub(theirs, ours, message)
    choices = re.fullmatch(r"'(.*)' is not one of (.*)", message)
    if choices:
        message += did_you_mean(choices[1], re.findall(r"'([^']*)'", choices[2]))
    if error.param is None:
        return message
    message += _meant_by_value(error.param.opts[-1], message)
    is_option = isinstance(error.param, click.Option)
    name = error.param.opts[-1] if is_option else error.param.make_metavar(context)
    return f"{name}: {message}"


def _meant_by_value(option: str, message: str) -> str:
    """The option that takes a value of this kind; empty if none does."""
    quoted = re.match(r"'(.*?)' is not", message)
    value = quoted[1] if quoted else ""
    if option in {"--parts", "--size"} and re.fullmatch(r"\d+(,\d+)+", value):
        return f"; did you mean --lengths {value}?"
    if option == "--size" and re.fullmatch(r"[\d.]+ *[kKmMgGtT]?[iI]?[bB]?", value):
        return f"; --size counts along the axis: for bytes, give --max-bytes {value}"
    if option == "--lengths" and "%" in value:
        return f"; did you mean --ratio {value.replace(' ', '')}?"
    if option == "--lengths" and value and os.path.exists(value.partition("::")[0]):
        return f"; did you mean --lengths-from {value}?"
    if option in {"--chunks", "--shards"} and "did you mean" not in message:
        return ", nor auto or none"
    return ""


def _missing_option(option: click.Option, words: Sequence[str]) -> str:
    names = "/".join(option.opts)
    if option.name not in {"output", "outputs"}:
        what = (option.help or "").partition(".")[0]
        return f"{names} is missing: give {what[:1].lower()}{what[1:]}"
    given = [
        word
        for before, word in pairwise(words)
        if not word.startswith("-") and not before.startswith("--")
    ]
    suffix = _usual_suffix(given, words)
    usual = f"y{suffix}"
    if option.multiple:
        usual = (
            f"'{{name}}{suffix}'" if _is_given("--names", words) else f"'part-{{index}}{suffix}'"
        )
    last = given[-1] if len(given) > 1 else ""
    is_name = "." in last and not re.search(r"[*?[@{]", last)
    is_new = is_name and not os.path.exists(last.partition("::")[0])
    return f"{names} is missing: say where to write, such as -o {last if is_new else usual}"


def _usual_suffix(given: Sequence[str], words: Sequence[str]) -> str:
    """The suffix of an output that can hold what the first file holds, or what --array names."""
    first = next((word for word in given if "." in word), "")
    suffix = next((each for each in _CONTAINERS if first.endswith(each)), ".npy")
    return ".h5" if _is_given("--array", words) else suffix


def _is_given(option: str, words: Sequence[str]) -> bool:
    """Whether an option with a value is on the command line."""
    return any(word.partition("=")[0] == option for word in words)

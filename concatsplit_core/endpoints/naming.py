"""Names of parts: given one by one, by a template, or by a folder."""

from __future__ import annotations

import os
import re
import string
from collections.abc import Iterable, Sequence, Set
from typing import Any

from concatsplit_core.array.geometry import Interval
from concatsplit_core.endpoints.references import is_name, refuse_unsafe_name
from concatsplit_core.formats.registry import named_format, suffix_of
from concatsplit_core.foundation.errors import UsageError, did_you_mean
from concatsplit_core.foundation.given import quoted, word
from concatsplit_core.foundation.sizes import counted

_OF_AN_ARRAY = re.compile(r"<input (\d+)>")
"""What messages call an array that a program gives."""
FIELDS = ("index", "count", "start", "stop", "stem", "name", "array")
FOLDER_TEMPLATE = "{stem}-{index:05d}-of-{count:05d}"


INDEX_SUFFIX = ".index.json"
"""The end of the name of an index, which lists files: `model.safetensors` and this."""

_NUMBERING = re.compile(r"(?:[-_.]*(?:of)?[-_.]*\{(?:index|count|start|stop)[^{}]*\})+")
"""The part of a template that numbers the outputs, with the dashes around it."""
_UNNAMED = "model"
"""The name of an index if the names of its files are nothing but numbers."""
_WIDEST = 99


class _Strict(string.Formatter):
    """Fills in plain fields; refuses fields that reach into attributes and items."""

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Any) -> Any:
        if field_name not in FIELDS:
            raise _no_field(field_name)
        return kwargs[field_name], field_name

    def format_field(self, value: Any, format_spec: str) -> Any:
        if any(int(number) > _WIDEST for number in re.findall(r"\d+", format_spec)):
            raise UsageError(f"template format '{format_spec}' is wider than {_WIDEST}")
        return super().format_field(value, format_spec)


def _no_field(field: str) -> UsageError:
    """The error that a template has a field that there is not."""
    known = ", ".join(f"{{{name}}}" for name in FIELDS)
    if not field or field.isdigit():
        return UsageError("a template field such as {} or {0} has no name; write {index}")
    return UsageError(f"template field '{{{field}}}' is not one of {known}{_meant(field)}")


def _fields_in(template: str) -> list[str]:
    """The fields of a template; none if it cannot be read."""
    try:
        return [field for _, field, _, _ in string.Formatter().parse(template) if field is not None]
    except ValueError:
        return []


def _meant(field: str) -> str:
    """The field that was probably meant."""
    usual = {"i": "index", "n": "count", "idx": "index", "number": "index", "part": "index"}
    if field in usual:
        return f"; did you mean '{{{usual[field]}}}'?"
    return did_you_mean(field, FIELDS, "{", "}")


def is_template(name: str) -> bool:
    """Whether a name has a field to fill in."""
    return "{" in name or "}" in name


def is_folder(name: str) -> bool:
    """Whether a name means a folder to put parts into."""
    return name.endswith(os.sep) or (os.path.isdir(name) and "::" not in name and not _suffix(name))


def _suffix(name: str) -> str:
    return "" if named_format(name) is None else suffix_of(name)


def named_count(outputs: Sequence[str]) -> int | None:
    """How many parts the names stand for; None for a template or a folder."""
    if len(outputs) == 1 and (is_template(outputs[0]) or is_folder(outputs[0])):
        return None
    return len(outputs)


def plain_for_one(outputs: Sequence[str], numbers: Sequence[int], count: int) -> Sequence[str]:
    """The names of all parts, if one plain name is given for the only part that is written.

    Parameters
    ----------
    outputs : sequence of str
    numbers : sequence of int
        The parts that are written.
    count : int
        The number of parts.
    """
    is_plain = len(outputs) == len(numbers) == 1 and named_count(outputs) == 1
    return [*outputs] * count if is_plain else outputs


def name_parts(
    outputs: Sequence[str],
    intervals: Sequence[Interval],
    source: str,
    array: str = "",
    names: Sequence[str] | None = None,
) -> list[str]:
    """The names of all parts.

    Parameters
    ----------
    outputs : sequence of str
        One name a part, or one template, or one folder.
    intervals : sequence of Interval
        Of the parts along the axis.
    source : str
        Reference of the input, for ``{stem}`` and a folder's suffix.
    array : str
        Name of the array in a data set, for ``{array}``; empty for a bare array.
    names : sequence of str, optional
        One for each part, for ``{name}``.

    Raises
    ------
    UsageError
        The number of names is not that of the parts, or a template cannot be filled in.
    """
    if names is not None:
        _refuse_names(names, outputs, len(intervals))
    if named_count(outputs) is not None:
        if len(outputs) != len(intervals):
            raise UsageError(
                f"{counted(len(outputs), 'output name')} for {counted(len(intervals), 'part')}; "
                f"name each, or give a template such as '{_as_template(outputs)}'",
                found=len(outputs),
                expected=len(intervals),
            )
        return list(outputs)
    template, stem = _template(outputs[0], source)
    count = len(intervals)
    found: list[str] = []
    is_plain = False
    fields = _fields(0, count, Interval(0, 0), stem, array, "")
    for index, interval in enumerate(intervals):
        name = "" if names is None else names[index]
        if is_plain:
            fields["index"], fields["name"] = index, name
            fields["start"], fields["stop"] = interval
            found.append(template.format_map(fields))
            continue
        found.append(_fill_in(template, index, count, interval, stem, array, name))
        # a template that was found to be right is so for all parts, unless widths are fields too
        is_plain = not any("{" in (spec or "") for _, _, spec, _ in _Strict().parse(template))
    return found


def name_again(
    outputs: Sequence[str],
    intervals: Sequence[Interval],
    source: str,
    originals: Sequence[str],
    array: str = "",
) -> list[str]:
    """The names of parts that a run is undone to.

    Parameters
    ----------
    outputs, intervals, source, array
        As of `name_parts`.
    originals : sequence of str
        References of the inputs of the run, which the parts were: ``{stem}`` and ``{name}`` are
        those of their files. A part that had no name has the stem of the source.
    """
    is_each = len(outputs) == 1 and any(field in outputs[0] for field in ("{stem", "{name"))
    if not is_each:
        return name_parts(outputs, intervals, source, array)
    template, count, found = outputs[0], len(intervals), []
    for index, (interval, original) in enumerate(zip(intervals, originals, strict=True)):
        file = (original or source).partition("::")[0].rstrip(os.sep)
        name, stem = os.path.basename(file), _template(template, original or source)[1]
        if name in {"", ".", ".."}:
            raise UsageError(f"template '{template}': an input was called '{original}'; name each")
        found.append(_fill_in(template, index, count, interval, stem, array, name))
    return found


def _refuse_names(names: Sequence[str], outputs: Sequence[str], count: int) -> None:
    """Refuse names of parts that fit neither the parts nor the outputs."""
    if len(outputs) != 1 or "{name" not in outputs[0]:
        if len(outputs) == 1 and (misspelt := set(_fields_in(outputs[0])).difference(FIELDS)):
            raise _no_field(min(misspelt))
        raise UsageError(
            "--names fills in {name}, and there is none in the output; give a template such as "
            "'{name}.npy'"
        )
    if len(names) != count:
        apart = re.split(r"[\s;:]+", names[0]) if len(names) == 1 else []
        raise UsageError(
            f"--names {','.join(names)}: {counted(len(names), 'name')} for "
            f"{counted(count, 'part')}; give one name for each part"
            + (f"; did you mean --names {','.join(apart)}?" if len(apart) == count > 1 else ""),
            found=len(names),
            expected=count,
        )


def _as_template(outputs: Sequence[str]) -> str:
    """The template that one name for several parts may stand for."""
    if len(outputs) != 1:
        return "part-{index:05d}.npy"
    name = outputs[0]
    printed = re.search(r"%(0\d+)?d", name)
    if printed:
        return name.replace(printed[0], f"{{index:{printed[1]}d}}" if printed[1] else "{index}")
    if name.count("*") == 1:
        return name.replace("*", "{index}")
    if "::" in name:
        return f"{name}{{index}}"
    form, suffix = named_format(name), suffix_of(name)
    if form is not None and form.has_members:
        return f"{name}::part{{index}}"
    return f"{name.removesuffix(suffix)}-{{index}}{suffix}" if form else "part-{index:05d}.npy"


def parse_names(names: str | Sequence[str] | None) -> list[str] | None:
    """The names of parts, of ``train,val,test``.

    Raises
    ------
    UsageError
        One is empty, is given twice, or cannot be a part of the name of a file.
    """
    if names is None:
        return None
    if isinstance(names, Set) or not isinstance(names, Iterable):
        raise UsageError(f"names: {quoted(names)} is not text such as 'a,b', and no list of names")
    found = (
        [n.strip() for n in names.split(",")]
        if isinstance(names, str)
        else [word("names", name) for name in names]
    )
    seen: set[str] = set()
    for name in found:
        if name in {"", ".", ".."} or "/" in name or "::" in name or not is_name(name):
            raise UsageError(f"--names: '{name}' cannot be part of the name of a file")
        if name in seen:
            raise UsageError(f"--names: '{name}' is given twice")
        seen.add(name)
    if not found:
        raise UsageError("--names names no part")
    return found


def _template(output: str, source: str) -> tuple[str, str]:
    """The template that an output is, or that a folder stands for, and the stem of the input."""
    name = os.path.basename(source.partition("::")[0].rstrip(os.sep))
    name = name.removesuffix(INDEX_SUFFIX)
    suffix = name[len(name) - len(suffix_of(name)) :]
    stem = name.removesuffix(suffix)
    stem = "stdin" if source == "-" else _OF_AN_ARRAY.sub(r"input-\1", stem)
    if is_template(output):
        return output, stem
    known = ".npy" if named_format(name) is None else suffix
    return os.path.join(output, FOLDER_TEMPLATE + known), stem


def name_together(outputs: Sequence[str], source: str) -> str | None:
    """The name of all parts together, which is that of each without what numbers them.

    It is None if the parts are named one by one, or lie in several folders.

    Parameters
    ----------
    outputs, source
        As of `name_parts`.
    """
    if named_count(outputs) is not None:
        return None
    template, stem = _template(outputs[0], source)
    folder, name = os.path.split(template)
    if is_template(folder.replace("{stem}", "")):
        return None
    pattern, suffix = os.path.splitext(name)
    bare = _NUMBERING.sub("", pattern) or _UNNAMED
    return _fill_in(os.path.join(folder, bare + suffix), 0, 1, Interval(0, 0), stem, "")


def name_array(output: str, source: str, array: str) -> str:
    """The name of the one output of a join, in which ``{array}`` may stand."""
    if "{array}" not in output:
        return output
    return name_parts([output], [Interval(0, 0)], source, array)[0]


def _fields(
    index: int, count: int, interval: Interval, stem: str, array: str, name: str
) -> dict[str, int | str]:
    """What stands in the fields of a template."""
    start, stop = interval
    return {
        "index": index,
        "count": count,
        "start": start,
        "stop": stop,
        "stem": stem,
        "name": name,
        "array": array,
    }


def _fill_in(
    template: str,
    index: int,
    count: int,
    interval: Interval,
    stem: str,
    array: str,
    name: str = "",
) -> str:
    fields = _fields(index, count, interval, stem, array, name)
    if array:
        refuse_unsafe_name(array, template)
    if not array and "{array" in template:
        raise UsageError(f"template '{template}': {{array}} is for data sets; this is one array")
    if not name and "{name" in template:
        raise UsageError(
            f"template '{template}': {{name}} needs the names of the parts, such as --names a,b,c"
        )
    try:
        return _Strict().vformat(template, (), fields)
    except UsageError:
        raise
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise UsageError(f"template '{template}' cannot be filled in: {error}") from error

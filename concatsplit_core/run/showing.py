"""Facts as a table, and pictures, for notebooks."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from html import escape

_MOST_ROWS = 16


def html_table(
    title: str,
    head: Sequence[str],
    groups: Sequence[Sequence[Sequence[str]]],
    notes: Sequence[str],
) -> str:
    """A table in HTML, in which every text is escaped.

    Parameters
    ----------
    title : str
    head : sequence of str
        Names of the columns.
    groups : sequence
        Groups of rows; a long group is cut in the middle.
    notes : sequence of str
        Shown as a list below the table.
    """
    lines = [f"<table><caption>{_text(title)}</caption>", _row(head, "th")]
    lines += [_row(row, "td") for rows in groups for row in _some(rows)]
    lines.append("</table>")
    if notes:
        lines.append("<ul>" + "".join(f"<li>{_text(note)}</li>" for note in notes) + "</ul>")
    return "\n".join(lines)


def html_picture(svg: str, words: str) -> str:
    """A picture in HTML; as an image, so that its colours and names stay its own."""
    data = b64encode(svg.encode()).decode()
    return f'<img alt="{_text(words)}" src="data:image/svg+xml;base64,{data}">'


def _some(rows: Sequence[Sequence[str]]) -> Iterator[Sequence[str]]:
    """The rows; of many the first and the last ones, with a row between them that says so."""
    half, skipped = _MOST_ROWS // 2, len(rows) - _MOST_ROWS
    if skipped <= 0:
        yield from rows
        return
    yield from rows[:half]
    yield (f"… {skipped} more", *[""] * (len(rows[0]) - 1))
    yield from rows[-half:]


def _row(cells: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{_text(cell)}</{tag}>" for cell in cells) + "</tr>"


def _text(text: str) -> str:
    """A text that HTML shows as it is; what is not UTF-8 is escaped as well."""
    return escape(text.encode("utf-8", "backslashreplace").decode())

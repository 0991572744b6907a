"""SVG that needs nothing else: its own colours for light and dark, no script, no font, no link."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import takewhile
from unicodedata import east_asian_width

WIDTH = 1000
"""Of every picture, in its own units; a viewer scales it."""

LETTER, HEAD_LETTER = 7.2, 9.8
"""Width that is kept free for a letter of the usual size, and of a heading."""

NAME_LETTERS = 200
"""The most letters of a name in a text for screen readers."""

_LIGHT = {
    "paper": "fill:#ffffff",
    "ink": "fill:#1f2328",
    "dim": "fill:#59636e",
    "even": "fill:#dde3e9",
    "odd": "fill:#c2ccd6",
    "frame": "fill:none;stroke:#57606a",
    "chunk": "fill:none;stroke:#24292f;stroke-opacity:.5;stroke-width:.7",
    "shard": "fill:none;stroke:#24292f;stroke-width:1.4",
    "guide": "fill:none;stroke:#8c959f;stroke-dasharray:3 3",
    "kernel": "fill:#56a0d3",
    "encoded": "fill:#45b08c",
    "mapped": "fill:#ecc75f",
    "decoded": "fill:#e58a58",
    "mark": "stroke:#1f2328;stroke-opacity:.3;stroke-width:.8",
    "absent": "fill:#ffffff",
    "heat0": "fill:#d6e4f5",
    "heat1": "fill:#a9c8ea",
    "heat2": "fill:#74a5d8",
    "heat3": "fill:#4580bf",
    "heat4": "fill:#2a5c98",
    "heat5": "fill:#173a68",
}
_DARK = {
    "paper": "fill:#0d1117",
    "ink": "fill:#e6edf3",
    "dim": "fill:#9aa4ae",
    "even": "fill:#363d47",
    "odd": "fill:#4a5360",
    "frame": "stroke:#a5afba",
    "chunk": "stroke:#dde3e9",
    "shard": "stroke:#f0f6fc",
    "guide": "stroke:#6e7681",
    "kernel": "fill:#2f6f9f",
    "encoded": "fill:#1f7a5c",
    "mapped": "fill:#96741a",
    "decoded": "fill:#a8532a",
    "mark": "stroke:#f0f6fc",
    "absent": "fill:#0d1117",
    "heat0": "fill:#173a68",
    "heat1": "fill:#22528c",
    "heat2": "fill:#3873b5",
    "heat3": "fill:#5f97d2",
    "heat4": "fill:#93bce8",
    "heat5": "fill:#cfe2f8",
}
"""The classes of shapes and texts; in the dark only what differs."""

_HATCHED = {"mapped": "M0 8 8 0", "decoded": "M0 0 8 8M0 8 8 0", "absent": "M0 0 8 8"}
"""Classes that also have lines, for people and printers that cannot tell the colours apart."""


class Drawing:
    """Shapes and texts, gathered one by one.

    Parameters
    ----------
    title, description : str
        What a screen reader says: the name of the picture, and all that it shows.
    """

    def __init__(self, title: str, description: str) -> None:
        self._title, self._description = title, description
        self._parts: list[str] = []

    def box(
        self, x: float, y: float, width: float, height: float, kind: str, tip: str = ""
    ) -> None:
        """A rectangle of a class; the tip is shown where a pointer rests on it."""
        place = f'x="{_number(x)}" y="{_number(y)}"'
        size = f'width="{_number(width)}" height="{_number(height)}"'
        end = f"><title>{clean(tip)}</title></rect>" if tip else "/>"
        self._parts.append(f'<rect class="{_class(kind)}" {place} {size}{end}')

    def lines(self, ends: Sequence[tuple[float, float, float, float]], kind: str) -> None:
        """Lines from one point to another, as one shape."""
        if ends:
            path = "".join(
                f"M{_number(x)} {_number(y)}L{_number(to_x)} {_number(to_y)}"
                for x, y, to_x, to_y in ends
            )
            self._parts.append(f'<path class="{kind}" d="{path}"/>')

    def boxes(self, places: Sequence[tuple[float, float, float, float]], kind: str) -> None:
        """Rectangles of a class, each an x, y, width and height, as one shape."""
        if places:
            path = "".join(
                f"M{_number(x)} {_number(y)}h{_number(w)}v{_number(h)}h{_number(-w)}z"
                for x, y, w, h in places
            )
            self._parts.append(f'<path class="{_class(kind)}" d="{path}"/>')

    def text(
        self, x: float, y: float, words: str, kind: str = "ink", anchor: str = "start"
    ) -> None:
        """A line of text."""
        place = f'x="{_number(x)}" y="{_number(y)}" text-anchor="{anchor}"'
        self._parts.append(f'<text class="{kind}" {place}>{clean(words)}</text>')

    def finished(self, height: float) -> str:
        """The whole document."""
        return "".join(
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {_number(height)}" '
                f'width="{WIDTH}" height="{_number(height)}" role="img" '
                'aria-labelledby="title description">\n'
                f'<title id="title">{clean(self._title)}</title>\n'
                f'<desc id="description">{clean(self._description)}</desc>\n'
                f"<style>{_style()}</style>\n<defs>{_patterns()}</defs>\n"
                f'<rect class="paper" width="{WIDTH}" height="{_number(height)}"/>\n',
                *(f"{part}\n" for part in self._parts),
                "</svg>\n",
            )
        )


def clean(text: str) -> str:
    """Text as it may stand in the document: what cannot be printed is spelled out."""
    return escape(_spelled(text))


def shortened(text: str, room: float, letter: float = LETTER) -> str:
    """Text that fits a width: its middle is left out; empty where hardly anything would be left."""
    spelled = _spelled(text)
    most = int(room / letter)
    if _letters(spelled) <= most:
        return spelled
    if most < 5:
        return ""
    front, back = "", ""
    left = most - 1
    for at in range(len(spelled)):
        tail = at % 3  # the end of a name says more than its start
        letter_there = spelled[-1 - len(back)] if tail else spelled[len(front)]
        left -= _letters(letter_there)
        if left < 0:
            break
        front, back = (front, letter_there + back) if tail else (front + letter_there, back)
    return f"{front}…{back}"


def told_apart(names: Sequence[str], rooms: Sequence[float], letter: float = LETTER) -> list[str]:
    """Names that fit their widths: where two would look alike, what tells them apart is kept."""
    words = [shortened(*each, letter) for each in zip(names, rooms, strict=True)]
    alike: dict[str, list[int]] = {}
    for number, word in enumerate(words):
        alike.setdefault(word, []).append(number)
    for word, numbers in alike.items():
        own = [names[number] for number in numbers]
        if word and len(set(own)) > 1:
            front, back = _in_common(own)
            for number in numbers:
                most = int(rooms[number] / letter)
                words[number] = _core(names[number], front, back, most)
    return words


def _in_common(names: list[str]) -> tuple[int, int]:
    """How many letters names have in common at their start and end; numbers are left whole."""
    front = _alike_at_start(names)
    while front and names[0][front - 1].isdigit():
        front -= 1
    back = _alike_at_start([name[front:][::-1] for name in names])
    while back and names[0][-back].isdigit():
        back -= 1
    return front, back


def _alike_at_start(names: Sequence[str]) -> int:
    letters = zip(*names, strict=False)  # as many as the shortest name has
    return sum(1 for _ in takewhile(lambda each: len(set(each)) == 1, letters))


def _core(name: str, front: int, back: int, most: int) -> str:
    """A name without what it has in common with others, if that is what it takes to fit."""
    for start, stop in ((front, len(name)), (front, len(name) - back)):
        dots = "…" * bool(start), "…" * (stop < len(name))
        text = f"{dots[0]}{_spelled(name[start:stop])}{dots[1]}"
        if _letters(text) <= most:
            return text
    return ""


def wrapped(text: str, room: float, most: int) -> list[str]:
    """Text in lines that fit a width, `most` of them at the most."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if _letters(longer) * LETTER <= room or not lines[-1]:
            lines[-1] = shortened(longer, room) if not lines[-1] else longer
        elif len(lines) == most:
            lines[-1] += " …"
            break
        else:
            lines.append(shortened(word, room))
    return lines


def _spelled(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _letters(text: str) -> int:
    return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _class(kind: str) -> str:
    return f"{kind} on-{kind}" if kind in _HATCHED else kind


def _style() -> str:
    fonts = "font:12px system-ui,'DejaVu Sans',sans-serif"
    rules = [f"text{{{fonts}}}", "text.head{font-size:15px;font-weight:600}"]
    rules += [f".{kind}{{{look}}}" for kind, look in _LIGHT.items()]
    rules += [f".on-{kind}{{fill:url(#{kind})}}" for kind in _HATCHED]
    rules.append(f".head{{{_LIGHT['ink']}}}")
    dark = [f".{kind}{{{look}}}" for kind, look in _DARK.items() if kind not in _HATCHED]
    dark += [f"#{kind} .{kind}{{{_DARK[kind]}}}" for kind in _HATCHED]
    dark.append(f".head{{{_DARK['ink']}}}")
    return f"{''.join(rules)}@media(prefers-color-scheme:dark){{{''.join(dark)}}}"


def _patterns() -> str:
    return "".join(
        f'<pattern id="{kind}" width="8" height="8" patternUnits="userSpaceOnUse">'
        f'<rect class="{kind}" width="8" height="8"/><path class="mark" d="{path}"/></pattern>'
        for kind, path in _HATCHED.items()
    )

"""Text for stderr: a message is one line, whatever a name in it holds."""

from __future__ import annotations


def one_line(text: str) -> str:
    """Text without line breaks and other control characters."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)

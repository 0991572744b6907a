"""What every peer is told: the inputs, the output, the axis, and how to store the output."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path


def parser(
    description: str | None, operators: Sequence[str] = ("concat",)
) -> argparse.ArgumentParser:
    """A parser of the arguments that all peers take.

    Parameters
    ----------
    description : str
    operators : sequence of str
        Those of concat, stack and split that the peer knows.
    """
    made = argparse.ArgumentParser(description=description)
    made.add_argument("operator", choices=operators)
    made.add_argument("inputs", nargs="+")
    made.add_argument("-o", "--output", required=True)
    made.add_argument("--axis", type=int, default=0)
    return made


def named(inputs: Sequence[str]) -> list[str]:
    """Names of the inputs; those of ``@list.txt`` are in that file."""
    if len(inputs) == 1 and inputs[0].startswith("@"):
        return Path(inputs[0][1:]).read_text().split()
    return list(inputs)

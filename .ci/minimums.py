"""Print the oldest versions that pyproject.toml allows, as constraints for pip."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
REQUIREMENT = re.compile(r"([\w.-]+)(?:\[[^]]*\])?>=([\w.]+)(?:,!=[\w.]+)*")


def minimums(requirements: list[str]) -> Iterator[str]:
    """Pin each requirement to its lower bound; one without a bound is an error."""
    for requirement in requirements:
        found = REQUIREMENT.fullmatch(requirement)
        if found is None:
            sys.exit(f"{PROJECT.name}: {requirement}: expected NAME>=VERSION")
        yield f"{found[1]}=={found[2]}"


def main() -> None:
    """Print what the package needs when it runs, one constraint a line."""
    project = tomllib.loads(PROJECT.read_text())["project"]
    print("\n".join(minimums(project["dependencies"])))


if __name__ == "__main__":
    main()

"""Checks what is in the packages of a release: all that is needed, and nothing else."""

import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
BESIDE = {
    "CHANGELOG.md", "LICENSE", "MANIFEST.in", "PKG-INFO", "README.md", "pyproject.toml",
    "setup.cfg", "setup.py",
}  # fmt: skip


def modules() -> set[str]:
    """The files of all packages, by their places in the source."""
    folders = (ROOT / "cli", ROOT / "concatsplit_core")
    found = {str(p.relative_to(ROOT)) for folder in folders for p in folder.rglob("*.py")}
    return found | {"concatsplit_core/py.typed"}


def check_source(path: Path) -> None:
    """Compare a source distribution with the source."""
    with tarfile.open(path) as archive:
        names = {m.name.partition("/")[2] for m in archive.getmembers() if m.isfile()}
    names = {name for name in names if not name.startswith("concatsplit.egg-info/")}
    differing = names ^ (modules() | BESIDE)
    if differing:
        sys.exit(f"{path}: lacks, or should not have: {sorted(differing)}")


def check_wheel(path: Path) -> None:
    """Compare a wheel with the source, and look for the manual pages."""
    names = set(zipfile.ZipFile(path).namelist())
    installed = {name.replace("cli/", "concatsplit_cli/", 1) if name.startswith("cli/") else name
                 for name in modules()}  # fmt: skip
    packages = {
        name for name in names if name.startswith(("concatsplit_cli/", "concatsplit_core/"))
    }
    if packages != installed:
        sys.exit(f"{path}: lacks, or should not have: {sorted(packages ^ installed)}")
    pages = {name.rpartition("/")[2] for name in names if "/share/man/man1/" in name}
    if not {"concatsplit.1", "concatsplit-concat.1", "concatsplit-gradient-split.1"} <= pages:
        sys.exit(f"{path}: lacks manual pages")
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    (entry,) = (name for name in names if name.endswith(".dist-info/entry_points.txt"))
    text = zipfile.ZipFile(path).read(entry).decode()
    if any(f"{name} = {target}" not in text for name, target in scripts.items()):
        sys.exit(f"{path}: lacks the command")


def main() -> None:
    """Check the one source distribution and the one wheel of a folder."""
    folder = Path(sys.argv[1])
    (source,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    check_source(source)
    check_wheel(wheel)
    print(f"{source.name} and {wheel.name} hold what they should")


if __name__ == "__main__":
    main()

"""Adds what pyproject.toml cannot say: the manual pages, which are made from the help texts."""

import os
import subprocess
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

if sys.version_info < (3, 12):  # noqa: UP036 - some versions of pip look for dependencies first
    sys.exit(f"concatsplit needs Python 3.12 or newer, and this is Python 3.{sys.version_info[1]}")


class BuildWithManual(build_py):
    """Builds the packages, and then the manual pages of the commands that they hold."""

    def run(self) -> None:
        """Build, and name the pages as files to install."""
        super().run()
        if self.editable_mode:
            return
        folder = Path(self.get_finalized_command("build").build_base) / "man"
        path = os.pathsep.join([os.path.abspath(self.build_lib), *sys.path])
        environment = {**os.environ, "PYTHONPATH": path}
        command = [sys.executable, "-m", "concatsplit_cli.manual", str(folder)]
        subprocess.run(command, env=environment, check=True)
        pages = sorted(map(str, folder.glob("*.1")))
        self.distribution.data_files = [("share/man/man1", pages)]


setup(cmdclass={"build_py": BuildWithManual})

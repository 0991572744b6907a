"""The command line. Its first signal handlers are set before the libraries are imported."""

import concatsplit_core  # noqa: F401 - it says which Python is needed, before newer syntax fails
from concatsplit_cli.signals import install_first_handlers

install_first_handlers()

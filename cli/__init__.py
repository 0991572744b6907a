"""The command line. Its first signal handlers are set before the libraries are imported."""

from concatsplit_cli.signals import install_first_handlers

install_first_handlers()

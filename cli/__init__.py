"""The command line; SIGUSR1 is taken up before the libraries are imported."""

from concatsplit_cli.signals import take_up_early

take_up_early()

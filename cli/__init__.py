"""The command line. Its first signal handlers are set before the libraries are imported."""

import concatsplit_core  # noqa: F401 - it says which Python is needed, before newer syntax fails
from concatsplit_cli.signals import install_first_handlers, is_the_command

_NEW_OBJECTS = 500_000
"""How many objects are made between two searches for garbage.

Nearly all objects of a command are needed until its end, and each search looks at all of them:
the searches of runs with 10,000 members and files find less than 200 that are not.
"""

install_first_handlers()
if is_the_command():
    import gc

    gc.set_threshold(_NEW_OBJECTS)

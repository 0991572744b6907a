"""The last module that the process loads from which others are forked.

What it holds by then stays as it is: no child walks through it for garbage, and so copies it.
"""

import gc

gc.collect()
gc.freeze()

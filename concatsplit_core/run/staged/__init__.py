"""Staged runs: planned by one process, done by any number of them, published by the last one."""

"""What the peers run: one small program each, started by a fresh interpreter."""

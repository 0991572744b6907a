"""The hashes of a manifest: computed while bytes move, and completed by reading the rest."""

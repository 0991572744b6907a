"""Codecs in neutral terms, checksums, and single chunks decoded with a bound."""

"""Zip archives: their records as bytes, their checksums, and what an archive holds."""

"""The ways in which bytes move, one task at a time: kernel, encoded, mapped, decoded."""

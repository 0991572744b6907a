"""From references to opened sources, and from output names to claimed places and their layout."""

"""How two arrays differ: in their elements, compared block by block, and in shape, dtype, names."""

"""What the numbers mean: names of dimensions, attributes, missing values, units."""
